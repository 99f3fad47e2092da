/** The one kind of TIFF that the shared prints are: little-endian, 8-bit grey, not compressed. */
import { readFileSync } from 'node:fs';
import type { Raster } from '../../src/biometric/raster.ts';

export function readGreyTiff(path: string, dpi: number): Raster {
  const file = readFileSync(path);
  const directory = file.readUInt32LE(4);
  const tags = new Map<number, number[]>();
  for (let i = 0; i < file.readUInt16LE(directory); i++) {
    const entry = directory + 2 + 12 * i;
    const short = file.readUInt16LE(entry + 2) === 3;
    const count = file.readUInt32LE(entry + 4);
    const at = count * (short ? 2 : 4) > 4 ? file.readUInt32LE(entry + 8) : entry + 8;
    const values = Array.from({ length: count }, (_, k) =>
      short ? file.readUInt16LE(at + 2 * k) : file.readUInt32LE(at + 4 * k),
    );
    tags.set(file.readUInt16LE(entry), values);
  }
  const [width = 0] = tags.get(256) ?? [];
  const [height = 0] = tags.get(257) ?? [];
  const pixels = new Uint8Array(width * height);
  let at = 0;
  for (const [strip, offset] of (tags.get(273) ?? []).entries()) {
    const length = tags.get(279)?.[strip] ?? 0;
    pixels.set(file.subarray(offset, offset + length), at);
    at += length;
  }
  return { width, height, dpi, pixels };
}
