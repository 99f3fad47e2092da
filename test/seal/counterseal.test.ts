/** Several committees on one document: the first keeps a place, the second takes it, and nothing else may change. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { decodePng } from '../../src/biometric/raster.ts';
import { systemClock } from '../../src/clock.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { pdfDict, serialize } from '../../src/pdf/object.ts';
import type { PdfFacts } from '../../src/pdf/pdf-worker.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { fieldKeptFor } from '../../src/seal/counterseal.ts';
import type { KeyStore } from '../../src/seal/key-store.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import type { ExpectedSeal, SealJob } from '../../src/seal/seal-job.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import { incrementOf } from '../support/pdf-files.ts';
import { opensslSigner } from '../support/openssl-signer.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');
const SECOND = '示例市第二人民调解委员会';
const OWN_PLACE = { page: 1, xMm: 150, yMm: 200 };
const EXPECTED: ExpectedSeal = { name: SECOND, placement: { page: 1, xMm: 60, yMm: 200 } };

let first: SealingHouse;
let second: SealingHouse;
beforeAll(async () => {
  [first, second] = await Promise.all([openSealing(), openSealing({ committeeName: SECOND })]);
});
afterAll(() => Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]));

/** The first committee's seal, with places kept for those that are expected. */
async function sealedByFirst(job: Partial<SealJob> = {}): Promise<string> {
  const { path } = await first.seal(AGREEMENT, { seal: OWN_PLACE, expect: [EXPECTED], ...job });
  return path;
}

describe('the second committee’s seal', () => {
  it('goes into the place that was kept for it without being told where, and has nothing to warn of', async () => {
    const { bytes, sealed } = await second.seal(await sealedByFirst());
    const fields = openPdf(memorySource(bytes)).signatureFields();
    expect(fields.find(({ name }) => name === SECOND)?.value).toMatchObject({
      name: expect.stringContaining(SECOND) as string,
      docMdp: null,
      fieldMdp: { action: 'All' },
    });
    expect(sealed.warnings).toEqual([]);
  });

  it('goes where its name stands when several places were kept, or where it is told', async () => {
    const other = { name: '第三方', placement: { page: 1, xMm: 105, yMm: 250 } };
    const path = await sealedByFirst({ expect: [other, EXPECTED] });
    const filled = async (job: Partial<SealJob>): Promise<(string | undefined)[]> => {
      const fields = openPdf(memorySource((await second.seal(path, job)).bytes)).signatureFields();
      return fields.flatMap(({ name, value }) => (value === null ? [] : [name]));
    };
    expect(await filled({})).toEqual([SECOND, 'Signature1']);
    expect(await filled({ seal: { field: '第三方' } })).toEqual(['第三方', 'Signature1']);
    const nobody = first.seal(path);
    await expect(nobody).rejects.toMatchObject({ code: 'FIELD_AMBIGUOUS', extras: { fields: ['第三方', SECOND] } });
  });

  it('brings no marks of parties, and finds no place that was not kept', async () => {
    const path = await sealedByFirst();
    const raster = decodePng(await readFile(fixture('prints', 'whorl-1.png')));
    const marks: SealJob['marks'] = [
      {
        who: { role: 'party', index: 0 },
        placement: { page: 1, xMm: 50, yMm: 50 },
        picture: { kind: 'fingerprint', raster, inscription: 'TEST' },
      },
    ];
    await expect(second.seal(path, { marks })).rejects.toMatchObject({ code: 'COUNTERSEAL_CONTENT_FORBIDDEN' });
    await expect(second.seal(path, { seal: OWN_PLACE })).rejects.toMatchObject({ code: 'PDF_SIGNED_LOCKED' });
    await expect(second.seal(path, { seal: { field: 'auto' } })).rejects.toMatchObject({ code: 'FIELD_NOT_FOUND' });
    await expect(second.seal(path, { expect: [{ ...EXPECTED, name: 'B' }] })).rejects.toMatchObject({
      code: 'PDF_SIGNED_LOCKED',
    });
  });

  it('does not follow a seal that is final, or one that expects no other', async () => {
    for (const job of [{ expect: [], final: true }, { expect: [] }]) {
      const path = await sealedByFirst(job);
      await expect(second.seal(path, { seal: EXPECTED.placement })).rejects.toMatchObject({
        code: 'PDF_SIGNED_LOCKED',
      });
    }
  });

  it('is warned of where it had to bring a field of its own', async () => {
    const sign = opensslSigner(first.folder);
    const original = await readFile(AGREEMENT);
    const approved = join(first.folder, 'approved.pdf');
    await writeFile(approved, sign(original, incrementOf(original)));
    const { sealed } = await second.seal(approved, { seal: OWN_PLACE });
    expect(sealed.warnings).toMatchObject([{ code: 'SIGNED_BEFORE' }]);
  });
});

