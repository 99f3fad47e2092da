/** Signature fields of the interactive form (ISO 32000-2, 12.7) and the signature dictionaries they hold (12.8). */
import { AppError, isAppError } from '../errors.ts';
import { MAX_FIELD_DEPTH, MAX_FIELD_NODES } from './limits.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, isName, textOf } from './object.ts';
import type { PdfDict, PdfObject, PdfRef, PdfString } from './object.ts';
import { readSeedValue } from './seed-value.ts';
import type { SeedValue } from './seed-value.ts';
import { LOCKS_ALL, readFieldLock, readTransforms } from './signature-lock.ts';
import type { FieldLock, Permission, Transforms } from './signature-lock.ts';

/** Values of a signature dictionary as written; null where one is absent or of another type. */
export interface SignatureValue {
  readonly dict: PdfDict;
  /** Null when the dictionary stands in the field itself. */
  readonly ref: PdfRef | null;
  readonly type: string | null;
  readonly filter: string | null;
  readonly subFilter: string | null;
  /** The numbers as written, however many. */
  readonly byteRange: readonly number[] | null;
  /** Its `span` is absent where the dictionary is in an object stream: then no ByteRange can leave it out. */
  readonly contents: PdfString | null;
  readonly name: string | null;
  readonly reason: string | null;
  readonly location: string | null;
  /** /M as written, such as `D:20230615120000+08'00'`. */
  readonly time: string | null;
  /** Access permissions (12.8.2.2) where this is a certification signature, by its references or by the catalog's /Perms. */
  readonly docMdp: Permission | null;
  /** The form fields that it locks (12.8.2.4). */
  readonly fieldMdp: FieldLock | null;
}

export interface SignatureField {
  /** Fully qualified. */
  readonly name: string;
  /** Null for a field that stands directly in its parent's array. */
  readonly ref: PdfRef | null;
  readonly dict: PdfDict;
  /** The field's one widget: itself, or its only kid. Null where it has none or several. */
  readonly widget: { readonly ref: PdfRef | null; readonly dict: PdfDict } | null;
  /** What /V says; null for an empty field. */
  readonly value: SignatureValue | null;
  /** The page that the widget names by /P. */
  readonly pageRef: PdfRef | null;
  /** The widget's /Rect as written. */
  readonly rect: readonly number[] | null;
  /** What the field's signature locks: /Lock (12.7.5.5). It counts once the field is signed. */
  readonly lock: FieldLock | null;
  /** What is asked of the signature that is to fill the field: /SV (12.7.5.5). */
  readonly seed: SeedValue | null;
  /** What of `lock`, `seed` and the value's transforms is malformed, in words; each of them is then the strictest, or null. */
  readonly fault: string | null;
}

interface Visit {
  readonly node: PdfObject;
  readonly depth: number;
  readonly prefix: string;
  readonly type: PdfObject;
  readonly value: PdfObject | undefined;
}

/** The interactive form of the catalog; null where there is none. */
export function acroForm(store: ObjectStore, catalog: PdfDict): PdfDict | null {
  const form = store.get(catalog, 'AcroForm');
  if (form === null) return null;
  if (!isKind(form, 'dict')) throw new AppError('PDF_UNREADABLE', '/AcroForm is no dictionary');
  return form;
}

/** A node of the form's tree. */
export interface FieldNode {
  /** Whether no fields are below it: its kids, if any, are its widgets. */
  readonly terminal: boolean;
  /** As it is written: a reference, or the dictionary. */
  readonly node: PdfObject;
  readonly dict: PdfDict;
  /** Fully qualified. */
  readonly name: string;
  /** Of the field, inherited where it has none itself. */
  readonly type: PdfObject;
  readonly value: PdfObject | undefined;
}

/** All terminal fields, of every type. Throws as `walkFieldNodes`. */
function* walkFields(store: ObjectStore, form: PdfDict): Generator<FieldNode, void, void> {
  for (const node of walkFieldNodes(store, form)) if (node.terminal) yield node;
}

/** The form's tree without its widgets. Throws PDF_LIMIT for circles and for forms too deep or too large. */
export function* walkFieldNodes(store: ObjectStore, form: PdfDict): Generator<FieldNode, void, void> {
  const fields = store.get(form, 'Fields');
  if (fields === null) return;
  if (!isKind(fields, 'array')) throw new AppError('PDF_UNREADABLE', '/Fields of the form is no array');
  const seen = new Set<number>();
  let nodes = 0;
  const stack: Visit[] = [];
  const push = (kids: readonly PdfObject[], parent: Omit<Visit, 'node'>): void => {
    if (nodes + stack.length + kids.length > MAX_FIELD_NODES) {
      throw new AppError('PDF_LIMIT', `a form of more than ${MAX_FIELD_NODES} fields`);
    }
    for (let i = kids.length - 1; i >= 0; i--) stack.push({ ...parent, node: kids[i] ?? null });
  };
  push(fields.items, { depth: 0, prefix: '', type: null, value: undefined });
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    nodes++;
    const { node, depth } = visit;
    if (depth > MAX_FIELD_DEPTH) throw new AppError('PDF_LIMIT', `a form deeper than ${MAX_FIELD_DEPTH}`);
    if (isKind(node, 'ref')) {
      if (seen.has(node.number)) throw new AppError('PDF_LIMIT', `the form meets field ${node.number} twice`);
      seen.add(node.number);
    }
    const dict = store.resolve(node);
    if (!isKind(dict, 'dict')) continue;
    const partial = store.get(dict, 'T');
    const own = isKind(partial, 'string') ? textOf(partial) : null;
    const name = own === null ? visit.prefix : visit.prefix === '' ? own : `${visit.prefix}.${own}`;
    const type = dict.entries.has('FT') ? store.get(dict, 'FT') : visit.type;
    const value = dict.entries.get('V') ?? visit.value;
    const kids = store.get(dict, 'Kids');
    const inner = isKind(kids, 'array') && kids.items.some((kid) => isField(store, kid));
    yield { terminal: !inner, node, dict, name, type, value };
    if (inner) push(kids.items, { depth: depth + 1, prefix: name, type, value });
  }
}

