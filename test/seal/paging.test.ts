import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { operand } from '../../src/pdf/appearance.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { isKind, pdfRef } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { pagingShares, pagingStrips, placePaging } from '../../src/seal/paging.ts';
import type { PagingEdge } from '../../src/seal/seal-job.ts';
import { drawPage, drawPageByMutool, partOf } from '../support/page-picture.ts';
import type { PagePicture } from '../../scripts/corpus/page-picture.ts';
import { pageOf } from '../support/page-text.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const POINTS_PER_MM = 72 / 25.4;
const A4 = { widthMm: 210, heightMm: 297 };
const SEAL = { widthPt: 42 * POINTS_PER_MM, heightPt: 42 * POINTS_PER_MM };

describe('the shares of pages', () => {
  it.each([
    [1, []],
    [2, [2]],
    [10, [10]],
    [11, [6, 5]],
    [20, [10, 10]],
    [21, [7, 7, 7]],
    [25, [9, 8, 8]],
  ])('%d pages: %j', (pages, shares) => {
    expect(pagingShares(pages)).toEqual(shares);
  });

  it('take each page once, at most ten to a seal, none by itself, and differ by one at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5000 }), (pages) => {
        const shares = pagingShares(pages);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBe(pages);
        const [most, least] = [Math.max(...shares), Math.min(...shares)];
        expect(most).toBeLessThanOrEqual(10);
        expect(least).toBeGreaterThanOrEqual(2);
        expect(most - least).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('the strips of a seal', () => {
  it('sum to its width exactly, as they are written, for any width and number', () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 500, noNaN: true }), fc.integer({ min: 1, max: 40 }), (widthPt, count) => {
        const strips = pagingStrips(widthPt, count);
        // In hundred-thousandths, as whole numbers: what a content stream says.
        const written = (points: number): bigint => BigInt(Math.round(Number(operand(points)) * 1e5));
        const widths = strips.map(({ fromPt, toPt }) => written(toPt - fromPt));
        expect(widths.reduce((sum, width) => sum + width, 0n)).toBe(written(widthPt));
        expect(strips.every(({ fromPt }, i) => fromPt === (i === 0 ? 0 : strips[i - 1]?.toPt))).toBe(true);
        expect(
          Number(widths.reduce((a, b) => (a > b ? a : b)) - widths.reduce((a, b) => (a < b ? a : b))),
        ).toBeLessThan(3);
      }),
    );
  });
});

describe('the height of a paging seal', () => {
  const pages = [A4, A4, A4];
  const heightOf = (text: Parameters<typeof placePaging>[3], avoid: Parameters<typeof placePaging>[4] = []): number[] =>
    placePaging(pages, SEAL, 'right', text, avoid).strips.map(({ place }) => place.yMm);

  it('is the middle of the page, the same on all pages', () => {
    const text = [1, 2, 3].map((page) => pageOf([{ text: '正文', yMm: 148 }], page));
    expect(heightOf(text)).toEqual([148.5, 148.5, 148.5]);
    expect(heightOf(null)).toEqual([148.5, 148.5, 148.5]);
  });

  it('is the nearest that lies over no text on any page', () => {
    const text = [1, 2, 3].map((page) => pageOf(page === 2 ? [{ text: '共三页', xMm: 192, yMm: 140 }] : [], page));
    const [height = 0] = heightOf(text);
    expect(new Set(heightOf(text)).size).toBe(1);
    // The row reaches from 140 to 145 mm; the seal of 42 mm clears its middle below.
    expect(height - 21).toBeGreaterThan(142.5);
    expect(height - 21).toBeLessThan(145);
  });

  it('lies over ordinary text where there is no way round, but over no amount, and says so', () => {
    const full = Array.from({ length: 58 }, (_, i) => ({ text: '正文正文', xMm: 190, yMm: 2 + 5 * i }));
    const amount = full.map((row, i) => (i === 29 ? { ...row, text: '¥3200' } : row));
    const paging = placePaging(pages, SEAL, 'right', [pageOf([], 1), pageOf(amount, 2), pageOf([], 3)], []);
    expect(Math.abs((paging.strips[1]?.place.yMm ?? 0) - 149.5)).toBeGreaterThan(21);
    expect(paging.notices).toEqual([
      {
        code: 'MARK_OVER_TEXT',
        message: 'The paging seal lies over text outside its line, on page 2.',
        messageZh: '骑缝章压住了本行以外的文字（第2页）。',
      },
    ]);
  });

  it('keeps clear of marks that were placed before', () => {
    const mark = { page: 3, xMm: 195, yMm: 150, widthMm: 30, heightMm: 12 };
    const [height = 0] = heightOf(null, [mark]);
    expect(Math.abs(height - 150)).toBeGreaterThan(21);
  });

  it('is that of the lowest page where they differ', () => {
    const { strips } = placePaging([A4, { widthMm: 297, heightMm: 210 }], SEAL, 'right', null, []);
    expect(strips.map(({ place }) => [place.xMm + place.widthMm / 2, place.yMm])).toEqual([
      [210, 105],
      [297, 105],
    ]);
  });

  it('is refused where a page is lower than the seal', () => {
    expect(() => placePaging([A4, { widthMm: 210, heightMm: 40 }], SEAL, 'right', null, [])).toThrow(
      expect.objectContaining({ code: 'POSITION_OFF_PAGE' }) as Error,
    );
  });
});

