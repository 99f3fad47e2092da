import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AppError } from '../../src/errors.ts';
import { openFileSource } from '../../src/pdf/byte-source.ts';
import type { PageText } from '../../src/pdf/text-anchor.ts';
import { TextReader } from '../../src/pdf/text-page.ts';
import {
  SIGNATURE,
  STAMP,
  placeByKeyword,
  placeFingerprint,
  placePicture,
  placeSealOnDate,
  requireOnPage,
} from '../../src/seal/placement.ts';
import type { Placed } from '../../src/seal/placement.ts';
import { lineFor, signatureLines } from '../../src/seal/signature-line.ts';
import { pageOf } from '../support/page-text.ts';
import { describeShared } from '../support/shared.ts';
import { PLACES } from './placement-table.ts';

const WHO = { en: 'The mark', zh: '印记' };
const SEAL = { widthMm: 42, heightMm: 42 };
const reader = new TextReader();

async function read(path: string): Promise<PageText[]> {
  using source = openFileSource(path);
  return [...(await reader.read(source)).pages];
}

const fixture = (name: string): Promise<PageText[]> =>
  read(join(import.meta.dirname, '../../fixtures/agreements', name));

function errorOf(action: () => unknown): Partial<AppError> {
  try {
    action();
  } catch (error) {
    return error as AppError;
  }
  return {};
}

function partyLine(pages: readonly PageText[], index: number, parties = 2): ReturnType<typeof lineFor> {
  return lineFor(signatureLines(pages, parties), { role: 'party', index });
}

const codes = ({ notices }: Placed): string[] => notices.map(({ code }) => code);

describe('the lines to sign', () => {
  it('are told by the party’s own character, whatever their order', () => {
    const page = pageOf([
      { text: '当事人乙（签名、盖章或按指印）：', yMm: 100 },
      { text: '当事人甲（签名、盖章或按指印）：', yMm: 120 },
      { text: '人民调解员（签名）：', yMm: 140 },
    ]);
    expect(partyLine([page], 0).yMm).toBe(122.5);
    expect(partyLine([page], 1).yMm).toBe(102.5);
    expect(lineFor(signatureLines([page], 2), { role: 'mediator' }).yMm).toBe(142.5);
  });

  it('are two where two parties share a row, each with its own room', () => {
    const page = pageOf([
      {
        text: '当事人甲（签名、盖章或按指印）：____  当事人乙（签名、盖章或按指印）：____',
        yMm: 100,
        sizeMm: 4,
        xMm: 20,
      },
    ]);
    const [first, second] = [partyLine([page], 0), partyLine([page], 1)];
    expect([first.startMm, first.endMm, first.name]).toEqual([84, 96, null]);
    expect([second.startMm, second.endMm, second.name]).toEqual([160, 200, null]);
  });

  it('are numbered from the top where the characters cannot be read, if there are as many as parties', () => {
    const rows = ['w', '_', '乙'].map((mark, i) => ({
      text: `当事人${mark}ÿ签名1盖章或按指印Āÿ${mark}某`,
      yMm: 100 + 20 * i,
    }));
    const [first = '', second = '', third = ''] = rows.map(({ text }) => text);
    const inOrder = pageOf([
      { text: first, yMm: 100 },
      { text: third, yMm: 120 },
      { text: second, yMm: 140 },
    ]);
    expect(partyLine([inOrder], 2, 3)).toMatchObject({ yMm: 142.5, name: { widthMm: 7.5 } });
    // One more party than lines: nobody can say whose line is missing, but 乙 is still read.
    expect(errorOf(() => partyLine([inOrder], 0, 4)).code).toBe('KEYWORD_ABSENT');
    expect(partyLine([inOrder], 1, 4).yMm).toBe(122.5);
    // 乙 on the third of three lines contradicts counting.
    expect(errorOf(() => partyLine([pageOf(rows)], 0, 3)).code).toBe('KEYWORD_ABSENT');
  });

  it('are refused with the candidates where a party has two', () => {
    const page = pageOf([
      { text: '当事人甲（签名）：', yMm: 100 },
      { text: '当事人甲（签名）：', yMm: 120 },
    ]);
    const { code, extras } = errorOf(() => partyLine([page], 0));
    expect(code).toBe('KEYWORD_AMBIGUOUS');
    expect(extras).toMatchObject({
      candidates: [
        { page: 1, xMm: 25, yMm: 100, widthMm: 45, heightMm: 5 },
        { page: 1, yMm: 120 },
      ],
    });
  });

  it('are not seen in sentences that speak of signing', () => {
    const page = pageOf([
      { text: '本协议自当事人甲签名、盖章之日起生效', yMm: 50 },
      { text: '当事人签名后生效，人民调解员签名并加盖印章', yMm: 60 },
      { text: '当事人甲（签名、盖章）之日起生效', yMm: 70 },
      { text: '当事人甲：甲某，男', yMm: 80 },
    ]);
    expect(signatureLines([page], 2)).toEqual([]);
  });

  it('are found without brackets, with digits for characters, and with a label broken over two rows', () => {
    const page = pageOf([
      { text: '当事人1签字：', yMm: 100 },
      { text: '当事人二（签名、盖章', yMm: 120, xMm: 25 },
      { text: '或按指印）：', yMm: 128, xMm: 25 },
    ]);
    expect(partyLine([page], 0)).toMatchObject({ yMm: 102.5, startMm: 57.5 });
    expect(partyLine([page], 1)).toMatchObject({ yMm: 130.5, startMm: 55 });
  });

  it('are found over a page break and beside scattered pieces', async () => {
    const broken = signatureLines(await fixture('page-break.pdf'), 3);
    expect(broken.map(({ role, index, page }) => [role, index, page])).toEqual([
      ['party', 0, 1],
      ['party', 1, 1],
      ['party', 2, 2],
      ['mediator', null, 2],
      ['recorder', null, 2],
    ]);
    expect(signatureLines(await fixture('split-runs.pdf'), 2)).toHaveLength(4);
  });
});

