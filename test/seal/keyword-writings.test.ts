import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTextPdfs } from '../../scripts/make-text-pdfs.ts';
import { openFileSource } from '../../src/pdf/byte-source.ts';
import { findKeyword } from '../../src/pdf/text-anchor.ts';
import type { Anchor } from '../../src/pdf/text-anchor.ts';
import { TextReader } from '../../src/pdf/text-page.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-writings-'));
afterAll(() => rmSync(folder, { recursive: true }));

const reader = new TextReader();
/** Of the line 当事人甲（签名）：2023年6月15日, which begins at 50, 100 mm. */
const CHARACTER_MM = 14 * (25.4 / 72);

async function anchorsOf(name: string, keyword: string): Promise<Anchor[]> {
  using source = openFileSource(fixture('text', `${name}.pdf`));
  const { pages } = await reader.read(source);
  return findKeyword(pages, keyword);
}

/** From the `from`th character to before the `to`th. */
function middle(from: number, to: number): number {
  return 50 + ((from + to) / 2) * CHARACTER_MM;
}

describe('the fixture texts', () => {
  it('are what their script makes, byte for byte, and nothing else', () => {
    const names = makeTextPdfs(folder);
    expect(names.toSorted()).toEqual(readdirSync(fixture('text')).toSorted());
    const changed = names.filter(
      (name) => !readFileSync(join(folder, name)).equals(readFileSync(fixture('text', name))),
    );
    expect(changed).toEqual([]);
  });
});

describe('words', () => {
  it.each([
    ['by a collection in GBK', 'gbk-euc'],
    ['by a collection in UCS-2', 'unigb-ucs2'],
    ['by a collection in UTF-16', 'unigb-utf16'],
    ['by numbers of glyphs, with their way back to text', 'identity'],
    ['each character a text object of its own, the last one first', 'scattered'],
    ['unseen, over the picture of a scan', 'unseen'],
    ['on a page turned by 90 degrees', 'turned-90'],
    ['on a page turned by 180 degrees', 'turned-180'],
    ['on a page turned by 270 degrees', 'turned-270'],
  ])('are found where they are seen: %s', async (_, name) => {
    for (const [keyword, from, to] of [
      ['甲（签名）', 3, 7],
      ['2023 年 6 月', 9, 16],
    ] as const) {
      const [anchor, ...others] = await anchorsOf(name, keyword);
      expect(others).toEqual([]);
      expect((anchor?.xMm ?? 0) + (anchor?.widthMm ?? 0) / 2).toBeCloseTo(middle(from, to), 0);
      expect((anchor?.yMm ?? 0) + (anchor?.heightMm ?? 0) / 2).toBeCloseTo(98.5, 0);
    }
  });

  it('are found where one code stands for two characters', async () => {
    const [anchor] = await anchorsOf('ligatures', '人甲（签名）');
    // 人, 甲, （ and one sign for 签名, from the second place on.
    expect((anchor?.xMm ?? 0) + (anchor?.widthMm ?? 0) / 2).toBeCloseTo(middle(1, 5), 0);
  });

  it('are found with white space between all characters', async () => {
    const [anchor] = await anchorsOf('spread', '甲（签名）');
    expect(anchor?.widthMm).toBeGreaterThan(4 * CHARACTER_MM);
    expect(anchor?.widthMm).toBeLessThan(5.5 * CHARACTER_MM);
  });

  it('are one place from top to bottom, too', async () => {
    const [anchor, ...others] = await anchorsOf('gbk-vertical', '2023年6月15日');
    expect(others).toEqual([]);
    expect(anchor?.heightMm).toBeCloseTo(10 * CHARACTER_MM, 0);
    // PDFium puts some characters of a column half of their width beside it.
    expect(Math.abs((anchor?.xMm ?? 0) + (anchor?.widthMm ?? 0) / 2 - 50)).toBeLessThan(CHARACTER_MM);
  });

  it('are found on a slant, about their middle', async () => {
    const [anchor] = await anchorsOf('slanted', '甲（签名）');
    const along = middle(3, 7) - 50;
    expect((anchor?.xMm ?? 0) + (anchor?.widthMm ?? 0) / 2).toBeCloseTo(50 + 0.866 * along - 0.5 * 1.7, -0.5);
    expect((anchor?.yMm ?? 0) + (anchor?.heightMm ?? 0) / 2).toBeCloseTo(100 - 0.5 * along - 0.866 * 1.7, -0.5);
  });

  it('are absent where the font tells no way back to text', async () => {
    expect(await anchorsOf('no-way-back', '甲（签名）')).toEqual([]);
  });
});

describeTool('pdftoppm', 'a seal by keyword', () => {
  let house: SealingHouse;
  beforeAll(async () => {
    house = await openSealing();
  });
  afterAll(() => house[Symbol.asyncDispose]());

  it.each(['identity', 'turned-90', 'turned-180', 'turned-270'])(
    'is moved to the right and down as seen: %s',
    async (name) => {
      const original = fixture('text', `${name}.pdf`);
      const seal = { keyword: '甲（签名）', dxMm: 30, dyMm: 40 };
      const { path } = await house.seal(original, { seal });
      const place = { page: 1, xMm: middle(3, 7) + 30, yMm: 98.5 + 40, widthMm: 43, heightMm: 43 };
      const { inside, outside } = differences(drawPage(original, 1, folder), drawPage(path, 1, folder), [place]);
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan(500);
    },
  );
});
