import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFingerMinutiae, encodeFingerMinutiae } from '../../src/biometric/finger-minutiae.ts';
import type { FingerMinutiae, MinutiaeView } from '../../src/biometric/finger-minutiae.ts';
import { concatBytes, fromHex, toHex } from '../../src/bytes.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';
import { describeShared } from '../support/shared.ts';

/** Written out by hand from ISO/IEC 19794-2:2005, clause 8: right index, an ending at 45 degrees and a bifurcation. */
const BYTES = fromHex(`
  464d5200 20323000 0000002a 0000 0100 0120 00c5 00c5 01 00
  02 00 50 02
  4064 00c8 20 5a
  8000 011f ff 00
  0000`);
const RECORD: FingerMinutiae = {
  device: 0,
  width: 256,
  height: 288,
  xResolution: 197,
  yResolution: 197,
  views: [
    {
      position: 2,
      impression: 0,
      quality: 80,
      minutiae: [
        { type: 'ending', x: 100, y: 200, angle: 32, quality: 90 },
        { type: 'bifurcation', x: 0, y: 287, angle: 255, quality: 0 },
      ],
    },
  ],
};

/** BYTES with some of them replaced. */
function changed(at: number, hex: string): Uint8Array {
  const bytes = BYTES.slice();
  bytes.set(fromHex(hex), at);
  return bytes;
}

/** BYTES whose extended data is `hex`, lengths set right. */
function extended(hex: string): Uint8Array {
  const area = fromHex(hex);
  const bytes = concatBytes(BYTES, area);
  new DataView(bytes.buffer).setUint32(8, bytes.length);
  new DataView(bytes.buffer).setUint16(40, area.length);
  return bytes;
}

const minutia = fc.record({
  type: fc.constantFrom('other' as const, 'ending' as const, 'bifurcation' as const),
  x: fc.nat(299),
  y: fc.nat(399),
  angle: fc.nat(255),
  quality: fc.nat(100),
});
const view: fc.Arbitrary<MinutiaeView> = fc.record({
  position: fc.nat(10),
  impression: fc.nat(15),
  quality: fc.nat(100),
  minutiae: fc.array(minutia, { maxLength: 255, size: 'medium' }),
});
const record: fc.Arbitrary<FingerMinutiae> = fc.record({
  device: fc.nat(0xffff),
  width: fc.integer({ min: 300, max: 16384 }),
  height: fc.integer({ min: 400, max: 16384 }),
  xResolution: fc.integer({ min: 1, max: 0xffff }),
  yResolution: fc.integer({ min: 1, max: 0xffff }),
  views: fc.array(view, { minLength: 1, maxLength: 16 }),
});

