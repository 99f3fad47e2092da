import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFingerImage, encodeFingerImage, fingerImageOf } from '../../src/biometric/finger-image.ts';
import type { FingerImage, FingerImageView } from '../../src/biometric/finger-image.ts';
import { encodePng } from '../../src/biometric/raster.ts';
import { ByteWriter, concatBytes, fromHex, toHex } from '../../src/bytes.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';
import { printRaster } from '../support/prints.ts';

/** Written out by hand from ISO/IEC 19794-4:2005, clause 7: one view of the right index, 2 x 3 pixels. */
const BYTES = fromHex(`
  46495200 30313000 000000000034 0000 001e 01 01 01f4 01f4 01f4 01f4 08 00 0000
  00000014 02 01 01 fe 00 0002 0003 00
  00ff 8040 2010`);
const RESOLUTION = { horizontal: 500, vertical: 500 };
const VIEW: FingerImageView = {
  position: 2,
  quality: null,
  impression: 0,
  width: 2,
  height: 3,
  pixels: fromHex('00ff80402010'),
};
const RECORD: FingerImage = {
  device: 0,
  acquisitionLevel: 30,
  units: 'inch',
  scanResolution: RESOLUTION,
  imageResolution: RESOLUTION,
  views: [VIEW],
};

function changed(at: number, hex: string): Uint8Array {
  const bytes = BYTES.slice();
  bytes.set(fromHex(hex), at);
  return bytes;
}

/** BYTES with PNG for its compression and `png` for its image. */
function withPng(png: Uint8Array): Uint8Array {
  const header = changed(29, '05').subarray(0, 32);
  const view = new ByteWriter().u32(14 + png.length).raw(BYTES.subarray(36, 46));
  const record = concatBytes(header, view.finish(), png);
  new DataView(record.buffer).setUint32(10, record.length);
  return record;
}

const view: fc.Arbitrary<FingerImageView> = fc
  .record({
    position: fc.constantFrom(0, 1, 2, 10, 13, 15, 20, 36),
    quality: fc.option(fc.nat(100)),
    impression: fc.nat(255),
    width: fc.integer({ min: 1, max: 12 }),
    height: fc.integer({ min: 1, max: 12 }),
  })
  .chain((view) => {
    const size = view.width * view.height;
    return fc.uint8Array({ minLength: size, maxLength: size }).map((pixels) => ({ ...view, pixels }));
  });
const resolution = fc.record({
  horizontal: fc.integer({ min: 1, max: 0xffff }),
  vertical: fc.integer({ min: 1, max: 0xffff }),
});
const record: fc.Arbitrary<FingerImage> = fc.record({
  device: fc.nat(0xffff),
  acquisitionLevel: fc.nat(0xffff),
  units: fc.constantFrom('inch' as const, 'centimetre' as const),
  scanResolution: resolution,
  imageResolution: resolution,
  views: fc.array(view, { minLength: 1, maxLength: 8 }),
});

