/**
 * What the TEST authorities of a PKI need to stamp and to tell who is revoked: keys, certificates and registers in files, as the OpenSSL
 * command line takes them.
 */
import { generateKeyPair } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Certificate } from '../../src/cms/certificate.ts';
import { issueCertificate, pemOf } from './issue-certificate.ts';
import type { CertificateRequest } from './issue-certificate.ts';

export interface Authority {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

export interface AuthorityRequest {
  readonly root: Authority;
  readonly intermediate: Authority;
  /** Of the intermediate: those that its register has. */
  readonly issued: readonly Certificate[];
  /** The moment around which certificates are valid. */
  readonly at: Date;
}

/** A folder with `ca.pem`, `ca.key.pem`, the register `index.txt`, and `responder.pem` with its key. */
export type CaName = 'root' | 'intermediate';
/** `<name>.pem` and `<name>.key.pem`. */
export type StamperName = 'tsa' | 'tsa-expired';

const DAY_MS = 86_400_000;
const NO_CHECK = { oid: '1.3.6.1.5.5.7.48.1.5', critical: false, value: Uint8Array.of(5, 0) };

/** The register and the stamps; paths are relative to the authority's folder, where OpenSSL is run. */
const CONFIGURATION = `# TEST authorities
[ca]
default_ca = register

[register]
database = index.txt
crlnumber = crlnumber
default_md = sha256
crl_extensions = list

[list]
authorityKeyIdentifier = keyid

[stamp]
serial = serial
signer_digest = sha256
ess_cert_id_alg = sha256
default_policy = 1.2.156.112562.2.1
digests = sha256, sha384, sha512
accuracy = secs:1
clock_precision_digits = 3
tsa_name = yes

# Takes nothing that anybody asks here.
[refuse]
serial = serial
signer_digest = sha256
default_policy = 1.2.156.112562.2.1
digests = sha512
`;

/** Writes all of it into `folder`, which is created. */
export async function writeAuthorityFiles(folder: string, request: AuthorityRequest): Promise<void> {
  const { root, intermediate, issued, at } = request;
  const day = (count: number): Date => new Date(at.getTime() + count * DAY_MS);
  const valid = { notBefore: day(-1), notAfter: day(3 * 365) };
  const stamper = (cn: string, key: KeyObject, notAfter: Date): Certificate =>
    issueCertificate({
      subject: { o: '测试机构 TEST', cn },
      key,
      issuer: root,
      notBefore: day(-400),
      notAfter,
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.8'],
      isExtendedKeyUsageCritical: true,
    });
  const [tsaKey, rootResponderKey, intermediateResponderKey] = await Promise.all([ecKey(), ecKey(), ecKey()]);
  const responder = (issuer: Authority, key: KeyObject): CertificateRequest => ({
    subject: { o: '测试机构 TEST', cn: '知印测试状态应答 TEST' },
    key,
    issuer,
    ...valid,
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'],
    extensions: [NO_CHECK],
  });
  const tsa = stamper('知印测试时间戳 TEST', tsaKey, valid.notAfter);
  const expired = stamper('知印测试时间戳（已过期）TEST', tsaKey, day(-1));
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writeFile(join(folder, 'openssl.cnf'), CONFIGURATION),
    writeFile(join(folder, 'serial'), '01\n'),
    writePair(folder, 'tsa', tsa, tsaKey),
    writePair(folder, 'tsa-expired', expired, tsaKey),
    writeCa(join(folder, 'root'), root, responder(root, rootResponderKey), [intermediate.certificate, tsa, expired]),
    writeCa(join(folder, 'intermediate'), intermediate, responder(intermediate, intermediateResponderKey), issued),
  ]);
}

async function writeCa(
  folder: string,
  ca: Authority,
  responder: CertificateRequest,
  issued: readonly Certificate[],
): Promise<void> {
  const certificate = issueCertificate(responder);
  await mkdir(folder, { recursive: true });
  await Promise.all([
    writePair(folder, 'ca', ca.certificate, ca.key),
    writePair(folder, 'responder', certificate, responder.key),
    writeFile(join(folder, 'index.txt'), [...issued, certificate].map((one) => registerLine(one)).join('')),
    writeFile(join(folder, 'index.txt.attr'), 'unique_subject = no\n'),
    writeFile(join(folder, 'empty.txt'), ''),
    writeFile(join(folder, 'crlnumber'), '01\n'),
  ]);
}

async function writePair(folder: string, name: string, certificate: Certificate, key: KeyObject): Promise<void> {
  await writeFile(join(folder, `${name}.pem`), pemOf(certificate));
  await writeFile(join(folder, `${name}.key.pem`), key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
}

/** A line of `index.txt`, as `openssl ca` keeps it: state, end, revocation, serial number, file, subject. */
export function registerLine(
  { notAfter, serialHex }: Certificate,
  revoked?: { readonly at: Date; readonly reason: string },
): string {
  const why = revoked === undefined ? '' : `${utcTime(revoked.at)},${revoked.reason}`;
  const fields = [
    revoked === undefined ? 'V' : 'R',
    utcTime(notAfter),
    why,
    serialHex.toUpperCase(),
    'unknown',
    '/CN=TEST',
  ];
  return `${fields.join('\t')}\n`;
}

function utcTime(time: Date): string {
  return `${time.toISOString().slice(2, 19).replaceAll(/\D/g, '')}Z`;
}

async function ecKey(): Promise<KeyObject> {
  return (await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })).privateKey;
}
