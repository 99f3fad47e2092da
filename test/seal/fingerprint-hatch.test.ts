import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findMinutiae } from '../../scripts/prints/minutiae.ts';
import type { MinutiaeView } from '../../src/biometric/finger-minutiae.ts';
import { enlargeRaster, reduceRaster } from '../../src/biometric/raster.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { renderFingerprint } from '../../src/biometric/rendition.ts';
import type { Rendition } from '../../src/biometric/rendition.ts';
import type { SampledImage } from '../../src/pdf/increment.ts';
import { fingerprintAppearance } from '../../src/seal/appearance.ts';
import { withBands } from '../../src/seal/fingerprint-hatch.ts';
import type { GlyphOutlines } from '../../src/seal/glyph-outlines.ts';
import { pathPoints } from '../support/content.ts';
import { matchMinutiae } from '../support/minutiae-match.ts';
import { fingerOf, printMinutiae, printNames, printRaster } from '../support/prints.ts';
import { describeShared } from '../support/shared.ts';
import { readGreyTiff } from '../support/tiff.ts';

const BOX = { widthMm: 14, heightMm: 18 };
const POINTS_PER_MM = 72 / 25.4;

/** Every character a square that fills its em. */
function squares(text: string): GlyphOutlines {
  const steps = [['m', 0, -120], ['l', 1000, -120], ['l', 1000, 880], ['l', 0, 880], ['h']] as const;
  return { unitsPerEm: 1000, glyphs: Object.fromEntries(Array.from(text, (c) => [c, { advance: 1000, steps }])) };
}

function mark(
  raster: Raster,
  rendition: Rendition,
  text = '（2023）示人调字第12号',
): { image: SampledImage; content: Buffer } {
  const inscription = { text, outlines: squares(text) };
  const { ink } = fingerprintAppearance(raster, BOX, { rendition, inscription });
  const [image] = Object.values(ink.images);
  if (image?.kind !== 'samples') throw new Error('no picture');
  return { image, content: inflateSync(ink.contentFlate) };
}

/** What is left of a print for who takes the picture out of the file. */
function taken({ width, height, flate }: SampledImage): Raster {
  return { width, height, dpi: 200, pixels: new Uint8Array(inflateSync(flate)) };
}

function minutiaeOf(raster: Raster): MinutiaeView {
  const fine = raster.dpi > 500 ? reduceRaster(raster, 500) : enlargeRaster(raster, 500);
  return { minutiae: findMinutiae(fine) } as unknown as MinutiaeView;
}

describe('the number across a fingerprint', () => {
  it('stands in bands where nothing of the print is left in the picture', () => {
    const print = renderFingerprint(printRaster('whorl-1'), 'display');
    const { image } = mark(printRaster('whorl-1'), 'display');
    const shown = taken(image).pixels;
    const gone = print.pixels.filter((grey, i) => grey < 128 && shown[i] === 255).length;
    const kept = print.pixels.filter((grey, i) => grey < 128 && shown[i] === grey).length;
    expect(gone + kept).toBe(print.pixels.filter((grey) => grey < 128).length);
    expect(gone / (gone + kept)).toBeGreaterThan(0.2);
    expect(gone / (gone + kept)).toBeLessThan(0.4);
  });

  it('leaves what can be compared of a forensic one: paler, not gone', () => {
    const raster = printRaster('whorl-1');
    const shown = taken(mark(raster, 'forensic').image).pixels;
    expect(shown).toHaveLength(raster.pixels.length);
    expect(
      raster.pixels.every(
        (grey, i) => (shown[i] ?? 0) === grey || (shown[i] ?? 0) === Math.round(255 - (255 - grey) * 0.4),
      ),
    ).toBe(true);
    expect(shown.filter((grey, i) => grey !== raster.pixels[i]).length / shown.length).toBeGreaterThan(0.2);
  });

  it('is written over and over, on the print only, in characters of 0.8 mm that rise to the right', () => {
    const { content } = mark(printRaster('whorl-1'), 'display');
    const characters = pathPoints(content).filter(({ matrix }) => Math.abs(matrix[1]) > 1e-9);
    const count = characters.length / 4;
    expect(count).toBeGreaterThan(40);
    for (const { x, y, matrix } of characters) {
      expect(Math.atan2(matrix[1], matrix[0])).toBeCloseTo(Math.PI / 6, 3);
      expect(Math.hypot(matrix[2], matrix[3]) * 1000).toBeCloseTo(0.8 * POINTS_PER_MM, 2);
      expect(x).toBeGreaterThan(-1);
      expect(x).toBeLessThan(BOX.widthMm * POINTS_PER_MM + 1);
      expect(y).toBeGreaterThan(-1);
      expect(y).toBeLessThan(BOX.heightMm * POINTS_PER_MM + 1);
    }
  });

  it('is written without the characters that no outline is known of', () => {
    const text = '（2023）𠮷12号';
    const outlines = squares('（2023）12号');
    const { ink } = fingerprintAppearance(printRaster('whorl-1'), BOX, {
      rendition: 'display',
      inscription: { text, outlines },
    });
    expect(pathPoints(inflateSync(ink.contentFlate)).length).toBeGreaterThan(100);
  });

  it('takes little room in the file', () => {
    const text = '（2023）示人调字第12号';
    const { ink, opaque } = fingerprintAppearance(printRaster('whorl-1'), BOX, {
      rendition: 'display',
      inscription: { text, outlines: squares(text) },
    });
    for (const drawing of [ink, opaque]) {
      const [image] = Object.values(drawing.images);
      expect(drawing.contentFlate.length + (image?.flate.length ?? 0)).toBeLessThan(20_000);
    }
  });
});

