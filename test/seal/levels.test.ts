import { writeFileSync } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { LevelRaiser } from '../../src/seal/level-raiser.ts';
import { RevocationSource } from '../../src/seal/revocation-source.ts';
import { TimestampAuthority } from '../../src/seal/timestamp-authority.ts';
import type { Level } from '../../src/seal/level.ts';
import type { SealJob, SealedFile } from '../../src/seal/seal-job.ts';
import type { SealService } from '../../src/seal/seal-service.ts';
import { verifyPdf } from '../../src/verify/verify-pdf.ts';
import { levelByOpenssl, openLevels, partsOf, sha256 } from '../support/levels.ts';
import type { LevelHouse } from '../support/levels.ts';
import { VirtualClock } from '../support/clock.ts';
import { opensslSigner } from '../support/openssl-signer.ts';
import { incrementOf } from '../support/pdf-files.ts';
import { fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'three-parties.pdf');
const ALONE = new AbortController().signal;

describeTool(['openssl', 'qpdf', 'pdfsig', 'mutool'], 'levels, with authorities of OpenSSL', () => {
  let house: LevelHouse;
  let count = 0;
  beforeAll(async () => {
    house = await openLevels();
  });
  afterAll(() => house[Symbol.asyncDispose]());
  beforeEach(() => {
    Object.assign(house.authorities.faults, { timestamp: null, ocsp: null, crl: null });
  });

  async function seal(
    level: Level,
    service: SealService = house.service(),
    change: Partial<SealJob> = {},
    original = AGREEMENT,
  ): Promise<{ path: string; bytes: Buffer; sealed: SealedFile; asked: string[] }> {
    const path = join(house.folder, `level-${++count}.pdf`);
    await writeFile(path, await readFile(original));
    const { size } = await stat(path);
    const before = house.authorities.questions.length;
    const job = { path, bytes: size, marks: [], parties: 3, seal: null, allowReal: true, level, ...change };
    const sealed = await service.seal(job, ALONE);
    return { path, bytes: await readFile(path), sealed, asked: house.authorities.questions.slice(before) };
  }

  describe.each<[Level, string[]]>([
    ['B-B', []],
    ['B-T', ['timestamp']],
    // The seal's certificate and its issuer's; then the authority's.
    ['B-LT', ['ocsp', 'ocsp', 'timestamp', 'ocsp']],
    ['B-LTA', ['ocsp', 'ocsp', 'timestamp', 'ocsp', 'timestamp']],
  ])('%s', (level, questions) => {
    it('is what others find in the file, and what the answer says', async () => {
      const { path, bytes, sealed, asked } = await seal(level);
      expect(sealed).toMatchObject({ level, bytes: bytes.length, sha256After: sha256(bytes), warnings: [] });
      expect(sealed).not.toHaveProperty('shortfall');
      expect(levelByOpenssl(bytes, house)).toBe(level);
      expect(asked).toEqual(questions);
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
      expect(runTool('pdfsig', [path]).stdout).toMatch(
        /Signature Type: ETSI\.CAdES\.detached\n[^#]*Signature is Valid/,
      );
      expect(runTool('mutool', ['sign', '-v', path]).stdout).toMatch(/signature is valid|unchanged since signing/);
      const original = await readFile(AGREEMENT);
      expect(bytes.subarray(0, original.length).equals(original)).toBe(true);
    });

    it.each(['xref-stream', 'classic-table', 'signed-before'])('is reached on %s', async (name) => {
      const at = { seal: { page: 1, xMm: 80, yMm: 80 }, parties: 0 };
      const { path, bytes, sealed } = await seal(level, undefined, at, fixture('pdf', 'extended', `${name}.pdf`));
      expect(sealed.level).toBe(level);
      expect(levelByOpenssl(bytes, house)).toBe(level);
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    });
  });

  describe('what a seal lets follow', () => {
    /** What our own verifier says of each seal, all that follows it considered. */
    const sealsIn = (bytes: Uint8Array): string[] =>
      verifyPdf(memorySource(bytes), { roots: house.roots, now: house.clock.now() })
        .signatures.filter(({ kind }) => kind === 'seal')
        .map(({ integrity }) => integrity);
    const expect2 = [{ name: 'Second', placement: { page: 1, xMm: 60, yMm: 60 } }];

    it('is proof always, where nothing else may, too', async () => {
      const { bytes, sealed } = await seal('B-LTA', undefined, { final: true });
      expect(sealed).toMatchObject({ level: 'B-LTA', warnings: [{ code: 'PROOF_AFTER_FINAL' }] });
      expect(sealsIn(bytes)).toEqual(['INTACT']);
      expect((await seal('B-T', undefined, { final: true })).sealed.warnings).toEqual([]);
    });

    it('is the seal it expects, behind its proof, and proof of that', async () => {
      const once = await seal('B-LTA', undefined, { expect: expect2 });
      const twice = await seal('B-LTA', undefined, {}, once.path);
      expect(twice.sealed).toMatchObject({ level: 'B-LTA', warnings: [] });
      expect(runTool('qpdf', ['--check', twice.path])).toMatchObject({ status: 0, stderr: '' });
      expect(runTool('pdfsig', [twice.path]).stdout.match(/detached\n[^#]*Signature is Valid/g)).toHaveLength(2);
      expect(sealsIn(twice.bytes)).toEqual(['INTACT', 'INTACT']);
    });
  });

  it.each([
    'hybrid',
    'linearized',
    'object-streams',
    'pdf-2',
    'encrypted-aes-256',
    'encrypted-rc4-128',
    'encrypted-object-stream',
  ])('B-LTA is reached on %s', async (name) => {
    const at = { seal: { page: 1, xMm: 80, yMm: 80 }, parties: 0 };
    const { path, bytes, sealed } = await seal('B-LTA', undefined, at, fixture('pdf', 'extended', `${name}.pdf`));
    expect(sealed.level).toBe('B-LTA');
    expect(levelByOpenssl(bytes, house)).toBe('B-LTA');
    expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    expect(runTool('pdfsig', [path]).stdout).toMatch(/ETSI\.CAdES\.detached\n[^#]*Signature is Valid/);
  });

  it('B-LTA is reached behind a seal that lets nothing else follow', async () => {
    const { bytes, sealed } = await seal('B-LTA', undefined, { final: true });
    expect(sealed.level).toBe('B-LTA');
    expect(levelByOpenssl(bytes, house)).toBe('B-LTA');
    const path = join(house.folder, 'final.pdf');
    await writeFile(path, bytes);
    const job = { path, bytes: bytes.length, sha256: sealed.sha256After };
    expect(await house.service().extend({ ...job, to: 'B-LTA' }, ALONE)).toMatchObject({ level: 'B-LTA' });
    expect(levelByOpenssl(await readFile(path), house)).toBe('B-LTA');
  });

  it('B-LT holds the whole chains, and what speaks for each certificate of them', async () => {
    const { bytes } = await seal('B-LT');
    const { store } = partsOf(bytes);
    const subjects = store.certificates.map((der) => {
      const output = runTool('openssl', ['x509', '-inform', 'DER', '-in', derFile(der), '-noout', '-subject']).stdout;
      return /CN = (.*)$/m.exec(output)?.[1];
    });
    expect(new Set(subjects).size).toBe(4); // committee, intermediate, root, timestamp authority
    expect(store.ocsps).toHaveLength(3);
    expect(store.crls).toHaveLength(0);
  });

  function derFile(der: Uint8Array): string {
    const path = join(house.folder, `${++count}.der`);
    writeFileSync(path, der);
    return path;
  }

  it('B-LT is reached by lists alone, fetched once for several seals', async () => {
    const { root, intermediate } = house.authorities.crlUrls;
    const { bytes: list } = { bytes: new Uint8Array(await (await fetch(root)).arrayBuffer()) };
    const file = join(house.folder, 'root.crl');
    await writeFile(file, list);
    const service = house.service(
      house.raiser({ revocation: { ocsp: undefined as never, crls: [file, intermediate] } }),
    );
    const first = await seal('B-LTA', service);
    expect(first.asked).toEqual(['crl', 'timestamp', 'timestamp']);
    expect(levelByOpenssl(first.bytes, house)).toBe('B-LTA');
    expect(partsOf(first.bytes).store).toMatchObject({ ocsps: [] });
    expect(partsOf(first.bytes).store.crls).toHaveLength(2);
    const second = await seal('B-LT', service);
    expect(second.asked).toEqual(['timestamp']);
    expect(levelByOpenssl(second.bytes, house)).toBe('B-LT');
  });

  it.each([
    [11 * 60_000, 'ahead', '快'],
    [-3 * 3_600_000, 'behind', '慢'],
  ])('a PC whose clock is %i ms off is told so', async (off, message, messageZh) => {
    const clock: Clock = { ...systemClock, now: () => new Date(Date.now() + off) };
    const { sealed } = await seal('B-T', house.service(house.raiser(), undefined, clock));
    expect(sealed.warnings).toMatchObject([
      {
        code: 'CLOCK_OFF',
        message: expect.stringContaining(message) as string,
        messageZh: expect.stringContaining(messageZh) as string,
      },
    ]);
    expect((await seal('B-T')).sealed.warnings).toEqual([]);
  });

  describe('a timestamp authority that fails', () => {
    it.each([
      ['closed', 'TIMESTAMP_UNREACHABLE', 'UND_ERR_SOCKET'],
      ['status-500', 'TIMESTAMP_UNREACHABLE', 'answered 500'],
      ['html', 'TIMESTAMP_UNREACHABLE', 'answered text/html'],
      ['huge', 'TIMESTAMP_UNREACHABLE', 'answered -'],
      ['refused', 'TIMESTAMP_REFUSED', 'rejection'],
      ['wrong-nonce', 'TIMESTAMP_INVALID', 'nonce'],
      ['wrong-imprint', 'TIMESTAMP_INVALID', 'TIMESTAMP_IMPRINT_WRONG'],
      ['no-certificate', 'TIMESTAMP_INVALID', 'SIGNER_CERTIFICATE_ABSENT'],
      ['expired-signer', 'TIMESTAMP_UNTRUSTED', 'CERTIFICATE_EXPIRED'],
    ] as const)('%s: the seal is B-B, and says why', async (fault, code, detail) => {
      house.authorities.faults.timestamp = fault;
      const { path, bytes, sealed } = await seal('B-T');
      expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code } });
      expect(sealed.shortfall?.detail).toContain(detail);
      expect(levelByOpenssl(bytes, house)).toBe('B-B');
      expect(runTool('pdfsig', [path]).stdout).toContain('Signature is Valid');
    });

    it('by a root that nobody configured', async () => {
      const service = house.service(house.raiser({ timestamp: { roots: () => Promise.resolve([]) } }));
      const { sealed } = await seal('B-LTA', service);
      expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code: 'TIMESTAMP_UNTRUSTED' } });
    });

    it('and roots that cannot be read', async () => {
      const roots = (): Promise<never> => Promise.reject(new AppError('FILE_UNREADABLE', 'tsa.pem'));
      const { sealed } = await seal('B-T', house.service(house.raiser({ timestamp: { roots } })));
      expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code: 'FILE_UNREADABLE' } });
    });

    it('under another policy than the configured one', async () => {
      const policy = '1.2.3.4.5';
      const { sealed } = await seal('B-T', house.service(house.raiser({ timestamp: { policy } })));
      expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code: 'TIMESTAMP_REFUSED' } });
    });

    it('whose token takes more than the room that was kept for it', async () => {
      const { timestampUrl: url } = house.authorities;
      const authority = new TimestampAuthority({
        url,
        roots: () => Promise.resolve(house.roots),
        timeoutMs: 5000,
        clock: systemClock,
      });
      await expect(authority.stamp(new Uint8Array(32), 500, ALONE)).rejects.toMatchObject({
        code: 'TIMESTAMP_TOO_LARGE',
        detail: expect.stringMatching(/^\d+ bytes, 500 were kept for it$/) as string,
      });
      expect((await authority.stamp(new Uint8Array(32), authority.room, ALONE)).token.der.length).toBeGreaterThan(500);
      class Cramped extends TimestampAuthority {
        override get room(): number {
          return 500;
        }
      }
      const timestamps = new Cramped({
        url,
        roots: () => Promise.resolve(house.roots),
        timeoutMs: 5000,
        clock: systemClock,
      });
      const { bytes, sealed } = await seal('B-T', house.service(new LevelRaiser({ pool: house.pool, timestamps })));
      expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code: 'TIMESTAMP_TOO_LARGE' } });
      expect(levelByOpenssl(bytes, house)).toBe('B-B');
    });

    it('by silence: it is waited for as long as configured, and no longer than somebody has patience', async () => {
      const clock = new VirtualClock(new Date());
      const service = house.service(house.raiser({ timestamp: { clock, timeoutMs: 7000 } }));
      house.authorities.faults.timestamp = 'silent';
      const asleep = (): Promise<void> => expect.poll(() => clock.sleeping, { interval: 1 }).toBe(1);
      const waiting = seal('B-T', service);
      await asleep();
      await clock.advance(7000);
      expect((await waiting).sealed).toMatchObject({
        level: 'B-B',
        shortfall: { code: 'TIMESTAMP_UNREACHABLE', detail: expect.stringContaining('within 7000 ms') as string },
      });

      const hurry = new AbortController();
      const other = house.service(house.raiser({ timestamp: { clock } }));
      const hurried = seal('B-T', other, { hurry: hurry.signal });
      await asleep();
      hurry.abort(new AppError('SHUTTING_DOWN'));
      const { bytes, sealed } = await hurried;
      expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code: 'SHUTTING_DOWN' } });
      expect(levelByOpenssl(bytes, house)).toBe('B-B');
      expect(clock.sleeping).toBe(0);
    });

    it('half way: what was reached before stays', async () => {
      let asked = 0;
      const secondFails = { configurable: true, get: () => (asked++ === 0 ? null : 'status-500') };
      Object.defineProperty(house.authorities.faults, 'timestamp', secondFails);
      const { bytes, sealed } = await seal('B-LTA');
      const none = { configurable: true, enumerable: true, writable: true, value: null };
      Object.defineProperty(house.authorities.faults, 'timestamp', none);
      expect(sealed).toMatchObject({ level: 'B-LT', shortfall: { code: 'TIMESTAMP_UNREACHABLE' } });
      expect(levelByOpenssl(bytes, house)).toBe('B-LT');
    });
  });

  describe('revocation that nobody tells of', () => {
    it.each([
      ['closed', 'REVOCATION_UNREACHABLE'],
      ['status-500', 'REVOCATION_UNREACHABLE'],
      ['html', 'REVOCATION_UNREACHABLE'],
      ['huge', 'REVOCATION_UNREACHABLE'],
      ['try-later', 'OCSP_REFUSED'],
      ['unknown', 'REVOCATION_UNKNOWN'],
      ['bad-signature', 'REVOCATION_UNKNOWN'],
    ] as const)('%s: the seal is B-T, and says why', async (fault, code) => {
      house.authorities.faults.ocsp = fault;
      const { bytes, sealed } = await seal('B-LTA');
      expect(sealed).toMatchObject({ level: 'B-T', shortfall: { code } });
      expect(levelByOpenssl(bytes, house)).toBe('B-T');
    });

    it('by the responder, but by lists', async () => {
      house.authorities.faults.ocsp = 'closed';
      const crls = Object.values(house.authorities.crlUrls);
      const { bytes, sealed } = await seal('B-LT', house.service(house.raiser({ revocation: { crls } })));
      expect(sealed.level).toBe('B-LT');
      expect(levelByOpenssl(bytes, house)).toBe('B-LT');
    });

    it.each([
      ['outdated', 'REVOCATION_UNKNOWN'],
      ['html', 'CRL_INVALID'],
      ['status-500', 'REVOCATION_UNREACHABLE'],
    ] as const)('by lists that are %s', async (fault, code) => {
      house.authorities.faults.crl = fault;
      const crls = Object.values(house.authorities.crlUrls);
      const { sealed } = await seal(
        'B-LT',
        house.service(house.raiser({ revocation: { crls, ocsp: undefined as never } })),
      );
      expect(sealed).toMatchObject({ level: 'B-T', shortfall: { code } });
    });

    it('for want of a list that speaks for every certificate', async () => {
      const crls = [house.authorities.crlUrls.root];
      const { sealed } = await seal(
        'B-LT',
        house.service(house.raiser({ revocation: { crls, ocsp: undefined as never } })),
      );
      expect(sealed).toMatchObject({ level: 'B-T', shortfall: { code: 'REVOCATION_UNKNOWN' } });
    });

    it('of a chain that leads to no configured root', async () => {
      const raiser = new LevelRaiser({
        pool: house.pool,
        timestamps: new TimestampAuthority({
          url: house.authorities.timestampUrl,
          roots: () => Promise.resolve(house.roots),
          timeoutMs: 5000,
          clock: systemClock,
        }),
        revocation: {
          source: new RevocationSource({
            ocsp: house.authorities.ocspUrl,
            crls: [],
            timeoutMs: 5000,
            clock: systemClock,
          }),
          roots: { document: () => Promise.resolve([]), timestamp: () => Promise.resolve(house.roots) },
        },
      });
      const { sealed } = await seal('B-LT', house.service(raiser));
      expect(sealed).toMatchObject({ level: 'B-T', shortfall: { code: 'REVOCATION_UNKNOWN' } });
      expect(sealed.shortfall?.detail).toContain('CHAIN_INCOMPLETE');
    });
  });

  describe('a file that was sealed earlier', () => {
    /** Sealed while nobody answered. */
    async function offline(): Promise<{
      path: string;
      job: { path: string; bytes: number; sha256: string };
      before: Buffer;
    }> {
      house.authorities.faults.timestamp = 'closed';
      const { path, bytes, sealed } = await seal('B-LTA');
      house.authorities.faults.timestamp = null;
      return { path, job: { path, bytes: bytes.length, sha256: sealed.sha256After }, before: bytes };
    }

    it.each(['B-T', 'B-LT', 'B-LTA'] as const)('is raised to %s without the key', async (to) => {
      const { path, job, before } = await offline();
      house.keys.lock();
      const extended = await house.service().extend({ ...job, from: 'B-B', to }, ALONE);
      await house.unlock();
      const after = await readFile(path);
      expect(extended).toMatchObject({ level: to, bytes: after.length, sha256: sha256(after) });
      expect(after.subarray(0, before.length).equals(before)).toBe(true);
      expect(levelByOpenssl(after, house)).toBe(to);
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
      expect(runTool('pdfsig', [path]).stdout).toMatch(/ETSI\.CAdES\.detached\n[^#]*Signature is Valid/);
    });

    it('is raised whatever stands on it from before, since only the newest seal is ours to prove', async () => {
      const at = { seal: { page: 1, xMm: 80, yMm: 80 }, parties: 0 };
      const original = fixture('pdf', 'extended', 'signed-before.pdf'); // its signature is all zeros
      const { path, bytes, sealed } = await seal('B-B', undefined, at, original);
      const job = { path, bytes: bytes.length, sha256: sealed.sha256After };
      expect(await house.service().extend({ ...job, from: 'B-B', to: 'B-LT' }, ALONE)).toMatchObject({ level: 'B-LT' });
      expect(levelByOpenssl(await readFile(path), house)).toBe('B-LT');
    });

    it('goes on from where it came to', async () => {
      const { path, bytes, sealed } = await seal('B-T');
      const job = { path, bytes: bytes.length, sha256: sealed.sha256After };
      const further = await house.service().extend({ ...job, from: 'B-T', to: 'B-LTA' }, ALONE);
      expect(further.level).toBe('B-LTA');
      const after = await readFile(path);
      expect(partsOf(after).signatures.map(({ field }) => field)).toEqual(['Signature1', 'Timestamp1']);
      expect(levelByOpenssl(after, house)).toBe('B-LTA');
    });

    it('is raised in part where only one of the authorities answers, and is what it was where none does', async () => {
      const { path, job, before } = await offline();
      house.authorities.faults.ocsp = 'closed';
      const half = await house.service().extend({ ...job, from: 'B-B', to: 'B-LTA' }, ALONE);
      expect(half).toMatchObject({ level: 'B-T', shortfall: { code: 'REVOCATION_UNREACHABLE' } });
      const middle = await readFile(path);
      expect(levelByOpenssl(middle, house)).toBe('B-T');
      const rest = { path, bytes: half.bytes, sha256: half.sha256, from: 'B-T', to: 'B-LT' } as const;
      await expect(house.service().extend(rest, ALONE)).rejects.toMatchObject({ code: 'REVOCATION_UNREACHABLE' });
      house.authorities.faults.timestamp = 'closed';
      const last = { ...rest, to: 'B-LTA' } as const;
      await expect(house.service().extend(last, ALONE)).rejects.toMatchObject({ code: 'REVOCATION_UNREACHABLE' });
      expect((await readFile(path)).equals(middle)).toBe(true);
      expect(before.length).toBeLessThan(middle.length);
    });

    it('is renewed: what is missing, and one timestamp more', async () => {
      const first = await seal('B-LTA');
      const once = { path: first.path, bytes: first.bytes.length, sha256: first.sealed.sha256After };
      const renewed = await house.service().extend({ ...once, to: 'B-LTA' }, ALONE);
      expect(renewed.level).toBe('B-LTA');
      const after = await readFile(first.path);
      expect(partsOf(after).signatures.map(({ field }) => field)).toEqual(['Signature1', 'Timestamp1', 'Timestamp2']);
      expect(levelByOpenssl(after, house)).toBe('B-LTA');
      // The first document timestamp's authority is proven now, too.
      expect(partsOf(after).store.ocsps.length).toBeGreaterThan(partsOf(first.bytes).store.ocsps.length);

      const plain = await seal('B-B');
      const job = { path: plain.path, bytes: plain.bytes.length, sha256: plain.sealed.sha256After };
      expect(await house.service().extend({ ...job, to: 'B-LTA' }, ALONE)).toMatchObject({ level: 'B-LTA' });
      const raised = await readFile(plain.path);
      expect(partsOf(raised).signatures.map(({ field }) => field)).toEqual(['Signature1', 'Timestamp1', 'Timestamp2']);
      expect(levelByOpenssl(raised, house)).toBe('B-LTA');
    });

    it('is stamped where somebody else sealed it, and proven only where they lead to a configured root', async () => {
      const original = await readFile(fixture('pdf', 'extended', 'xref-stream.pdf'));
      const signed = opensslSigner(house.folder)(original, incrementOf(original));
      const path = join(house.folder, 'theirs.pdf');
      await writeFile(path, signed);
      const job = { path, bytes: signed.length, sha256: sha256(signed), to: 'B-LTA' } as const;
      const extended = await house.service().extend(job, ALONE);
      expect(extended).toMatchObject({ level: 'B-T', shortfall: { code: 'REVOCATION_UNKNOWN' } });
      expect(extended.shortfall?.detail).toContain('CHAIN_INCOMPLETE');
      expect(runTool('pdfsig', ['-nocert', path]).stdout).toContain('Signature is Valid');
    });

    it('is not touched where another hand was in it, where it carries no signature, and where the disk is full', async () => {
      const { path, job, before } = await offline();
      const extend = (change: object, service = house.service()): Promise<unknown> =>
        service.extend({ ...job, from: 'B-B', to: 'B-T', ...change }, ALONE);
      await expect(extend({ sha256: '00'.repeat(32) })).rejects.toMatchObject({ code: 'SEAL_FAILED' });
      await expect(extend({ bytes: job.bytes - 1 })).rejects.toMatchObject({ code: 'SEAL_FAILED' });
      const plain = await readFile(AGREEMENT);
      await writeFile(join(house.folder, 'plain.pdf'), plain);
      const unsigned = { path: join(house.folder, 'plain.pdf'), bytes: plain.length, sha256: sha256(plain) };
      await expect(extend(unsigned)).rejects.toMatchObject({ code: 'SEAL_FAILED' });
      const full = new AppError('FILE_UNWRITABLE', 'no space');
      let flushes = 0;
      const flush = (): Promise<void> => (flushes++ === 0 ? Promise.reject(full) : Promise.resolve());
      await expect(extend({}, house.service(house.raiser(), flush))).rejects.toBe(full);
      await expect(house.service().extend({ ...job, from: 'B-B', to: 'B-T' }, AbortSignal.abort(full))).rejects.toBe(
        full,
      );
      expect((await readFile(path)).equals(before)).toBe(true);
      await expect(house.sealer.extend({ ...job, from: 'B-B', to: 'B-T' }, ALONE)).rejects.toMatchObject({
        code: 'SEAL_LEVEL_UNSUPPORTED',
      });
    });
  });
});