describe('a single page', () => {
  it('takes no paging seal, and a notice says so', () => {
    expect(placePaging([A4], SEAL, 'right', null, [])).toMatchObject({
      strips: [],
      notices: [{ code: 'PAGING_SINGLE_PAGE' }],
    });
  });
});

/** User space of a page that is seen as `widthMm` x 300 mm, turned and cropped as told. */
function page(widthMm: number, rotate: number, cropped: boolean, userUnit = 1): string {
  const [width, height] = [widthMm, 300].map((mm) => (mm * POINTS_PER_MM) / userUnit) as [number, number];
  const [x1, y1] = rotate % 180 === 0 ? [width, height] : [height, width];
  const [x0, y0] = cropped ? [31, -17] : [0, 0];
  const box = `[${x0} ${y0} ${x0 + x1} ${y0 + y1}]`;
  const boxes = cropped ? `/MediaBox [-40 -60 ${x0 + x1 + 9} ${y0 + y1 + 50}] /CropBox ${box}` : `/MediaBox ${box}`;
  return `<< /Type /Page /Parent 2 0 R ${boxes} /Rotate ${rotate} /UserUnit ${userUnit} >>`;
}

function blank(pages: readonly string[]): Uint8Array {
  const kids = pages.map((_, i) => `${3 + i} 0 R`).join(' ');
  const pdf = new RawPdf()
    .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
    .object(2, `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`);
  for (const [i, body] of pages.entries()) pdf.object(3 + i, body);
  return pdf
    .table(`/Size ${3 + pages.length} /Root 1 0 R`)
    .end()
    .bytes();
}

