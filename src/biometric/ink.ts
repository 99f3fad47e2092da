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
  readonly colorSpace: 'DeviceRGB' | 'DeviceGray';
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
    colorSpace: grey ? 'DeviceGray' : 'DeviceRGB',
    samples: grey ? rgb.filter((_, i) => i % 3 === 0) : rgb,
    alpha: opaque ? null : alpha,
  };
}
