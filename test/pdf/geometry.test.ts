import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { POINTS_PER_MM, checkOnPage, pageGeometry, toUserSpace } from '../../src/pdf/geometry.ts';
import type { PageBoxes, SeenRect } from '../../src/pdf/geometry.ts';

const A4: PageBoxes = { mediaBox: [0, 0, 595, 842], cropBox: undefined, rotate: undefined, userUnit: undefined };

function mm(points: number): number {
  return points / POINTS_PER_MM;
}

/** A mark of 10 x 20 points whose top left is seen 30 points from the left and 40 from the top. */
const PLACE: SeenRect = { page: 1, xMm: mm(35), yMm: mm(50), widthMm: mm(10), heightMm: mm(20) };

describe('a page as it is seen', () => {
  it.each([
    [0, 595, 842],
    [90, 842, 595],
    [180, 595, 842],
    [-90, 842, 595],
    [450, 842, 595],
  ])('turned by %d it is %d x %d points', (rotate, width, height) => {
    const geometry = pageGeometry({ ...A4, rotate });
    expect(geometry.widthMm).toBeCloseTo(mm(width), 9);
    expect(geometry.heightMm).toBeCloseTo(mm(height), 9);
  });

  it('shows what of the CropBox is in the MediaBox, whichever corners they name', () => {
    const geometry = pageGeometry({ ...A4, mediaBox: [400, 600, 0, 0], cropBox: [350, 500, 50, -100] });
    expect(geometry.box).toEqual([50, 0, 350, 500]);
  });

  it('shows the MediaBox when the CropBox misses it', () => {
    expect(pageGeometry({ ...A4, cropBox: [1000, 1000, 2000, 2000] }).box).toEqual([0, 0, 595, 842]);
  });

  it('counts user units', () => {
    expect(pageGeometry({ ...A4, userUnit: 2 }).widthMm).toBeCloseTo(mm(1190), 9);
  });

  it.each([
    [{ mediaBox: undefined }, 'PDF_UNREADABLE'],
    [{ mediaBox: [0, 0, 0, 100] }, 'PDF_UNREADABLE'],
    [{ rotate: 45 }, 'PDF_UNREADABLE'],
    [{ userUnit: 0 }, 'PDF_LIMIT'],
    [{ mediaBox: [0, 0, 1e12, 1e12] }, 'PDF_LIMIT'],
  ])('refuses %j', (boxes, code) => {
    expect(() => pageGeometry({ ...A4, ...boxes })).toThrow(expect.objectContaining({ code }) as Error);
  });
});

describe('a mark in user space', () => {
  it.each([
    // rotate, the box around it, the matrix that keeps it upright
    [0, [30, 782, 40, 802], [1, 0, 0, 1, 30, 782]],
    [90, [40, 30, 60, 40], [0, 1, -1, 0, 60, 30]],
    [180, [555, 40, 565, 60], [-1, 0, 0, -1, 565, 60]],
    [270, [535, 802, 555, 812], [0, -1, 1, 0, 535, 812]],
  ])('on a page turned by %d', (rotate, rect, matrix) => {
    const found = toUserSpace(pageGeometry({ ...A4, rotate }), PLACE);
    for (const [i, value] of rect.entries()) expect(found.rect[i]).toBeCloseTo(value, 9);
    for (const [i, value] of matrix.entries()) expect(found.matrix[i]).toBeCloseTo(value, 9);
  });

  it('shrinks with a larger user unit', () => {
    const { rect, matrix } = toUserSpace(pageGeometry({ ...A4, userUnit: 2 }), PLACE);
    expect(rect[2] - rect[0]).toBeCloseTo(5, 9);
    expect(matrix[0]).toBeCloseTo(0.5, 9);
  });

  it('turns clockwise about its centre', () => {
    const geometry = pageGeometry(A4);
    const upright = toUserSpace(geometry, PLACE);
    const turned = toUserSpace(geometry, { ...PLACE, rotationDeg: 90 });
    // What was at the lower left of the mark is seen at its upper left.
    expect(turned.matrix.slice(0, 4).map((value) => Math.round(value))).toEqual([0, -1, 1, 0]);
    expect(turned.rect[0] + turned.rect[2]).toBeCloseTo(upright.rect[0] + upright.rect[2], 9);
    expect(turned.rect[2] - turned.rect[0]).toBeCloseTo(20, 9);
  });

  it('is seen where it was put, on any page', () => {
    const box = fc.tuple(fc.integer({ min: -500, max: 500 }), fc.integer({ min: -500, max: 500 }));
    const boxes = fc.record({
      origin: box,
      rotate: fc.constantFrom(0, 90, 180, 270),
      userUnit: fc.double({ min: 0.1, max: 10, noNaN: true }),
      x: fc.double({ min: 0, max: 1, noNaN: true }),
      y: fc.double({ min: 0, max: 1, noNaN: true }),
      rotationDeg: fc.integer({ min: -360, max: 360 }),
    });
    fc.assert(
      fc.property(boxes, ({ origin: [x0, y0], rotate, userUnit, x, y, rotationDeg }) => {
        const geometry = pageGeometry({ mediaBox: [x0, y0, x0 + 300, y0 + 500], cropBox: undefined, rotate, userUnit });
        const place = { ...PLACE, xMm: x * geometry.widthMm, yMm: y * geometry.heightMm, rotationDeg };
        const {
          rect,
          matrix: [a, b, c, d, e, f],
        } = toUserSpace(geometry, place);
        // The appearance's centre, through the matrix, then as seen: undo the box, then turn by Rotate.
        const [userX, userY] = [a * 5 + c * 10 + e, b * 5 + d * 10 + f];
        const [u, v] = [(userX - x0) * userUnit, (y0 + 500 - userY) * userUnit];
        const [w, h] = [300 * userUnit, 500 * userUnit];
        const seen = { 0: [u, v], 90: [h - v, u], 180: [w - u, h - v], 270: [v, w - u] }[rotate] ?? [];
        expect(mm(seen[0] ?? NaN)).toBeCloseTo(place.xMm, 6);
        expect(mm(seen[1] ?? NaN)).toBeCloseTo(place.yMm, 6);
        // No mirror image, and the area of the mark.
        expect((a * d - b * c) * userUnit ** 2).toBeCloseTo(1, 6);
        expect((rect[0] + rect[2]) / 2).toBeCloseTo(userX, 6);
      }),
    );
  });
});

describe('a mark must be wholly on the page', () => {
  const geometry = pageGeometry(A4);
  const check = (at: Partial<SeenRect>) => (): void => {
    checkOnPage(geometry, { page: 1, xMm: 5, yMm: 5, widthMm: 10, heightMm: 10, ...at });
  };

  it.each([{}, { xMm: 4.95 }, { xMm: 204.9 }, { xMm: 100, yMm: 291 }, { xMm: 7.1, yMm: 7.1, rotationDeg: 45 }])(
    '%j is',
    (at) => expect(check(at)).not.toThrow(),
  );

  it.each([
    { xMm: 4.8 },
    { xMm: 206 },
    { xMm: 100, yMm: 294 },
    { rotationDeg: 45 },
    { xMm: NaN },
    { xMm: 100, widthMm: -1 },
  ])('%j is not', (at) => {
    expect(check(at)).toThrow(expect.objectContaining({ code: 'POSITION_OFF_PAGE' }) as Error);
  });
});