describe('a paging seal on paper', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zhiyin-paging-'));
  let house: SealingHouse;
  beforeAll(async () => {
    house = await openSealing();
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Ten pixels a millimetre: strips of whole millimetres begin and end between pixels. */
  const DPI = 254;
  const SIDE = 420;

  async function sealed(name: string, pages: readonly string[], paging: PagingEdge): Promise<string> {
    const path = join(folder, `${name}.pdf`);
    writeFileSync(path, blank(pages));
    const seal = { page: 1, xMm: 100, yMm: 100 };
    return (await house.seal(path, { paging, seal })).path;
  }

  /** The share of pixels that differ by more than antialiasing does. */
  function difference(a: PagePicture, b: PagePicture): number {
    const differ = a.pixels.filter((value, i) => Math.abs(value - (b.pixels[i] ?? 0)) > 48).length;
    return differ / a.pixels.length;
  }

  function stripOf(picture: PagePicture, edge: PagingEdge, count: number): PagePicture {
    const width = SIDE / count;
    return partOf(picture, edge === 'right' ? picture.width - width : 0, 1500 - SIDE / 2, width, SIDE);
  }

  function joined(strips: readonly PagePicture[]): PagePicture {
    const pixels = new Uint8Array(3 * SIDE * SIDE);
    let at = 0;
    for (const strip of strips) {
      for (let row = 0; row < SIDE; row++) {
        const line = strip.pixels.subarray(3 * row * strip.width, 3 * (row + 1) * strip.width);
        pixels.set(line, 3 * (row * SIDE + at));
      }
      at += strip.width;
    }
    return { width: SIDE, height: SIDE, dpi: DPI, pixels };
  }

  const TURNED = [
    page(200, 0, false),
    page(200, 90, false),
    page(180, 180, true),
    page(200, 270, true),
    page(240, 0, true),
    page(200, 90, true),
  ];

  describeTool(['pdftoppm', 'mutool', 'qpdf'], 'as two renderers draw it', () => {
    it.each([
      ['right', 'pdftoppm'],
      ['left', 'pdftoppm'],
      ['right', 'mutool'],
      ['left', 'mutool'],
    ] as const)('is the whole seal again when the %s edges are laid side by side, drawn by %s', async (edge, tool) => {
      const draw = tool === 'mutool' ? drawPageByMutool : drawPage;
      const path = await sealed(`turned-${edge}`, TURNED, edge);
      const pages = TURNED.map((_, i) => draw(path, i + 1, folder, DPI));
      const whole = partOf(pages[0] as PagePicture, 1000 - SIDE / 2, 1000 - SIDE / 2, SIDE, SIDE);
      const strips = pages.map((picture) => stripOf(picture, edge, 6));
      const again = joined(edge === 'right' ? strips : strips.toReversed());
      expect(difference(again, whole)).toBeLessThan(0.004);
      // And in the wrong order it is not: the measure tells.
      expect(difference(joined(edge === 'right' ? strips.toReversed() : strips), whole)).toBeGreaterThan(0.05);
    });

    it('is drawn on pages of another unit, too', async () => {
      const path = await sealed('unit', [page(200, 0, false), page(200, 90, true, 2)], 'right');
      const second = drawPage(path, 2, folder, DPI, 2);
      const whole = partOf(drawPage(path, 1, folder, DPI), 1000 - SIDE / 2, 1000 - SIDE / 2, SIDE, SIDE);
      expect(difference(stripOf(second, 'right', 2), partOf(whole, SIDE / 2, 0, SIDE / 2, SIDE))).toBeLessThan(0.004);
    });

    it('begins anew with the seventh of eleven pages', async () => {
      const path = await sealed(
        'eleven',
        Array.from({ length: 11 }, () => page(200, 0, false)),
        'right',
      );
      const whole = partOf(drawPage(path, 1, folder, DPI), 1000 - SIDE / 2, 1000 - SIDE / 2, SIDE, SIDE);
      const five = Array.from({ length: 5 }, (_, i) => stripOf(drawPage(path, 7 + i, folder, DPI), 'right', 5));
      expect(difference(joined(five), whole)).toBeLessThan(0.004);
    });
  });

  it('is one object, the seal’s own, however many pages show it', async () => {
    const path = await sealed(
      'shared',
      Array.from({ length: 12 }, () => page(200, 0, false)),
      'right',
    );
    const bytes = readFileSync(path);
    const pdf = openPdf(memorySource(bytes));
    const forms = Array.from(pdf.sections[0]?.entries() ?? [], ([number]) => pdf.getObject(pdfRef(number))).filter(
      (object) => isKind(object, 'stream') && object.dict.entries.has('Title'),
    );
    expect(forms).toHaveLength(1);
    expect(bytes.length).toBeLessThan(60_000);
  });

  it('is refused on a signed document: it is a mark of its pages', async () => {
    const path = await sealed('signed', [page(200, 0, false), page(200, 0, false)], 'right');
    await expect(house.seal(path, { paging: true, seal: { page: 1, xMm: 40, yMm: 40 } })).rejects.toMatchObject({
      code: 'COUNTERSEAL_CONTENT_FORBIDDEN',
    });
  });

  describeTool(['qpdf', 'pdfsig'], 'judged by programs of other people', () => {
    it('is under the signature of an agreement and keeps clear of its text', async () => {
      const { path, sealed: answer } = await house.seal(fixture('agreements', 'three-parties.pdf'), { paging: true });
      expect(answer.warnings).toEqual([]);
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
      expect(runTool('pdfsig', ['-nocert', path]).stdout).toContain('Total document signed');
    });
  });
});
