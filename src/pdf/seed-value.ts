/**
 * Seed values of a signature field: what its author asks of the signature that is to fill it (ISO 32000-2, 12.7.5.5, Tables 237 to
 * 239). Constraints that are not required are wishes, which a signer may leave aside.
 */
import { equalBytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { MAX_SEED_VALUES } from './limits.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, isName, textOf } from './object.ts';
import type { PdfDict, PdfObject, PdfString } from './object.ts';

/** Constraints that are required, and the kind of signature, which is required always; null where nothing is asked. */
export interface SeedValue {
  readonly filter: string | null;
  readonly subFilters: readonly string[] | null;
  /** `SHA256` and the like. */
  readonly digestMethods: readonly string[] | null;
  /** Least version of the seed values that the signer must understand. */
  readonly version: number | null;
  /** One of them is the reason to be given; empty: none may be given. */
  readonly reasons: readonly string[] | null;
  /** 0 asks for an approval signature, 1 to 3 for a certification signature of that permission. */
  readonly mdp: 0 | 1 | 2 | 3 | null;
  readonly lockDocument: boolean | null;
  /** DER of certificates, of which one is the signer's, and one its issuer's or above. */
  readonly subjects: readonly Uint8Array[] | null;
  readonly issuers: readonly Uint8Array[] | null;
  /** Keys of further required constraints, which nobody here can promise to keep. */
  readonly others: readonly string[];
}

/** What a signer offers. */
export interface SeedOffer {
  readonly filter: string;
  readonly subFilter: string;
  readonly digestMethod: string;
  readonly reason: string | undefined;
  /** DER, the signer's first; none where it is not known yet. */
  readonly certificates: readonly Uint8Array[];
}

/** Bits of Ff (Table 237), and of the certificates' own (Table 239). */
const REQUIRED = {
  Filter: 1,
  SubFilter: 2,
  V: 4,
  Reasons: 8,
  LegalAttestation: 16,
  AddRevInfo: 32,
  DigestMethod: 64,
  LockDocument: 128,
  AppearanceFilter: 256,
} as const;
const CERTIFICATE_REQUIRED = { Subject: 1, Issuer: 2, OID: 4, SubjectDN: 8, KeyUsage: 32 } as const;
/** Seed values up to PDF 2.0 are known here. */
const KNOWN_VERSION = 3;

/** Throws PDF_SHAPE_UNSUPPORTED where they are malformed. */
export function readSeedValue(store: ObjectStore, object: PdfObject): SeedValue {
  const dict = dictionary(object, 'a seed value');
  const flags = flagsOf(store, dict);
  const required = (key: keyof typeof REQUIRED): PdfObject =>
    (flags & REQUIRED[key]) === 0 ? null : store.get(dict, key);
  const mdp = store.get(dict, 'MDP');
  const version = required('V');
  const stamp = store.get(dict, 'TimeStamp');
  const certificate = store.get(dict, 'Cert');
  const constraints = certificate === null ? null : dictionary(certificate, 'a certificate seed value');
  const certificateFlags = constraints === null ? 0 : flagsOf(store, constraints);
  const certificateRequired = (key: keyof typeof CERTIFICATE_REQUIRED): PdfObject =>
    constraints === null || (certificateFlags & CERTIFICATE_REQUIRED[key]) === 0 ? null : store.get(constraints, key);
  return {
    filter: name(required('Filter'), 'Filter'),
    subFilters: list(store, required('SubFilter'), 'SubFilter')?.map((item) => name(item, 'SubFilter') ?? '') ?? null,
    digestMethods: digestMethodsOf(store, required('DigestMethod')),
    version: version === null ? null : number(version, 'V'),
    reasons: (flags & REQUIRED.Reasons) === 0 ? null : reasonsOf(store, store.get(dict, 'Reasons')),
    mdp: mdp === null ? null : mdpOf(store.get(dictionary(mdp, 'the seed value /MDP'), 'P')),
    lockDocument: lockOf(required('LockDocument')),
    subjects: certificatesOf(store, certificateRequired('Subject'), 'Subject'),
    issuers: certificatesOf(store, certificateRequired('Issuer'), 'Issuer'),
    others: [
      ...(required('LegalAttestation') === null ? [] : ['LegalAttestation']),
      ...(required('AddRevInfo') === true ? ['AddRevInfo'] : []),
      // Whether an authority will answer nobody knows before the signature is made.
      ...(stamp !== null && (flagsOf(store, dictionary(stamp, 'the seed value /TimeStamp')) & 1) === 1
        ? ['TimeStamp']
        : []),
      ...(required('AppearanceFilter') === null ? [] : ['AppearanceFilter']),
      ...(['OID', 'SubjectDN', 'KeyUsage'] as const).filter((key) => certificateRequired(key) !== null),
    ],
  };
}

/**
 * Throws PDF_SIGNED_LOCKED, naming the constraint, where the offer does not meet what is required; gives the reason to be written, which
 * is the field's own where it knows only one. What the seed value says of locks and of the kind of signature is the caller's.
 */
export function requireSeedValue(seed: SeedValue, offer: SeedOffer): string | undefined {
  const { filter, subFilters, digestMethods, version, reasons, subjects, issuers, others } = seed;
  const [other] = others;
  if (other !== undefined) throw unmet(other);
  if (version !== null && version > KNOWN_VERSION) throw unmet(`V ${version}`);
  if (filter !== null && filter !== offer.filter) throw unmet('Filter');
  if (subFilters?.includes(offer.subFilter) === false) throw unmet('SubFilter');
  if (digestMethods?.includes(offer.digestMethod) === false) throw unmet('DigestMethod');
  const among = (wanted: readonly Uint8Array[], given: readonly Uint8Array[]): boolean =>
    given.some((der) => wanted.some((one) => equalBytes(one, der)));
  if (subjects !== null && !among(subjects, offer.certificates.slice(0, 1))) throw unmet('Subject');
  if (issuers !== null && !among(issuers, offer.certificates.slice(1))) throw unmet('Issuer');
  if (reasons === null) return offer.reason;
  if (reasons.length === 0) {
    if (offer.reason !== undefined) throw unmet('Reasons');
    return undefined;
  }
  const [only] = reasons;
  if (offer.reason === undefined && reasons.length === 1) return only;
  if (offer.reason === undefined || !reasons.includes(offer.reason)) throw unmet('Reasons');
  return offer.reason;
}

function unmet(what: string): AppError {
  return new AppError('PDF_SIGNED_LOCKED', `the signature field requires /${what}, which this seal does not meet`);
}

/** `.` alone, like nothing at all, says that no reason is to be given. */
function reasonsOf(store: ObjectStore, object: PdfObject): readonly string[] {
  const reasons = list(store, object, 'Reasons')?.map((item) => textOf(string(item, 'Reasons'))) ?? [];
  return reasons.length === 1 && reasons[0] === '.' ? [] : reasons;
}

function mdpOf(permission: PdfObject): SeedValue['mdp'] {
  if (permission === null || permission === 0 || permission === 1 || permission === 2 || permission === 3) {
    return permission;
  }
  throw malformed('the seed value /MDP');
}

/** A name by the standard, and a boolean by those who took `true` for one. */
function lockOf(lock: PdfObject): boolean | null {
  if (lock === null || isName(lock, 'auto')) return null;
  if (lock === true || isName(lock, 'true')) return true;
  if (lock === false || isName(lock, 'false')) return false;
  throw malformed('the seed value /LockDocument');
}

/** Names by ISO 32000-1, text strings by its readers. */
function digestMethodsOf(store: ObjectStore, object: PdfObject): readonly string[] | null {
  const methods = list(store, object, 'DigestMethod');
  return methods?.map((item) => (isKind(item, 'name') ? item.value : textOf(string(item, 'DigestMethod')))) ?? null;
}

function flagsOf(store: ObjectStore, dict: PdfDict): number {
  const flags = store.get(dict, 'Ff') ?? 0;
  return number(flags, 'Ff');
}

function number(object: PdfObject, key: string): number {
  if (typeof object === 'number') return object;
  throw malformed(`the seed value /${key}`);
}

function name(object: PdfObject, key: string): string | null {
  if (object === null) return null;
  if (isKind(object, 'name')) return object.value;
  throw malformed(`the seed value /${key}`);
}

function certificatesOf(store: ObjectStore, object: PdfObject, key: string): readonly Uint8Array[] | null {
  return list(store, object, key)?.map((item) => string(item, key).bytes) ?? null;
}

function list(store: ObjectStore, object: PdfObject, key: string): PdfObject[] | null {
  if (object === null) return null;
  if (!isKind(object, 'array')) throw malformed(`the seed value /${key}`);
  if (object.items.length > MAX_SEED_VALUES) throw malformed(`${object.items.length} seed values /${key}`);
  return object.items.map((item) => store.resolve(item));
}

function string(object: PdfObject, key: string): PdfString {
  if (isKind(object, 'string')) return object;
  throw malformed(`the seed value /${key}`);
}

function dictionary(object: PdfObject, what: string): PdfDict {
  if (!isKind(object, 'dict')) throw malformed(what);
  if (object.duplicates.length > 0) throw malformed(`${what} with a key given twice`);
  return object;
}

function malformed(what: string): AppError {
  return new AppError('PDF_SHAPE_UNSUPPORTED', `${what} of a signature field is malformed`);
}