describe('an earlier signature that does not hold', () => {
  /** The second committee's seal as its house puts it on, which looks at what is there; on what `change` makes of the first one's. */
  async function sealedOver(change: (once: Buffer) => Uint8Array): Promise<{ outcome: unknown; used: number }> {
    const path = join(second.folder, `${crypto.randomUUID()}.pdf`);
    const given = change(await readFile(await sealedByFirst()));
    await writeFile(path, given);
    let used = 0;
    const key = second.keys.use();
    const counting: Pick<KeyStore, 'use'> = {
      use: () => ({
        ...key,
        sign: (data) => {
          used++;
          return key.sign(data);
        },
      }),
    };
    const service = new SealService({
      pool: second.pool,
      keys: counting as KeyStore,
      clock: systemClock,
      committeeName: SECOND,
      diameterMm: 42,
      pagingEdge: 'right',
      rendition: 'display',
      cacheFolder: second.folder,
      requireUnharmed: (file, signal) => second.verifier.requireUnharmed(file, signal),
    });
    const job: SealJob = { path, bytes: given.length, marks: [], parties: 0, seal: null, allowReal: true };
    const outcome: unknown = await service.seal(job, new AbortController().signal).catch((error: unknown) => error);
    if (used === 0) expect((await readFile(path)).equals(given)).toBe(true);
    return { outcome, used };
  }

  /** The document with its first page turned, in a revision of its own. */
  function turned(once: Buffer): Uint8Array {
    const pdf = openPdf(memorySource(once));
    const { ref, dict } = pdf.page(1);
    const update = new RawPdf(once.toString('latin1'));
    update.object(ref.number, serialize(pdfDict(new Map([...dict.entries, ['Rotate', 90] as const]))));
    const size = pdf.maxObjectNumber + 1;
    return update.table(`/Size ${size} /Root ${pdf.catalogRef.number} 0 R /Prev ${pdf.startxref}`).end().bytes();
  }

  /** Another text of the same length, inside what was signed. */
  function replaced(from: string, to: string): (once: Buffer) => Uint8Array {
    return (once) => {
      expect(once.includes(from, 0, 'latin1')).toBe(true);
      return Buffer.from(once.toString('latin1').replace(from, to), 'latin1');
    };
  }

  it.each([
    ['a page that was turned', turned, 'PAGE_CHANGED'],
    ['a permission that was widened', replaced('/TransformParams /P 2', '/TransformParams /P 3'), 'DIGEST_WRONG'],
  ])('takes no other seal on top, and the key is not used: %s', async (_, change, code) => {
    const { outcome, used } = await sealedOver(change);
    expect(outcome).toMatchObject({
      code: 'EARLIER_SIGNATURE_BROKEN',
      detail: expect.stringContaining(code) as string,
    });
    expect(used).toBe(0);
  });

  it('stands in nobody’s way where nobody here can tell, and that is said', async () => {
    const { outcome, used } = await sealedOver(replaced('/ETSI.CAdES.detached', '/Vendor.Own.SM2.form'));
    expect(outcome).toMatchObject({ warnings: [{ code: 'EARLIER_SIGNATURE_UNCHECKED' }] });
    expect(used).toBe(1);
  });

  it('has nothing to say where it holds', async () => {
    expect(await sealedOver((once) => once)).toMatchObject({ outcome: { warnings: [] }, used: 1 });
  });
});

