import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropRaster, decodePng, encodePng, reduceRaster } from '../../src/biometric/raster.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { fromHex, latin1Text } from '../../src/bytes.ts';
import { pngOf } from '../support/png-kinds.ts';

const raster: fc.Arbitrary<Raster> = fc
  .record({
    width: fc.integer({ min: 1, max: 40 }),
    height: fc.integer({ min: 1, max: 40 }),
    dpi: fc.constantFrom(72, 200, 300, 363, 500, 508, 1000),
  })
  .chain((size) => {
    const count = size.width * size.height;
    return fc.uint8Array({ minLength: count, maxLength: count }).map((pixels) => ({ ...size, pixels }));
  });

function rasterOf(rows: readonly (readonly number[])[], dpi = 500): Raster {
  return { width: rows[0]?.length ?? 0, height: rows.length, dpi, pixels: Uint8Array.from(rows.flat()) };
}

describe('raster as PNG', () => {
  it('comes back as it went, resolution included', () => {
    fc.assert(
      fc.property(raster, (raster) => {
        expect(decodePng(encodePng(raster))).toEqual(raster);
      }),
    );
  });

  it('states its resolution before its pixels, in pixels per metre', () => {
    const png = encodePng(rasterOf([[1]]));
    const at = latin1Text(png).indexOf('pHYs');
    expect(at).toBeLessThan(latin1Text(png).indexOf('IDAT'));
    expect(png.subarray(at + 4, at + 13)).toEqual(fromHex('00004ce5 00004ce5 01'));
  });

  it('is grey over white paper, whatever the picture was', () => {
    const samples = [255, 0, 0, 255, 0, 0, 0, 128, 9, 9, 9, 0];
    const png = pngOf({ width: 3, height: 1, depth: 8, colorType: 6, interlaced: false, filters: [0], samples });
    expect([...decodePng(png).pixels]).toEqual([77, 127, 255]);
    expect(decodePng(png, { fallbackDpi: 300 }).dpi).toBe(300);
  });
});

describe('raster', () => {
  it('is cut to a box', () => {
    const cut = cropRaster(
      rasterOf([
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ]),
      { x: 1, y: 1, width: 2, height: 2 },
    );
    expect(cut).toEqual(
      rasterOf([
        [5, 6],
        [8, 9],
      ]),
    );
    expect(() => cropRaster(cut, { x: 1, y: 0, width: 2, height: 1 })).toThrow(RangeError);
  });

  it('is reduced to the mean of what each pixel covers', () => {
    const half = reduceRaster(
      rasterOf(
        [
          [0, 100, 200, 200],
          [100, 200, 40, 40],
        ],
        400,
      ),
      200,
    );
    expect(half).toEqual(rasterOf([[100, 120]], 200));
  });

  it('keeps its mean and its size on paper when reduced', () => {
    fc.assert(
      fc.property(raster, fc.integer({ min: 50, max: 1000 }), (raster, dpi) => {
        const reduced = reduceRaster(raster, dpi);
        const mean = ({ pixels }: Raster): number => pixels.reduce((a, b) => a + b, 0) / pixels.length;
        expect(reduced.dpi).toBe(Math.min(dpi, raster.dpi));
        expect(Math.abs(reduced.width / reduced.dpi - raster.width / raster.dpi)).toBeLessThanOrEqual(1 / reduced.dpi);
        expect(Math.abs(mean(reduced) - mean(raster))).toBeLessThan(1);
      }),
    );
  });
});