describe('finger minutiae, ISO/IEC 19794-2:2005', () => {
  it('writes the bytes of the standard', () => {
    expect(toHex(encodeFingerMinutiae(RECORD))).toBe(toHex(BYTES));
  });

  it('reads the bytes of the standard', () => {
    expect(decodeFingerMinutiae(BYTES)).toEqual({ ...RECORD, views: [{ ...RECORD.views[0], extensions: [] }] });
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(record, (record) => {
        const views = record.views.map((view) => ({ ...view, extensions: [] }));
        expect(decodeFingerMinutiae(encodeFingerMinutiae(record))).toEqual({ ...record, views });
      }),
    );
  });

  it('meets any change of a record with a record or a typed refusal', () => {
    fc.assert(
      fc.property(mutations(record.map(encodeFingerMinutiae)), (bytes) => {
        expect([null, 'RECORD_LENGTH', 'RECORD_FORMAT', 'RECORD_INVALID']).toContain(
          codeOf(() => decodeFingerMinutiae(bytes)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('reads a record longer than 65,535 bytes, whose length begins with a number that ANSI records do not have', () => {
    const minutiae = Array.from({ length: 255 }, () => ({ type: 'other', x: 1, y: 1, angle: 0, quality: 0 }) as const);
    const views = Array.from({ length: 50 }, (_, i) => ({ position: i % 10, impression: 0, quality: 0, minutiae }));
    const bytes = encodeFingerMinutiae({ ...RECORD, views });
    expect(bytes.length).toBeGreaterThan(65_535);
    expect(decodeFingerMinutiae(bytes).views).toHaveLength(50);
  });

  it('accepts a view without minutiae', () => {
    const [first] = RECORD.views;
    const bytes = encodeFingerMinutiae({ ...RECORD, views: [{ ...(first as MinutiaeView), minutiae: [] }] });
    expect(bytes).toHaveLength(30);
    expect(decodeFingerMinutiae(bytes).views).toMatchObject([{ minutiae: [] }]);
  });

  describe('extended data', () => {
    const blocks = [
      { type: 1, data: fromHex('aabbccdd') },
      { type: 0x0101, data: fromHex('01') },
    ];
    it('is read when its lengths count their own four bytes', () => {
      const [view] = decodeFingerMinutiae(extended('0001 0008 aabbccdd 0101 0005 01')).views;
      expect(view?.extensions).toEqual(blocks);
    });
    it('is read when its lengths count the data alone', () => {
      const [view] = decodeFingerMinutiae(extended('0001 0004 aabbccdd 0101 0001 01')).views;
      expect(view?.extensions).toEqual(blocks);
    });
    it.each(['0001 0007 aabbccdd', '0001 0009 aabbccdd', '0001', '0001 0004 aabbcc', '0001 0000 00'])(
      'is refused when its blocks do not fill it: %s',
      (hex) => {
        expect(codeOf(() => decodeFingerMinutiae(extended(hex)))).toBe('RECORD_LENGTH');
      },
    );
  });

  describe('refuses by length', () => {
    it.each([
      ['nothing', new Uint8Array(0)],
      ['less than a header', BYTES.subarray(0, 20)],
      ['a byte too few', BYTES.subarray(0, 41)],
      ['a byte too many', concatBytes(BYTES, Uint8Array.of(0))],
      ['a declared length that is not the true one', changed(8, '0000002b')],
      ['more views than there are', changed(22, '02')],
      ['more minutiae than there are', changed(27, '03')],
      ['fewer minutiae than there are', changed(27, '01')],
      ['extended data that is not there', changed(40, '0001')],
    ])('%s', (_, bytes) => {
      expect(codeOf(() => decodeFingerMinutiae(bytes))).toBe('RECORD_LENGTH');
    });
    it('fewer views than there are', () => {
      const one = encodeFingerMinutiae(RECORD);
      const two = encodeFingerMinutiae({ ...RECORD, views: [...RECORD.views, ...RECORD.views] });
      two.set(one.subarray(22, 23), 22);
      expect(codeOf(() => decodeFingerMinutiae(two))).toBe('RECORD_LENGTH');
    });
  });

  describe('refuses by format', () => {
    it.each([
      ['another magic', changed(0, '464952')],
      ['the 2011 edition', changed(4, '30333000')],
      ['an unknown version', changed(4, '20333000')],
      ['ANSI INCITS 378 with a 16-bit length', changed(8, '002a')],
      ['ANSI INCITS 378 with a 32-bit length', changed(8, '0000 0001 1170')],
    ])('%s', (_, bytes) => {
      expect(codeOf(() => decodeFingerMinutiae(bytes))).toBe('RECORD_FORMAT');
    });
    it('names the edition', () => {
      expect(() => decodeFingerMinutiae(changed(4, '30333000'))).toThrow('19794-2:2011');
      expect(() => decodeFingerMinutiae(changed(8, '002a'))).toThrow('378-2004');
    });
  });

  describe('refuses what the standard forbids', () => {
    it.each([
      ['no views', '0016', '00'],
      ['a reserved byte in the header', '0017', '01'],
      ['a resolution of 0', '0012', '0000'],
      ['a position beyond 10', '0018', '0b'],
      ['a first view numbered 1', '0019', '10'],
      ['a view quality beyond 100', '001a', '65'],
      ['the reserved type', '001c', 'c064'],
      ['x at the width', '001c', '4100'],
      ['y at the height', '001e', '0120'],
      ['reserved bits before y', '001e', '40c8'],
      ['a minutia quality beyond 100', '0021', '65'],
    ])('%s', (what, at, hex) => {
      const bytes = what === 'no views' ? BYTES.slice(0, 24) : BYTES.slice();
      if (what === 'no views') bytes.set([0, 0, 0, 24], 8);
      bytes.set(fromHex(hex), Number.parseInt(at, 16));
      expect(codeOf(() => decodeFingerMinutiae(bytes))).toBe('RECORD_INVALID');
    });
    it('two views of one finger with one number', () => {
      const two = encodeFingerMinutiae({ ...RECORD, views: [...RECORD.views, ...RECORD.views] });
      expect(two[43]).toBe(0x10);
      two[43] = 0;
      expect(codeOf(() => decodeFingerMinutiae(two))).toBe('RECORD_INVALID');
    });
    it('in writing too', () => {
      expect(codeOf(() => encodeFingerMinutiae({ ...RECORD, width: 100 }))).toBe('RECORD_INVALID');
      expect(codeOf(() => encodeFingerMinutiae({ ...RECORD, views: [] }))).toBe('RECORD_INVALID');
    });
  });
});

describeShared('templates that a commercial extractor made', (shared) => {
  const templates = ['fvc2002-DB2_B', 'fvc2004-DB3_B'].flatMap((set) =>
    readdirSync(join(shared, 'data/fvc', set))
      .filter((file) => file.endsWith('.iso'))
      .map((file) => join(shared, 'data/fvc', set, file)),
  );

  it('are consumed exactly, every one', () => {
    expect(templates).toHaveLength(160);
    const changed = templates.filter((path) => {
      const bytes = new Uint8Array(readFileSync(path));
      return toHex(encodeFingerMinutiae(decodeFingerMinutiae(bytes))) !== toHex(bytes);
    });
    expect(changed).toEqual([]);
  });

  it('are refused when cut short', () => {
    const folder = join(shared, 'data/fvc/truncated');
    const codes = readdirSync(folder).map((file) =>
      codeOf(() => decodeFingerMinutiae(readFileSync(join(folder, file)))),
    );
    expect(codes).toEqual(['RECORD_LENGTH', 'RECORD_LENGTH', 'RECORD_LENGTH']);
  });
});
