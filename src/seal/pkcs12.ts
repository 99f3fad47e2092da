/** PKCS#12 (RFC 7292): the keys and certificates of a file that a passphrase opens. */
import { createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { OID, expectNullOrAbsent, readAlgorithm } from '../cms/algorithms.ts';
import { parseCertificate } from '../cms/certificate.ts';
import type { Certificate } from '../cms/certificate.ts';
import { DerError, DerFields, TAG, contextPrimitive, contextTag, expectTag, fail, readDer } from '../cms/der.ts';
import type { DerNode } from '../cms/der.ts';
import { readOctets, readOid, readSmallInteger } from '../cms/der-values.ts';
import { AppError, isAppError } from '../errors.ts';
import { Passphrase, decrypt, isMacOf, macDigest } from './pbe.ts';
import type { Mac } from './pbe.ts';

export interface Pkcs12 {
  /** RSA keys as native objects. */
  readonly keys: readonly KeyObject[];
  /** How many keys of other kinds there are. */
  readonly otherKeys: number;
  /** Those that can be read, in the file's order. */
  readonly certificates: readonly Certificate[];
}

const MAX_BYTES = 1024 * 1024;
const LIMITS = { maxBytes: MAX_BYTES, ber: true } as const;

const ENCRYPTED_DATA = '1.2.840.113549.1.7.6';
/** RFC 7292, appendix D: bags 1 to 6. */
const BAG = {
  key: '1.2.840.113549.1.12.10.1.1',
  shroudedKey: '1.2.840.113549.1.12.10.1.2',
  certificate: '1.2.840.113549.1.12.10.1.3',
  safeContents: '1.2.840.113549.1.12.10.1.6',
} as const;
const X509_CERTIFICATE = '1.2.840.113549.1.9.22.1';

/**
 * Opens the file. Takes PBES2 with AES or 3DES (OpenSSL 3, Windows 10), the older 3DES and RC2 (earlier programs), passphrases in any
 * script, and files without a MAC. Throws SEAL_PASSPHRASE_WRONG, SEAL_FILE_INVALID.
 */
export async function openPkcs12(bytes: Uint8Array, passphrase: string): Promise<Pkcs12> {
  const candidates = Passphrase.candidates(passphrase);
  try {
    const { authSafe, mac } = readPfx(bytes);
    const right = mac === null ? candidates[0] : await passphraseOf(mac, authSafe, candidates);
    if (right === undefined) throw new AppError('SEAL_PASSPHRASE_WRONG');
    return await openSafe(authSafe, right, mac !== null);
  } catch (cause) {
    if (cause instanceof DerError) throw new AppError('SEAL_FILE_INVALID', cause.message, { cause });
    throw cause;
  } finally {
    for (const candidate of candidates) candidate.wipe();
  }
}

async function passphraseOf(
  mac: Mac,
  data: Uint8Array,
  candidates: readonly Passphrase[],
): Promise<Passphrase | undefined> {
  for (const candidate of candidates) if (await isMacOf(mac, data, candidate)) return candidate;
  return undefined;
}

/** PFX: RFC 7292, 4. */
function readPfx(bytes: Uint8Array): { readonly authSafe: Uint8Array; readonly mac: Mac | null } {
  const pfx = new DerFields(readDer(bytes, LIMITS), 'pfx');
  const version = readSmallInteger(pfx.next('version'), 'pfx.version');
  if (version !== 3) fail(`pfx.version: expected 3, got ${version}`);
  const { type, content } = readContentInfo(pfx.next('authSafe'));
  const macData = pfx.optional(TAG.sequence);
  pfx.end();
  if (type !== OID.data) fail(`pfx.authSafe: ${type} is not supported`);
  return { authSafe: readOctets(content, 'pfx.authSafe'), mac: macData ? readMac(macData) : null };
}

function readMac(node: DerNode): Mac {
  const fields = new DerFields(node, 'macData');
  const info = new DerFields(fields.next('mac'), 'macData.mac');
  const algorithm = readAlgorithm(info.next('digestAlgorithm'), 'macData.digestAlgorithm');
  expectNullOrAbsent(algorithm.parameters, 'macData.digestAlgorithm');
  const digest = macDigest(algorithm);
  const value = readOctets(info.next('digest'), 'macData.digest');
  info.end();
  const salt = readOctets(fields.next('macSalt'), 'macData.macSalt');
  const iterations = fields.optional(TAG.integer);
  fields.end();
  return { digest, value, salt, iterations: iterations ? readSmallInteger(iterations, 'macData.iterations') : 1 };
}

function readContentInfo(node: DerNode): { readonly type: string; readonly content: DerNode | undefined } {
  const fields = new DerFields(node, 'contentInfo');
  const type = readOid(fields.next('contentType'), 'contentType');
  const content = fields.optionalExplicit(0, 'content');
  fields.end();
  return { type, content };
}

/** AuthenticatedSafe: RFC 7292, 4.1. */
async function openSafe(authSafe: Uint8Array, passphrase: Passphrase, isAuthentic: boolean): Promise<Pkcs12> {
  const found = { keys: [] as KeyObject[], otherKeys: 0, certificates: [] as Certificate[] };
  const secrets: Uint8Array[] = [];
  /** What only the right passphrase opens: where no MAC vouched for it, nonsense inside says that it was the wrong one. */
  const opened = async (algorithm: DerNode, ciphertext: Uint8Array): Promise<DerNode> => {
    const readable = readAlgorithm(algorithm, 'encryption');
    const plaintext = await decrypt(readable, ciphertext, passphrase);
    secrets.push(plaintext ?? new Uint8Array());
    try {
      return readDer(plaintext ?? fail('decryption failed'), LIMITS);
    } catch (cause) {
      if (cause instanceof DerError && !isAuthentic) throw new AppError('SEAL_PASSPHRASE_WRONG', '', { cause });
      throw cause;
    }
  };

  const readBags = async (safeContents: DerNode, depth: number): Promise<void> => {
    // A bag may hold bags; nobody nests them.
    if (depth > 4) fail('safeContents: nested deeper than 4');
    for (const bag of expectTag(safeContents, TAG.sequence, 'safeContents').children) {
      const fields = new DerFields(bag, 'safeBag');
      const id = readOid(fields.next('bagId'), 'bagId');
      const value = fields.optionalExplicit(0, 'bagValue');
      fields.optional(TAG.set);
      fields.end();
      if (id === BAG.safeContents) await readBags(expectTag(value, TAG.sequence, 'bagValue'), depth + 1);
      if (id === BAG.certificate) found.certificates.push(...readCertificateBag(value));
      const privateKey = id === BAG.key ? value : id === BAG.shroudedKey ? await openKey(value, opened) : undefined;
      if (privateKey === undefined) continue;
      const key = readPrivateKey(privateKey);
      if (key === null) found.otherKeys += 1;
      else found.keys.push(key);
    }
  };

  try {
    for (const node of expectTag(readDer(authSafe, LIMITS), TAG.sequence, 'authSafe').children) {
      const { type, content } = readContentInfo(node);
      if (type === OID.data) await readBags(readDer(readOctets(content, 'safeContents'), LIMITS), 1);
      else if (type === ENCRYPTED_DATA) await readBags(await openEncryptedData(content, opened), 1);
      else fail(`authSafe: ${type} is not supported`);
    }
    return found;
  } finally {
    for (const secret of secrets) secret.fill(0);
  }
}

type Opener = (algorithm: DerNode, ciphertext: Uint8Array) => Promise<DerNode>;

/** EncryptedData: RFC 5652, 8. */
function openEncryptedData(node: DerNode | undefined, open: Opener): Promise<DerNode> {
  const fields = new DerFields(node, 'encryptedData');
  readSmallInteger(fields.next('version'), 'encryptedData.version');
  const info = new DerFields(fields.next('encryptedContentInfo'), 'encryptedContentInfo');
  readOid(info.next('contentType'), 'encryptedContentInfo.contentType');
  const algorithm = info.next('contentEncryptionAlgorithm');
  // [0] IMPLICIT OCTET STRING, whole or in parts.
  const content = info.next('encryptedContent');
  if (content.tag !== contextPrimitive(0) && content.tag !== contextTag(0))
    fail('encryptedContent: not an octet string');
  const isWhole = content.tag === contextPrimitive(0);
  const tag = isWhole ? TAG.octetString : TAG.octetStringInParts;
  return open(algorithm, readOctets({ ...content, tag }, 'encryptedContent'));
}

/** EncryptedPrivateKeyInfo: RFC 5958, 3. */
function openKey(node: DerNode | undefined, open: Opener): Promise<DerNode> {
  const fields = new DerFields(node, 'shroudedKey');
  const algorithm = fields.next('encryptionAlgorithm');
  const ciphertext = readOctets(fields.next('encryptedData'), 'shroudedKey.encryptedData');
  fields.end();
  return open(algorithm, ciphertext);
}

/** PrivateKeyInfo (RFC 5958, 2); null for a key that is not RSA. */
function readPrivateKey(node: DerNode): KeyObject | null {
  const fields = new DerFields(node, 'privateKey');
  fields.next('version', TAG.integer);
  const { oid } = readAlgorithm(fields.next('privateKeyAlgorithm'), 'privateKeyAlgorithm');
  if (oid !== OID.rsaEncryption) return null;
  try {
    // The Buffer is a view, so wiping the plaintext wipes it.
    const { buffer, byteOffset, byteLength } = node.bytes;
    return createPrivateKey({ key: Buffer.from(buffer, byteOffset, byteLength), format: 'der', type: 'pkcs8' });
  } catch (cause) {
    throw new AppError('SEAL_FILE_INVALID', 'privateKey: not an RSA key', { cause });
  }
}

/** CertBag: RFC 7292, 4.2.3. A certificate that cannot be read is passed over: the file may hold others. */
function readCertificateBag(node: DerNode | undefined): Certificate[] {
  const fields = new DerFields(node, 'certBag');
  const id = readOid(fields.next('certId'), 'certId');
  const value = fields.optionalExplicit(0, 'certValue');
  fields.end();
  if (id !== X509_CERTIFICATE) return [];
  try {
    // A copy: the certificate outlives the plaintext, which is wiped.
    return [parseCertificate(readOctets(value, 'certValue').slice())];
  } catch (error) {
    if (isAppError(error, 'CERTIFICATE_INVALID')) return [];
    throw error;
  }
}
