/** Where things are on a page: millimetres on the page as it is seen, and user space as it is written. Pure. */
import { AppError } from '../errors.ts';

export const POINTS_PER_MM = 72 / 25.4;

export type Box = readonly [x0: number, y0: number, x1: number, y1: number];
export type Matrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];
export type Rotation = 0 | 90 | 180 | 270;

export interface PageGeometry {
  /** Size of the page as seen: after cropping, rotation and UserUnit. */
  readonly widthMm: number;
  readonly heightMm: number;
  /** Clockwise turn of the page for display. */
  readonly rotation: Rotation;
  /** What of user space is seen, in its units: CropBox within MediaBox. */
  readonly box: Box;
  /** Points to a unit of user space. */
  readonly userUnit: number;
}

/** A rectangle on a page as it is seen. */
export interface SeenRect {
  /** From 1. */
  readonly page: number;
  /** The rectangle's CENTRE, from the top left of the page. */
  readonly xMm: number;
  readonly yMm: number;
  readonly widthMm: number;
  readonly heightMm: number;
  /** Clockwise turn about the centre; 0 when absent. */
  readonly rotationDeg?: number;
}

/** The raw page attributes: numbers as written; absent ones undefined. */
export interface PageBoxes {
  readonly mediaBox: readonly number[] | undefined;
  readonly cropBox: readonly number[] | undefined;
  readonly rotate: number | undefined;
  readonly userUnit: number | undefined;
}

/** Largest side of a page, in points: 200 inches (ISO 32000-2, Annex C.2) by the largest UserUnit that is taken here. */
const MAX_USER_UNIT = 10_000;
const MAX_SIDE = 14_400 * MAX_USER_UNIT;