describe('a place that is kept', () => {
  it('is found by words, and the seal on the date steps aside for it', async () => {
    const centre = async (job: Partial<SealJob>, name: string): Promise<number> => {
      const { bytes } = await first.seal(AGREEMENT, job);
      const [x0 = 0, , x1 = 0] =
        openPdf(memorySource(bytes))
          .signatureFields()
          .find((field) => field.name === name)?.rect ?? [];
      return ((x0 + x1) / 2) * (25.4 / 72);
    };
    const date = { keyword: '2023年6月15日' };
    const expect2 = [{ name: 'B', placement: { ...date, dxMm: -25 } }];
    const [usual, aside] = [await centre({}, 'Signature1'), await centre({ expect: expect2 }, 'Signature1')];
    const [words, kept] = [await centre({ seal: date }, 'Signature1'), await centre({ expect: expect2 }, 'B')];
    expect(aside).toBeGreaterThan(usual + 2);
    expect(kept).toBeCloseTo(words - 25, 1);
  });

  it('is as large as is asked for, else as the seal', async () => {
    const expect2 = [
      { name: 'A', placement: { page: 1, xMm: 60, yMm: 200 } },
      { name: 'B', placement: { page: 1, xMm: 60, yMm: 250, widthMm: 38 } },
    ];
    const { bytes } = await first.seal(AGREEMENT, { seal: OWN_PLACE, expect: expect2 });
    const widths = openPdf(memorySource(bytes))
      .signatureFields()
      .map(({ rect }) => Math.round((((rect?.[2] ?? 0) - (rect?.[0] ?? 0)) * 254) / 72) / 10);
    expect(widths.slice(0, 2)).toEqual([42, 38]);
  });

  it.each([
    [{ page: 9, xMm: 60, yMm: 200 }, 'PAGE_OUT_OF_RANGE'],
    [{ page: 1, xMm: 5, yMm: 200 }, 'POSITION_OFF_PAGE'],
    [{ keyword: '不在其中' }, 'KEYWORD_ABSENT'],
  ])('must be on the document: %j', async (placement, code) => {
    const sealing = first.seal(AGREEMENT, { seal: OWN_PLACE, expect: [{ name: 'B', placement }] });
    await expect(sealing).rejects.toMatchObject({ code });
  });
});

describe('usage rights', () => {
  it('end with the seal, and that is said', async () => {
    const { sealed } = await first.seal(fixture('pdf', 'extended', 'usage-rights.pdf'), { seal: { field: 'Second' } });
    expect(sealed.warnings).toMatchObject([{ code: 'USAGE_RIGHTS_ENDED' }]);
  });
});

describe('which field a document keeps for a seal', () => {
  const facts = (signatures: number, ...openFields: string[]): PdfFacts => ({
    bytes: 0,
    pages: [],
    style: 'table',
    signatures,
    openFields,
    repaired: false,
  });

  it.each([
    [facts(0, 'A'), null],
    [facts(1), null],
    [facts(1, 'A'), 'A'],
    [facts(2, 'A', SECOND), SECOND],
  ])('%j: %s', (document, field) => {
    expect(fieldKeptFor(SECOND, document)).toBe(field);
  });
});

describeTool(['pdfsig', 'mutool', 'qpdf', 'pdftoppm'], 'programs of other people', () => {
  /** 0: MuPDF finds every change allowed by the signatures before it. */
  async function faultyRevisions(path: string): Promise<string> {
    const script = join(first.folder, 'judge.js');
    await writeFile(script, 'print(new PDFDocument(scriptArgs[0]).validateChangeHistory())');
    return runTool('mutool', ['run', script, path]).stdout.trim();
  }

  it('find both seals valid, all changes allowed, and nothing changed to the eye but the second seal', async () => {
    const once = await sealedByFirst();
    expect(runTool('pdfsig', [once]).stdout).toContain('Total document signed');
    const { path } = await second.seal(once);
    expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = runTool('pdfsig', [path]);
    expect(stdout.match(/Signature Validation: Signature is Valid\./g)).toHaveLength(2);
    expect(stdout.match(/ {2}- Total document signed/g)).toHaveLength(1);
    expect(runTool('mutool', ['sign', '-v', path]).stdout).toContain('unchanged since signing');
    expect(await faultyRevisions(path)).toBe('0');
    const kept = { ...EXPECTED.placement, page: 1, xMm: 60, yMm: 200, widthMm: 42, heightMm: 42 };
    const [before, after] = [once, path].map((pdf) => drawPage(pdf, 1, first.folder, 100));
    if (before === undefined || after === undefined) throw new Error('two pages were drawn');
    const { inside, outside } = differences(before, after, [kept]);
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(1000);
  });
});