describe('a fingerprint’s mark', () => {
  /** Twelve minutiae or a large share of them are what a comparison wants: see the scores of presses of one finger. */
  const NO_MATCH = 0.5;
  const own = printNames.filter((name) => name.endsWith('-1'));

  it('is told by its pattern no more than a stranger’s by who matches minutiae', () => {
    for (const name of own) {
      const found = minutiaeOf(taken(mark(printRaster(name), 'display').image));
      expect(matchMinutiae(found, printMinutiae(name))).toBeLessThan(NO_MATCH);
    }
  });

  it('is not either by who knows where the bands are and leaves out what lies at their edges', () => {
    for (const name of own) {
      const print = renderFingerprint(printRaster(name), 'display');
      const fine = enlargeRaster(taken(mark(printRaster(name), 'display').image), 500);
      const mmPerPixel = Math.min(BOX.widthMm / print.width, BOX.heightMm / print.height) * (200 / 500);
      const { pixels } = withBands({ ...fine, pixels: new Uint8Array(fine.pixels.length) }, mmPerPixel, 0);
      const steps = [-8, -4, 0, 4, 8];
      const minutiae = findMinutiae(fine).filter(({ x, y }) =>
        steps.every((dy) => steps.every((dx) => pixels[(y + dy) * fine.width + x + dx] !== 255)),
      );
      expect(matchMinutiae({ minutiae } as unknown as MinutiaeView, printMinutiae(name))).toBeLessThan(NO_MATCH);
    }
  });

  it('is, where it is forensic; and presses of one finger are: the measure tells', () => {
    for (const name of own) {
      expect(matchMinutiae(minutiaeOf(printRaster(name)), printMinutiae(name))).toBeGreaterThan(0.9);
      for (const other of printNames.filter((press) => press !== name && fingerOf(press) === fingerOf(name))) {
        if (!/-\d$/.test(other)) continue;
        expect(matchMinutiae(printMinutiae(name), printMinutiae(other))).toBeGreaterThan(0.7);
      }
    }
  });
});

describeShared('real fingerprints’ marks', (shared) => {
  it.each([
    ['fvc2002-DB2_B', 569],
    ['fvc2004-DB3_B', 512],
  ])('are not matched with what they were made of: %s', (set, dpi) => {
    const folder = join(shared, 'data/fvc', set);
    for (const finger of [101, 105, 110]) {
      const raster = readGreyTiff(join(folder, `${finger}_1.tif`), dpi);
      const score = matchMinutiae(minutiaeOf(taken(mark(raster, 'display').image)), minutiaeOf(raster));
      expect(score).toBeLessThan(0.5);
    }
  });
});
