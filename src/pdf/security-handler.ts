/**
 * The standard security handler (ISO 32000-2, 7.6.4): from the encryption dictionary to the file key of a document that opens without a
 * password, as one does whose owner restricts it and whose readers need not know that. The key is proven before it is used.
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { concatBytes, equalBytes, fromHex } from '../bytes.ts';
import { AppError } from '../errors.ts';
import type { CryptMethod, Encryption, Permissions } from './crypt.ts';
import { MAX_CRYPT_FILTERS } from './limits.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, serialize } from './object.ts';
import type { PdfDict, PdfObject } from './object.ts';
import { rc4 } from './rc4.ts';

/** The password of a document that opens without one. */
const NO_PASSWORD = new Uint8Array(0);

/** What the algorithms take from an encryption dictionary (Tables 20 and 21). */
export interface StandardHandler {
  readonly revision: 2 | 3 | 4 | 5 | 6;
  /** Bytes of the file key. */
  readonly keyBytes: number;
  /** /O and /U: 32 bytes each, from revision 5 on 48. */
  readonly owner: Uint8Array;
  readonly user: Uint8Array;
  /** /P as a signed number of 32 bits. */
  readonly permissions: number;
  readonly encryptMetadata: boolean;
  /** First file identifier; empty where there is none. */
  readonly fileId: Uint8Array;
}

/**
 * How the document is encrypted, all of it; null where it is not. `store` must not decrypt yet: nothing that the dictionary leads to is.
 * Throws PDF_ENCRYPTED where the handler or algorithm is not known or a password is needed, PDF_UNREADABLE where the dictionary is damaged.
 */
export function readEncryption(store: ObjectStore): Encryption | null {
  const [newest, ...older] = store.sections;
  const written = newest?.trailer.entries.get('Encrypt') ?? null;
  for (const [i, { trailer, offset }] of older.entries()) {
    const before = trailer.entries.get('Encrypt') ?? null;
    // No update may begin encryption, end it or change it. A linearized file's second section, which stands behind its first, need not
    // name it (Annex F).
    const linearized = (store.sections[i]?.offset ?? 0) < offset;
    if (!(before === null && linearized) && serialize(before) !== serialize(written)) {
      throw new AppError('PDF_ENCRYPTED', 'an update begins, ends or changes encryption');
    }
  }
  if (newest === undefined || written === null) return null;
  const dict = settled(store, written);
  if (!isKind(dict, 'dict')) throw new AppError('PDF_UNREADABLE', '/Encrypt is no dictionary');
  if (dict.duplicates.length > 0) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'an encryption dictionary with a key given twice');
  }
  const ids = valueOf(store, newest.trailer, 'ID');
  const id = isKind(ids, 'array') ? settled(store, ids.items[0]) : null;
  const fileId = isKind(id, 'string') ? id.bytes : new Uint8Array(0);
  return openStandard(store, dict, fileId, isKind(written, 'ref') ? written.number : null);
}

/**
 * A value of the encryption dictionary, or that itself, wherever it stands: it is defined once. An update that could override it would
 * have all that was encrypted before read in another way.
 */
function settled(store: ObjectStore, object: PdfObject | undefined): PdfObject {
  if (!isKind(object, 'ref')) return object ?? null;
  // Some writers list again in an update what stayed where it was.
  const places = store.sections.flatMap((section) => {
    const entry = section.lookup(object.number);
    return entry?.kind === 'offset' ? entry.offset : [];
  });
  if (new Set(places).size > 1) {
    throw new AppError('PDF_ENCRYPTED', 'an update changes the encryption dictionary');
  }
  const value = store.getObject(object);
  if (isKind(value, 'ref')) throw new AppError('PDF_UNREADABLE', 'an encryption dictionary that leads on and on');
  return value;
}

function valueOf(store: ObjectStore, dict: PdfDict, key: string): PdfObject {
  return settled(store, dict.entries.get(key));
}

function openStandard(store: ObjectStore, dict: PdfDict, fileId: Uint8Array, dictionary: number | null): Encryption {
  const filter = valueOf(store, dict, 'Filter');
  if (!isKind(filter, 'name')) throw unusable('Filter');
  if (filter.value !== 'Standard')
    throw new AppError('PDF_ENCRYPTED', `the security handler ${filter.value.slice(0, 40)}`);
  const algorithm = integer(valueOf(store, dict, 'V') ?? 0, 'V');
  const revision = integer(valueOf(store, dict, 'R'), 'R');
  if (!isKnown(algorithm, revision)) {
    throw new AppError('PDF_ENCRYPTED', `the algorithm /V ${algorithm} with /R ${revision} is not known`);
  }
  const metadata = algorithm >= 4 ? valueOf(store, dict, 'EncryptMetadata') : true;
  const stringBytes = revision >= 5 ? 48 : 32;
  const handler: StandardHandler = {
    revision,
    keyBytes: keyBytes(store, dict, algorithm, revision),
    owner: bytesOf(store, dict, 'O', stringBytes),
    user: bytesOf(store, dict, 'U', stringBytes),
    permissions: flags(valueOf(store, dict, 'P')),
    encryptMetadata: metadata !== false,
    fileId,
  };
  const fileKey = revision >= 5 ? fileKey256(store, dict, handler) : fileKey128(handler);
  if (fileKey === null) throw new AppError('PDF_ENCRYPTED', 'it does not open without a password');
  if (revision >= 5) requireProvenFlags(bytesOf(store, dict, 'Perms', 16), fileKey, handler.permissions);
  return {
    fileKey,
    ...methods(store, dict, algorithm),
    encryptMetadata: handler.encryptMetadata,
    permissions: permissionsOf(handler.permissions, revision),
    fileId,
    dictionary,
  };
}

