/**
 * Which digests and signatures are believed: SHA-256, 384 and 512; RSA from 2048 bits (PKCS#1 v1.5 and PSS), ECDSA on P-256 and
 * P-384. The arithmetic is node:crypto's.
 */
import { constants, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { DerFields, TAG, fail } from './der.ts';
import type { DerNode } from './der.ts';
import { readOid, readSmallInteger } from './der-values.ts';

export type HashName = 'sha256' | 'sha384' | 'sha512';

export const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  /** RFC 3161, 2.4.2. */
  tstInfo: '1.2.840.113549.1.9.16.1.4',
  rsaEncryption: '1.2.840.113549.1.1.1',
  sha256WithRsa: '1.2.840.113549.1.1.11',
  rsaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
} as const;

/** RFC 5754, 2. */
const HASHES: ReadonlyMap<string, HashName> = new Map([
  [OID.sha256, 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

/** What is known and refused: whoever can make a collision can make two documents for one signature. */
const BROKEN_HASHES: ReadonlyMap<string, string> = new Map([
  [OID.sha1, 'SHA-1'],
  ['1.2.840.113549.2.5', 'MD5'],
  ['1.2.840.113549.2.2', 'MD2'],
]);
const BROKEN_SIGNATURES: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.5', 'SHA-1 with RSA'],
  ['1.2.840.113549.1.1.4', 'MD5 with RSA'],
  ['1.2.840.113549.1.1.2', 'MD2 with RSA'],
  ['1.3.14.3.2.29', 'SHA-1 with RSA'],
  ['1.2.840.10045.4.1', 'SHA-1 with ECDSA'],
]);

const RSA_SIGNATURES: ReadonlyMap<string, HashName> = new Map([
  [OID.sha256WithRsa, 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
]);
/** RFC 5758, 3.2. */
const ECDSA_SIGNATURES: ReadonlyMap<string, HashName> = new Map([
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);
const CURVES: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1']);
const MIN_RSA_BITS = 2048;

/** Bytes of a digest. */
export function digestLength(hash: HashName): number {
  return Number(hash.slice(3)) / 8;
}

export interface AlgorithmIdentifier {
  readonly oid: string;
  readonly parameters: DerNode | undefined;
}

/** Throws DerError. */
export function readAlgorithm(node: DerNode | undefined, field: string): AlgorithmIdentifier {
  const fields = new DerFields(node, field);
  const oid = readOid(fields.next('algorithm'), `${field}.algorithm`);
  const parameters = fields.optional();
  fields.end();
  return { oid, parameters };
}

/** `refused` says whether it is broken or only unknown, and its name. */
export type Digest =
  { readonly hash: HashName } | { readonly hash: null; readonly refused: 'weak' | 'unknown'; readonly name: string };

/** Throws DerError where the parameters are neither absent nor NULL (RFC 5754, 2). */
export function digestOf({ oid, parameters }: AlgorithmIdentifier, field: string): Digest {
  const hash = HASHES.get(oid);
  if (hash === undefined) {
    const name = BROKEN_HASHES.get(oid);
    return { hash: null, refused: name === undefined ? 'unknown' : 'weak', name: name ?? oid };
  }
  expectNullOrAbsent(parameters, field);
  return { hash };
}

/** How a signature is made. `rsa` and `ecdsa` without a hash of their own take the one the message says. */
export type Scheme =
  | { readonly kind: 'rsa'; readonly hash: HashName | null }
  | { readonly kind: 'pss'; readonly hash: HashName; readonly saltLength: number }
  | { readonly kind: 'ecdsa'; readonly hash: HashName }
  | { readonly kind: 'refused'; readonly refused: 'weak' | 'unknown'; readonly name: string };

/** Throws DerError where the parameters are not those of the algorithm. */
export function schemeOf(algorithm: AlgorithmIdentifier, field: string): Scheme {
  const { oid, parameters } = algorithm;
  const rsa = oid === OID.rsaEncryption ? null : RSA_SIGNATURES.get(oid);
  if (rsa !== undefined) {
    expectNullOrAbsent(parameters, field);
    return { kind: 'rsa', hash: rsa };
  }
  const ecdsa = ECDSA_SIGNATURES.get(oid);
  if (ecdsa !== undefined) {
    if (parameters !== undefined) fail(`${field}: ECDSA with parameters`);
    return { kind: 'ecdsa', hash: ecdsa };
  }
  if (oid === OID.rsaPss) return pssOf(parameters, field);
  const name = BROKEN_SIGNATURES.get(oid);
  return { kind: 'refused', refused: name === undefined ? 'unknown' : 'weak', name: name ?? oid };
}

/** RSASSA-PSS-params (RFC 4055, 3.1): each member explicitly tagged, SHA-1 where absent. */
function pssOf(parameters: DerNode | undefined, field: string): Scheme {
  if (parameters === undefined) return { kind: 'refused', refused: 'weak', name: 'SHA-1 with RSA-PSS' };
  const fields = new DerFields(parameters, field);
  const hashNode = fields.optionalExplicit(0, 'hash');
  const maskNode = fields.optionalExplicit(1, 'mask');
  const saltNode = fields.optionalExplicit(2, 'salt');
  const trailerNode = fields.optionalExplicit(3, 'trailer');
  fields.end();
  if (hashNode === undefined || maskNode === undefined)
    return { kind: 'refused', refused: 'weak', name: 'SHA-1 with RSA-PSS' };
  const digest = digestOf(readAlgorithm(hashNode, field), field);
  if (digest.hash === null) return { kind: 'refused', refused: digest.refused, name: `${digest.name} with RSA-PSS` };
  const mask = readAlgorithm(maskNode, field);
  const maskDigest = mask.oid === OID.mgf1 ? digestOf(readAlgorithm(mask.parameters, field), field) : null;
  const saltLength = saltNode === undefined ? 20 : readSmallInteger(saltNode, field);
  const trailer = trailerNode === undefined ? 1 : readSmallInteger(trailerNode, field);
  if (maskDigest?.hash !== digest.hash || trailer !== 1 || saltLength > 512) {
    return { kind: 'refused', refused: 'unknown', name: 'RSA-PSS with unusual parameters' };
  }
  return { kind: 'pss', hash: digest.hash, saltLength };
}

/** Throws DerError unless the parameters are absent or NULL. */
export function expectNullOrAbsent(parameters: DerNode | undefined, field: string): void {
  if (parameters !== undefined && (parameters.tag !== TAG.null || parameters.body.length > 0)) {
    fail(`${field}: parameters that are not NULL`);
  }
}

/** Null where the key is strong enough and of a kind that is believed. */
export function keyFault(key: KeyObject): 'weak' | 'unknown' | null {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss':
      return (modulusLength ?? 0) < MIN_RSA_BITS ? 'weak' : null;
    case 'ec':
      return CURVES.has(namedCurve ?? '') ? null : 'unknown';
    default:
      return 'unknown';
  }
}

/** Whether `key`, which is strong enough, made `signature` over `data` as `scheme` says on its own: in certificates, lists, OCSP answers. */
export function isSignedWith(scheme: Scheme, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  if (scheme.kind === 'refused' || scheme.hash === null || keyFault(key) !== null) return false;
  return verifySignature(scheme, scheme.hash, data, key, signature);
}

/** Whether `signature` over `data` is `key`'s; false too where the key is not of the scheme's kind. */
export function verifySignature(
  scheme: Exclude<Scheme, { kind: 'refused' }>,
  hash: HashName,
  data: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): boolean {
  const kind = key.asymmetricKeyType;
  try {
    switch (scheme.kind) {
      case 'rsa':
        return kind === 'rsa' && verify(hash, data, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
      case 'pss': {
        const { saltLength } = scheme;
        const padding = constants.RSA_PKCS1_PSS_PADDING;
        return (kind === 'rsa' || kind === 'rsa-pss') && verify(hash, data, { key, padding, saltLength }, signature);
      }
      case 'ecdsa':
        return kind === 'ec' && verify(hash, data, { key, dsaEncoding: 'der' }, signature);
    }
  } catch {
    // OpenSSL throws where an RSA-PSS key is bound to another hash or salt: not a signature by that key either.
    return false;
  }
}
