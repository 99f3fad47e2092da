/** How good a picture of a finger is, measured from the picture alone. Pure, linear in the pixels. */
import type { Raster } from './raster.ts';
import { mapRidges } from './ridge-map.ts';
import type { RidgeMap } from './ridge-map.ts';

export type QualityHint = 'too-dry' | 'too-wet' | 'partial';

export interface PrintQuality {
  /** 0-100; see measureQuality. */
  readonly score: number;
  /** Square millimetres of ridge skin. */
  readonly areaMm2: number;
  /** Over that area, half the difference of ridge and valley, grey levels. */
  readonly contrast: number;
  /** Over that area, 0-1: how far ridges run in one direction at a time. */
  readonly clarity: number;
  /** What a low score comes from; none with a good one. */
  readonly hints: readonly QualityHint[];
}

/** Of the window, and at most: what a well-placed finger covers with clear ridges. */
const EXPECTED_SHARE = 0.55;
const EXPECTED_MM2 = 150;
/** From here on more contrast or clarity makes a print no easier to compare. */
const FULL_CONTRAST = 40;
const FULL_CLARITY = 0.88;
const NO_CLARITY = 0.25;
/** Ridge to ridge, millimetres: children's are near the least, worn and spread fingers near the most. */
const PERIOD_MM = { none: 0.2, least: 0.28, most: 0.85, never: 1.3 };
/** Two levels of which the rarer takes 30 % and 5 % of the area. */
const EVEN_SKEW = 0.9;
const LOST_SKEW = 4;
/** A score from which nobody needs advice. */
const GOOD = 60;

/**
 * The score is the mean clearness of the clearest part of the print, as large as a well-placed finger would make it; what is
 * missing of that area counts as nothing. A spot is as clear as its contrast (up to a point), times the coherence of its ridge
 * direction, times whether its ridges are spaced as skin's are, times whether they are about as wide as its valleys. So noise,
 * blur and a smaller or fainter print lower the score; a larger print of the same clearness does not raise it.
 */
export function measureQuality(raster: Raster): PrintQuality {
  const map = mapRidges(raster);
  const mmPerPixel = 25.4 / raster.dpi;
  const cellMm2 = (map.cell * mmPerPixel) ** 2;
  const windowMm2 = raster.width * raster.height * mmPerPixel ** 2;
  const expectedMm2 = Math.min(EXPECTED_SHARE * windowMm2, EXPECTED_MM2);
  const cells = [...map.print.keys()].filter((i) => map.print[i] === 1);
  const clearness = Float64Array.from(cells, (i) => clearnessOf(map, i, mmPerPixel))
    .toSorted()
    .toReversed();
  const best = Math.max(1, Math.round(expectedMm2 / cellMm2));
  const score = Math.round((100 * sum(clearness.subarray(0, best))) / best);
  const areaMm2 = cells.length * cellMm2;
  const skews = Float64Array.from(cells, (i) => map.skew[i] ?? 0);
  return {
    score,
    areaMm2,
    contrast: meanOver(cells, map.amplitude),
    clarity: meanOver(cells, map.coherence),
    hints: score >= GOOD ? [] : hintsOf(skews, areaMm2, expectedMm2),
  };
}

function clearnessOf(map: RidgeMap, i: number, mmPerPixel: number): number {
  const contrast = Math.min(1, (map.amplitude[i] ?? 0) / FULL_CONTRAST);
  const clarity = rise(map.coherence[i] ?? 0, NO_CLARITY, FULL_CLARITY);
  const period = (map.period[i] ?? 0) * mmPerPixel;
  const spaced = rise(period, PERIOD_MM.none, PERIOD_MM.least) * (1 - rise(period, PERIOD_MM.most, PERIOD_MM.never));
  const balanced = 1 - rise(Math.abs(map.skew[i] ?? 0), EVEN_SKEW, LOST_SKEW);
  return contrast * clarity * spaced * balanced;
}

/** Where half of the cells' skewness lies beyond these, ridges have flowed together, or are broken and thin. */
const WET_SKEW = 0.6;
const DRY_SKEW = -1;

function hintsOf(skews: Float64Array, areaMm2: number, expectedMm2: number): QualityHint[] {
  const hints: QualityHint[] = areaMm2 < 0.7 * expectedMm2 ? ['partial'] : [];
  const skew = skews.toSorted()[skews.length >> 1];
  // A speck of skin is no ground for more advice.
  if (skew === undefined || areaMm2 < 0.1 * expectedMm2) return hints;
  if (skew > WET_SKEW) hints.push('too-wet');
  if (skew < DRY_SKEW) hints.push('too-dry');
  return hints;
}

/** 0 at `from` and below, 1 at `to` and above. */
function rise(value: number, from: number, to: number): number {
  return Math.min(1, Math.max(0, (value - from) / (to - from)));
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function meanOver(cells: readonly number[], values: Float64Array): number {
  return cells.reduce((total, i) => total + (values[i] ?? 0), 0) / Math.max(1, cells.length);
}
