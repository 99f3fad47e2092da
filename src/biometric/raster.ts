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

/** `factor` pixels for each, with straight lines between the middles of the old ones. */
export function enlargeRaster(raster: Raster, factor: number): Raster {
  if (factor <= 1) return raster;
  const { width, height, pixels } = raster;
  const [wide, high] = [width * factor, height * factor];
  const out = new Uint8Array(wide * high);
  const at = (x: number, y: number): number =>
    pixels[Math.min(Math.max(y, 0), height - 1) * width + Math.min(Math.max(x, 0), width - 1)] ?? 0;
  for (let row = 0, i = 0; row < high; row++) {
    const y = (row + 0.5) / factor - 0.5;
    const top = Math.floor(y);
    for (let column = 0; column < wide; column++, i++) {
      const x = (column + 0.5) / factor - 0.5;
      const left = Math.floor(x);
      const above = at(left, top) * (1 - x + left) + at(left + 1, top) * (x - left);
      const below = at(left, top + 1) * (1 - x + left) + at(left + 1, top + 1) * (x - left);
      out[i] = Math.round(above * (1 - y + top) + below * (y - top));
    }
  }
  return { width: wide, height: high, dpi: raster.dpi * factor, pixels: out };
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
