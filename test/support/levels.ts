/** A sealing house whose authorities answer on loopback, by OpenSSL, and what other people's programs say of what it makes. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import { parseCertificates } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { parseSignedData } from '../../src/cms/signed-data.ts';
import { timestampsOf } from '../../src/cms/timestamp.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { readSecurityStore } from '../../src/pdf/dss.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { LevelRaiser } from '../../src/seal/level-raiser.ts';
import type { Level } from '../../src/seal/level.ts';
import { RevocationSource } from '../../src/seal/revocation-source.ts';
import type { RevocationSourceOptions } from '../../src/seal/revocation-source.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import { TimestampAuthority } from '../../src/seal/timestamp-authority.ts';
import type { TimestampAuthorityOptions } from '../../src/seal/timestamp-authority.ts';
import { openAuthorities } from './authorities.ts';
import type { Authorities } from './authorities.ts';
import { COMMITTEE, openSealing } from './sealing.ts';
import type { SealingHouse } from './sealing.ts';
import { runTool } from './tools.ts';

export interface LevelHouse extends SealingHouse {
  readonly authorities: Authorities;
  readonly roots: readonly Certificate[];
  readonly clock: Clock;
  /** The authorities as this house asks them. */
  raiser(change?: {
    timestamp?: Partial<TimestampAuthorityOptions>;
    revocation?: Partial<RevocationSourceOptions>;
  }): LevelRaiser;
  service(raiser?: LevelRaiser, flush?: () => Promise<void>, clock?: Clock): SealService;
}

export async function openLevels(clock: Clock = systemClock): Promise<LevelHouse> {
  const house = await openSealing({ clock, authorities: true });
  const authorities = await openAuthorities(house.pki.authorities);
  const roots = parseCertificates(readFileSync(house.pki.rootPem));
  const trusted = (): Promise<readonly Certificate[]> => Promise.resolve(roots);
  const raiser: LevelHouse['raiser'] = ({ timestamp = {}, revocation = {} } = {}) => {
    const timed = { timeoutMs: 5000, clock };
    return new LevelRaiser({
      pool: house.pool,
      timestamps: new TimestampAuthority({ url: authorities.timestampUrl, roots: trusted, ...timed, ...timestamp }),
      revocation: {
        source: new RevocationSource({ ocsp: authorities.ocspUrl, crls: [], ...timed, ...revocation }),
        roots: { document: trusted, timestamp: trusted },
      },
    });
  };
  return {
    ...house,
    authorities,
    roots,
    clock,
    raiser,
    service: (own = raiser(), flush, ownClock = clock) =>
      new SealService({
        pool: house.pool,
        keys: house.keys,
        clock: ownClock,
        committeeName: COMMITTEE,
        diameterMm: 42,
        cacheFolder: house.folder,
        pagingEdge: 'right',
        rendition: 'display',
        raiser: own,
        ...(flush === undefined ? {} : { flush }),
      }),
    async [Symbol.asyncDispose]() {
      await authorities[Symbol.asyncDispose]();
      await house[Symbol.asyncDispose]();
    },
  };
}

/** What stands in a sealed file, taken out of it for others to judge. */
export interface Parts {
  readonly signatures: readonly Part[];
  readonly store: ReturnType<typeof readSecurityStore>;
}

export interface Part {
  readonly field: string;
  readonly subFilter: string | null;
  readonly contents: Uint8Array;
  /** All that the ByteRange covers. */
  readonly covered: Uint8Array;
  /** Tokens that the signature carries, and the value that they are over. */
  readonly tokens: readonly Uint8Array[];
  readonly value: Uint8Array;
  readonly end: number;
}

