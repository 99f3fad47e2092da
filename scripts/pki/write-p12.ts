/**
 * PKCS#12 as OpenSSL 3 writes it (PBES2, AES-256, HMAC-SHA-256), structure by forge.asn1. node-forge's own writer derives its keys in
 * JavaScript, 100 times slower than node:crypto, takes no EC key and garbles a passphrase that is not Latin-1.
 */
import { createCipheriv, createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import forge from 'node-forge';
import { concatBytes } from '../../src/bytes.ts';
import { OID } from '../../src/cms/algorithms.ts';
import {
  context,
  contextOctets,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  toDer,
  universal,
} from '../../src/cms/asn1.ts';
import type { Asn1 } from '../../src/cms/asn1.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { Passphrase, deriveKey } from '../../src/seal/pbe.ts';

export interface P12Request {
  /** Private keys with their certificates; a key beside another's certificate is written as it is asked for. */
  readonly pairs: readonly { readonly key: KeyObject; readonly certificate: Certificate }[];
  /** Further certificates: the issuers. */
  readonly others?: readonly Certificate[];
  readonly passphrase: string;
  /** Of every derivation, the MAC's too: a cheaper one would be where guessing starts. */
  readonly iterations?: number;
}

const ITERATIONS = 100_000;

export async function writeP12({
  pairs,
  others = [],
  passphrase,
  iterations = ITERATIONS,
}: P12Request): Promise<Uint8Array> {
  const [secret] = Passphrase.candidates(passphrase);
  if (secret === undefined) throw new RangeError('no passphrase');
  const keyBags = pairs.map(async ({ key, certificate }) => {
    const { algorithm, ciphertext } = await encrypt(key.export({ type: 'pkcs8', format: 'der' }), secret, iterations);
    return bag(2, sequence(algorithm, octetString(ciphertext)), certificate);
  });
  const certificateBags = [
    ...pairs.map(({ certificate }) => bag(3, certificateValue(certificate), certificate)),
    ...others.map((certificate) => bag(3, certificateValue(certificate))),
  ];
  const { algorithm, ciphertext } = await encrypt(toDer(sequence(...certificateBags)), secret, iterations);
  // EncryptedData (RFC 5652, 8) with [0] IMPLICIT OCTET STRING.
  const content = contextOctets(0, ciphertext);
  const encryptedData = sequence(smallInteger(0), sequence(oid(OID.data), algorithm, content));
  const authSafe = toDer(
    sequence(
      sequence(oid('1.2.840.113549.1.7.6'), context(0, encryptedData)),
      dataContent(toDer(sequence(...(await Promise.all(keyBags))))),
    ),
  );
  const mac = await macOf(authSafe, secret, iterations);
  secret.wipe();
  return toDer(sequence(smallInteger(3), dataContent(authSafe), mac));
}

function dataContent(bytes: Uint8Array): Asn1 {
  return sequence(oid(OID.data), context(0, octetString(bytes)));
}

/** SafeBag (RFC 7292, 4.2) with the localKeyID by which Windows and NSS find a key's certificate. */
function bag(kind: 2 | 3, value: Asn1, owner?: Certificate): Asn1 {
  const head = [oid(`1.2.840.113549.1.12.10.1.${kind}`), context(0, value)];
  if (owner === undefined) return sequence(...head);
  const id = createHash('sha1').update(owner.der).digest();
  const name = universal(forge.asn1.Type.BMPSTRING, owner.subject.cn ?? '');
  return sequence(
    ...head,
    setOf(
      sequence(oid('1.2.840.113549.1.9.21'), setOf(octetString(id))),
      sequence(oid('1.2.840.113549.1.9.20'), setOf(name)),
    ),
  );
}

function certificateValue(certificate: Certificate): Asn1 {
  return sequence(oid('1.2.840.113549.1.9.22.1'), context(0, octetString(certificate.der)));
}

/** PBES2 with PBKDF2 over HMAC-SHA-256 and AES-256-CBC (RFC 8018, A.4). */
async function encrypt(
  plaintext: Uint8Array,
  { utf8 }: Passphrase,
  iterations: number,
): Promise<{ algorithm: Asn1; ciphertext: Uint8Array }> {
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = await promisify(pbkdf2)(utf8, salt, iterations, 32, 'sha256');
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  const ciphertext = concatBytes(cipher.update(plaintext), cipher.final());
  const prf = sequence(oid('1.2.840.113549.2.9'), nullValue());
  const derivation = sequence(oid('1.2.840.113549.1.5.12'), sequence(octetString(salt), smallInteger(iterations), prf));
  const scheme = sequence(oid('2.16.840.1.101.3.4.1.42'), octetString(iv));
  return { algorithm: sequence(oid('1.2.840.113549.1.5.13'), sequence(derivation, scheme)), ciphertext };
}

/** MacData: RFC 7292, 4. */
async function macOf(data: Uint8Array, secret: Passphrase, iterations: number): Promise<Asn1> {
  const salt = randomBytes(16);
  const key = await deriveKey({ digest: 'sha256', purpose: 'mac', salt, iterations, length: 32 }, secret);
  const value = createHmac('sha256', key).update(data).digest();
  const digestInfo = sequence(sequence(oid(OID.sha256), nullValue()), octetString(value));
  return sequence(digestInfo, octetString(salt), smallInteger(iterations));
}
