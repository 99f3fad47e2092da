import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparable, findKeyword, linesOf } from '../../src/pdf/text-anchor.ts';
import { RADICALS } from '../../src/pdf/radicals.ts';
import { pageOf } from '../support/page-text.ts';

describe('what is compared', () => {
  it('takes Kangxi radicals and CJK radicals as the ideographs they stand for', () => {
    expect(comparable('\u2f08\u2ea0调解\u2f8f')).toBe('人民调解行');
  });

  it('takes full-width digits as digits and leaves out spaces, brackets and other punctuation', () => {
    expect(comparable('（２０２３） 年\u3000６月：_、()ÿĀ')).toBe('2023年6月');
  });

  it('leaves letters out unless they are asked for', () => {
    expect(comparable('身份证号 TEST-Ａ-0001')).toBe('身份证号0001');
    expect(comparable('身份证号 TEST-Ａ-0001', true)).toBe('身份证号TESTA0001');
  });

  it('maps every radical to one Han character that is no radical', () => {
    expect(RADICALS.size).toBe(132);
    for (const [radical, ideograph] of RADICALS) {
      expect(radical).toMatch(/^[\u2e80-\u2ef2\u31c0-\u31e3]$/u);
      expect(ideograph).toMatch(/^\p{Unified_Ideograph}$/u);
    }
  });

  it('gives the same when applied twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.boolean(), (text, letters) => {
        const once = comparable(text, letters);
        expect(comparable(once, letters)).toBe(once);
      }),
    );
  });
});

describe('finding a keyword', () => {
  it('gives the box of the words and nothing beside them', () => {
    const page = pageOf([{ text: '请在 当事人甲（签名）：处签名', yMm: 40 }]);
    const [anchor, ...others] = findKeyword([page], '当事人甲(签名)');
    expect(others).toEqual([]);
    expect(anchor).toMatchObject({ page: 1, xMm: 37.5, yMm: 40, heightMm: 5 });
    expect(anchor?.chars.map((c) => c.char).join('')).toBe('当事人甲（签名');
  });

  it('does not mind white space set between digits and characters', () => {
    const page = pageOf([{ text: '2023 年 6 月 15 日', yMm: 40 }]);
    expect(findKeyword([page], '2023年6月15日')).toHaveLength(1);
    expect(findKeyword([page], '2 0 2 3年 6月15日')).toHaveLength(1);
  });

  it('finds each of several places in reading order', () => {
    const pages = [
      pageOf([
        { text: '示例村人民调解委员会', yMm: 60 },
        { text: '示例村人民调解委员会 和 示例村人民调解委员会', yMm: 20 },
      ]),
      pageOf([{ text: '示例村人民调解委员会（印章）', yMm: 20 }], 2),
    ];
    const at = findKeyword(pages, '人民调解委员会').map(({ page, xMm, yMm }) => [page, xMm, yMm]);
    expect(at).toEqual([
      [1, 40, 20],
      [1, 100, 20],
      [1, 40, 60],
      [2, 40, 20],
    ]);
  });

  it('joins words broken over two lines and points at the longer piece', () => {
    const page = pageOf([
      { text: '本协议经示例市示例镇', yMm: 20 },
      { text: '示例村人民调解委员会调解', yMm: 30 },
    ]);
    const [anchor] = findKeyword([page], '示例镇示例村人民调解委员会');
    expect(anchor).toMatchObject({ yMm: 30, xMm: 25, widthMm: 50 });
  });

  it('joins words broken over two pages, past the page numbers', () => {
    const pages = [
      pageOf([
        { text: '由示例村人民调', yMm: 260 },
        { text: '第 1 页 共 2 页', yMm: 285, xMm: 90 },
      ]),
      pageOf(
        [
          { text: '- 2 -', yMm: 10, xMm: 100 },
          { text: '解委员会调解', yMm: 25 },
        ],
        2,
      ),
    ];
    expect(findKeyword(pages, '示例村人民调解委员会')).toMatchObject([{ page: 1, xMm: 30, yMm: 260 }]);
    expect(findKeyword(pages, '共2页')).toMatchObject([{ page: 1, yMm: 285 }]);
  });

  it('reads by rows where the file draws the pieces in another order', () => {
    const page = pageOf([
      { text: '签名）：', yMm: 40, xMm: 55 },
      { text: '当事人甲（', yMm: 40, xMm: 30 },
    ]);
    expect(findKeyword([page], '当事人甲签名')).toMatchObject([{ xMm: 30, widthMm: 35 }]);
  });

  it('counts words that are drawn twice for boldness as one', () => {
    const page = pageOf([
      { text: '人民调解协议书', yMm: 20 },
      { text: '人民调解协议书', yMm: 20.1, xMm: 25.2 },
    ]);
    expect(findKeyword([page], '人民调解协议书')).toHaveLength(1);
  });

  it('compares letters where the keyword has some', () => {
    const page = pageOf([{ text: '身份证号 TEST-A-0001，TEST-B-0001', yMm: 20 }]);
    expect(findKeyword([page], 'TEST-B-0001')).toHaveLength(1);
    expect(findKeyword([page], '0001')).toHaveLength(2);
  });

  it('gives nothing where the words are not, and refuses a keyword without anything to compare', () => {
    expect(findKeyword([pageOf([{ text: '当事人甲', yMm: 20 }])], '当事人乙')).toEqual([]);
    expect(() => findKeyword([pageOf([])], '（：）')).toThrow(
      expect.objectContaining({ code: 'KEYWORD_ABSENT' }) as Error,
    );
  });

  it('finds any piece of a page’s own text', () => {
    const text = '一次性赔偿甲人民币叁仟贰佰元整3200双方再无其他争议';
    const page = pageOf([{ text, yMm: 20, xMm: 5, sizeMm: 3 }]);
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.integer({ min: 1, max: 12 }), (start, length) => {
        const keyword = text.slice(start, start + length);
        const found = findKeyword([page], keyword);
        expect(found.map((anchor) => anchor.chars.map((c) => c.char).join(''))).toContain(keyword);
      }),
    );
  });
});

describe('rows', () => {
  it('keep a smaller or lower character on its row and separate rows that are close', () => {
    const page = pageOf([
      { text: '月   日', yMm: 20, xMm: 40 },
      { text: '15', yMm: 21.5, xMm: 46, sizeMm: 4 },
      { text: '下一行', yMm: 25.5 },
    ]);
    expect(linesOf(page).map((row) => row.chars.map((c) => c.char).join(''))).toEqual(['月15日', '下一行']);
  });
});