type Revision = StandardHandler['revision'];

/** Which revisions belong to which algorithms (Table 21). /V 3 was never published, /V 0 neither. */
const REVISIONS: Readonly<Record<number, readonly number[]>> = { 1: [2, 3], 2: [2, 3], 4: [4], 5: [5, 6] };

function isKnown(algorithm: number, revision: number): revision is Revision {
  return REVISIONS[algorithm]?.includes(revision) === true;
}

function unusable(key: string): AppError {
  return new AppError('PDF_UNREADABLE', `the encryption dictionary has no usable /${key}`);
}

function integer(value: PdfObject, key: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw unusable(key);
  return value;
}

/** Some writers give /P without its sign. */
function flags(value: PdfObject): number {
  const number = integer(value, 'P');
  if (number < -0x8000_0000 || number > 0xffff_ffff) throw unusable('P');
  return number | 0;
}

/** The first `length` bytes: some writers fill up with zeros behind them. */
function bytesOf(store: ObjectStore, dict: PdfDict, key: string, length: number): Uint8Array {
  const value = valueOf(store, dict, key);
  if (!isKind(value, 'string') || value.bytes.length < length) throw unusable(key);
  return value.bytes.subarray(0, length);
}

function keyBytes(store: ObjectStore, dict: PdfDict, algorithm: number, revision: number): number {
  if (algorithm === 5) return 32;
  if (algorithm === 4) return 16;
  if (algorithm === 1 || revision === 2) return 5;
  const written = integer(valueOf(store, dict, 'Length') ?? 40, 'Length');
  // In bits; some writers take it for bytes.
  const bits = written < 40 ? 8 * written : written;
  if (bits < 40 || bits > 128 || bits % 8 !== 0) throw unusable('Length');
  return bits / 8;
}

/** Table 22: bits are counted from 1. Revision 2 knows no bit 9. */
function permissionsOf(granted: number, revision: number): Permissions {
  const bit = (position: number): boolean => (granted & (1 << (position - 1))) !== 0;
  return {
    changePages: bit(4),
    addFields: bit(4) && bit(6),
    fillFields: bit(6) || (revision >= 3 && bit(9)),
  };
}

// --- crypt filters (7.6.6) --------------------------------------------------------------------------------------------------

type Methods = Pick<Encryption, 'strings' | 'streams' | 'embeddedFiles' | 'filters'>;

/** By /CFM; another one, or None, leaves decryption to who is not known here. */
const FILTER_METHODS: Readonly<Record<number, ReadonlyMap<string, CryptMethod>>> = {
  4: new Map([
    ['V2', 'rc4'],
    ['AESV2', 'aes128'],
  ]),
  5: new Map([['AESV3', 'aes256']]),
};

function methods(store: ObjectStore, dict: PdfDict, algorithm: number): Methods {
  const known = FILTER_METHODS[algorithm];
  if (known === undefined) return { strings: 'rc4', streams: 'rc4', embeddedFiles: 'rc4', filters: new Map() };
  const filters = new Map<string, CryptMethod>();
  const defined = valueOf(store, dict, 'CF');
  const definitions = isKind(defined, 'dict') ? [...defined.entries] : [];
  if (definitions.length > MAX_CRYPT_FILTERS) throw new AppError('PDF_LIMIT', `${definitions.length} crypt filters`);
  for (const [name, definition] of definitions) {
    const filter = settled(store, definition);
    const cfm = isKind(filter, 'dict') ? valueOf(store, filter, 'CFM') : null;
    const method = isKind(cfm, 'name') ? known.get(cfm.value) : undefined;
    if (method !== undefined) filters.set(name, method);
  }
  // The standard name cannot be given another meaning (Table 26).
  filters.set('Identity', 'identity');
  const byDefault = (key: string, otherwise: CryptMethod): CryptMethod => {
    const name = valueOf(store, dict, key);
    if (name === null) return otherwise;
    const method = isKind(name, 'name') ? filters.get(name.value) : undefined;
    if (method === undefined) throw new AppError('PDF_ENCRYPTED', `the crypt filter of /${key} is not known`);
    return method;
  };
  const streams = byDefault('StmF', 'identity');
  return { filters, streams, strings: byDefault('StrF', 'identity'), embeddedFiles: byDefault('EFF', streams) };
}

// --- RC4 and AES-128: revisions 2 to 4 --------------------------------------------------------------------------------------

/** 7.6.4.3.2, Algorithm 2, step a. */
const PADDING = fromHex('28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a');

