import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { measureQuality } from '../../src/biometric/quality.ts';
import { decodePixels, encodePixels } from '../../drivers/ef01/pixels.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { printNames, printRaster, withBlur, withContrast, withNoise, withPart } from '../support/prints.ts';
import { describeShared } from '../support/shared.ts';
import { readGreyTiff } from '../support/tiff.ts';

const ordinary = new Map(printNames.filter((name) => /-\d$/.test(name)).map((name) => [name, printRaster(name)]));

/** A window of a small reader, drawn by the pixel. */
function drawn(grey: (x: number, y: number) => number): Raster {
  const pixels = Uint8Array.from({ length: 256 * 288 }, (_, i) => grey(i % 256, Math.floor(i / 256)));
  return { width: 256, height: 288, dpi: 500, pixels };
}

/** That doing more of `damage` never scores higher by more than `slack`, over prints and amounts of it. */
function expectMonotone(
  amount: fc.Arbitrary<number>,
  damage: (raster: Raster, amount: number) => Raster,
  slack = 1,
): void {
  fc.assert(
    fc.property(fc.constantFrom(...ordinary.keys()), amount, amount, (name, a, b) => {
      const raster = ordinary.get(name) ?? printRaster(name);
      const less = measureQuality(damage(raster, Math.min(a, b))).score;
      const more = measureQuality(damage(raster, Math.max(a, b))).score;
      expect(more).toBeLessThanOrEqual(less + slack);
    }),
    { numRuns: 60 },
  );
}

describe('quality of a print', () => {
  it('is high for every ordinary press', () => {
    for (const raster of ordinary.values()) {
      const { score, hints } = measureQuality(raster);
      expect(score).toBeGreaterThanOrEqual(70);
      expect(hints).toEqual([]);
    }
  });

  it.each([
    ['whorl-wet', 'too-wet'],
    ['whorl-dry', 'too-dry'],
    ['whorl-partial', 'partial'],
  ])('is low for %s, and says why', (name, hint) => {
    const { score, hints } = measureQuality(printRaster(name));
    expect(score).toBeLessThan(50);
    expect(hints).toEqual([hint]);
  });

  it('stands nearly the same after the 16 levels of a serial reader', () => {
    for (const raster of ordinary.values()) {
      const pixels = decodePixels(encodePixels(raster.pixels));
      const difference = measureQuality({ ...raster, pixels }).score - measureQuality(raster).score;
      expect(Math.abs(difference)).toBeLessThanOrEqual(3);
    }
  });

  it('does not rise with noise', () => {
    expectMonotone(fc.integer({ min: 0, max: 90 }), (raster, deviation) => withNoise(raster, deviation, 1));
  });
  it('does not rise with blur, but for the sensor’s grain that a touch of it takes away', () => {
    expectMonotone(fc.integer({ min: 0, max: 8 }), withBlur, 2);
  });
  it('does not rise as the print gets smaller', () => {
    expectMonotone(fc.integer({ min: 0, max: 20 }), (raster, cut) => withPart(raster, 1 - cut / 20));
  });
  it('does not rise as the print gets fainter', () => {
    expectMonotone(fc.integer({ min: 0, max: 20 }), (raster, faint) => withContrast(raster, 1 - faint / 20));
  });

  it.each([
    [
      'noise, loud',
      withNoise(
        drawn(() => 128),
        60,
        7,
      ),
    ],
    ['white', drawn(() => 255)],
    ['black', drawn(() => 0)],
    ['a gradient', drawn((x) => x)],
    ['a sheet of paper at an angle', drawn((x, y) => (x + y > 250 ? 230 : 40))],
  ])('is next to nothing where there is no print: %s', (_, raster) => {
    expect(measureQuality(raster).score).toBeLessThan(10);
  });

  it.each([4, 36])('is low for stripes %i pixels apart: skin has none such', (period) => {
    expect(measureQuality(drawn((x) => 128 + 100 * Math.sin((2 * Math.PI * x) / period))).score).toBeLessThan(30);
  });

  it('takes any size of picture', () => {
    const pixel: Raster = { width: 1, height: 1, dpi: 500, pixels: Uint8Array.of(7) };
    expect(measureQuality(pixel).score).toBe(0);
    expect(measureQuality({ ...pixel, width: 0, height: 0, pixels: new Uint8Array(0) }).score).toBe(0);
    expect(measureQuality({ width: 3, height: 90, dpi: 72, pixels: new Uint8Array(270) }).score).toBe(0);
  });
});

describeShared('quality of real prints', (shared) => {
  const scores = (set: string): Map<string, number> => {
    const folder = join(shared, 'data/fvc', set);
    const files = readdirSync(folder).filter((file) => file.endsWith('.tif'));
    return new Map(files.map((file) => [file, measureQuality(readGreyTiff(join(folder, file), 500)).score]));
  };

  it('spreads from nothing to full on an optical sensor, the faint ones at the bottom', () => {
    const all = scores('fvc2002-DB2_B');
    const sorted = [...all.values()].toSorted((a, b) => a - b);
    expect(all.get('109_8.tif')).toBe(sorted[0]);
    expect(all.get('109_8.tif')).toBeLessThan(20);
    expect(all.get('104_8.tif')).toBeLessThan(40);
    expect(all.get('101_1.tif')).toBeGreaterThan(80);
    expect(sorted[40]).toBeGreaterThan(75);
  });

  it('puts the flooded ones at the bottom on a thermal sensor', () => {
    const all = scores('fvc2004-DB3_B');
    const sorted = [...all.values()].toSorted((a, b) => a - b);
    expect(all.get('102_8.tif')).toBe(sorted[0]);
    expect(sorted[40]).toBeGreaterThan(80);
  });
});
