/**
 * A TEST certificate authority and the P12 of a committee's seal, with fresh keys: for the demo, tests and trying things out.
 * `npm run pki -- [FOLDER] [--committee NAME] [--variant NAME ...] [--authorities]`
 */
import { generateKeyPair, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { Certificate } from '../src/cms/certificate.ts';
import { writeAuthorityFiles } from './pki/authority-files.ts';
import { issueCertificate, pemOf } from './pki/issue-certificate.ts';
import type { CertificateRequest } from './pki/issue-certificate.ts';
import { writeP12 } from './pki/write-p12.ts';

/** Seals that must be refused, or open only with care; each becomes `<variant>.p12`, with the committee's passphrase. */
export const PKI_VARIANTS = [
  'expired',
  'expires-soon',
  'not-yet-valid',
  'wrong-usage',
  'foreign',
  'mismatched',
  'ec',
  'short-key',
  'two-pairs',
] as const;
export type PkiVariant = (typeof PKI_VARIANTS)[number];

export interface PkiOptions {
  /** The seal's organization, exactly. */
  readonly committeeName: string;
  readonly passphrase: string;
  /** The moment around which certificates are valid; default now. */
  readonly at?: Date;
  readonly variants?: readonly PkiVariant[];
  /** Of the P12's key derivations; few for tests that open many. Default: 100,000. */
  readonly iterations?: number;
  /** Also what `npm run authorities` needs to stamp and to tell who is revoked. Default: not. */
  readonly authorities?: boolean;
}

/** Paths. */
export interface PkiFiles {
  readonly rootPem: string;
  readonly intermediatePem: string;
  readonly committeePem: string;
  readonly p12: string;
  /** Holds the passphrase and a line feed; readable by its owner only. */
  readonly passphraseFile: string;
  /** Folder for `OpensslAuthority`, in the folder of the PKI; there where it was asked for. */
  readonly authorities: string;
  /** P12 files of the variants that were asked for. */
  readonly variants: Readonly<Partial<Record<PkiVariant, string>>>;
}

const DAY_MS = 86_400_000;
const SIGNING: Pick<CertificateRequest, 'keyUsage' | 'extendedKeyUsage'> = {
  keyUsage: ['digitalSignature', 'nonRepudiation'],
  // E-mail protection, which verifiers of today look for, and document signing (RFC 9336).
  extendedKeyUsage: ['1.3.6.1.5.5.7.3.4', '1.3.6.1.5.5.7.3.36'],
};

/** Makes root -> intermediate -> committee in `folder`, which is created. Existing files of the same names are replaced. */
export async function makePki(folder: string, options: PkiOptions): Promise<PkiFiles> {
  const { committeeName, passphrase, at = new Date(), variants = [], iterations, authorities = false } = options;
  const [, rootKey, intermediateKey, committeeKey] = await Promise.all([
    mkdir(folder, { recursive: true }),
    rsaKey(2048),
    rsaKey(2048),
    rsaKey(2048),
  ]);
  const years = (count: number): Pick<CertificateRequest, 'notBefore' | 'notAfter'> => ({
    notBefore: new Date(at.getTime() - DAY_MS),
    notAfter: new Date(at.getTime() + count * 365 * DAY_MS),
  });
  const root = issueCertificate({
    subject: { o: '测试机构 TEST', cn: '知印测试根证书 TEST' },
    key: rootKey,
    ...years(20),
    authority: {},
    keyUsage: ['keyCertSign', 'cRLSign'],
  });
  const intermediate = issueCertificate({
    subject: { o: '测试机构 TEST', cn: '知印测试中间证书 TEST' },
    key: intermediateKey,
    issuer: { certificate: root, key: rootKey },
    ...years(10),
    authority: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
  });
  const committee: CertificateRequest = {
    subject: { o: committeeName, ou: '测试 TEST', cn: `${committeeName}（测试 TEST）` },
    key: committeeKey,
    issuer: { certificate: intermediate, key: intermediateKey },
    ...years(3),
    ...SIGNING,
  };
  const certificate = issueCertificate(committee);

  const path = (name: string): string => join(folder, name);
  const save = async (name: string, ...pairs: readonly Pair[]): Promise<string> => {
    const bytes = await writeP12({
      pairs,
      others: [intermediate, root],
      passphrase,
      ...(iterations === undefined ? {} : { iterations }),
    });
    await writeFile(path(name), bytes, { mode: 0o600 });
    return path(name);
  };
  const saveVariant = async (variant: PkiVariant): Promise<[PkiVariant, string]> => [
    variant,
    await save(`${variant}.p12`, ...(await variantPairs(variant, committee, at))),
  ];
  const [p12, variantFiles] = await Promise.all([
    save('committee.p12', { key: committeeKey, certificate }),
    Promise.all(variants.map(saveVariant)),
    writeFile(path('root.pem'), pemOf(root)),
    writeFile(path('intermediate.pem'), pemOf(intermediate)),
    writeFile(path('committee.pem'), pemOf(certificate)),
    writeFile(path('passphrase.txt'), `${passphrase}\n`, { mode: 0o600 }),
    authorities
      ? writeAuthorityFiles(path('authorities'), {
          root: { certificate: root, key: rootKey },
          intermediate: { certificate: intermediate, key: intermediateKey },
          issued: [certificate],
          at,
        })
      : null,
  ]);
  return {
    rootPem: path('root.pem'),
    intermediatePem: path('intermediate.pem'),
    committeePem: path('committee.pem'),
    p12,
    passphraseFile: path('passphrase.txt'),
    authorities: path('authorities'),
    variants: Object.fromEntries(variantFiles),
  };
}

interface Pair {
  readonly key: KeyObject;
  readonly certificate: Certificate;
}

async function variantPairs(variant: PkiVariant, committee: CertificateRequest, at: Date): Promise<Pair[]> {
  const day = (count: number): Date => new Date(at.getTime() + count * DAY_MS);
  const pair = (change: Partial<CertificateRequest>, key = committee.key): Pair => ({
    key,
    certificate: issueCertificate({ ...committee, key, ...change }),
  });
  switch (variant) {
    case 'expired':
      return [pair({ notBefore: day(-400), notAfter: day(-1) })];
    case 'expires-soon':
      return [pair({ notAfter: day(10) })];
    case 'not-yet-valid':
      return [pair({ notBefore: day(1), notAfter: day(400) })];
    case 'wrong-usage':
      return [pair({ keyUsage: ['keyEncipherment', 'dataEncipherment'] })];
    case 'foreign':
      return [pair({ subject: { o: '另一人民调解委员会', ou: '测试 TEST', cn: '另一人民调解委员会（测试 TEST）' } })];
    case 'mismatched':
      return [{ ...pair({}), key: await rsaKey(2048) }];
    case 'ec':
      return [pair({}, (await promisify(generateKeyPair)('ec', { namedCurve: 'P-256' })).privateKey)];
    case 'short-key':
      return [pair({}, await rsaKey(1024))];
    case 'two-pairs':
      return [pair({ keyUsage: ['keyEncipherment'] }, await rsaKey(2048)), pair({})];
  }
}

async function rsaKey(modulusLength: number): Promise<KeyObject> {
  return (await promisify(generateKeyPair)('rsa', { modulusLength })).privateKey;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      committee: { type: 'string', default: '示例市示例镇示例村人民调解委员会' },
      variant: { type: 'string', multiple: true, default: [] },
      authorities: { type: 'boolean', default: false },
    },
  });
  const unknown = values.variant.filter((name) => !PKI_VARIANTS.some((variant) => variant === name));
  if (unknown.length > 0) {
    console.error(`no such variant: ${unknown.join(', ')}; there are ${PKI_VARIANTS.join(', ')}`);
    process.exitCode = 64;
    return;
  }
  const { variants, authorities, ...files } = await makePki(positionals[0] ?? '.pki', {
    committeeName: values.committee,
    passphrase: randomBytes(12).toString('base64url'),
    variants: PKI_VARIANTS.filter((variant) => values.variant.includes(variant)),
    authorities: values.authorities,
  });
  const folders = values.authorities ? [authorities] : [];
  for (const path of [...Object.values(files), ...Object.values(variants), ...folders]) console.log(path);
}

// Run by name, directly or through the launcher, which imports what it runs.
if (process.argv[1] === import.meta.filename) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 64;
  });
}
