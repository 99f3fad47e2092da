/**
 * The document security store (ISO 32000-2, 12.8.4.3; ETSI EN 319 142-1, 5.4.2): certificates, CRLs and OCSP answers that a verifier
 * needs when nobody can be asked any more.
 */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import { AppError, isAppError } from '../errors.ts';
import { addStream } from './appearance.ts';
import { IncrementDraft, editable } from './increment-draft.ts';
import type { AppendedBytes } from './increment-draft.ts';
import { MAX_STORE_BYTES, MAX_STORE_ENTRIES } from './limits.ts';
import { isKind, pdfArray, pdfDict, pdfName } from './object.ts';
import type { PdfObject, PdfRef } from './object.ts';
import type { PdfFile } from './revision.ts';

/** DER each. */
export interface SecurityStore {
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  /** OCSPResponse (RFC 6960, 4.2.1). */
  readonly ocsps: readonly Uint8Array[];
}

export interface PlannedStore extends AppendedBytes {
  /** What the document did not hold yet. */
  readonly added: SecurityStore;
}

/** Table 261. */
const KEYS = { certificates: 'Certs', crls: 'CRLs', ocsps: 'OCSPs' } as const;
type Kind = keyof typeof KEYS;
const KINDS: readonly Kind[] = ['certificates', 'crls', 'ocsps'];

/**
 * What the newest revision's store holds; empty where there is none. An entry that is no stream, or whose data cannot be had, is as one
 * that is not there. Throws PDF_LIMIT beyond 1,000 entries of a kind or 64 MB of all together.
 */
export function readSecurityStore(pdf: PdfFile): SecurityStore {
  const dss = pdf.get(pdf.catalog, 'DSS');
  let left = MAX_STORE_BYTES;
  const read = (kind: Kind): Uint8Array[] => {
    const list = isKind(dss, 'dict') ? pdf.get(dss, KEYS[kind]) : null;
    if (!isKind(list, 'array')) return [];
    if (list.items.length > MAX_STORE_ENTRIES) {
      throw new AppError('PDF_LIMIT', `${list.items.length} ${kind} in a security store`);
    }
    return list.items.flatMap((item) => {
      const data = dataOf(pdf, item, left);
      left -= data?.length ?? 0;
      return data ?? [];
    });
  };
  return { certificates: read('certificates'), crls: read('crls'), ocsps: read('ocsps') };
}

function dataOf(pdf: PdfFile, item: PdfObject, maxBytes: number): Uint8Array | null {
  try {
    const stream = pdf.resolve(item);
    return isKind(stream, 'stream') ? pdf.decodedData(stream, maxBytes) : null;
  } catch (error) {
    if (isAppError(error, 'PDF_UNREADABLE', 'PDF_TRUNCATED', 'PDF_SHAPE_UNSUPPORTED')) return null;
    throw error;
  }
}

/**
 * The increment that adds what the store does not hold yet, making one where there is none; null where nothing is missing. What is in it
 * stays as it is, its /VRI too; none is made: it is optional (ETSI EN 319 142-1, 5.4.2.3), says nothing that the three lists do not say, and
 * names signatures by SHA-1. Nor is the extension declared that PDF 1.7 could have for it (5.4.1 of that): what may follow a certification that
 * permits no changes is the data necessary and no more (12.8.2.2, Table 257). `random16` becomes the second file identifier. Throws PDF_SHAPE_UNSUPPORTED, and what reading throws.
 */
export function planSecurityStore(pdf: PdfFile, wanted: SecurityStore, random16: Uint8Array): PlannedStore | null {
  const added = missing(wanted, readSecurityStore(pdf));
  if (KINDS.every((kind) => added[kind].length === 0)) return null;
  const draft = new IncrementDraft(pdf);
  const { entries, save } = openStore(draft);
  for (const kind of KINDS) {
    if (added[kind].length === 0) continue;
    const list = pdf.resolve(entries.get(KEYS[kind]));
    if (list !== null && !isKind(list, 'array')) {
      throw new AppError('PDF_SHAPE_UNSUPPORTED', `/${KEYS[kind]} of the security store is no array`);
    }
    entries.set(KEYS[kind], pdfArray([...(list?.items ?? []), ...added[kind].map((der) => addDer(draft, der))]));
  }
  save();
  return { ...draft.finishUnsigned(random16), added };
}

/** What of `wanted` is not in `held`, each once. */
function missing(wanted: SecurityStore, held: SecurityStore): SecurityStore {
  const idOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const newOf = (kind: Kind): Uint8Array[] => {
    const seen = new Set(held[kind].map(idOf));
    return wanted[kind].filter((bytes) => {
      const id = idOf(bytes);
      return !seen.has(id) && seen.add(id);
    });
  };
  return { certificates: newOf('certificates'), crls: newOf('crls'), ocsps: newOf('ocsps') };
}

/** The store's entries to be changed, and what puts a changed store that is no object of its own in its place. */
function openStore(draft: IncrementDraft): { entries: Map<string, PdfObject>; save: () => void } {
  const { pdf } = draft;
  const written = pdf.catalog.entries.get('DSS');
  const store = pdf.resolve(written);
  if (isKind(written, 'ref') && store !== null) return { entries: draft.edit(written), save: () => undefined };
  const entries = editable(store ?? pdfDict({ Type: pdfName('DSS') }), 'the security store');
  return {
    entries,
    save() {
      const ref = draft.reserve();
      draft.set(ref, pdfDict(entries));
      draft.edit(pdf.catalogRef).set('DSS', ref);
    },
  };
}

function addDer(draft: IncrementDraft, der: Uint8Array): PdfRef {
  const flate = deflateSync(der);
  return flate.length < der.length ? addStream(draft, flate, { Filter: 'FlateDecode' }) : addStream(draft, der, {});
}
