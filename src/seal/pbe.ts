/**
 * Password-based cryptography of PKCS#12: PBES2 (RFC 8018) and the key derivation and encryption of RFC 7292, appendices B and C.
 * Neither blocks the event loop: PBKDF2 runs on Node's thread pool, the older derivation in slices.
 */
import { createDecipheriv, createHash, createHmac, hash, pbkdf2, timingSafeEqual } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { concatBytes, latin1Bytes, latin1Text } from '../bytes.ts';
import { readAlgorithm } from '../cms/algorithms.ts';
import type { AlgorithmIdentifier } from '../cms/algorithms.ts';
import { DerFields, TAG, fail } from '../cms/der.ts';
import { readOctets, readSmallInteger } from '../cms/der-values.ts';

/** A passphrase in the two forms that PKCS#12 files use; `wipe` overwrites both. */
export class Passphrase {
  /** For PBES2 (RFC 8018 leaves the coding open; every program in use takes UTF-8). */
  readonly utf8: Uint8Array;
  /** BMPString with its terminator (RFC 7292, B.1), or nothing at all for an absent passphrase. */
  readonly bmp: Uint8Array;

  private constructor(utf8: Uint8Array, bmp: Uint8Array) {
    this.utf8 = utf8;
    this.bmp = bmp;
  }

  /** What a file may have been made with. Some programs write an empty passphrase as an empty string, others as none. */
  static candidates(text: string): Passphrase[] {
    const bmp = new Uint8Array(2 * text.length + 2);
    const view = new DataView(bmp.buffer);
    for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i));
    const given = new Passphrase(new TextEncoder().encode(text), bmp);
    return text === '' ? [given, new Passphrase(new Uint8Array(), new Uint8Array())] : [given];
  }

  wipe(): void {
    this.utf8.fill(0);
    this.bmp.fill(0);
  }
}

/** Bounds on work that a file may ask for: PBKDF2 takes 0.1 s for a million, the older derivation one. */
const MAX_PBKDF2_ITERATIONS = 10_000_000;
const MAX_DERIVATION_ITERATIONS = 1_000_000;
/** Iterations at a time, some half a millisecond. */
const SLICE = 512;

type DigestName = 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';

