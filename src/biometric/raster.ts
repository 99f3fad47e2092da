/** A grey picture in memory. Pure. */

/** 8 bits a pixel, rows top to bottom, 0 = black (ridge), 255 = white; `pixels.length = width * height`. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
  readonly pixels: Uint8Array;
}