export function paddedPassword(password: Uint8Array): Uint8Array {
  return concatBytes(password, PADDING).subarray(0, 32);
}

function md5(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('md5');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Algorithm 2: the file key that a user's password gives, the right one or not. */
export function fileKeyFrom(
  { revision, keyBytes, owner, permissions, encryptMetadata, fileId }: StandardHandler,
  password: Uint8Array,
): Uint8Array {
  const flags = Uint8Array.of(permissions, permissions >> 8, permissions >> 16, permissions >> 24);
  const metadata = Uint8Array.of(...(revision >= 4 && !encryptMetadata ? [0xff, 0xff, 0xff, 0xff] : []));
  let key = md5(paddedPassword(password), owner, flags, fileId, metadata).subarray(0, keyBytes);
  if (revision >= 3) for (let i = 0; i < 50; i++) key = md5(key).subarray(0, keyBytes);
  return key;
}

/** RC4 twenty times over, each with the key and its number xored: Algorithms 3 and 5 from revision 3 on. */
export function rc4Twenty(key: Uint8Array, data: Uint8Array): Uint8Array {
  let out = data;
  for (let i = 0; i < 20; i++)
    out = rc4(
      Uint8Array.from(key, (byte) => byte ^ i),
      out,
    );
  return out;
}

/** What proves a file key: Algorithms 4 and 5. From revision 3 on 16 bytes, the rest of /U being arbitrary. */
export function proofOf(
  key: Uint8Array,
  { revision, fileId }: Pick<StandardHandler, 'revision' | 'fileId'>,
): Uint8Array {
  return revision === 2 ? rc4(key, PADDING) : rc4Twenty(key, md5(PADDING, fileId));
}

/** Algorithm 6: null where the password is another. */
function fileKey128(handler: StandardHandler): Uint8Array | null {
  const key = fileKeyFrom(handler, NO_PASSWORD);
  const proof = proofOf(key, handler);
  return equalBytes(proof, handler.user.subarray(0, proof.length)) ? key : null;
}

// --- AES-256: revisions 5 and 6 ---------------------------------------------------------------------------------------------

const NO_VECTOR = new Uint8Array(16);

/** /O and /U: a hash of 32 bytes, then 8 bytes each that were hashed with the password, for the proof and for the key (Algorithm 8). */
const HASH_BYTES = 32;
const SALT_BYTES = 8;

/** Algorithms 2.A and 11: null where the password is another. */
function fileKey256(store: ObjectStore, dict: PdfDict, { revision, user }: StandardHandler): Uint8Array | null {
  const wrapped = bytesOf(store, dict, 'UE', 32);
  const proofSalt = user.subarray(HASH_BYTES, HASH_BYTES + SALT_BYTES);
  const keySalt = user.subarray(HASH_BYTES + SALT_BYTES);
  const proof = passwordHash(revision, NO_PASSWORD, proofSalt);
  if (!equalBytes(proof, user.subarray(0, HASH_BYTES))) return null;
  const unwrap = createDecipheriv('aes-256-cbc', passwordHash(revision, NO_PASSWORD, keySalt), NO_VECTOR);
  return unwrap.setAutoPadding(false).update(wrapped);
}

/**
 * Algorithm 2.B. `user`: /U where the owner's password is hashed. Revision 5, which Adobe published before (Supplement to ISO 32000,
 * ExtensionLevel 3), hashes once. The rounds end by themselves: after 287 of them no byte can be large enough for one more.
 */
export function passwordHash(
  revision: Revision,
  password: Uint8Array,
  salt: Uint8Array,
  user: Uint8Array = new Uint8Array(0),
): Uint8Array {
  let key: Uint8Array = createHash('sha256').update(password).update(salt).update(user).digest();
  if (revision === 5) return key;
  for (let round = 0, last = 0; round < 64 || last > round - 32; round++) {
    const input = Buffer.alloc(64 * (password.length + key.length + user.length), concatBytes(password, key, user));
    const cipher = createCipheriv('aes-128-cbc', key.subarray(0, 16), key.subarray(16, 32));
    const encrypted = cipher.setAutoPadding(false).update(input);
    // The first 16 bytes as a number, modulo 3: 256 is 1 there.
    const remainder = encrypted.subarray(0, 16).reduce((sum, byte) => sum + byte, 0) % 3;
    key = createHash(['sha256', 'sha384', 'sha512'][remainder] ?? '')
      .update(encrypted)
      .digest();
    last = encrypted.at(-1) ?? 0;
  }
  return key.subarray(0, 32);
}

/** Algorithm 2.A, step f: /P is what was encrypted with the key. Where it is not, some readers open the document and PDFium does not. */
function requireProvenFlags(perms: Uint8Array, fileKey: Uint8Array, permissions: number): void {
  const decipher = createDecipheriv('aes-256-ecb', fileKey, null);
  const block = decipher.setAutoPadding(false).update(perms);
  if (block.toString('latin1', 9, 12) !== 'adb' || block.readInt32LE(0) !== permissions) {
    throw new AppError('PDF_UNREADABLE', '/P of the encryption dictionary is not what /Perms says');
  }
}