/** A kid with a name of its own is a field; without one it is a widget of its parent (12.7.4.2). */
function isField(store: ObjectStore, kid: PdfObject): boolean {
  const dict = store.resolve(kid);
  return isKind(dict, 'dict') && dict.entries.has('T');
}

/** The fully qualified names of all terminal fields, and the first parts of them: what a new field must not be called. */
export function fieldNames(store: ObjectStore, form: PdfDict): Set<string> {
  const names = new Set<string>();
  for (const { name } of walkFields(store, form)) {
    names.add(name);
    names.add(name.split('.', 1)[0] ?? '');
  }
  return names;
}

/** @param certification the signature that the catalog's permissions name as the one that certifies the document. */
export function signatureFieldsOf(store: ObjectStore, form: PdfDict, certification: PdfRef | null): SignatureField[] {
  const found: SignatureField[] = [];
  for (const { node, dict, name, type, value } of walkFields(store, form)) {
    if (!isName(type, 'Sig')) continue;
    const ref = isKind(node, 'ref') ? node : null;
    const widget = widgetOf(store, ref, dict);
    const page = widget?.dict.entries.get('P');
    const faults: string[] = [];
    const read = <T>(key: string, reader: (store: ObjectStore, object: PdfObject) => T, otherwise: T): T | null => {
      const object = store.get(dict, key);
      return object === null ? null : understood(() => reader(store, object), otherwise, faults);
    };
    found.push({
      name,
      ref,
      dict,
      widget,
      value: signatureValue(store, value, certification, faults),
      pageRef: isKind(page, 'ref') ? page : null,
      rect: widget === null ? null : numbersOf(store, store.get(widget.dict, 'Rect')),
      lock: read('Lock', readFieldLock, LOCKS_ALL),
      seed: read<SeedValue | null>('SV', readSeedValue, null),
      fault: faults[0] ?? null,
    });
  }
  return found;
}

function widgetOf(store: ObjectStore, ref: PdfRef | null, dict: PdfDict): SignatureField['widget'] {
  const kids = store.get(dict, 'Kids');
  if (!isKind(kids, 'array') || kids.items.length === 0) return dict.entries.has('Rect') ? { ref, dict } : null;
  const kid = kids.items[0];
  const widget = store.resolve(kid);
  if (kids.items.length > 1 || !isKind(widget, 'dict')) return null;
  return { ref: isKind(kid, 'ref') ? kid : null, dict: widget };
}

/** What `read` gives; where that cannot be understood, `otherwise`, and why in `faults`. */
function understood<T>(read: () => T, otherwise: T, faults: string[]): T {
  try {
    return read();
  } catch (error) {
    if (!isAppError(error, 'PDF_SHAPE_UNSUPPORTED')) throw error;
    faults.push(error.detail);
    return otherwise;
  }
}

function signatureValue(
  store: ObjectStore,
  value: PdfObject | undefined,
  certification: PdfRef | null,
  faults: string[],
): SignatureValue | null {
  const dict = store.resolve(value);
  if (!isKind(dict, 'dict')) return null;
  const nameAt = (key: string): string | null => {
    const object = store.get(dict, key);
    return isKind(object, 'name') ? object.value : null;
  };
  const textAt = (key: string): string | null => {
    const object = store.get(dict, key);
    return isKind(object, 'string') ? textOf(object) : null;
  };
  const contents = store.get(dict, 'Contents');
  const certifies = certification !== null && isKind(value, 'ref') && value.number === certification.number;
  return {
    dict,
    ref: isKind(value, 'ref') ? value : null,
    type: nameAt('Type'),
    filter: nameAt('Filter'),
    subFilter: nameAt('SubFilter'),
    byteRange: numbersOf(store, store.get(dict, 'ByteRange')),
    contents: isKind(contents, 'string') ? contents : null,
    name: textAt('Name'),
    reason: textAt('Reason'),
    location: textAt('Location'),
    time: textAt('M'),
    ...understood(() => transformsOf(store, dict, certifies), STRICTEST, faults),
  };
}

const STRICTEST: Transforms = { docMdp: 1, fieldMdp: LOCKS_ALL };

/** The transforms of a signature; one that the catalog names as certifying (12.8.6, Table 263) has a DocMDP transform among them. */
function transformsOf(store: ObjectStore, signature: PdfDict, certifies: boolean): Transforms {
  const transforms = readTransforms(store, signature);
  if (certifies && transforms.docMdp === null) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'a certification signature without a DocMDP transform');
  }
  return transforms;
}

/** The numbers of an array; null when it is none or holds anything else. */
export function numbersOf(store: ObjectStore, array: PdfObject): number[] | null {
  if (!isKind(array, 'array')) return null;
  const numbers: number[] = [];
  for (const item of array.items) {
    const number = store.resolve(item);
    if (typeof number !== 'number') return null;
    numbers.push(number);
  }
  return numbers;
}
