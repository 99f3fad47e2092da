import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawPrints } from '../../scripts/make-prints.ts';
import { findMinutiae } from '../../scripts/prints/minutiae.ts';
import { decodeFingerMinutiae } from '../../src/biometric/finger-minutiae.ts';
import type { Minutia, MinutiaeView } from '../../src/biometric/finger-minutiae.ts';
import { mapRidges } from '../../src/biometric/ridge-map.ts';
import { matchMinutiae } from '../support/minutiae-match.ts';
import { fingerOf, printFile, printMinutiae, printNames, printRaster } from '../support/prints.ts';
import { describeShared } from '../support/shared.ts';
import { readGreyTiff } from '../support/tiff.ts';

const ordinary = printNames.filter((name) => /-\d$/.test(name));

function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}

describe('fixture prints', () => {
  it('are six fingers of three presses, and three poor ones', () => {
    expect(new Set(ordinary.map(fingerOf)).size).toBe(6);
    expect(ordinary).toHaveLength(18);
    expect(printNames.filter((name) => !ordinary.includes(name))).toEqual(['whorl-dry', 'whorl-partial', 'whorl-wet']);
    for (const name of printNames) expect(printRaster(name)).toMatchObject({ width: 256, height: 288, dpi: 500 });
  });

  it('are drawn again by the script to the byte', () => {
    const drawn = drawPrints('arch');
    expect(drawn.map(({ name }) => name)).toEqual(['arch-1', 'arch-2', 'arch-3']);
    for (const { name, png, fmr } of drawn) {
      expect(Buffer.compare(png, printFile(`${name}.png`))).toBe(0);
      expect(Buffer.compare(fmr, printFile(`${name}.fmr`))).toBe(0);
    }
  });

  it('have ridges as far apart as skin has', () => {
    for (const name of ordinary) {
      const { print, period } = mapRidges(printRaster(name));
      const periods = period.filter((_, i) => print[i] === 1).toSorted();
      const millimetres = ((periods[periods.length >> 1] ?? 0) * 25.4) / 500;
      expect(millimetres).toBeGreaterThan(0.38);
      expect(millimetres).toBeLessThan(0.6);
    }
  });

  it('have minutiae of both kinds, enough to compare', () => {
    for (const name of ordinary) {
      const view = printMinutiae(name);
      // Twelve are the customary least for a comparison.
      expect(view.minutiae.length).toBeGreaterThanOrEqual(12);
      expect(new Set(view.minutiae.map(({ type }) => type))).toEqual(new Set(['ending', 'bifurcation']));
    }
  });

  it('resemble other presses of their finger far more than other fingers', () => {
    const scores = pairs(ordinary).map(([a, b]) => ({
      same: fingerOf(a) === fingerOf(b),
      score: matchMinutiae(printMinutiae(a), printMinutiae(b)),
    }));
    const least = Math.min(...scores.filter(({ same }) => same).map(({ score }) => score));
    const most = Math.max(...scores.filter(({ same }) => !same).map(({ score }) => score));
    expect(least).toBeGreaterThan(0.7);
    expect(most).toBeLessThan(0.5);
  });

  it('are still told to be of their finger when dry', () => {
    expect(matchMinutiae(printMinutiae('whorl-dry'), printMinutiae('whorl-1'))).toBeGreaterThan(0.4);
  });
});

describeShared('how resemblance and minutiae are found', (shared) => {
  const view = (set: string, name: string): MinutiaeView => {
    const path = join(shared, 'data/fvc', set, `${name}.iso`);
    return decodeFingerMinutiae(readFileSync(path)).views[0] as MinutiaeView;
  };

  it('tells real presses of one finger from those of others', () => {
    const fingers = ['101', '103', '105', '107', '110'];
    const first = fingers.map((finger) => view('fvc2004-DB3_B', `${finger}_1`));
    const second = fingers.map((finger) => view('fvc2004-DB3_B', `${finger}_2`));
    const same = first.map((a, i) => matchMinutiae(a, second[i] as MinutiaeView));
    const other = pairs(first).map(([a, b]) => matchMinutiae(a, b));
    expect(Math.min(...same)).toBeGreaterThan(Math.max(...other));
  });

  it.each([
    ['fvc2002-DB2_B', '101_1'],
    ['fvc2002-DB2_B', '104_3'],
    ['fvc2004-DB3_B', '105_8'],
  ])('finds most of what a commercial extractor finds, with the same angles: %s %s', (set, name) => {
    const raster = readGreyTiff(join(shared, 'data/fvc', set, `${name}.tif`), 500);
    const found = findMinutiae(raster);
    // That extractor was given the picture squeezed to 300 x 400, which is what its header declares.
    const squeezed = found.map((m) => ({ ...m, x: (m.x * 300) / raster.width, y: (m.y * 400) / raster.height }));
    const meets = (a: Minutia, b: Minutia): boolean =>
      Math.hypot(a.x - b.x, a.y - b.y) < 6 && Math.abs(((a.angle - b.angle + 384) % 256) - 128) < 16;
    const theirs = view(set, name).minutiae;
    const met = theirs.filter((b) => squeezed.some((a) => meets(a, b)));
    expect(met.length / theirs.length).toBeGreaterThan(0.6);
  });
});
