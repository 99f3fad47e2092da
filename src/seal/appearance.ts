/** What a mark or seal looks like, as plain data that a PDF's increment is made of. Synchronous; nothing is read or kept. */
import { deflateSync } from 'node:zlib';
import { concatTransformationMatrix, drawObject, popGraphicsState, pushGraphicsState } from 'pdf-lib';
import type { PDFOperator } from 'pdf-lib';
import { inkAlone, inkColors, inkSamples, reduced, screened, trimmed } from '../biometric/ink.ts';
import { decodePngRgba } from '../biometric/png.ts';
import type { RgbaImage } from '../biometric/png.ts';
import { enlargeRaster } from '../biometric/raster.ts';
import type { Raster } from '../biometric/raster.ts';
import { renderFingerprint } from '../biometric/rendition.ts';
import type { Rendition } from '../biometric/rendition.ts';
import { latin1Bytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import type { Appearance, Drawing, ImageSource } from '../pdf/increment.ts';
import { POINTS_PER_MM } from '../pdf/geometry.ts';
import { fillColor } from './drawing.ts';
import type { Rgb } from './drawing.ts';
import { drawHatch, withBands } from './fingerprint-hatch.ts';
import type { Inscription } from './fingerprint-hatch.ts';
import type { GlyphOutlines } from './glyph-outlines.ts';
import { drawSeal, testMark } from './seal-drawing.ts';
import type { SealText } from './seal-drawing.ts';
import { drawSvg, drawSvgOpaque, fitted } from './svg-drawing.ts';
import type { Operators } from './svg-drawing.ts';
import { parseSvg } from './svg-picture.ts';

/** Finer than a seal or a signature is ever printed; more would only fill the file. */
const FINEST_DPI = 600;
const IMAGE = 'Ink';

/** Red stamping ink on white: sample 0, a ridge, is full ink, 255 is paper. */
const RIDGE_INK: Rgb = [200 / 255, 22 / 255, 30 / 255];
const INK_PALETTE = Uint8Array.from({ length: 768 }, (_, i) => {
  const ink = 255 * (RIDGE_INK[i % 3] ?? 0);
  return Math.round(ink + ((255 - ink) * Math.floor(i / 3)) / 255);
});

/** How much of the paper a picture of ink may hide where it cannot be looked through: text below stays to be read. */
const OPAQUE_COVER = { seal: 0.7, stamp: 0.7, signature: 1 } as const;
/** Pixels of a picture for one of its colours, where what is painted is told apart from it. */
const COLOR_STEP = 6;

/** A printed seal whose picture is coarser shows its pixels. */
const COARSEST_DPI = 300;

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
  const drawn = (opaque: boolean): Drawing => ({
    contentFlate: deflateSync(serialized(drawSeal(seal, outlines, opaque))),
    images: {},
  });
  return { title: SEAL_TITLE, widthPt: side, heightPt: side, ink: drawn(false), opaque: drawn(true) };
}

const SEAL_TITLE = 'Seal';

/**
 * A signature or stamp from a PNG: its empty margins cut off, as large as fits into `most` with its own proportions. It lies on the
 * paper as ink does, so that white paper in the picture hides nothing.
 * @throws AppError PICTURE_NOT_PNG, PICTURE_TOO_LARGE, PICTURE_BLANK.
 */
export function pictureAppearance(kind: 'signature' | 'stamp', png: Uint8Array, most: Box): Appearance {
  return fromPng(kind === 'stamp' ? 'Stamp' : 'Signature', png, most, OPAQUE_COVER[kind]);
}

/** What is written over a seal's own picture where its certificate is one for tests; null: nothing. */
export type TestMark = GlyphOutlines | null;

/**
 * A seal from a PNG, likewise: its longer side is `diameterMm`.
 * @throws AppError PICTURE_NOT_PNG, PICTURE_TOO_LARGE, PICTURE_BLANK, PICTURE_RESOLUTION.
 */
export function sealPictureAppearance(png: Uint8Array, diameterMm: number, test: TestMark): Appearance {
  const most = { widthMm: diameterMm, heightMm: diameterMm };
  return fromPng(SEAL_TITLE, png, most, OPAQUE_COVER.seal, { coarsestDpi: COARSEST_DPI, test });
}

/**
 * A seal from an SVG: shapes stay shapes. What it paints that is not white is as large as `diameterMm` makes its longer side.
 * @throws AppError PICTURE_SVG_UNSUPPORTED, PICTURE_TOO_LARGE, PICTURE_BLANK.
 */
export function sealSvgAppearance(svg: string, diameterMm: number, test: TestMark): Appearance {
  const parsed = parseSvg(svg);
  const fit = fitted(parsed, diameterMm * POINTS_PER_MM);
  const over = test === null ? [] : testMark(test, fit);
  const ink = drawSvg(parsed, fit);
  return {
    title: SEAL_TITLE,
    widthPt: fit.widthPt,
    heightPt: fit.heightPt,
    ink: asDrawing({ ...ink, operators: [...ink.operators, ...over] }),
    opaque: { contentFlate: deflateSync(serialized([...drawSvgOpaque(parsed, fit), ...over])), images: {} },
  };
}

function asDrawing({ operators, groups, opacities }: Operators): Drawing {
  return {
    contentFlate: deflateSync(serialized(operators)),
    images: {},
    groups: Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, asDrawing(group)])),
    opacities,
  };
}

