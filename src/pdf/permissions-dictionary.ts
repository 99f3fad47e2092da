/** What the catalog's permissions dictionary says of the whole document (ISO 32000-2, 12.8.6; usage rights: 12.8.2.3). */
import { AppError } from '../errors.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, isName } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';

/**
 * Rights that Adobe's software granted, which end with the first change beyond them. Table 258: Annots, Form and Signature name
 * what is allowed.
 */
export interface UsageRights {
  /** /P: nobody may do more than is granted, whatever their software. */
  readonly binding: boolean;
  /** Whether signatures may be put into fields that exist. */
  readonly maySign: boolean;
  /** Whether fields may be added. */
  readonly mayAddFields: boolean;
}

export interface PermissionsDictionary {
  /** The signature that certifies the document. */
  readonly certification: PdfRef | null;
  readonly usageRights: UsageRights | null;
}

/** The signature that the catalog says certifies the document; null also where what it says cannot be understood. */
export function certificationRef(store: ObjectStore, catalog: PdfDict): PdfRef | null {
  const permissions = store.get(catalog, 'Perms');
  const certification = isKind(permissions, 'dict') ? permissions.entries.get('DocMDP') : undefined;
  return isKind(certification, 'ref') && store.resolve(certification) !== null ? certification : null;
}

/** Throws PDF_SHAPE_UNSUPPORTED where they are malformed. */
export function readPermissions(store: ObjectStore, catalog: PdfDict): PermissionsDictionary {
  const permissions = store.get(catalog, 'Perms');
  if (permissions === null) return { certification: null, usageRights: null };
  if (!isKind(permissions, 'dict') || permissions.duplicates.length > 0) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', '/Perms is no dictionary of one value for each key');
  }
  const certification = certificationRef(store, catalog);
  if (certification === null && store.get(permissions, 'DocMDP') !== null) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', '/DocMDP of /Perms refers to no signature');
  }
  const rights = store.get(permissions, 'UR3') ?? store.get(permissions, 'UR');
  return { certification, usageRights: rights === null ? null : usageRightsOf(store, rights) };
}

function usageRightsOf(store: ObjectStore, signature: PdfObject): UsageRights {
  const references = isKind(signature, 'dict') ? store.get(signature, 'Reference') : null;
  const reference = isKind(references, 'array') ? store.resolve(references.items[0]) : null;
  const parameters = isKind(reference, 'dict') ? store.get(reference, 'TransformParams') : null;
  if (!isKind(parameters, 'dict')) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'usage rights that grant nothing');
  const grants = (key: string, right: string): boolean => {
    const rights = store.get(parameters, key);
    return isKind(rights, 'array') && rights.items.some((item) => isName(store.resolve(item), right));
  };
  return {
    binding: store.get(parameters, 'P') === true,
    maySign: grants('Signature', 'Modify'),
    mayAddFields: grants('Form', 'Add'),
  };
}
