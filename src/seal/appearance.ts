/** What a mark or seal looks like, as plain data that a PDF's increment is made of. Synchronous; nothing is read or kept. */
import { deflateSync } from 'node:zlib';
import { concatTransformationMatrix, drawObject, popGraphicsState, pushGraphicsState } from 'pdf-lib';
import type { PDFOperator } from 'pdf-lib';
import { decodePngRgba } from '../biometric/png.ts';
import type { Raster } from '../biometric/raster.ts';
import { latin1Bytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import type { Appearance, ImageSource } from '../pdf/increment.ts';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import type { GlyphOutlines } from './glyph-outlines.ts';
import { inkSamples, reduced, trimmed } from '../biometric/ink.ts';
import { drawSeal } from './seal-drawing.ts';
import type { SealText } from './seal-drawing.ts';

/** Finer than a seal or a signature is ever printed; more would only fill the file. */
const FINEST_DPI = 600;
const IMAGE = 'Ink';

/** Red stamping ink on white: sample 0, a ridge, is full ink, 255 is paper. */
const RIDGE_INK = [200, 22, 30] as const;
const INK_PALETTE = Uint8Array.from({ length: 768 }, (_, i) => {
  const ink = RIDGE_INK[i % 3] ?? 0;
  return Math.round(ink + ((255 - ink) * Math.floor(i / 3)) / 255);
});

interface Box {
  readonly widthMm: number;
  readonly heightMm: number;
}

/**
 * A round seal with the committee's name, as shapes. `outlines` holds the characters of `sealCharacters`.
 * @throws AppError SEAL_GLYPH_MISSING.
 */
export function sealAppearance(seal: SealText, outlines: GlyphOutlines): Appearance {
  const side = seal.diameterMm * POINTS_PER_MM;
  return {
    widthPt: side,
    heightPt: side,
    contentFlate: deflateSync(serialized(drawSeal(seal, outlines))),
    blend: 'Multiply',
    images: {},
  };
}

/**
 * A signature or stamp from a PNG: its empty margins cut off, as large as fits into `most` with its own proportions. It lies on the
 * paper as ink does, so that white paper in the picture hides nothing.
 * @throws AppError PICTURE_NOT_PNG, PICTURE_TOO_LARGE, PICTURE_BLANK.
 */
export function pictureAppearance(png: Uint8Array, most: Box): Appearance {
  const { image, size } = inkOf(png, most);
  return picture(image, size, size);
}

/**
 * A seal from a PNG, likewise, in the middle of a square of `diameterMm`: one that is not quite round is not pulled into shape.
 * @throws AppError PICTURE_NOT_PNG, PICTURE_TOO_LARGE, PICTURE_BLANK.
 */
export function sealPictureAppearance(png: Uint8Array, diameterMm: number): Appearance {
  const box = { widthMm: diameterMm, heightMm: diameterMm };
  const { image, size } = inkOf(png, box);
  return picture(image, size, box);
}

function inkOf(png: Uint8Array, most: Box): { image: ImageSource; size: Box } {
  const ink = trimmed(decodePngRgba(png));
  if (ink === null) throw new AppError('PICTURE_BLANK', 'every pixel is white or transparent');
  const scale = Math.min(most.widthMm / ink.width, most.heightMm / ink.height);
  const shown = reduced(ink, Math.floor(25.4 / scale / FINEST_DPI));
  const { colorSpace, samples, alpha } = inkSamples(shown);
  const image: ImageSource = {
    width: shown.width,
    height: shown.height,
    bitsPerComponent: 8,
    colorSpace,
    flate: deflateSync(samples, { level: 9 }),
    ...(alpha === null ? {} : { alpha: deflateSync(alpha, { level: 9 }) }),
  };
  return { image, size: { widthMm: ink.width * scale, heightMm: ink.height * scale } };
}

/** A fingerprint in red ink in the middle of a box of `box`, as large as fits with its own proportions. */
export function fingerprintAppearance(raster: Raster, box: Box): Appearance {
  const scale = Math.min(box.widthMm / raster.width, box.heightMm / raster.height);
  const image: ImageSource = {
    width: raster.width,
    height: raster.height,
    bitsPerComponent: 8,
    colorSpace: { indexed: INK_PALETTE },
    flate: deflateSync(raster.pixels, { level: 9 }),
  };
  return picture(image, { widthMm: raster.width * scale, heightMm: raster.height * scale }, box);
}

/** An image of `size` in the middle of `box`. */
function picture(image: ImageSource, size: Box, box: Box): Appearance {
  const [width, height] = [size.widthMm * POINTS_PER_MM, size.heightMm * POINTS_PER_MM];
  const [widthPt, heightPt] = [box.widthMm * POINTS_PER_MM, box.heightMm * POINTS_PER_MM];
  const operators = [
    pushGraphicsState(),
    concatTransformationMatrix(
      round(width),
      0,
      0,
      round(height),
      round((widthPt - width) / 2),
      round((heightPt - height) / 2),
    ),
    drawObject(IMAGE),
    popGraphicsState(),
  ];
  return {
    widthPt,
    heightPt,
    contentFlate: deflateSync(serialized(operators)),
    blend: 'Multiply',
    images: { [IMAGE]: image },
  };
}

function serialized(operators: readonly PDFOperator[]): Uint8Array {
  return latin1Bytes(operators.map(String).join('\n'));
}

function round(points: number): number {
  return Math.round(points * 1000) / 1000;
}