export function partsOf(bytes: Uint8Array): Parts {
  const pdf = openPdf(memorySource(bytes));
  const signatures = pdf.signatureFields().flatMap(({ name, value }): Part[] => {
    // One of the fixtures has a signature of nothing but zeros.
    if (!value?.contents || value.contents.bytes[0] === 0) return [];
    const [, before = 0, from = 0, after = 0] = value.byteRange ?? [];
    const parsed = parseSignedData(value.contents.bytes);
    return [
      {
        field: name,
        subFilter: value.subFilter,
        contents: parsed.bytes,
        covered: Buffer.concat([bytes.subarray(0, before), bytes.subarray(from, from + after)]),
        tokens: value.subFilter === 'ETSI.RFC3161' ? [] : timestampsOf(parsed),
        value: parsed.signature,
        end: from + after,
      },
    ];
  });
  return { signatures, store: readSecurityStore(pdf) };
}

/** Levels by what OpenSSL believes of what is in the file, and by nothing that this project reads itself. */
export function levelByOpenssl(bytes: Uint8Array, { folder, pki }: Pick<LevelHouse, 'folder' | 'pki'>): Level {
  const at = mkdtempSync(join(folder, 'judged-'));
  const file = (name: string, content: Uint8Array): string => {
    writeFileSync(join(at, name), content);
    return join(at, name);
  };
  const { signatures, store } = partsOf(bytes);
  const seal = signatures.findLast(({ subFilter }) => subFilter === 'ETSI.CAdES.detached')!;
  const chain = ['-CAfile', pki.rootPem, '-purpose', 'any'];
  const cms = ['-inform', 'DER', '-in', file('seal.der', seal.contents), '-content', file('covered.bin', seal.covered)];
  const verified = runTool('openssl', [
    'cms',
    '-verify',
    '-binary',
    '-cades',
    ...cms,
    ...chain,
    '-out',
    join(at, 'out'),
  ]);
  if (verified.status !== 0) throw new Error(`openssl cms: ${verified.stderr}`);

  const isStamped = (token: Uint8Array, data: Uint8Array): boolean => {
    const args = [
      '-token_in',
      '-in',
      file('token.der', token),
      '-data',
      file('data.bin', data),
      '-CAfile',
      pki.rootPem,
    ];
    return runTool('openssl', ['ts', '-verify', ...args]).stdout.includes('Verification: OK');
  };
  const stamps = signatures.filter(({ subFilter, end }) => subFilter === 'ETSI.RFC3161' && end > seal.end);
  if (stamps.some(({ contents, covered }) => !isStamped(contents, covered)))
    throw new Error('a wrong document timestamp');
  if (seal.tokens.some((token) => !isStamped(token, seal.value))) throw new Error('a wrong signature timestamp');
  if (stamps.length + seal.tokens.length === 0) return 'B-B';

  const own = runTool('openssl', ['x509', '-in', pki.committeePem, '-noout', '-serial'])
    .stdout.trim()
    .replace(/^serial=/, '');
  const authorities = file(
    'authorities.pem',
    Buffer.concat([pki.rootPem, pki.intermediatePem].map((pem) => readFileSync(pem))),
  );
  const good = store.ocsps.some((ocsp, i) => {
    const respin = [
      '-no_nonce',
      '-respin',
      file(`${i}.ocsp`, ocsp),
      '-issuer',
      pki.intermediatePem,
      '-serial',
      `0x${own}`,
    ];
    const { stdout, stderr } = runTool('openssl', ['ocsp', ...respin, '-CAfile', authorities]);
    return stderr.includes('Response verify OK') && stdout.includes(': good');
  });
  const listed = store.crls.some((crl, i) => {
    const list = ['-inform', 'DER', '-in', file(`${i}.crl`, crl), '-CAfile', pki.intermediatePem, '-noout', '-text'];
    const { stdout, stderr } = runTool('openssl', ['crl', ...list]);
    return stderr.includes('verify OK') && !stdout.includes(own.toUpperCase());
  });
  if (!good && !listed) return 'B-T';
  const [last] = stamps.toSorted((a, b) => b.end - a.end);
  return last?.end === bytes.length ? 'B-LTA' : 'B-LT';
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
