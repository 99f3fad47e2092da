import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/biometric/raster.ts';
import { AppError } from '../../src/errors.ts';
import type { PdfPool } from '../../src/pdf/pdf-pool.ts';
import { lookUnder } from '../../src/seal/layout.ts';
import type { MarkRequest, Placement, SealJob, SealedFile } from '../../src/seal/seal-job.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';

const AGREEMENT = fixture('agreements', 'three-parties.pdf');
const ALONE = new AbortController().signal;

let house: SealingHouse;
beforeAll(async () => {
  house = await openSealing();
});
afterAll(() => house[Symbol.asyncDispose]());

const codes = ({ warnings }: SealedFile): string[] => warnings.map(({ code }) => code);

describe('a mark at coordinates', () => {
  const placed = async (placement: Placement, job: Partial<SealJob> = {}): Promise<SealedFile> =>
    (await house.seal(AGREEMENT, { parties: 3, checkOverlap: true, seal: placement, ...job })).sealed;

  async function fingerprint(placement: Placement): Promise<MarkRequest> {
    const raster = decodePng(await readFile(fixture('prints', 'whorl-1.png')));
    return {
      who: { role: 'party', index: 0 },
      placement,
      picture: { kind: 'fingerprint', raster, inscription: '（2023）示人调字第12号' },
    };
  }

  /** Where words are, in millimetres from the top left. */
  async function middleOf(words: string, page: number): Promise<{ page: number; xMm: number; yMm: number }> {
    const text = await house.pool.readText(AGREEMENT, { pages: [page] });
    const chars = text[0]?.chars ?? [];
    const at = chars
      .map(({ char }) => char)
      .join('')
      .indexOf(words);
    const first = chars[at];
    const last = chars[at + words.length - 1];
    if (first === undefined || last === undefined) throw new Error(`no ${words} on page ${page}`);
    return { page, xMm: (first.xMm + last.xMm + last.widthMm) / 2, yMm: first.yMm + first.heightMm / 2 };
  }

  it('is told of where it lies over an amount, a name of another, or text', async () => {
    const pages = await house.pool.readText(AGREEMENT);
    const amount = pages.find(({ chars }) => chars.some(({ char }) => '¥￥'.includes(char)));
    const over = await middleOf('3,200', amount?.page ?? 0);
    expect(codes(await placed(over))).toEqual(['MARK_OVER_AMOUNT']);
    const name = await middleOf('乙某', 3);
    const { warnings } = await placed({ page: 3, xMm: 30, yMm: 270 }, { marks: [await fingerprint(name)] });
    expect(warnings).toEqual([
      {
        code: 'MARK_OVER_NAME',
        message: 'The fingerprint of party 1 lies over a name outside its line, on page 3.',
        messageZh: '第1位当事人的指印压住了本行以外的姓名（第3页）。',
      },
    ]);
    expect(codes(await placed({ page: 1, xMm: 105, yMm: 60 }))).toEqual(['MARK_OVER_TEXT']);
  });

  it('may lie over what it is there for: the date, the own line', async () => {
    const own = await middleOf('甲某', 3);
    const date = await middleOf('年6月', 3);
    const { warnings } = await placed(date, { marks: [await fingerprint(own)] });
    expect(warnings).toEqual([]);
  });

  it('is not looked at where nobody asks', async () => {
    expect(codes(await placed({ page: 1, xMm: 105, yMm: 60 }, { checkOverlap: false }))).toEqual([]);
  });

  it('is put there all the same where the text cannot be read, and that is told', async () => {
    const unseen = [
      {
        place: { page: 1, xMm: 1, yMm: 1, widthMm: 1, heightMm: 1 },
        shape: 'box',
        subject: { en: '', zh: '' },
        who: 'seal',
      },
    ] as const;
    const job = { path: AGREEMENT, bytes: 1, parties: 0 };
    const failing = (error: Error): PdfPool =>
      ({
        readText() {
          throw error;
        },
      }) as unknown as PdfPool;
    const told = await lookUnder(unseen, job, failing(new AppError('PDF_LIMIT', 'too many characters')), ALONE);
    expect(told).toMatchObject([{ code: 'MARK_UNCHECKED' }]);
    const closing = lookUnder(unseen, job, failing(new AppError('SHUTTING_DOWN')), ALONE);
    await expect(closing).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('a mark under an annotation', () => {
  /** Two blank pages; the first has the annotation. */
  async function pageWith(annotation: string, form = ''): Promise<string> {
    const pdf = new RawPdf()
      .object(1, `<< /Type /Catalog /Pages 2 0 R ${form} >>`)
      .object(2, '<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 595 842] >>')
      .object(3, '<< /Type /Page /Parent 2 0 R /Annots [5 0 R 99 0 R] >>')
      .object(4, '<< /Type /Page /Parent 2 0 R >>')
      .object(5, `<< /Type /Annot /Rect [500 350 590 500] ${annotation} >>`)
      .stream(6, '1 1 1 rg 0 0 90 150 re f', '/Type /XObject /Subtype /Form /BBox [0 0 90 150]');
    const path = join(house.folder, 'annotated.pdf');
    await writeFile(path, pdf.table('/Size 7 /Root 1 0 R').end().bytes());
    return path;
  }

  it.each([
    ['/Subtype /Stamp /F 4 /AP << /N 6 0 R >>', '', true],
    ['/Subtype /FreeText /F 4 /DA (0 g)', '', true],
    ['/Subtype /Widget /FT /Tx /F 4 /AP << /N << /Off 6 0 R >> >>', '', true],
    ['/Subtype /Widget /FT /Tx /F 4', '', false],
    ['/Subtype /Widget /FT /Tx /T (A) /F 4', '/AcroForm << /Fields [5 0 R] /NeedAppearances true >>', true],
    ['/Subtype /Stamp /F 6 /AP << /N 6 0 R >>', '', false],
    ['/Subtype /Link /F 4 /Border [0 0 1]', '', false],
    ['/Subtype /Highlight /F 4 /AP << /N 6 0 R >>', '', false],
  ])('is told of: %s %s: %s', async (annotation, form, told) => {
    const path = await pageWith(annotation, form);
    const { sealed } = await house.seal(path, { paging: true, seal: { page: 2, xMm: 60, yMm: 60 } });
    expect(sealed.warnings).toEqual(
      told
        ? [
            {
              code: 'MARK_UNDER_ANNOTATION',
              message: 'The paging seal may be hidden by an annotation or a form field, on page 1.',
              messageZh: '骑缝章可能被批注或表单域遮住（第1页）。',
            },
          ]
        : [],
    );
  });

  it('is nothing to tell of where it lies beside it', async () => {
    const path = join(house.folder, 'beside.pdf');
    await copyFile(await pageWith('/Subtype /Stamp /F 4 /AP << /N 6 0 R >>'), path);
    const { sealed } = await house.seal(path, { paging: 'left', seal: { page: 2, xMm: 100, yMm: 60 } });
    expect(sealed.warnings).toEqual([]);
  });
});