describe('a fingerprint', () => {
  const printed = pageOf([
    { text: '当事人甲（签名、盖章或按指印）：甲某', yMm: 100 },
    { text: '当事人乙（签名、盖章或按指印）：乙某', yMm: 130 },
  ]);

  it('lies over the right third of a printed name', () => {
    const { place, notices } = placeFingerprint([printed], partyLine([printed], 0), 3, WHO);
    expect(place).toMatchObject({ page: 1, yMm: 102.5, widthMm: 14, heightMm: 18, rotationDeg: 3 });
    // The name begins at 105 mm and is 10 mm wide.
    expect(place.xMm).toBeCloseTo(105 + 10 * (5 / 6), 6);
    expect(notices).toEqual([]);
  });

  it('lies in the first 30 mm after the colon of a blank line', () => {
    const page = pageOf([{ text: '当事人甲（签名、盖章或按指印）：', yMm: 100 }]);
    expect(placeFingerprint([page], partyLine([page], 0, 1), 0, WHO).place).toMatchObject({ xMm: 120, yMm: 102.5 });
  });

  it('is turned by no more than 8 degrees', () => {
    const line = partyLine([printed], 0);
    fc.assert(
      fc.property(fc.double({ min: -400, max: 400, noNaN: true }), (turn) => {
        expect(Math.abs(placeFingerprint([printed], line, turn, WHO).place.rotationDeg ?? 0)).toBeLessThanOrEqual(8);
      }),
    );
  });

  it('steps aside from its neighbour on close blank lines, and stays over the name on close printed ones', () => {
    const blank = pageOf(['甲', '乙'].map((mark, i) => ({ text: `当事人${mark}（签名）：`, yMm: 100 + 9 * i })));
    const [first, second] = [0, 1].map((i) => placeFingerprint([blank], partyLine([blank], i), 0, WHO).place.xMm);
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(14);
    const close = pageOf(
      ['甲', '乙'].map((mark, i) => ({ text: `当事人${mark}（签名）：${mark}某`, yMm: 100 + 9 * i })),
    );
    for (const i of [0, 1]) {
      const { name } = partyLine([close], i);
      const { place } = placeFingerprint([close], partyLine([close], i), 0, WHO);
      const third = [
        (name?.xMm ?? 0) + ((name?.widthMm ?? 0) * 2) / 3,
        (name?.xMm ?? 0) + (name?.widthMm ?? 0),
      ] as const;
      expect(place.xMm - 7).toBeLessThan(third[0]);
      expect(place.xMm + 7).toBeGreaterThan(third[1]);
    }
  });

  it('says when it lies over another party’s name', () => {
    const page = pageOf([
      { text: '当事人甲（签名）：甲某', yMm: 100 },
      { text: '当事人乙（签名）：乙某', yMm: 106 },
    ]);
    const placed = placeFingerprint([page], partyLine([page], 0), 0, WHO);
    expect(codes(placed)).toEqual(['MARK_OVER_NAME']);
    expect(JSON.stringify(placed.notices)).not.toContain('乙某');
  });
});

