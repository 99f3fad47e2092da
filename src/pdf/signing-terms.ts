/**
 * What the signatures of a document leave to whoever signs next, and what that signature lets follow it (ISO 32000-2, 12.8.2.2,
 * 12.8.2.4, 12.7.5.5). Where the standard leaves room, the stricter reading holds: readers disagree on whether a signature may bring a
 * field of its own into a document that says what may change, so here it goes into a field that was there.
 */
import { AppError } from '../errors.ts';
import { readPermissions } from './permissions-dictionary.ts';
import type { UsageRights } from './permissions-dictionary.ts';
import type { SeenRect } from './geometry.ts';
import { MAX_LOCKED_FIELDS } from './limits.ts';
import type { PdfFile } from './revision.ts';
import type { SeedValue } from './seed-value.ts';
import type { SignatureField } from './signature-fields.ts';
import { isLocked } from './signature-lock.ts';
import type { FieldLock, Permission, Transforms } from './signature-lock.ts';

/** A field kept for a signature that is expected. */
export interface ReservedField {
  /** Of one part: without a full stop. */
  readonly name: string;
  readonly place: SeenRect;
}

/** What a signature is to let follow it. */
export interface LockRequest {
  /** Nothing but proof: document timestamps, and what later validation needs. */
  readonly final: boolean;
  /** Fields that are made with the signature, and left open by it as are those that are empty already. */
  readonly expect: readonly ReservedField[];
}

/** What the signatures so far say, all together. */
export interface EarlierTerms {
  /** How many there are. */
  readonly signatures: number;
  /** The strictest of what they say of the whole document; null where none says anything. */
  readonly permission: Permission | null;
  readonly locks: readonly FieldLock[];
  readonly usageRights: UsageRights | null;
}

/** What a new signature says. */
export interface OwnTerms extends Transforms {
  /** For its field's dictionary; null where that has to stay as it is. */
  readonly fieldLock: FieldLock | null;
  /** For the fields that are reserved with it. */
  readonly reserved: readonly (ReservedField & { readonly lock: FieldLock })[];
}

/** Throws PDF_SHAPE_UNSUPPORTED where what they say is malformed. */
export function earlierTerms(pdf: PdfFile, fields: readonly SignatureField[]): EarlierTerms {
  const { certification, usageRights } = readPermissions(pdf, pdf.catalog);
  const signed = fields.filter(({ value }) => value !== null);
  const fault = signed.find((field) => field.fault !== null)?.fault;
  if (fault !== undefined && fault !== null) throw new AppError('PDF_SHAPE_UNSUPPORTED', fault);
  if (certification !== null && !signed.some(({ value }) => value?.ref?.number === certification.number)) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'the catalog names a certification signature that no field holds');
  }
  const locks = signed.flatMap(({ value, lock }) => [value?.fieldMdp ?? [], lock ?? []].flat());
  const permissions = [
    ...signed.map(({ value }) => value?.docMdp ?? null),
    ...locks.map(({ permission }) => permission),
  ];
  return { signatures: signed.length, permission: strictest(permissions), locks, usageRights };
}

/** The empty signature fields that may still be filled. */
export function openFields({ permission, locks }: EarlierTerms, fields: readonly SignatureField[]): SignatureField[] {
  if (permission === 1) return [];
  return fields.filter(({ name, value }) => value === null && !locks.some((lock) => isLocked(lock, name)));
}

/** Throws PDF_SIGNED_LOCKED where nothing may follow but timestamps and what proves validity (Table 257, P of 1). */
export function requireOpen({ permission }: EarlierTerms): void {
  if (permission === 1) throw locked('permission 1: nothing may follow but timestamps and proof of validity');
}

/** Throws PDF_SIGNED_LOCKED unless a further signature may fill `field`, or bring one of its own where that is null. */
export function requireSignable(terms: EarlierTerms, field: SignatureField | null): void {
  const { locks, usageRights } = terms;
  if (field !== null && field.fault !== null) throw new AppError('PDF_SHAPE_UNSUPPORTED', field.fault);
  if (usageRights?.binding === true && !usageRights.maySign) throw locked('usage rights without that to sign');
  if (field === null) {
    requireNewFields(terms);
    return;
  }
  const lock = locks.find((each) => isLocked(each, field.name));
  if (lock !== undefined) throw locked(`the signature field is locked, by ${lock.action}`);
}

/** Throws PDF_SIGNED_LOCKED where no field may be added. One that `Include` does not name is not locked by it. */
function requireNewFields({ permission, locks, usageRights }: EarlierTerms): void {
  if (usageRights?.binding === true && !usageRights.mayAddFields)
    throw locked('usage rights without that to add fields');
  if (permission !== null) throw locked(`permission ${permission}: a seal goes into a signature field that is there`);
  const lock = locks.find(({ action }) => action !== 'Include');
  if (lock !== undefined) throw locked(`a new field is locked, by ${lock.action}`);
}

