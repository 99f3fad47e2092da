import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { encode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import type { Appearance, Drawing, SampledImage } from '../../src/pdf/increment.ts';
import {
  fingerprintAppearance,
  pictureAppearance,
  sealAppearance,
  sealPictureAppearance,
} from '../../src/seal/appearance.ts';
import { withBands } from '../../src/seal/fingerprint-hatch.ts';
import type { GlyphOutlines } from '../../src/seal/glyph-outlines.ts';
import { sealCharacters } from '../../src/seal/seal-drawing.ts';
import { pathPoints } from '../support/content.ts';

const POINTS_PER_MM = 72 / 25.4;
const BOX = { widthMm: 30, heightMm: 12 };

/** Every character a square that fills its em. */
function squares(text: string): GlyphOutlines {
  const steps = [['m', 0, -120], ['l', 1000, -120], ['l', 1000, 880], ['l', 0, 880], ['h']] as const;
  return { unitsPerEm: 1000, glyphs: Object.fromEntries(Array.from(text, (c) => [c, { advance: 1000, steps }])) };
}

function drawnSeal(name: string, test = true, diameterMm = 42): Appearance {
  return sealAppearance({ name, diameterMm, test }, squares(sealCharacters({ name, test })));
}

function operatorsOf({ ink }: Appearance): Uint8Array {
  return inflateSync(ink.contentFlate);
}

function textOf({ ink }: Appearance): string {
  return inflateSync(ink.contentFlate).toString('latin1');
}

function onlyImage({ images }: Drawing): SampledImage {
  const [image, ...others] = Object.values(images);
  expect(others).toEqual([]);
  if (image?.kind !== 'samples') throw new Error('no picture of samples');
  return image;
}

/** How much of a deflated mask of one bit a pixel is painted. */
function painted(flate: Uint8Array, pixels: number): number {
  const bits = Array.from(inflateSync(flate), (byte) => byte.toString(2).padStart(8, '0')).join('');
  return bits.split('0').length / pixels;
}

function png(width: number, height: number, pixel: (x: number, y: number) => readonly number[]): Uint8Array {
  const channels = pixel(0, 0).length;
  const data = Uint8Array.from(
    Array.from({ length: width * height }, (_, i) => pixel(i % width, Math.floor(i / width))).flat(),
  );
  return encode({ width, height, data, channels, depth: 8 });
}

describe('the seal', () => {
  it('is a square of its diameter, red, laid on as ink', () => {
    const seal = drawnSeal('示例市人民调解委员会');
    expect(seal.widthPt).toBeCloseTo(119.06, 2);
    expect(seal.heightPt).toBe(seal.widthPt);
    expect(seal.ink.images).toEqual({});
    expect(textOf(seal)).toMatch(/^q\n\/Rgb cs\n0\.83 0\.07 0\.1 sc\n\/Rgb CS\n0\.83 0\.07 0\.1 SC\n/);
  });

  it('keeps every line inside its rim, and its ring text outside the star, for names of 1 to 60 characters', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 38, max: 45, noNaN: true }),
        (count, diameterMm) => {
          const seal = drawnSeal('会'.repeat(count), true, diameterMm);
          const { widthPt } = seal;
          const scale = widthPt / 42;
          const points = pathPoints(operatorsOf(seal)).map(({ x, y, matrix }) => ({
            radius: Math.hypot(x - widthPt / 2, y - widthPt / 2) / scale,
            upright: Math.abs(matrix[1]) < 1e-9,
          }));
          // Control points of the rim's middle line lie outside it by 4 %; everything else is well within.
          expect(Math.max(...points.map(({ radius }) => radius))).toBeLessThan(20.4 * 1.15);
          const turned = points.filter(({ upright }) => !upright).map(({ radius }) => radius);
          if (turned.length > 0) {
            expect(Math.max(...turned)).toBeLessThan(19.3);
            expect(Math.min(...turned)).toBeGreaterThan(11);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('sets the name from left to right over the star, each character upright on the ring', () => {
    const seal = drawnSeal('示例市人民调解委员会', false);
    const { widthPt } = seal;
    const matrices = new Set(pathPoints(operatorsOf(seal)).map(({ matrix }) => matrix));
    // The first is of the rim and star; a character's up is where the ring's outside is.
    const [, ...characters] = matrices;
    expect(characters).toHaveLength(10);
    const angles = characters.map(([, , c, d, e, f]) => {
      const [x, y] = [e - widthPt / 2, f - widthPt / 2];
      expect(x * c + y * d).toBeGreaterThan(0);
      return Math.atan2(c, d);
    });
    expect(angles).toEqual(angles.toSorted((a, b) => a - b));
    const steps = angles.slice(1).map((angle, i) => angle - (angles[i] ?? 0));
    expect(Math.max(...steps) - Math.min(...steps)).toBeLessThan(1e-3);
    // The name is as far left of the top as right of it.
    expect((angles[0] ?? 0) + (angles.at(-1) ?? 0)).toBeCloseTo(0, 3);
  });

  it('says 测试 TEST under the star only where it is one', () => {
    expect(sealCharacters({ name: '示例 会', test: true })).toBe('示例会测试TEST');
    const below = (seal: Appearance): number =>
      pathPoints(operatorsOf(seal)).filter(({ x, y, matrix }) => {
        const [dx, dy] = [x - seal.widthPt / 2, y - seal.widthPt / 2].map((pt) => pt / POINTS_PER_MM);
        return matrix[1] === 0 && Math.abs(dx ?? 0) < 8 && (dy ?? 0) < -6 && (dy ?? 0) > -12;
      }).length;
    expect(below(drawnSeal('示例市人民调解委员会', true))).toBe(6 * 4);
    expect(below(drawnSeal('示例市人民调解委员会', false))).toBe(0);
  });

  it('where nothing may be seen through hides little of the date below: its star is lines', () => {
    const { ink, opaque } = drawnSeal('示例市人民调解委员会');
    const fills = (drawing: Drawing): number =>
      inflateSync(drawing.contentFlate).toString('latin1').split(/^f$/m).length;
    expect(fills(ink) - fills(opaque)).toBe(1);
  });

  it('is refused where an outline is missing', () => {
    const outlines = squares('示例');
    expect(() => sealAppearance({ name: '示例会', diameterMm: 42, test: false }, outlines)).toThrow(
      expect.objectContaining({ code: 'SEAL_GLYPH_MISSING', detail: '会' }) as Error,
    );
  });
});

describe('a picture', () => {
  it('of ink on nothing keeps its opacity', () => {
    const signature = readFileSync(join(import.meta.dirname, '../../fixtures/agreements/signature-party.png'));
    const appearance = pictureAppearance('signature', signature, BOX);
    const image = onlyImage(appearance.ink);
    expect(inflateSync(image.flate)).toHaveLength(image.width * image.height * 3);
    expect(inflateSync(image.alpha ?? new Uint8Array())).toHaveLength(image.width * image.height);
    expect(appearance.heightPt).toBeCloseTo(12 * POINTS_PER_MM, 6);
  });

  it('loses its empty margins and keeps its proportions', () => {
    const dot = png(100, 80, (x, y) => (x >= 30 && x < 50 && y >= 60 && y < 70 ? [0, 0, 0] : [255, 255, 255]));
    const appearance = pictureAppearance('signature', dot, BOX);
    expect(onlyImage(appearance.ink)).toMatchObject({ width: 20, height: 10, colorSpace: 'gray' });
    expect(onlyImage(appearance.ink).alpha).toBeUndefined();
    expect(appearance.widthPt / appearance.heightPt).toBeCloseTo(2, 9);
    expect(appearance.heightPt).toBeCloseTo(12 * POINTS_PER_MM, 9);
    expect(textOf(appearance)).toMatch(/68\.031 0 0 34\.016 0 0 cm\n\/Ink Do\nQ$/);
  });

  it('of a seal is as long as the seal’s diameter, in its own proportions', () => {
    const oval = png(600, 400, () => [200, 0, 0, 255]);
    const appearance = sealPictureAppearance(oval, 42, null);
    expect(appearance.widthPt / POINTS_PER_MM).toBeCloseTo(42, 9);
    expect(appearance.heightPt / POINTS_PER_MM).toBeCloseTo(28, 9);
    expect(textOf(appearance)).toMatch(/119\.055 0 0 79\.37 0 0 cm\n\/Ink Do\nQ$/);
  });

  it('of a seal, too coarse for its size, is refused', () => {
    const coarse = png(400, 300, () => [200, 0, 0, 255]);
    expect(() => sealPictureAppearance(coarse, 42, null)).toThrow(
      expect.objectContaining({ code: 'PICTURE_RESOLUTION', detail: '242 dpi at 42.0 x 31.5 mm' }) as Error,
    );
  });

  it('in colour stays in colour', () => {
    const red = png(4, 4, () => [210, 20, 30, 255]);
    const image = onlyImage(pictureAppearance('signature', red, BOX).ink);
    expect(image.colorSpace).toBe('rgb');
    expect([...inflateSync(image.flate).subarray(0, 3)]).toEqual([210, 20, 30]);
  });

  it('finer than any printer is made coarser, without the colour of what is transparent', () => {
    const fine = png(2000, 1200, (x) => (x % 2 === 0 ? [200, 0, 0, 255] : [0, 255, 0, 0]));
    const image = onlyImage(pictureAppearance('signature', fine, { widthMm: 20, heightMm: 12 }).ink);
    // 2000 pixels over 20 mm are 2540 dpi: a quarter of them are left.
    expect([image.width, image.height]).toEqual([500, 300]);
    expect([...inflateSync(image.flate).subarray(0, 3)]).toEqual([200, 0, 0]);
    expect(inflateSync(image.alpha ?? new Uint8Array())[0]).toBe(128);
  });

  it('where nothing may be seen through is dots of ink, so that text below a seal can be read, and solid lines of a pen', () => {
    const red = png(600, 600, (x) => (x < 300 ? [200, 0, 0, 255] : [255, 255, 255, 255]));
    const seal = onlyImage(sealPictureAppearance(red, 45, null).opaque);
    expect(seal.alpha).toBeUndefined();
    expect(seal.mask).toMatchObject({ width: 300, height: 600 });
    expect(painted(seal.mask?.flate ?? new Uint8Array(), 300 * 600)).toBeCloseTo(0.7, 1);
    expect(seal).toMatchObject({ width: 50, height: 100, colorSpace: 'rgb' });
    expect([...inflateSync(seal.flate).subarray(0, 3)]).toEqual([200, 0, 0]);
    const pen = onlyImage(pictureAppearance('signature', red, BOX).opaque);
    expect(painted(pen.mask?.flate ?? new Uint8Array(), 150 * 300)).toBeCloseTo(1, 2);
  });

  it.each([
    ['white', [255, 255, 255, 255]],
    ['transparent', [0, 0, 0, 0]],
    ['grey noise of a scan', [240, 241, 239, 255]],
  ])('with nothing on it is refused: %s', (_, pixel) => {
    expect(() =>
      pictureAppearance(
        'stamp',
        png(10, 10, () => pixel),
        BOX,
      ),
    ).toThrow(expect.objectContaining({ code: 'PICTURE_BLANK' }) as Error);
  });

  it('that is no PNG is refused', () => {
    expect(() => pictureAppearance('stamp', new TextEncoder().encode('GIF89a'), BOX)).toThrow(
      expect.objectContaining({ code: 'PICTURE_NOT_PNG' }) as Error,
    );
  });
});

describe('a fingerprint', () => {
  const BOX_OF_PRINT = { widthMm: 14, heightMm: 18 };
  const ASKED = { rendition: 'forensic', inscription: { text: '', outlines: squares('') } } as const;
  const raster = { width: 100, height: 120, dpi: 200, pixels: Uint8Array.from({ length: 12_000 }, (_, i) => i % 256) };
  const SHOWN = withBands(raster, 14 / 100, 0.4);

  it('fills the mark’s box with the print in its middle', () => {
    const appearance = fingerprintAppearance(raster, BOX_OF_PRINT, ASKED);
    expect(appearance.widthPt).toBeCloseTo(14 * POINTS_PER_MM, 9);
    expect(appearance.heightPt).toBeCloseTo(18 * POINTS_PER_MM, 9);
    const [width, , , height, x, y] = /([\d. ]+) cm/.exec(textOf(appearance))?.[1]?.split(' ').map(Number) ?? [];
    expect((width ?? 0) / (height ?? 1)).toBeCloseTo(100 / 120, 3);
    expect(x).toBe(0);
    expect((y ?? 0) * 2 + (height ?? 0)).toBeCloseTo(appearance.heightPt, 2);
  });

  it('is red ink where ridges are and nothing where paper is', () => {
    const { colorSpace, flate } = onlyImage(fingerprintAppearance(raster, BOX_OF_PRINT, ASKED).ink);
    const palette = typeof colorSpace === 'string' ? new Uint8Array() : colorSpace.indexed;
    expect([...palette.subarray(0, 3)]).toEqual([200, 22, 30]);
    expect([...palette.subarray(765)]).toEqual([255, 255, 255]);
    expect(Uint8Array.from(inflateSync(flate))).toEqual(SHOWN.pixels);
  });

  it('where nothing may be seen through paints its ridges alone, in the same red', () => {
    const { opaque } = fingerprintAppearance(raster, BOX_OF_PRINT, ASKED);
    const [image] = Object.values(opaque.images);
    expect(image).toMatchObject({ kind: 'stencil', width: 300, height: 360 });
    const ink = SHOWN.pixels.reduce((sum, grey) => sum + 255 - grey, 0) / 255 / raster.pixels.length;
    expect(painted(image?.flate ?? new Uint8Array(), 304 * 360)).toBeCloseTo(ink, 1);
    expect(inflateSync(opaque.contentFlate).toString('latin1')).toContain('/Rgb cs\n0.784 0.086 0.118 sc');
  });
});