describe('a picture of a signature or stamp', () => {
  const page = pageOf([
    { text: '当事人甲（签名）：甲某', yMm: 100 },
    { text: '人民调解员（签名）：              记录人（签名）：', yMm: 130 },
  ]);

  it('begins after the colon and fits its line', () => {
    const line = lineFor(signatureLines([page], 1), { role: 'mediator' });
    const { place } = placePicture([page], line, { width: 600, height: 200 }, SIGNATURE, WHO);
    expect(place).toMatchObject({ page: 1, yMm: 132.5, widthMm: 30, heightMm: 10 });
    expect(place.xMm - 15).toBeCloseTo(line.startMm + 1, 6);
    expect(place.xMm + 15).toBeLessThan(line.endMm);
  });

  it('stands right of a printed name', () => {
    const line = partyLine([page], 0, 1);
    const { place } = placePicture([page], line, { width: 100, height: 100 }, STAMP, WHO);
    expect(place).toMatchObject({ widthMm: 18, heightMm: 18 });
    expect(place.xMm - 9).toBeGreaterThan(80);
  });

  it('keeps its proportions within what it may take', () => {
    const line = partyLine([page], 0, 1);
    const side = fc.integer({ min: 1, max: 4000 });
    fc.assert(
      fc.property(side, side, (width, height) => {
        const { place } = placePicture([page], line, { width, height }, SIGNATURE, WHO);
        expect(place.widthMm / place.heightMm).toBeCloseTo(width / height, 6);
        expect(place.widthMm).toBeLessThanOrEqual(30 + 1e-9);
        expect(place.heightMm).toBeLessThanOrEqual(12 + 1e-9);
      }),
    );
  });
});