function fromPng(
  title: string,
  png: Uint8Array,
  most: Box,
  cover: number,
  { coarsestDpi = 0, test = null }: { readonly coarsestDpi?: number; readonly test?: TestMark } = {},
): Appearance {
  const ink = trimmed(decodePngRgba(png));
  if (ink === null) throw new AppError('PICTURE_BLANK', 'every pixel is white or transparent');
  const scale = Math.min(most.widthMm / ink.width, most.heightMm / ink.height);
  const dpi = 25.4 / scale;
  if (dpi < coarsestDpi) {
    const [width, height] = [ink.width, ink.height].map((pixels) => (pixels * scale).toFixed(1));
    throw new AppError('PICTURE_RESOLUTION', `${Math.round(dpi)} dpi at ${width} x ${height} mm`);
  }
  const shown = reduced(ink, Math.floor(dpi / FINEST_DPI));
  const size = { widthMm: ink.width * scale, heightMm: ink.height * scale };
  const sizePt = { widthPt: size.widthMm * POINTS_PER_MM, heightPt: size.heightMm * POINTS_PER_MM };
  const over = test === null ? [] : testMark(test, sizePt);
  return picture(title, { ink: sampled(shown), opaque: masked(shown, cover) }, size, size, over);
}

function sampled(image: RgbaImage): ImageSource {
  const { colorSpace, samples, alpha } = inkSamples(image);
  return {
    kind: 'samples',
    width: image.width,
    height: image.height,
    colorSpace,
    flate: deflateSync(samples, { level: 9 }),
    ...(alpha === null ? {} : { alpha: deflateSync(alpha, { level: 9 }) }),
  };
}

/** Without transparency: dots of ink, `cover` of the paper where ink is full, and the coarser picture of their colours. */
function masked(image: RgbaImage, cover: number): ImageSource {
  const ink = inkAlone(image);
  const colors = reduced(ink, COLOR_STEP);
  return {
    kind: 'samples',
    width: colors.width,
    height: colors.height,
    colorSpace: 'rgb',
    flate: deflateSync(inkColors(colors), { level: 9 }),
    mask: {
      width: ink.width,
      height: ink.height,
      flate: deflateSync(
        screened(ink.width, ink.height, (i) => ((ink.rgba[4 * i + 3] ?? 0) / 255) * cover),
        { level: 9 },
      ),
    },
  };
}

/** How much of the ink is left under the number: nothing of a mark for the eye, what can still be compared of a forensic one. */
const UNDER_NUMBER = { display: 0, forensic: 0.4 } as const;

/** A fingerprint in red ink in the middle of a box of `box`, as large as fits with its own proportions, with a number across it. */
export function fingerprintAppearance(
  raster: Raster,
  box: Box,
  { rendition, inscription }: { readonly rendition: Rendition; readonly inscription: Inscription },
): Appearance {
  const print = renderFingerprint(raster, rendition);
  const mmPerPixel = Math.min(box.widthMm / print.width, box.heightMm / print.height);
  const shown = withBands(print, mmPerPixel, UNDER_NUMBER[rendition]);
  const { width, height, pixels } = shown;
  const ink: ImageSource = {
    kind: 'samples',
    width,
    height,
    colorSpace: { indexed: INK_PALETTE },
    flate: deflateSync(pixels, { level: 9 }),
  };
  const fine = enlargeRaster(shown, FINEST_DPI);
  const opaque: ImageSource = {
    kind: 'stencil',
    width: fine.width,
    height: fine.height,
    flate: deflateSync(
      screened(fine.width, fine.height, (i) => 1 - (fine.pixels[i] ?? 0) / 255),
      { level: 9 },
    ),
  };
  const size = { widthMm: width * mmPerPixel, heightMm: height * mmPerPixel };
  const boxPt = { widthPt: box.widthMm * POINTS_PER_MM, heightPt: box.heightMm * POINTS_PER_MM };
  const hatch = drawHatch(print, mmPerPixel, inscription, boxPt, RIDGE_INK);
  return picture('Fingerprint', { ink, opaque }, size, box, hatch);
}

/** An image of `size` in the middle of `box`, and what is drawn over it. */
function picture(
  title: string,
  images: { readonly ink: ImageSource; readonly opaque: ImageSource },
  size: Box,
  box: Box,
  over: readonly PDFOperator[] = [],
): Appearance {
  const [width, height] = [size.widthMm * POINTS_PER_MM, size.heightMm * POINTS_PER_MM];
  const [widthPt, heightPt] = [box.widthMm * POINTS_PER_MM, box.heightMm * POINTS_PER_MM];
  const operators = [
    pushGraphicsState(),
    ...fillColor(RIDGE_INK), // of stencils; samples bring their own
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
    ...over,
  ];
  const contentFlate = deflateSync(serialized(operators));
  return {
    title,
    widthPt,
    heightPt,
    ink: { contentFlate, images: { [IMAGE]: images.ink } },
    opaque: { contentFlate, images: { [IMAGE]: images.opaque } },
  };
}

function serialized(operators: readonly PDFOperator[]): Uint8Array {
  return latin1Bytes(operators.map(String).join('\n'));
}

function round(points: number): number {
  return Math.round(points * 1000) / 1000;
}
