import { describe, expect, it } from 'vitest';
import { decodePixels, encodePixels } from '../../drivers/ef01/pixels.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { renderFingerprint } from '../../src/biometric/rendition.ts';
import { mapRidges } from '../../src/biometric/ridge-map.ts';
import { printNames, printRaster, withContrast } from '../support/prints.ts';

const PAPER = 250;

function share(raster: Raster, holds: (grey: number) => boolean): number {
  return raster.pixels.filter(holds).length / raster.pixels.length;
}

/** The same size but for a cell at the outline, and as much ink. */
function expectAlike(a: Raster, b: Raster): void {
  expect(Math.abs(a.width - b.width)).toBeLessThanOrEqual(4);
  expect(Math.abs(a.height - b.height)).toBeLessThanOrEqual(4);
  expect(share(a, isInk)).toBeCloseTo(share(b, isInk), 1);
}

function isInk(grey: number): boolean {
  return grey < 96;
}

describe('the mark that a print makes', () => {
  it.each(printNames)('is ink on white paper: %s', (name) => {
    const mark = renderFingerprint(printRaster(name), 'display');
    expect(mark.dpi).toBe(200);
    const { width, height, pixels } = mark;
    const corners = [0, width - 1, (height - 1) * width, height * width - 1].map((i) => pixels[i] ?? 0);
    // A partial press lies at the window's edge and may fill one corner.
    expect(corners.filter((grey) => grey === 255).length).toBeGreaterThanOrEqual(3);
    expect(share(mark, (grey) => grey > PAPER)).toBeGreaterThan(0.2);
    expect(share(mark, isInk)).toBeGreaterThan(0.07);
  });

  it.each(printNames.filter((name) => /-\d$/.test(name)))('has little between ink and paper: %s', (name) => {
    const mark = renderFingerprint(printRaster(name), 'display');
    expect(share(mark, (grey) => grey >= 96 && grey <= 160)).toBeLessThan(0.2);
  });

  it('is cropped to the print, its size on paper kept', () => {
    const whole = renderFingerprint(printRaster('whorl-1'), 'display');
    const partial = renderFingerprint(printRaster('whorl-partial'), 'display');
    const mm = ({ width, height, dpi }: Raster): number[] => [width, height].map((side) => (side * 25.4) / dpi);
    expect(mm(whole)[0]).toBeGreaterThan(10);
    expect(mm(whole)[1]).toBeLessThan((288 * 25.4) / 500 + 0.2);
    expect(mm(partial)[0]).toBeLessThan(9.5);
    expect(mm(partial)[1]).toBeLessThan(9.5);
  });

  it('is of 200 dpi whatever the sensor’s', () => {
    expect(renderFingerprint({ ...printRaster('arch-1'), dpi: 363 }, 'display').dpi).toBe(200);
    expect(renderFingerprint({ ...printRaster('arch-1'), dpi: 150 }, 'display').dpi).toBe(200);
  });

  it('for who may compare it is every pixel as it was captured', () => {
    const raster = printRaster('arch-1');
    expect(renderFingerprint(raster, 'forensic')).toEqual(raster);
  });

  it.each([
    ['black', 12],
    ['grey', 110],
  ])('has no more ink where the sensor shows %s about the finger', (_, surround) => {
    for (const name of ['whorl-1', 'loop-left-2', 'arch-3']) {
      const raster = printRaster(name);
      const { cell, columns, print } = mapRidges(raster);
      const isPrint = (i: number): boolean =>
        print[Math.floor(Math.floor(i / raster.width) / cell) * columns + Math.floor((i % raster.width) / cell)] === 1;
      const pixels = raster.pixels.map((grey, i) => (isPrint(i) ? grey : surround));
      const inked = (mark: Raster): number => mark.pixels.filter(isInk).length;
      const plain = renderFingerprint(raster, 'display');
      const dark = renderFingerprint({ ...raster, pixels }, 'display');
      expect(inked(dark) / inked(plain)).toBeGreaterThan(0.65);
      expect(inked(dark) / inked(plain)).toBeLessThan(1.1);
    }
  });

  it('looks the same from a serial reader of 16 levels', () => {
    const raster = printRaster('loop-left-1');
    const pixels = decodePixels(encodePixels(raster.pixels));
    expectAlike(renderFingerprint(raster, 'display'), renderFingerprint({ ...raster, pixels }, 'display'));
  });

  it('looks the same from a faint picture', () => {
    const raster = printRaster('loop-right-1');
    expectAlike(renderFingerprint(raster, 'display'), renderFingerprint(withContrast(raster, 0.3), 'display'));
  });

  it('inks what is dark, and does not guess that ridges might be bright', () => {
    const pixels = Uint8Array.from({ length: 256 * 288 }, (_, i) => ((i % 256) % 10 < 3 ? 40 : 220));
    const stripes: Raster = { width: 256, height: 288, dpi: 500, pixels };
    expect(share(renderFingerprint(stripes, 'display'), isInk)).toBeLessThan(0.45);
    expect(
      share(renderFingerprint({ ...stripes, pixels: stripes.pixels.map((grey) => 255 - grey) }, 'display'), isInk),
    ).toBeGreaterThan(0.55);
  });

  it('is inked whole where no print is found, and white from white', () => {
    const blank: Raster = { width: 100, height: 120, dpi: 500, pixels: new Uint8Array(12_000).fill(255) };
    const mark = renderFingerprint(blank, 'display');
    expect([mark.width, mark.height]).toEqual([40, 48]);
    expect(share(mark, (grey) => grey > 150)).toBe(1);
  });
});
