/** The committee's key and certificate: taken from a P12, and judged. */
import { constants, createPublicKey, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { keyFault } from '../cms/algorithms.ts';
import { maySignDocuments } from '../cms/certificate.ts';
import type { Certificate } from '../cms/certificate.ts';
import { issuersOf } from '../cms/chain.ts';
import { signedDataSize } from '../cms/signed-data.ts';
import { isNamed } from '../cms/distinguished-name.ts';
import { AppError } from '../errors.ts';
import { openPkcs12 } from './pkcs12.ts';

export interface SealKey {
  readonly certificate: Certificate;
  /** The certificate, then its issuers as far as the P12 has them. */
  readonly chain: readonly Certificate[];
  /** How long a CMS signature by this key is, exactly. */
  readonly signatureBytes: number;
  /** RSASSA-PKCS1-v1_5 over SHA-256 of `data`. The key itself stays a native object in here. */
  sign(data: Uint8Array): Uint8Array;
}

/**
 * The signing key of a P12. Where it holds several pairs (Chinese authorities issue one for signing and one for encryption), the one
 * whose certificate is for signing. Throws SEAL_PASSPHRASE_WRONG, SEAL_FILE_INVALID, SEAL_KEY_UNSUPPORTED, SEAL_KEY_MISMATCH.
 */
export async function openP12(bytes: Uint8Array, passphrase: string): Promise<SealKey> {
  const { keys, otherKeys, certificates } = await openPkcs12(bytes, passphrase);
  if (keys.length === 0 && otherKeys > 0) throw new AppError('SEAL_KEY_UNSUPPORTED', 'the key is not RSA');
  if (keys.length === 0) throw new AppError('SEAL_FILE_INVALID', 'no private key in the file');
  if (certificates.length === 0) throw new AppError('SEAL_FILE_INVALID', 'no certificate in the file');
  const pairs = keys.flatMap((key) => {
    const publicKey = createPublicKey(key);
    const certificate = certificates.find((candidate) => candidate.publicKey.equals(publicKey));
    return certificate === undefined ? [] : [{ key, certificate }];
  });
  const pair = pairs.find(({ certificate }) => maySignDocuments(certificate)) ?? pairs[0];
  if (pair === undefined) throw new AppError('SEAL_KEY_MISMATCH');
  if (keyFault(pair.certificate.publicKey) !== null) {
    const bits = pair.certificate.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
    throw new AppError('SEAL_KEY_UNSUPPORTED', `RSA with ${bits} bits`);
  }
  return sealKey(pair.key, pair.certificate, certificates);
}

function sealKey(key: KeyObject, certificate: Certificate, certificates: readonly Certificate[]): SealKey {
  const chain = issuersOf(certificate, certificates);
  return {
    certificate,
    chain,
    signatureBytes: signedDataSize(chain),
    sign: (data) => sign('sha256', data, { key, padding: constants.RSA_PKCS1_PADDING }),
  };
}

export interface SealRules {
  /** The certificate's organization or common name must be this; empty: nobody said whose the seal is, so it may be anybody's. */
  readonly committeeName: string;
  /** Instead of the name: the SHA-256 of the one certificate, hexadecimal. */
  readonly certificateSha256?: string;
}

/** Why the certificate may not seal at that time; null: it may. SEAL_FOREIGN, SEAL_USAGE, SEAL_NOT_YET_VALID, SEAL_EXPIRED. */
export function sealFault(certificate: Certificate, rules: SealRules, at: Date): AppError | null {
  const { committeeName, certificateSha256 } = rules;
  const isOwn =
    certificateSha256 === undefined
      ? committeeName === '' || isNamed(certificate.subject, committeeName)
      : certificateSha256.toLowerCase() === certificate.sha256;
  if (!isOwn) return new AppError('SEAL_FOREIGN', `certificate ${certificate.sha256}`);
  if (!maySignDocuments(certificate)) return new AppError('SEAL_USAGE', `certificate ${certificate.sha256}`);
  if (at < certificate.notBefore)
    return new AppError('SEAL_NOT_YET_VALID', `from ${certificate.notBefore.toISOString()}`);
  if (at > certificate.notAfter) return new AppError('SEAL_EXPIRED', `since ${certificate.notAfter.toISOString()}`);
  return null;
}
