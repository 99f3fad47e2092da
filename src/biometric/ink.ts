/** Pictures of ink on paper: what of them is ink, and how much of it a printer can show. Pure. */
import type { RgbaImage } from './png.ts';

/** Less ink than this of 255 is paper: the noise of a scanned or photographed sheet. */
const FAINT = 24;

/** The picture without its empty margins; null where all of it is empty. */
export function trimmed(image: RgbaImage): RgbaImage | null {
  const { width, height, rgba } = image;
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (inkAt(rgba, (y * width + x) * 4) < FAINT) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  if (right < 0) return null;
  const [newWidth, newHeight] = [right - left + 1, bottom - top + 1];
  const out = new Uint8Array(newWidth * newHeight * 4);
  for (let y = 0; y < newHeight; y++) {
    const from = ((top + y) * width + left) * 4;
    out.set(rgba.subarray(from, from + newWidth * 4), y * newWidth * 4);
  }
  return { ...image, width: newWidth, height: newHeight, rgba: out };
}

/** How far a pixel is from white paper, 0 to 255: its darkest channel, as opaque as it is. */
function inkAt(rgba: Uint8Array, at: number): number {
  const darkest = Math.min(rgba[at] ?? 255, rgba[at + 1] ?? 255, rgba[at + 2] ?? 255);
  return ((255 - darkest) * (rgba[at + 3] ?? 0)) / 255;
}

/**
 * The picture at `1 / factor` of its size, each new pixel the mean of `factor` x `factor` old ones, weighed by how opaque they are
 * so that a transparent pixel's colour does not bleed into the edge.
 */
export function reduced(image: RgbaImage, factor: number): RgbaImage {
  if (factor <= 1) return image;
  const width = Math.ceil(image.width / factor);
  const height = Math.ceil(image.height / factor);
  const rgba = new Uint8Array(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) rgba.set(mean(image, x * factor, y * factor, factor), (y * width + x) * 4);
  }
  return { ...image, width, height, rgba };
}

function mean(image: RgbaImage, left: number, top: number, factor: number): [number, number, number, number] {
  const [right, bottom] = [Math.min(image.width, left + factor), Math.min(image.height, top + factor)];
  let [red, green, blue, alpha] = [0, 0, 0, 0];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const at = (y * image.width + x) * 4;
      const opacity = image.rgba[at + 3] ?? 0;
      red += (image.rgba[at] ?? 0) * opacity;
      green += (image.rgba[at + 1] ?? 0) * opacity;
      blue += (image.rgba[at + 2] ?? 0) * opacity;
      alpha += opacity;
    }
  }
  const weight = alpha === 0 ? 1 : alpha;
  return [red / weight, green / weight, blue / weight, alpha / ((right - left) * (bottom - top))].map(Math.round) as [
    number,
    number,
    number,
    number,
  ];
}

/** The samples of a picture as PDF takes them: colour, or grey where there is no colour, and opacity where it differs. */
export interface InkSamples {
  readonly colorSpace: 'rgb' | 'gray';
  readonly samples: Uint8Array;
  readonly alpha: Uint8Array | null;
}

export function inkSamples({ width, height, rgba }: RgbaImage): InkSamples {
  const count = width * height;
  const alpha = new Uint8Array(count);
  const rgb = new Uint8Array(count * 3);
  let [opaque, grey] = [true, true];
  for (let i = 0; i < count; i++) {
    const opacity = rgba[i * 4 + 3] ?? 0;
    // What cannot be seen is stored as white: it packs better and gives no stray colour to a viewer that ignores the mask.
    const [r, g, b] = opacity === 0 ? [255, 255, 255] : [rgba[i * 4], rgba[i * 4 + 1], rgba[i * 4 + 2]];
    rgb.set([r ?? 0, g ?? 0, b ?? 0], i * 3);
    alpha[i] = opacity;
    opaque &&= opacity === 255;
    grey &&= r === g && g === b;
  }
  return {
    colorSpace: grey ? 'gray' : 'rgb',
    samples: grey ? rgb.filter((_, i) => i % 3 === 0) : rgb,
    alpha: opaque ? null : alpha,
  };
}

/** Of a picture's inked pixels: the share that is no stronger than what counts as full ink. */
const FULL = 0.75;

/**
 * The ink without the paper: white becomes clear, and what is paler than the picture's ink becomes ink that covers less, so that over
 * white it all looks as before. What is too faint to be ink is clear.
 */
export function inkAlone({ width, height, rgba }: RgbaImage): RgbaImage {
  const cover = Float64Array.from({ length: width * height }, (_, i) => inkAt(rgba, 4 * i));
  const inked = cover.filter((value) => value >= FAINT).toSorted();
  const full = inked[Math.floor(FULL * inked.length)] ?? 255;
  const out = new Uint8Array(rgba.length);
  for (let i = 0, at = 0; i < cover.length; i++, at += 4) {
    const own = cover[i] ?? 0;
    if (own < FAINT) continue;
    const share = Math.min(1, own / full);
    const opacity = (rgba[at + 3] ?? 0) / 255;
    for (let channel = at; channel < at + 3; channel++) {
      out[channel] = Math.round(255 - ((255 - (rgba[channel] ?? 0)) * opacity) / share);
    }
    out[at + 3] = Math.round(255 * share);
  }
  return { width, height, rgba: out };
}

/** The colours of ink alone, three bytes a pixel; where there is none, the mean of what there is: no edge is told by another colour. */
export function inkColors({ width, height, rgba }: RgbaImage): Uint8Array {
  const sums = [0, 0, 0];
  let weight = 0;
  for (let at = 0; at < rgba.length; at += 4) {
    const opacity = rgba[at + 3] ?? 0;
    weight += opacity;
    for (const [channel, sum] of sums.entries()) sums[channel] = sum + opacity * (rgba[at + channel] ?? 0);
  }
  const mean = sums.map((sum) => Math.round(sum / Math.max(1, weight)));
  return Uint8Array.from({ length: 3 * width * height }, (_, i) => {
    const at = 4 * Math.floor(i / 3);
    return (rgba[at + 3] === 0 ? mean[i % 3] : rgba[at + (i % 3)]) ?? 0;
  });
}

/** Thresholds of an ordered dither, of 16: B. E. Bayer, "An optimum method for two-level rendition", ICC 1973. */
const BAYER = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

/**
 * Grey made of dots: one bit a pixel, the highest first, rows filled up to whole bytes; 0 is ink, 1 is none.
 * @param coverAt how much of a pixel is to be covered, 0 to 1, by its number.
 */
export function screened(width: number, height: number, coverAt: (pixel: number) => number): Uint8Array {
  const stride = Math.ceil(width / 8);
  const bits = new Uint8Array(stride * height).fill(0xff);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const threshold = ((BAYER[(y % 4) * 4 + (x % 4)] ?? 0) + 0.5) / 16;
      if (coverAt(i) <= threshold) continue;
      const at = y * stride + (x >> 3);
      bits[at] = (bits[at] ?? 0) & ~(0x80 >> (x & 7));
    }
  }
  return bits;
}