describe('the seal on the date', () => {
  it('is centred between year and month of the date below the committee’s name', () => {
    const page = pageOf([
      { text: '2023年6月1日', yMm: 30 },
      { text: '于2023年6月30日前付清', yMm: 60 },
      { text: '示例村人民调解委员会（印章）', yMm: 180, xMm: 100 },
      { text: '2023 年 6 月 15 日', yMm: 200, xMm: 120 },
    ]);
    const { place, notices } = placeSealOnDate([page], SEAL);
    // 年 begins after four digits and a space of 2.5 mm each, 月 ends 17.5 mm further.
    expect(place).toEqual({ page: 1, xMm: 132.5 + 8.75, yMm: 202.5, widthMm: 42, heightMm: 42 });
    expect(notices).toEqual([]);
  });

  it('takes a date with blanks for numbers, in Han numerals, or beside the committee’s name', () => {
    const blank = pageOf([{ text: '      年      月      日', yMm: 200, xMm: 100 }]);
    expect(placeSealOnDate([blank], SEAL).place).toMatchObject({ xMm: 127.5, yMm: 202.5 });
    const numerals = pageOf([{ text: '二〇二三年六月十五日', yMm: 200, xMm: 100 }]);
    expect(placeSealOnDate([numerals], SEAL).place).toMatchObject({ xMm: 127.5 });
    const beside = pageOf([{ text: '示例村人民调解委员会（印章）2023年6月15日', yMm: 200, xMm: 20 }]);
    expect(placeSealOnDate([beside], SEAL).place.xMm).toBeCloseTo(20 + 70 + 10 + 6.25, 6);
  });

  it('stays whole on the page', () => {
    const page = pageOf([{ text: '2023年6月15日', yMm: 290, xMm: 175 }]);
    expect(placeSealOnDate([page], SEAL).place).toMatchObject({ xMm: 189, yMm: 276 });
  });

  it('moves off a name by the least that clears it, and still covers year and month', () => {
    const page = pageOf([
      { text: '当事人甲（签名）：甲某', yMm: 185, xMm: 80 },
      { text: '2023年6月15日', yMm: 200, xMm: 115 },
    ]);
    const { place, notices } = placeSealOnDate([page], SEAL);
    const ideal = { xMm: 131.25, yMm: 202.5 };
    const moved = Math.hypot(place.xMm - ideal.xMm, place.yMm - ideal.yMm);
    expect(moved).toBeGreaterThan(0);
    expect(moved).toBeLessThan(12);
    expect(notices.map(({ code }) => code)).not.toContain('MARK_OVER_NAME');
  });

  it('says so where it cannot help lying over an amount', () => {
    const page = pageOf([
      {
        text: '赔偿人民币叁仟贰佰元整（¥3,200.00），赔偿人民币叁仟贰佰元整（¥3,200.00）',
        yMm: 198,
        xMm: 90,
        sizeMm: 3,
      },
      { text: '2023年6月15日', yMm: 203, xMm: 115, sizeMm: 3 },
      {
        text: '合计人民币叁仟贰佰元整（¥3,200.00），合计人民币叁仟贰佰元整（¥3,200.00）',
        yMm: 208,
        xMm: 90,
        sizeMm: 3,
      },
    ]);
    expect(codes(placeSealOnDate([page], SEAL))).toEqual(['MARK_OVER_AMOUNT']);
  });

  it('keeps clear of marks that were placed before', () => {
    const page = pageOf([{ text: '2023年6月15日', yMm: 200, xMm: 115 }]);
    const mark = { page: 1, xMm: 131, yMm: 180, widthMm: 14, heightMm: 18 };
    const { place } = placeSealOnDate([page], SEAL, [mark]);
    expect(place.yMm).toBeGreaterThan(202.5);
  });

  it('is refused where no date stands by itself', () => {
    const page = pageOf([{ text: '于2023年6月30日前付清，2023年7月1日前修复', yMm: 60 }]);
    expect(errorOf(() => placeSealOnDate([page], SEAL)).code).toBe('KEYWORD_ABSENT');
  });
});