/**
 * What the new signature says: the first one of a document certifies it, a later one locks fields; what its field asks for by a lock
 * or a seed value of its own is obeyed. Throws PDF_SIGNED_LOCKED where that goes against the request, FIELD_NAME_TAKEN, BAD_REQUEST.
 * @param request absent: only what its field asks for is said.
 */
export function ownTerms(
  pdf: PdfFile,
  fields: readonly SignatureField[],
  earlier: EarlierTerms,
  field: SignatureField | null,
  request: LockRequest | undefined,
): OwnTerms {
  const expect = request?.expect ?? [];
  if (expect.length > 0) {
    requireNewFields(earlier);
    requireFreeNames(pdf, expect);
  }
  const seed = field?.seed ?? null;
  const final = finality(request, seed);
  const others = openFields(earlier, fields).flatMap(({ name }) => (name === field?.name ? [] : [name]));
  const open = [...others, ...expect.map(({ name }) => name)];
  if (open.length > MAX_LOCKED_FIELDS) throw new AppError('PDF_LIMIT', `${open.length} empty signature fields`);
  const docMdp = certification(earlier, field, request !== undefined, final);
  if (expect.length > 0 && (final || docMdp === 1)) {
    throw locked('a seal is expected after this one, after which none may follow');
  }

  const reserved = expect.map((each) => ({ ...each, lock: allBut(open.filter((name) => name !== each.name)) }));
  const permission: Permission | null = final && docMdp === null ? 1 : null;
  const lock = field?.lock ?? null;
  if (lock !== null) {
    requireCompatible(lock, final && docMdp !== 1, others, expect);
    return { docMdp, fieldMdp: { ...lock, permission }, fieldLock: null, reserved };
  }
  const fieldMdp = request === undefined ? null : { ...allBut(final ? [] : open), permission };
  // A lock put into a field that was there would be a change that the earlier signatures do not allow.
  const mayWriteLock = field === null || earlier.signatures === 0;
  return { docMdp, fieldMdp, fieldLock: mayWriteLock ? fieldMdp : null, reserved };
}

function allBut(names: readonly string[]): FieldLock {
  return { action: names.length === 0 ? 'All' : 'Exclude', fields: names, permission: null };
}

/** Whether nothing may follow; the field may ask for it, or against it. */
function finality(request: LockRequest | undefined, seed: SeedValue | null): boolean {
  const asked = request?.final ?? false;
  if (seed?.lockDocument === false && asked) throw locked('the signature field requires /LockDocument false');
  return asked || seed?.lockDocument === true;
}

/** The permission of the certification; null for an approval signature, which a later one always is. */
function certification(
  { signatures }: EarlierTerms,
  field: SignatureField | null,
  certify: boolean,
  final: boolean,
): Permission | null {
  const asked = field?.seed?.mdp ?? null;
  if (asked === 0) return null;
  if (asked !== null) {
    if (signatures > 0) throw locked(`the signature field requires a certification, which only the first signature is`);
    if (final && asked !== 1) throw locked(`the signature field requires permission ${asked}, the seal is to be final`);
  } else if (signatures > 0 || !certify) {
    return null;
  }
  return strictest([asked ?? (final ? 1 : 2), field?.lock?.permission ?? null]);
}

/** Throws PDF_SIGNED_LOCKED where the field's own lock closes what is expected, or leaves open what is to be closed. */
function requireCompatible(
  lock: FieldLock,
  final: boolean,
  empty: readonly string[],
  expect: readonly ReservedField[],
): void {
  if (expect.some(({ name }) => isLocked(lock, name))) {
    throw locked(`the signature field’s own lock, ${lock.action}, closes the fields of the seals that are expected`);
  }
  if (final && (lock.action === 'Include' || empty.some((name) => !isLocked(lock, name)))) {
    throw locked(`the signature field’s own lock, ${lock.action}, leaves fields open, the seal is to be final`);
  }
}

function requireFreeNames(pdf: PdfFile, expect: readonly ReservedField[]): void {
  const taken = new Set(pdf.fieldNames());
  for (const [at, { name }] of expect.entries()) {
    if (!/^[^.\p{C}]+$/u.test(name)) {
      throw new AppError('BAD_REQUEST', `expect[${at}].name: expected letters, digits and spaces, no full stop`);
    }
    if (taken.has(name)) throw new AppError('FIELD_NAME_TAKEN', `expect[${at}].name`);
    taken.add(name);
  }
}

function strictest(permissions: readonly (Permission | null)[]): Permission | null {
  return permissions.reduce(
    (least, permission) => (least === null || (permission !== null && permission < least) ? permission : least),
    null,
  );
}

function locked(detail: string): AppError {
  return new AppError('PDF_SIGNED_LOCKED', detail);
}
