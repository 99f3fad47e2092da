/**
 * What a signature lets follow it: the DocMDP and FieldMDP transforms of its references (ISO 32000-2, 12.8.2.2 and 12.8.2.4) and the
 * lock of its field (12.7.5.5). What is malformed here is refused by PDF_SHAPE_UNSUPPORTED; whoever reports instead of refusing takes
 * it for the strictest.
 */
import { AppError } from '../errors.ts';
import { MAX_LOCKED_FIELDS, MAX_SIGNATURE_REFERENCES } from './limits.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, isName, pdfArray, pdfDict, pdfName, pdfText, textOf } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';

/** Table 257: 1 nothing may change, 2 forms may be filled in and signed, 3 annotations may change too. */
export type Permission = 1 | 2 | 3;

/** Fields that may not change once the signature is made (Tables 236 and 259). */
export interface FieldLock {
  readonly action: 'All' | 'Include' | 'Exclude';
  /** Fully qualified names, each for itself and all below it; none for `All`. */
  readonly fields: readonly string[];
  /** Of the document, where the lock says so too: /P, in a field's lock since PDF 2.0, and copied into transforms by Acrobat. */
  readonly permission: Permission | null;
}

/** What the references of a signature say. */
export interface Transforms {
  /** Of a DocMDP transform, which makes it a certification signature; 2 where that says nothing. */
  readonly docMdp: Permission | null;
  readonly fieldMdp: FieldLock | null;
}

/** What is taken for said where it cannot be understood. */
export const LOCKS_ALL: FieldLock = { action: 'All', fields: [], permission: 1 };

export function isLocked({ action, fields }: Pick<FieldLock, 'action' | 'fields'>, name: string): boolean {
  if (action === 'All') return true;
  const named = fields.some((field) => name === field || name.startsWith(`${field}.`));
  return named === (action === 'Include');
}

/** The transforms of a signature dictionary. Throws PDF_SHAPE_UNSUPPORTED. */
export function readTransforms(store: ObjectStore, signature: PdfDict): Transforms {
  const references = store.get(signature, 'Reference');
  if (references === null) return { docMdp: null, fieldMdp: null };
  if (!isKind(references, 'array')) throw malformed('/Reference is no array');
  if (references.items.length > MAX_SIGNATURE_REFERENCES) {
    throw malformed(`a signature with ${references.items.length} references`);
  }
  let docMdp: Permission | null = null;
  let fieldMdp: FieldLock | null = null;
  for (const item of references.items) {
    const reference = dictionary(store.resolve(item), 'a signature reference');
    const method = store.get(reference, 'TransformMethod');
    if (isName(method, 'DocMDP')) {
      if (docMdp !== null) throw malformed('two DocMDP transforms in a signature');
      const parameters = store.get(reference, 'TransformParams');
      docMdp = parameters === null ? 2 : (readPermission(store, dictionary(parameters, 'DocMDP parameters')) ?? 2);
    } else if (isName(method, 'FieldMDP')) {
      if (fieldMdp !== null) throw malformed('two FieldMDP transforms in a signature');
      fieldMdp = readFieldLock(store, store.get(reference, 'TransformParams'));
    } else if (!isKind(method, 'name')) {
      throw malformed('a signature reference without a /TransformMethod');
    }
  }
  return { docMdp, fieldMdp };
}

/** A /Lock dictionary, or FieldMDP parameters, which say the same. Throws PDF_SHAPE_UNSUPPORTED. */
export function readFieldLock(store: ObjectStore, object: PdfObject): FieldLock {
  const dict = dictionary(object, 'a lock of fields');
  const action = store.get(dict, 'Action');
  const permission = readPermission(store, dict);
  if (isName(action, 'All')) return { action: 'All', fields: [], permission };
  if (!isKind(action, 'name') || (action.value !== 'Include' && action.value !== 'Exclude')) {
    throw malformed('a lock of fields without an /Action of All, Include or Exclude');
  }
  const list = store.get(dict, 'Fields');
  if (!isKind(list, 'array')) throw malformed('a lock of fields without /Fields');
  if (list.items.length > MAX_LOCKED_FIELDS) throw malformed(`a lock of ${list.items.length} fields`);
  const fields = list.items.map((item) => {
    const name = store.resolve(item);
    if (!isKind(name, 'string')) throw malformed('/Fields of a lock holds something else than names');
    return textOf(name);
  });
  return { action: action.value, fields, permission };
}

/** The dictionary of a lock in a field. */
export function lockDictionary(lock: FieldLock): PdfDict {
  return pdfDict({ Type: pdfName('SigFieldLock'), ...lockEntries(lock) });
}

/**
 * The array of signature references that says this; null where it says nothing. A FieldMDP transform is looked at from the catalog
 * (Table 256, Data). No digest is given: PDF 2.0 deprecates it and PDF/A forbids it (ISO 19005-2, 6.1.12).
 */
export function referenceArray({ docMdp, fieldMdp }: Transforms, catalog: PdfRef): PdfObject {
  const references: PdfObject[] = [];
  const add = (method: string, parameters: Record<string, PdfObject>, more: Record<string, PdfObject>): void => {
    references.push(
      pdfDict({
        Type: pdfName('SigRef'),
        TransformMethod: pdfName(method),
        TransformParams: pdfDict({ Type: pdfName('TransformParams'), ...parameters, V: pdfName('1.2') }),
        ...more,
      }),
    );
  };
  if (docMdp !== null) add('DocMDP', { P: docMdp }, {});
  if (fieldMdp !== null) add('FieldMDP', lockEntries(fieldMdp), { Data: catalog });
  return references.length === 0 ? null : pdfArray(references);
}

function lockEntries({ action, fields, permission }: FieldLock): Record<string, PdfObject> {
  return {
    Action: pdfName(action),
    ...(action === 'All' ? {} : { Fields: pdfArray(fields.map((name) => pdfText(name))) }),
    ...(permission === null ? {} : { P: permission }),
  };
}

function readPermission(store: ObjectStore, dict: PdfDict): Permission | null {
  const permission = store.get(dict, 'P');
  if (permission === null || permission === 1 || permission === 2 || permission === 3) return permission;
  throw malformed(
    `permission ${typeof permission === 'number' ? permission : 'of another type'} where 1, 2 or 3 stands`,
  );
}

function dictionary(object: PdfObject, what: string): PdfDict {
  if (!isKind(object, 'dict')) throw malformed(`${what} that is no dictionary`);
  if (object.duplicates.length > 0) throw malformed(`${what} with a key given twice`);
  return object;
}

function malformed(detail: string): AppError {
  return new AppError('PDF_SHAPE_UNSUPPORTED', detail);
}
