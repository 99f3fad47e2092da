/** Pixels as the wire carries them: 4 bits each, two in a byte, the left one in the high half. Pure. */

/** 4-bit pixels -> 8-bit ones, spread over the whole range: 0 -> 0, 15 -> 255. */
export function decodePixels(packed: Uint8Array): Uint8Array {
  const pixels = new Uint8Array(packed.length * 2);
  for (const [at, byte] of packed.entries()) {
    pixels[2 * at] = (byte >> 4) * 17;
    pixels[2 * at + 1] = (byte & 0x0f) * 17;
  }
  return pixels;
}

/** 8-bit pixels -> 4-bit ones, to the nearest. An even number of them. */
export function encodePixels(pixels: Uint8Array): Uint8Array {
  if (pixels.length % 2 !== 0) throw new RangeError(`${pixels.length} pixels do not fill whole bytes`);
  const quantise = (at: number): number => Math.round((pixels[at] ?? 0) / 17);
  return Uint8Array.from({ length: pixels.length / 2 }, (_, i) => (quantise(2 * i) << 4) | quantise(2 * i + 1));
}