describeTool('openssl', 'certificates that are revoked', () => {
  it('the seal’s own: nothing is signed, where it is asked', async () => {
    await using house = await openLevels();
    const { certificate } = house.keys.use();
    await house.authorities.revoke(certificate, new Date(Date.now() - 60_000));
    const path = join(house.folder, 'revoked.pdf');
    const original = await readFile(AGREEMENT);
    await writeFile(path, original);
    const job = { path, bytes: original.length, marks: [], parties: 3, seal: null, allowReal: true } as const;
    const crls = Object.values(house.authorities.crlUrls);
    for (const service of [
      house.service(),
      house.service(house.raiser({ revocation: { crls, ocsp: undefined as never } })),
    ]) {
      await expect(service.seal({ ...job, level: 'B-LT' }, ALONE)).rejects.toMatchObject({ code: 'SEAL_REVOKED' });
    }
    expect((await readFile(path)).equals(original)).toBe(true);
    // Who has been told once needs not be told again, whatever the level.
    const warned = house.service();
    await expect(warned.seal({ ...job, level: 'B-LT' }, ALONE)).rejects.toMatchObject({ code: 'SEAL_REVOKED' });
    const asked = house.authorities.questions.length;
    await expect(warned.seal({ ...job, level: 'B-B' }, ALONE)).rejects.toMatchObject({ code: 'SEAL_REVOKED' });
    expect(house.authorities.questions).toHaveLength(asked);
    const sealed = await house.service().seal({ ...job, level: 'B-T' }, ALONE);
    expect(sealed.level).toBe('B-T');
    const earlier = { path, bytes: sealed.bytes, sha256: sealed.sha256After, from: 'B-T', to: 'B-LT' } as const;
    await expect(house.service().extend(earlier, ALONE)).rejects.toMatchObject({ code: 'SEAL_REVOKED' });
  });

  it('the timestamp authority’s: its timestamp is none', async () => {
    await using house = await openLevels();
    const authority = parseCertificate(await readFile(join(house.pki.authorities, 'tsa.pem')));
    await house.authorities.revoke(authority, new Date(Date.now() - 60_000));
    const path = join(house.folder, 'revoked.pdf');
    const original = await readFile(AGREEMENT);
    await writeFile(path, original);
    const job = { path, bytes: original.length, marks: [], parties: 3, seal: null, allowReal: true } as const;
    const sealed = await house.service().seal({ ...job, level: 'B-LTA' }, ALONE);
    expect(sealed).toMatchObject({ level: 'B-B', shortfall: { code: 'TIMESTAMP_UNTRUSTED' } });
    expect(levelByOpenssl(await readFile(path), house)).toBe('B-B');
  });
});
