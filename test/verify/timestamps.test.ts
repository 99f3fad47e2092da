import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { ATTRIBUTE } from '../../src/cms/signed-attributes.ts';
import { parseSignedData, withUnsignedAttribute } from '../../src/cms/signed-data.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { planDocumentTimestamp } from '../../src/pdf/document-timestamp.ts';
import { planSecurityStore } from '../../src/pdf/dss.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { Level } from '../../src/seal/level.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import type { TrustOptions } from '../../src/verify/trust.ts';
import { verifyPdf } from '../../src/verify/verify-pdf.ts';
import { FormHouse, fillSecond, permitting, told } from '../support/form-house.ts';
import { openLevels } from '../support/levels.ts';
import type { LevelHouse } from '../support/levels.ts';
import { signPlanned } from '../support/openssl-signer.ts';
import { opensslTimestamps } from '../support/openssl-timestamp.ts';
import type { OpensslTimestamps } from '../support/openssl-timestamp.ts';
import { fixture } from '../support/sealing.ts';
import { describeTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');
const ALONE = new AbortController().signal;
const RANDOM = new Uint8Array(16).fill(7);
const DAY_MS = 86_400_000;

describeTool('openssl', 'what timestamps prove', () => {
  let house: LevelHouse;
  let forms: FormHouse;
  let stranger: OpensslTimestamps;
  let strangerRoot: Certificate;
  const sealed = new Map<Level, Buffer>();
  let count = 0;

  beforeAll(async () => {
    house = await openLevels();
    forms = new FormHouse();
    stranger = opensslTimestamps(house.folder);
    strangerRoot = parseCertificate(await readFile(stranger.rootPem));
    for (const level of ['B-B', 'B-T', 'B-LT', 'B-LTA'] as const) sealed.set(level, await seal(level));
  });
  afterAll(async () => {
    forms[Symbol.dispose]();
    await house[Symbol.asyncDispose]();
  });

  async function seal(level: Level, original = AGREEMENT, own = house): Promise<Buffer> {
    const path = join(own.folder, `sealed-${++count}.pdf`);
    await writeFile(path, await readFile(original));
    const job = { path, bytes: (await stat(path)).size, marks: [], parties: 0, allowReal: true, level };
    await own.service().seal({ ...job, seal: { page: 1, xMm: 60, yMm: 60 } }, ALONE);
    return readFile(path);
  }

  const of = (level: Level): Buffer => sealed.get(level)!;

  function verify(bytes: Uint8Array, change: Partial<TrustOptions> = {}): VerificationReport {
    return verifyPdf(memorySource(bytes), { roots: house.roots, now: new Date(), ...change });
  }

  /** A document timestamp of the stranger's authority. */
  function stamped(bytes: Uint8Array): Buffer {
    return signPlanned(bytes, planDocumentTimestamp(openPdf(memorySource(bytes)), 8192, RANDOM), (data) =>
      stranger.stamp(data),
    );
  }

  /** The signed form with another CMS in place of its signature's. */
  function withCms(change: (cms: Uint8Array) => Uint8Array): Buffer {
    const bytes = Buffer.from(forms.signed());
    const { bytes: contents, span } = openPdf(memorySource(bytes)).signatureFields()[0]!.value!.contents!;
    const cms = change(parseSignedData(contents).bytes);
    bytes.write(
      Buffer.from(cms)
        .toString('hex')
        .padEnd(2 * contents.length, '0'),
      span!.start + 1,
      'latin1',
    );
    return bytes;
  }

  const codes = ({ reasons }: VerificationReport): string[] => reasons.map(({ code }) => code);
  const near = (text: string | undefined): boolean => Math.abs(Date.parse(text ?? '') - Date.now()) < 600_000;

  it.each([
    ['B-B', [{ kind: 'seal', proven: false, revocation: 'UNKNOWN' }]],
    ['B-T', [{ kind: 'seal', proven: true, revocation: 'UNKNOWN' }]],
    ['B-LT', [{ kind: 'seal', proven: true, revocation: 'GOOD' }]],
    [
      'B-LTA',
      [
        { kind: 'seal', proven: true, revocation: 'GOOD' },
        { kind: 'timestamp', proven: true, revocation: 'GOOD' },
      ],
    ],
  ] as const)('%s: when it was made, and whether its certificates were revoked then', (level, expected) => {
    const report = verify(of(level));
    expect(report).toMatchObject({ verdict: 'VALID', integrity: 'INTACT', trust: 'TRUSTED', reasons: [] });
    expect(
      report.signatures.map(({ kind, provenAt, revocation }) => ({
        kind,
        proven: near(provenAt),
        revocation: revocation?.status,
      })),
    ).toEqual(expected);
  });

  it('tell of what was added for them, and break nothing', () => {
    const [own, stamp] = verify(of('B-LTA')).signatures;
    expect(own?.changesAfter.map(({ code, allowed }) => ({ code, allowed }))).toEqual([
      { code: 'VALIDATION_DATA_ADDED', allowed: true },
      { code: 'TIMESTAMP_ADDED', allowed: true },
    ]);
    expect(stamp).toMatchObject({ changesAfter: [], coversWholeFile: true });
    expect(stamp?.signer).toContain('TEST');
    expect(stamp).not.toHaveProperty('claimedAt');
  });

  it('nothing, where nobody trusts the authority', () => {
    const report = verify(stamped(of('B-B')));
    expect(report).toMatchObject({ verdict: 'INDETERMINATE', integrity: 'INTACT', trust: 'UNTRUSTED' });
    expect(report.signatures).toMatchObject([{ trust: 'TRUSTED' }, { kind: 'timestamp', trust: 'UNTRUSTED' }]);
    expect(report.signatures[0]).not.toHaveProperty('provenAt');
    expect(report.signatures[1]).not.toHaveProperty('provenAt');
    expect(near(report.signatures[1]?.claimedAt)).toBe(true);
    expect(codes(report)).toEqual(['CHAIN_INCOMPLETE']);
    const trusted = verify(stamped(of('B-B')), { timestampRoots: [strangerRoot] });
    expect(trusted).toMatchObject({ verdict: 'VALID', reasons: [] });
    expect(trusted.signatures.map(({ provenAt }) => near(provenAt))).toEqual([true, true]);
  });

  it('for seals nothing, where their authority may stamp and no more', () => {
    const report = verify(of('B-B'), { roots: [], timestampRoots: house.roots });
    expect(report).toMatchObject({ verdict: 'INDETERMINATE', trust: 'UNTRUSTED' });
  });

  it('where one is over the signature: its time, or nothing and a word on it where nobody trusts the authority', () => {
    const file = withCms((cms) =>
      withUnsignedAttribute(cms, ATTRIBUTE.timestampToken, stranger.stamp(parseSignedData(cms).signature)),
    );
    const untrusted = forms.verify(file);
    expect(untrusted).toMatchObject({ verdict: 'VALID', signatures: [{ trust: 'TRUSTED' }] });
    expect(untrusted.signatures[0]).not.toHaveProperty('provenAt');
    expect(codes(untrusted)).toEqual(['TIMESTAMP_IGNORED']);
    const trusted = forms.verify(file, { timestampRoots: [strangerRoot] });
    expect(near(trusted.signatures[0]?.provenAt)).toBe(true);
    expect(codes(trusted)).toEqual([]);
  });

  it('are as much of the file as its pages: one over something else is a change', () => {
    const wrong = withCms((cms) =>
      withUnsignedAttribute(cms, ATTRIBUTE.timestampToken, stranger.stamp(Buffer.from('something else'))),
    );
    expect(forms.verify(wrong)).toMatchObject({ verdict: 'INVALID', integrity: 'BROKEN' });
    expect(codes(forms.verify(wrong))).toContain('TIMESTAMP_IMPRINT_WRONG');

    const plan = planDocumentTimestamp(openPdf(memorySource(of('B-B'))), 8192, RANDOM);
    const other = signPlanned(of('B-B'), plan, () => stranger.stamp(Buffer.from('something else')));
    const report = verify(other, { timestampRoots: [strangerRoot] });
    expect(report.signatures).toMatchObject([{ integrity: 'INTACT' }, { kind: 'timestamp', integrity: 'BROKEN' }]);
    expect(report.verdict).toBe('INVALID');
    expect(report.signatures[0]).not.toHaveProperty('provenAt');
  });

  it.each(['B-T', 'B-LTA'] as const)('of %s stand with every byte: with one changed, it is never VALID', (level) => {
    const bytes = of(level);
    const spans = openPdf(memorySource(bytes))
      .signatureFields()
      .map(({ value }) => value!.contents!.span!);
    const inContents = (offset: number): boolean => spans.some(({ start, end }) => offset > start && offset < end - 1);
    // Half of the bytes that are tried are in Contents: that is where the tokens are, and no digest of the file reaches.
    const token = fc.constantFrom(...spans).chain(({ start }) => fc.integer({ min: start, max: start + 16_000 }));
    const offsets = fc.oneof(fc.integer({ min: 0, max: bytes.length - 1 }), token);
    fc.assert(
      fc.property(offsets, fc.integer({ min: 1, max: 255 }), (offset, flip) => {
        const changed = Uint8Array.from(bytes);
        changed[offset] = (changed[offset] ?? 0) ^ flip;
        const isDigitCase = inContents(offset) && flip === 0x20 && (changed[offset] ?? 0) > 0x40;
        if (!isDigitCase) expect(verify(changed).verdict).not.toBe('VALID');
      }),
      { numRuns: 300 },
    );
  });

  it('may follow a certification that permits nothing else', () => {
    const certified = stamped(forms.signed(permitting(1)));
    const report = forms.verify(certified);
    expect(told(report)).toEqual(['TIMESTAMP_ADDED']);
    expect(report).toMatchObject({ verdict: 'INDETERMINATE', integrity: 'INTACT' });
  });

  it('reach as far as what they cover, and prove nothing of what came later', () => {
    const report = forms.verify(forms.updated(stamped(forms.signed()), fillSecond), { timestampRoots: [strangerRoot] });
    expect(report.verdict).toBe('VALID');
    expect(report.signatures.map(({ field, provenAt }) => [field, provenAt !== undefined])).toEqual([
      ['First', true],
      ['Second', false],
      ['Timestamp1', true],
    ]);
  });

  describe('where a certificate was revoked', () => {
    const later = new Date(Date.now() + DAY_MS);

    /** The list of the seal's issuer behind the file. */
    async function withList(bytes: Uint8Array, own: LevelHouse): Promise<Buffer> {
      const list = new Uint8Array(await (await fetch(own.authorities.crlUrls.intermediate)).arrayBuffer());
      const store = { certificates: [], crls: [list], ocsps: [] };
      return Buffer.concat([bytes, planSecurityStore(openPdf(memorySource(bytes)), store, RANDOM)!.bytes]);
    }

    async function revoke(own: LevelHouse, at: Date, reason: string): Promise<void> {
      await own.authorities.revoke(parseCertificate(await readFile(own.pki.committeePem)), at, reason);
    }

    it('later than it was proven that it had sealed, the seal stands; where nothing proves that, it does not', async () => {
      const proven = Date.parse(verify(of('B-T')).signatures[0]?.provenAt ?? '');
      await revoke(house, new Date(proven + 2000), 'superseded');
      const report = verify(await withList(of('B-T'), house), { now: later });
      expect(report).toMatchObject({ verdict: 'VALID', signatures: [{ trust: 'TRUSTED' }] });
      const claimed = verify(await withList(of('B-B'), house), { now: later });
      expect(claimed).toMatchObject({
        verdict: 'INDETERMINATE',
        signatures: [{ integrity: 'INTACT', trust: 'UNTRUSTED', revocation: { status: 'REVOKED' } }],
      });
      expect(codes(claimed)).toEqual(['CERTIFICATE_REVOKED']);
    });

    it('before, nobody trusts the seal', async () => {
      await using own = await openLevels();
      const bytes = await seal('B-T', AGREEMENT, own);
      await revoke(own, new Date(Date.now() - DAY_MS), 'keyCompromise');
      const report = verify(await withList(bytes, own), { roots: own.roots });
      expect(report).toMatchObject({ verdict: 'INDETERMINATE', integrity: 'INTACT', trust: 'UNTRUSTED' });
      expect(report.signatures[0]?.revocation).toMatchObject({ status: 'REVOKED', code: 'CERTIFICATE_REVOKED' });
    });
  });
});