const DIGESTS: ReadonlyMap<string, DigestName> = new Map([
  ['1.3.14.3.2.26', 'sha1'],
  ['2.16.840.1.101.3.4.2.4', 'sha224'],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

/** HMAC functions of PBKDF2 (RFC 8018, B.1.2). */
const PRFS: ReadonlyMap<string, DigestName> = new Map([
  ['1.2.840.113549.2.7', 'sha1'],
  ['1.2.840.113549.2.8', 'sha224'],
  ['1.2.840.113549.2.9', 'sha256'],
  ['1.2.840.113549.2.10', 'sha384'],
  ['1.2.840.113549.2.11', 'sha512'],
]);

interface Cipher {
  readonly name: string;
  readonly keyBytes: number;
}

const PBES2 = '1.2.840.113549.1.5.13';
const PBKDF2 = '1.2.840.113549.1.5.12';
const PBES2_CIPHERS: ReadonlyMap<string, Cipher> = new Map([
  ['2.16.840.1.101.3.4.1.2', { name: 'aes-128-cbc', keyBytes: 16 }],
  ['2.16.840.1.101.3.4.1.22', { name: 'aes-192-cbc', keyBytes: 24 }],
  ['2.16.840.1.101.3.4.1.42', { name: 'aes-256-cbc', keyBytes: 32 }],
  ['1.2.840.113549.3.7', { name: 'des-ede3-cbc', keyBytes: 24 }],
]);
/** RFC 7292, appendix C: what Windows and OpenSSL before 3 write. */
const LEGACY_CIPHERS: ReadonlyMap<string, Cipher> = new Map([
  ['1.2.840.113549.1.12.1.3', { name: 'des-ede3-cbc', keyBytes: 24 }],
  ['1.2.840.113549.1.12.1.5', { name: 'rc2', keyBytes: 16 }],
  ['1.2.840.113549.1.12.1.6', { name: 'rc2', keyBytes: 5 }],
]);

/**
 * The plaintext, which the caller wipes; null where the padding is wrong: another passphrase, or not the bytes that were encrypted.
 * Throws DerError for an algorithm that is not supported.
 */
export async function decrypt(
  { oid, parameters }: AlgorithmIdentifier,
  ciphertext: Uint8Array,
  passphrase: Passphrase,
): Promise<Uint8Array | null> {
  const fields = new DerFields(parameters, 'encryption');
  if (oid === PBES2) {
    const derivation = readAlgorithm(fields.next('keyDerivationFunc'), 'keyDerivationFunc');
    const scheme = readAlgorithm(fields.next('encryptionScheme'), 'encryptionScheme');
    const cipher = PBES2_CIPHERS.get(scheme.oid) ?? fail(`encryption: cipher ${scheme.oid} is not supported`);
    const iv = readOctets(scheme.parameters, 'iv');
    return withKey(await pbkdf2Key(derivation, passphrase, cipher.keyBytes), (key) =>
      decipher(cipher, key, iv, ciphertext),
    );
  }
  const cipher = LEGACY_CIPHERS.get(oid) ?? fail(`encryption: ${oid} is not supported`);
  const salt = readOctets(fields.next('salt'), 'salt');
  const iterations = readSmallInteger(fields.next('iterations'), 'iterations');
  fields.end();
  const iv = await deriveKey({ digest: 'sha1', purpose: 'iv', salt, iterations, length: 8 }, passphrase);
  const key = await deriveKey(
    { digest: 'sha1', purpose: 'key', salt, iterations, length: cipher.keyBytes },
    passphrase,
  );
  return withKey(key, () => decipher(cipher, key, iv, ciphertext));
}

function withKey<T>(key: Uint8Array, use: (key: Uint8Array) => T): T {
  try {
    return use(key);
  } finally {
    key.fill(0);
  }
}

/** PBKDF2-params: RFC 8018, A.2. */
async function pbkdf2Key(
  { oid, parameters }: AlgorithmIdentifier,
  passphrase: Passphrase,
  length: number,
): Promise<Uint8Array> {
  if (oid !== PBKDF2) fail(`encryption: key derivation ${oid} is not supported`);
  const fields = new DerFields(parameters, 'pbkdf2');
  const salt = readOctets(fields.next('salt'), 'pbkdf2.salt');
  const iterations = readSmallInteger(fields.next('iterationCount'), 'pbkdf2.iterationCount');
  const keyLength = fields.optional(TAG.integer);
  const prfNode = fields.optional(TAG.sequence);
  fields.end();
  const prfOid = prfNode && readAlgorithm(prfNode, 'pbkdf2.prf').oid;
  const prf = prfOid === undefined ? 'sha1' : (PRFS.get(prfOid) ?? fail(`encryption: HMAC ${prfOid} is not supported`));
  if (keyLength !== undefined && readSmallInteger(keyLength, 'pbkdf2.keyLength') !== length) {
    fail('pbkdf2.keyLength: not the cipher’s');
  }
  if (iterations < 1 || iterations > MAX_PBKDF2_ITERATIONS) fail(`pbkdf2: ${iterations} iterations`);
  return promisify(pbkdf2)(passphrase.utf8, salt, iterations, length, prf);
}

function decipher(cipher: Cipher, key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | null {
  if (cipher.name === 'rc2') return decipherRc2(cipher, key, iv, ciphertext);
  const parts: Uint8Array[] = [];
  try {
    const native = createDecipheriv(cipher.name, key, iv);
    parts.push(native.update(ciphertext), native.final());
    return concatBytes(...parts);
  } catch {
    // OpenSSL throws where the length, the iv or the padding is wrong, and does not say more.
    return null;
  } finally {
    for (const part of parts) part.fill(0);
  }
}

/** RC2 is in no OpenSSL 3 without its legacy provider; it guards certificates only, in files of older programs. */
function decipherRc2({ keyBytes }: Cipher, key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Uint8Array | null {
  const rc2 = forge.rc2.createDecryptionCipher(latin1Text(key), keyBytes * 8);
  rc2.start(latin1Text(iv));
  rc2.update(forge.util.createBuffer(latin1Text(ciphertext)));
  return rc2.finish() ? latin1Bytes(rc2.output.getBytes()) : null;
}

/** MacData (RFC 7292, 4): the HMAC over a file's contents. */
export interface Mac {
  readonly digest: DigestName;
  readonly value: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
}

export function macDigest({ oid }: AlgorithmIdentifier): DigestName {
  return DIGESTS.get(oid) ?? fail(`mac: ${oid} is not supported`);
}

export async function isMacOf(mac: Mac, data: Uint8Array, passphrase: Passphrase): Promise<boolean> {
  const { digest, salt, iterations, value } = mac;
  const length = createHash(digest).digest().length;
  const key = await deriveKey({ digest, purpose: 'mac', salt, iterations, length }, passphrase);
  return withKey(key, () => {
    const expected = createHmac(digest, key).update(data).digest();
    return value.length === expected.length && timingSafeEqual(value, expected);
  });
}

interface Derivation {
  readonly digest: DigestName;
  readonly purpose: 'key' | 'iv' | 'mac';
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Bytes wanted. */
  readonly length: number;
}

/** RFC 7292, B.3. */
const PURPOSE_IDS = { key: 1, iv: 2, mac: 3 } as const;

/** The derivation of RFC 7292, B.2, whose letters are kept. */
export async function deriveKey(
  { digest, purpose, salt, iterations, length }: Derivation,
  passphrase: Passphrase,
): Promise<Uint8Array> {
  if (iterations < 1 || iterations > MAX_DERIVATION_ITERATIONS) fail(`key derivation: ${iterations} iterations`);
  const v = digest === 'sha384' || digest === 'sha512' ? 128 : 64;
  const d = new Uint8Array(v).fill(PURPOSE_IDS[purpose]);
  const i = concatBytes(repeated(salt, v), repeated(passphrase.bmp, v));
  const out = new Uint8Array(length);
  for (let at = 0; ;) {
    let a: Uint8Array = hash(digest, concatBytes(d, i), 'buffer');
    for (let round = 1; round < iterations; round++) {
      a = hash(digest, a, 'buffer');
      if (round % SLICE === 0) await setImmediate();
    }
    out.set(a.subarray(0, length - at), at);
    at += a.length;
    if (at >= length) break;
    const b = repeated(a, v).subarray(0, v);
    for (let block = 0; block < i.length; block += v) addOne(i.subarray(block, block + v), b);
  }
  i.fill(0);
  return out;
}

/** Copies of `bytes` to a multiple of `v`; nothing of nothing. */
function repeated(bytes: Uint8Array, v: number): Uint8Array {
  const length = v * Math.ceil(bytes.length / v);
  return Uint8Array.from({ length }, (_, at) => bytes[at % bytes.length] ?? 0);
}

/** target = target + b + 1, big-endian, modulo its length. */
function addOne(target: Uint8Array, b: Uint8Array): void {
  let carry = 1;
  for (let at = target.length - 1; at >= 0; at--) {
    carry += (target[at] ?? 0) + (b[at] ?? 0);
    target[at] = carry & 0xff;
    carry >>= 8;
  }
}