describe('a place by keyword', () => {
  const page = pageOf([
    { text: '示例村人民调解委员会', yMm: 100 },
    { text: '示例村人民调解委员会（印章）', yMm: 200 },
  ]);
  const size = { widthMm: 20, heightMm: 20 };

  it('is centred on the words and moved as asked', () => {
    const { place } = placeByKeyword([page], { keyword: '（印章）', dxMm: 3, dyMm: -2 }, size, 'round', WHO);
    expect(place).toEqual({ page: 1, xMm: 88, yMm: 200.5, widthMm: 20, heightMm: 20 });
  });

  it('takes the occurrence that is asked for, and is refused with the candidates without one', () => {
    const keyword = '人民调解委员会';
    expect(placeByKeyword([page], { keyword, occurrence: 2 }, size, 'box', WHO).place.yMm).toBe(202.5);
    const { code, detail, extras } = errorOf(() => placeByKeyword([page], { keyword }, size, 'box', WHO));
    expect(code).toBe('KEYWORD_AMBIGUOUS');
    expect(detail).toBe('the words stand 2 times: 1 on page 1 at 58, 103 mm; 2 on page 1 at 58, 203 mm');
    expect(extras?.['candidates']).toEqual([
      { page: 1, xMm: 40, yMm: 100, widthMm: 35, heightMm: 5 },
      { page: 1, xMm: 40, yMm: 200, widthMm: 35, heightMm: 5 },
    ]);
    expect(errorOf(() => placeByKeyword([page], { keyword, occurrence: 3 }, size, 'box', WHO)).code).toBe(
      'KEYWORD_ABSENT',
    );
  });

  it('is refused where the words are not, and where the mark would leave the page', () => {
    expect(errorOf(() => placeByKeyword([page], { keyword: '身份证' }, size, 'box', WHO)).code).toBe('KEYWORD_ABSENT');
    const off = { keyword: '印章', dxMm: 120 };
    expect(errorOf(() => placeByKeyword([page], off, size, 'box', WHO)).code).toBe('POSITION_OFF_PAGE');
    expect(() => requireOnPage({ page: 1, xMm: 10, yMm: 10, ...size }, page)).not.toThrow();
  });
});

describeShared('the agreement as other people’s programs print it', (shared) => {
  const folder = join(shared, 'data/agreements');

  it.each(PLACES)('gets its marks in the right places: $file', async (expected) => {
    const pages = await read(join(folder, expected.file));
    const lines = signatureLines(pages, expected.parties);
    for (const [index, rowMm] of expected.rowsMm.entries()) {
      const { place } = placeFingerprint(pages, lineFor(lines, { role: 'party', index }), 0, WHO);
      expect(place.page).toBe(expected.page);
      expect(Math.abs(place.yMm - rowMm)).toBeLessThan(1);
      const [left, width] = expected.nameMm;
      expect(place.xMm - 7).toBeLessThan(left + (width * 2) / 3 + 0.5);
      expect(place.xMm + 7).toBeGreaterThan(left + width - 0.5);
    }
    const mediator = lineFor(lines, { role: 'mediator' });
    const { place: signature } = placePicture(pages, mediator, { width: 3, height: 1 }, SIGNATURE, WHO);
    expect(signature.page).toBe(expected.page);
    expect(Math.abs(signature.yMm - expected.mediatorMm)).toBeLessThan(1);
    expect(signature.xMm - signature.widthMm / 2).toBeGreaterThan(mediator.startMm);
    const seal = placeSealOnDate(pages, SEAL);
    expect(seal.place.page).toBe(expected.page);
    expect(Math.hypot(seal.place.xMm - expected.dateMm[0], seal.place.yMm - expected.dateMm[1])).toBeLessThan(1);
    expect(codes(seal)).not.toContain('MARK_OVER_NAME');
    expect(codes(seal)).not.toContain('MARK_OVER_AMOUNT');
  });

  it('is refused by name where the party’s character is lost and the count does not settle it', async () => {
    const pages = await read(join(folder, 'gs-17.pdf'));
    expect(errorOf(() => partyLine(pages, 0, 2)).code).toBe('KEYWORD_ABSENT');
    expect(errorOf(() => placeByKeyword(pages, { keyword: '当事人甲（签名' }, STAMP, 'box', WHO)).code).toBe(
      'KEYWORD_ABSENT',
    );
  });

  it('is refused by name as a scan without text', async () => {
    const pages = await read(join(folder, 'scanned.pdf'));
    expect(errorOf(() => partyLine(pages, 0, 3)).code).toBe('KEYWORD_ABSENT');
    expect(errorOf(() => placeSealOnDate(pages, SEAL)).code).toBe('KEYWORD_ABSENT');
  });

  it('is refused by name behind an unknown password', async () => {
    await expect(read(join(folder, 'qpdf-aes256-locked.pdf'))).rejects.toMatchObject({ code: 'PDF_ENCRYPTED' });
  });
});