describe('finger image, ISO/IEC 19794-4:2005', () => {
  it('writes the bytes of the standard', () => {
    expect(toHex(encodeFingerImage(RECORD))).toBe(toHex(BYTES));
  });

  it('reads the bytes of the standard', () => {
    expect(decodeFingerImage(BYTES)).toEqual(RECORD);
  });

  it('reads what it writes', () => {
    fc.assert(
      fc.property(record, (record) => {
        expect(decodeFingerImage(encodeFingerImage(record))).toEqual(record);
      }),
    );
  });

  it('meets any change of a record with a record or a typed refusal', () => {
    fc.assert(
      fc.property(mutations(record.map(encodeFingerImage)), (bytes) => {
        expect([null, 'RECORD_LENGTH', 'RECORD_FORMAT', 'RECORD_INVALID']).toContain(
          codeOf(() => decodeFingerImage(bytes)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('makes the record of a capture: its size, its resolution, quality left undefined', () => {
    const raster = printRaster('whorl-1');
    const bytes = encodeFingerImage(fingerImageOf(raster, { position: 1 }));
    expect(bytes).toHaveLength(32 + 14 + 256 * 288);
    expect(bytes[32 + 7]).toBe(254);
    expect(decodeFingerImage(bytes)).toMatchObject({
      acquisitionLevel: 30,
      imageResolution: RESOLUTION,
      views: [{ position: 1, quality: null, width: 256, height: 288, pixels: raster.pixels }],
    });
  });

  it('numbers the views of each finger from 1', () => {
    const bytes = encodeFingerImage({ ...RECORD, views: [VIEW, { ...VIEW, position: 3 }, VIEW] });
    const numbers = [0, 1, 2].map((i) => toHex(bytes.subarray(32 + 20 * i + 4, 32 + 20 * i + 7)));
    expect(bytes[18]).toBe(2);
    expect(numbers).toEqual(['020201', '030101', '020202']);
  });

  it('reads an image compressed as PNG', () => {
    const png = encodePng({ width: 2, height: 3, dpi: 500, pixels: VIEW.pixels });
    expect(decodeFingerImage(withPng(png))).toEqual(RECORD);
  });

  it('refuses a PNG of another size, or damaged', () => {
    const png = encodePng({ width: 3, height: 2, dpi: 500, pixels: VIEW.pixels });
    expect(codeOf(() => decodeFingerImage(withPng(png)))).toBe('RECORD_LENGTH');
    expect(codeOf(() => decodeFingerImage(withPng(png.subarray(0, 60))))).toBe('RECORD_INVALID');
  });

  describe('refuses by length', () => {
    it.each([
      ['nothing', new Uint8Array(0)],
      ['less than a header', BYTES.subarray(0, 30)],
      ['a byte too few', BYTES.subarray(0, 51)],
      ['a byte too many', concatBytes(BYTES, Uint8Array.of(0))],
      ['a declared length that is not the true one', changed(8, '000000000035')],
      ['a declared length beyond 32 bits', changed(8, '000100000034')],
      ['a view shorter than its header', changed(32, '0000000d')],
      ['a view longer than the record', changed(32, '00000015')],
      ['a view that ends early', changed(32, '00000013')],
      ['an image larger than its bytes', changed(41, '0003')],
      ['an image smaller than its bytes', changed(43, '0002')],
    ])('%s', (_, bytes) => {
      expect(codeOf(() => decodeFingerImage(bytes))).toBe('RECORD_LENGTH');
    });
  });

  describe('refuses by format', () => {
    it.each([
      ['another magic', changed(0, '464d52')],
      ['the 2011 edition', changed(4, '30323000')],
      ['an unknown version', changed(4, '39393900')],
      ['a depth of 4 bits', changed(28, '04')],
      ['packed pixels', changed(29, '01')],
      ['WSQ', changed(29, '02')],
      ['an unknown compression', changed(29, '06')],
    ])('%s', (_, bytes) => {
      expect(codeOf(() => decodeFingerImage(bytes))).toBe('RECORD_FORMAT');
    });
    it('names what it does not read', () => {
      expect(() => decodeFingerImage(changed(4, '30323000'))).toThrow('19794-4:2011');
      expect(() => decodeFingerImage(changed(29, '02'))).toThrow('WSQ');
    });
  });

  describe('refuses what the standard forbids', () => {
    it.each([
      ['no fingers', 18, '00'],
      ['more fingers than there are', 18, '02'],
      ['unknown units', 19, '03'],
      ['a resolution of 0', 24, '0000'],
      ['reserved bytes in the header', 30, '0001'],
      ['a position that is no code', 36, '0b'],
      ['a view numbered 0', 38, '00'],
      ['a view numbered 2 of 1', 38, '02'],
      ['a view numbered 1 of 2', 37, '02'],
      ['quality beyond 100', 39, '65'],
      ['quality 255', 39, 'ff'],
      ['a reserved byte in a view', 45, '01'],
    ])('%s', (_, at, hex) => {
      expect(codeOf(() => decodeFingerImage(changed(at, hex)))).toBe('RECORD_INVALID');
    });
    it('a record without views', () => {
      const bytes = changed(8, '000000000020').subarray(0, 32);
      bytes[18] = 0;
      expect(codeOf(() => decodeFingerImage(bytes))).toBe('RECORD_INVALID');
    });
    it('two views with one number', () => {
      const bytes = encodeFingerImage({ ...RECORD, views: [VIEW, VIEW] });
      bytes[32 + 20 + 6] = 1;
      expect(codeOf(() => decodeFingerImage(bytes))).toBe('RECORD_INVALID');
    });
    it('in writing too', () => {
      expect(codeOf(() => encodeFingerImage({ ...RECORD, views: [{ ...VIEW, width: 3 }] }))).toBe('RECORD_LENGTH');
      expect(codeOf(() => encodeFingerImage({ ...RECORD, views: [] }))).toBe('RECORD_INVALID');
    });
  });
});