function normalised(box: readonly number[]): Box {
  const [a = 0, b = 0, c = 0, d = 0] = box;
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

/**
 * Geometry of a page from its boxes (ISO 32000-2, 14.11.2 and Table 31). A CropBox that misses the MediaBox counts as none, as in
 * every viewer. Throws PDF_UNREADABLE for a page without a usable MediaBox, UserUnit or Rotate.
 */
export function pageGeometry({ mediaBox, cropBox, rotate = 0, userUnit = 1 }: PageBoxes): PageGeometry {
  if (mediaBox?.length !== 4) throw new AppError('PDF_UNREADABLE', 'a page without a MediaBox of four numbers');
  if (rotate % 90 !== 0) throw new AppError('PDF_UNREADABLE', `a page with /Rotate ${rotate}`);
  if (!(userUnit > 0 && userUnit <= MAX_USER_UNIT))
    throw new AppError('PDF_LIMIT', 'a page with a /UserUnit out of range');
  const media = normalised(mediaBox);
  const box = cropped(media, cropBox);
  const width = (box[2] - box[0]) * userUnit;
  const height = (box[3] - box[1]) * userUnit;
  if (!(width > 0 && height > 0)) throw new AppError('PDF_UNREADABLE', 'a page without an area');
  if (width > MAX_SIDE || height > MAX_SIDE) throw new AppError('PDF_LIMIT', 'a page too large');
  const rotation = ((((rotate % 360) + 360) % 360) as Rotation) || 0;
  const [seenWidth, seenHeight] = rotation % 180 === 0 ? [width, height] : [height, width];
  return { widthMm: seenWidth / POINTS_PER_MM, heightMm: seenHeight / POINTS_PER_MM, rotation, box, userUnit };
}

function cropped(media: Box, cropBox: readonly number[] | undefined): Box {
  if (cropBox?.length !== 4) return media;
  const crop = normalised(cropBox);
  const both: Box = [
    Math.max(media[0], crop[0]),
    Math.max(media[1], crop[1]),
    Math.min(media[2], crop[2]),
    Math.min(media[3], crop[3]),
  ];
  return both[2] > both[0] && both[3] > both[1] ? both : media;
}

/** Directions of the page as seen, in user space: one unit to the right and one up. */
const AXES: Readonly<Record<Rotation, { right: readonly [number, number]; up: readonly [number, number] }>> = {
  0: { right: [1, 0], up: [0, 1] },
  90: { right: [0, 1], up: [-1, 0] },
  180: { right: [-1, 0], up: [0, -1] },
  270: { right: [0, -1], up: [1, 0] },
};

/** The corner of the box that is seen at the top left. */
function topLeft({ box: [x0, y0, x1, y1], rotation }: PageGeometry): readonly [number, number] {
  switch (rotation) {
    case 0:
      return [x0, y1];
    case 90:
      return [x0, y0];
    case 180:
      return [x1, y0];
    case 270:
      return [x1, y1];
  }
}

/**
 * A seen rectangle in user space: `matrix` maps an appearance that is `widthMm` x `heightMm` in points, upright and with its origin at
 * the lower left, to where it is seen; `rect` is the upright box around it.
 */
export function toUserSpace(geometry: PageGeometry, place: SeenRect): { rect: Box; matrix: Matrix } {
  const perMm = POINTS_PER_MM / geometry.userUnit;
  const { right, up } = AXES[geometry.rotation];
  const [left, top] = topLeft(geometry);
  const centreX = left + (right[0] * place.xMm - up[0] * place.yMm) * perMm;
  const centreY = top + (right[1] * place.xMm - up[1] * place.yMm) * perMm;

  const turn = ((place.rotationDeg ?? 0) * Math.PI) / 180;
  const cos = Math.cos(turn) / geometry.userUnit;
  const sin = Math.sin(turn) / geometry.userUnit;
  const a = cos * right[0] - sin * up[0];
  const b = cos * right[1] - sin * up[1];
  const c = sin * right[0] + cos * up[0];
  const d = sin * right[1] + cos * up[1];
  const halfWidth = (place.widthMm * POINTS_PER_MM) / 2;
  const halfHeight = (place.heightMm * POINTS_PER_MM) / 2;
  const matrix: Matrix = [
    a,
    b,
    c,
    d,
    centreX - a * halfWidth - c * halfHeight,
    centreY - b * halfWidth - d * halfHeight,
  ];
  const reachX = Math.abs(a) * halfWidth + Math.abs(c) * halfHeight;
  const reachY = Math.abs(b) * halfWidth + Math.abs(d) * halfHeight;
  return { rect: [centreX - reachX, centreY - reachY, centreX + reachX, centreY + reachY], matrix };
}

/** Throws POSITION_OFF_PAGE unless the whole rectangle is on the page; a tenth of a millimetre is forgiven. */
export function checkOnPage(geometry: PageGeometry, place: SeenRect): void {
  const turn = ((place.rotationDeg ?? 0) * Math.PI) / 180;
  const reachX = (Math.abs(Math.cos(turn)) * place.widthMm + Math.abs(Math.sin(turn)) * place.heightMm) / 2;
  const reachY = (Math.abs(Math.sin(turn)) * place.widthMm + Math.abs(Math.cos(turn)) * place.heightMm) / 2;
  const inside =
    place.widthMm > 0 &&
    place.heightMm > 0 &&
    place.xMm - reachX >= -0.1 &&
    place.yMm - reachY >= -0.1 &&
    place.xMm + reachX <= geometry.widthMm + 0.1 &&
    place.yMm + reachY <= geometry.heightMm + 0.1;
  if (!inside) {
    const mm = (value: number): string => String(Number(value.toFixed(1)));
    const [page, mark] = [geometry, place].map(({ widthMm, heightMm }) => `${mm(widthMm)} x ${mm(heightMm)} mm`);
    throw new AppError(
      'POSITION_OFF_PAGE',
      `page ${place.page} is ${page}; a mark of ${mark} at ${mm(place.xMm)}, ${mm(place.yMm)} is not wholly on it`,
    );
  }
}
