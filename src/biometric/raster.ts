/** A grey picture in memory, and as PNG. Pure. */
import { encode } from 'fast-png';
import { decodePngRgba, withPngResolution } from './png.ts';
import type { PngBounds } from './png.ts';

/** 8 bits a pixel, rows top to bottom, 0 = black (ridge), 255 = white; `pixels.length = width * height`. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
  readonly pixels: Uint8Array;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** An 8-bit grey PNG that carries the resolution. The same raster gives the same bytes on every machine. */
export function encodePng(raster: Raster): Uint8Array {
  const { width, height, dpi, pixels } = raster;
  return withPngResolution(encode({ width, height, data: pixels, channels: 1, depth: 8 }, { zlib: { level: 9 } }), dpi);
}

/**
 * Any PNG as grey (luma of ITU-R BT.601 over white paper). `fallbackDpi` is for a PNG that states no resolution.
 * Throws what `decodePngRgba` throws.
 */
export function decodePng(bytes: Uint8Array, options: PngBounds & { readonly fallbackDpi?: number } = {}): Raster {
  const { width, height, dpi = options.fallbackDpi ?? 500, rgba } = decodePngRgba(bytes, options);
  const pixels = new Uint8Array(width * height);
  for (let i = 0, at = 0; i < pixels.length; i++, at += 4) {
    const luma = (77 * (rgba[at] ?? 0) + 150 * (rgba[at + 1] ?? 0) + 29 * (rgba[at + 2] ?? 0)) / 256;
    pixels[i] = Math.round(255 - ((255 - luma) * (rgba[at + 3] ?? 0)) / 255);
  }
  return { width, height, dpi, pixels };
}

/** The part inside `box`, which must lie within the raster; throws RangeError otherwise. */
export function cropRaster(raster: Raster, box: Box): Raster {
  const { x, y, width, height } = box;
  if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > raster.width || y + height > raster.height) {
    throw new RangeError(`box ${x},${y} ${width}x${height} leaves a raster of ${raster.width}x${raster.height}`);
  }
  const pixels = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const from = (y + row) * raster.width + x;
    pixels.set(raster.pixels.subarray(from, from + width), row * width);
  }
  return { width, height, dpi: raster.dpi, pixels };
}

/**
 * Resampled down to at most `maxDpi`, each new pixel the mean of the area it covers; a raster that is already coarser
 * comes back as it is.
 */
export function reduceRaster(raster: Raster, maxDpi: number): Raster {
  if (raster.dpi <= maxDpi) return raster;
  const width = Math.max(1, Math.round((raster.width * maxDpi) / raster.dpi));
  const height = Math.max(1, Math.round((raster.height * maxDpi) / raster.dpi));
  const columns = coverage(raster.width, width);
  const rows = coverage(raster.height, height);
  const narrowed = new Float64Array(width * raster.height);
  for (let y = 0; y < raster.height; y++) {
    columns.forEach(({ first, weights }, x) => {
      let sum = 0;
      for (const [i, weight] of weights.entries()) sum += weight * (raster.pixels[y * raster.width + first + i] ?? 0);
      narrowed[y * width + x] = sum;
    });
  }
  const pixels = new Uint8Array(width * height);
  rows.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [i, weight] of weights.entries()) sum += weight * (narrowed[(first + i) * width + x] ?? 0);
      pixels[y * width + x] = Math.round(sum);
    }
  });
  return { width, height, dpi: maxDpi, pixels };
}

/**
 * Resampled up to `dpi` along smooth curves through the old pixels (E. Catmull, R. Rom, "A class of local interpolating splines", 1974); a
 * raster that is as fine comes back as it is.
 */
export function enlargeRaster(raster: Raster, dpi: number): Raster {
  if (raster.dpi >= dpi) return raster;
  const factor = dpi / raster.dpi;
  const [width, height] = [Math.round(raster.width * factor), Math.round(raster.height * factor)];
  const columns = splines(raster.width, width);
  const rows = splines(raster.height, height);
  const widened = new Float64Array(width * raster.height);
  for (let y = 0; y < raster.height; y++) {
    for (const [x, { at, weights }] of columns.entries()) {
      let sum = 0;
      for (const [k, weight] of weights.entries())
        sum += weight * (raster.pixels[y * raster.width + (at[k] ?? 0)] ?? 0);
      widened[y * width + x] = sum;
    }
  }
  const pixels = new Uint8Array(width * height);
  for (const [y, { at, weights }] of rows.entries()) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (const [k, weight] of weights.entries()) sum += weight * (widened[(at[k] ?? 0) * width + x] ?? 0);
      pixels[y * width + x] = Math.min(255, Math.max(0, Math.round(sum)));
    }
  }
  return { width, height, dpi, pixels };
}

/** For each new sample four old ones about it, the outermost repeated, and their weights, which sum to 1. */
function splines(from: number, to: number): { readonly at: readonly number[]; readonly weights: readonly number[] }[] {
  return Array.from({ length: to }, (_, i) => {
    const place = ((i + 0.5) * from) / to - 0.5;
    const left = Math.floor(place);
    const t = place - left;
    return {
      at: [-1, 0, 1, 2].map((step) => Math.min(from - 1, Math.max(0, left + step))),
      weights: [
        (-t * (1 - t) ** 2) / 2,
        (2 - 5 * t ** 2 + 3 * t ** 3) / 2,
        (t + 4 * t ** 2 - 3 * t ** 3) / 2,
        (t ** 3 - t ** 2) / 2,
      ],
    };
  });
}

interface Coverage {
  readonly first: number;
  /** Of the source samples from `first` on; they sum to 1. */
  readonly weights: readonly number[];
}

function coverage(from: number, to: number): Coverage[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => {
    const start = i * step;
    const end = Math.min(from, start + step);
    const first = Math.floor(start);
    const last = Math.max(first + 1, Math.ceil(end - 1e-9));
    const weights = Array.from(
      { length: last - first },
      (_, k) => (Math.min(end, first + k + 1) - Math.max(start, first + k)) / (end - start),
    );
    return { first, weights };
  });
}
