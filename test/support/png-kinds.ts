/** An encoder of every kind of PNG, for the decoder to be tried on; written from the standard, apart from the code under test. */
import { crc32, deflateSync } from 'node:zlib';

export interface PngSpec {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  readonly interlaced: boolean;
  /** Row filter of each row in turn. */
  readonly filters: readonly number[];
  /** Of the channels of all pixels, rows top to bottom. */
  readonly samples: readonly number[];
  /** Chunks between IHDR and IDAT. */
  readonly extra?: readonly (readonly [type: string, body: Uint8Array])[];
}

export const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

export function pngOf(spec: PngSpec): Uint8Array {
  const { width, height, depth, colorType, interlaced, extra = [] } = spec;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType, 0, 0, interlaced ? 1 : 0], 8);
  return pngChunks([['IHDR', header], ...extra, ['IDAT', deflateSync(scanlines(spec))], ['IEND', new Uint8Array(0)]]);
}

export function pngChunks(chunks: readonly (readonly [type: string, body: Uint8Array])[]): Uint8Array {
  const parts = chunks.map(([type, body]) => {
    const typed = Buffer.concat([Buffer.from(type, 'latin1'), body]);
    const out = Buffer.alloc(typed.length + 8);
    out.writeUInt32BE(body.length, 0);
    out.set(typed, 4);
    out.writeUInt32BE(crc32(typed), typed.length + 4);
    return out;
  });
  return new Uint8Array(Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...parts]));
}

function scanlines(spec: PngSpec): Uint8Array {
  const channels = CHANNELS[spec.colorType] ?? 1;
  const rows: Uint8Array[] = [];
  for (const pass of spec.interlaced ? adam7(spec) : [allPixels(spec)]) {
    let above: Uint8Array | null = null;
    for (const row of pass) {
      const plain = pack(
        row.flatMap((pixel) => spec.samples.slice(pixel * channels, (pixel + 1) * channels)),
        spec.depth,
      );
      const filter = spec.filters[rows.length % spec.filters.length] ?? 0;
      rows.push(Uint8Array.of(filter, ...filtered(plain, above, filter, Math.max(1, (channels * spec.depth) >> 3))));
      above = plain;
    }
  }
  return Buffer.concat(rows);
}

function allPixels({ width, height }: PngSpec): number[][] {
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => y * width + x));
}

/** The pattern of the standard's picture of Adam7: which pass each pixel of an 8 x 8 tile belongs to. */
const TILE = ['16462646', '77777777', '56565656', '77777777', '36463646', '77777777', '56565656', '77777777'];

function adam7(spec: PngSpec): number[][][] {
  return ['1', '2', '3', '4', '5', '6', '7'].map((pass) =>
    allPixels(spec)
      .map((row, y) => row.filter((_, x) => TILE[y % 8]?.[x % 8] === pass))
      .filter((row) => row.length > 0),
  );
}

function pack(samples: readonly number[], depth: number): Uint8Array {
  const bits = samples.map((sample) => sample.toString(2).padStart(depth, '0')).join('');
  return Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, i) =>
    Number.parseInt(bits.slice(8 * i, 8 * i + 8).padEnd(8, '0'), 2),
  );
}

function filtered(line: Uint8Array, above: Uint8Array | null, filter: number, step: number): Uint8Array {
  return line.map((value, i) => {
    const a = line[i - step] ?? 0;
    const b = above?.[i] ?? 0;
    const c = i < step ? 0 : (above?.[i - step] ?? 0);
    const nearest = [a, b, c].toSorted((p, q) => Math.abs(a + b - c - p) - Math.abs(a + b - c - q))[0] ?? 0;
    return value - ([0, a, b, (a + b) >> 1, nearest][filter] ?? 0);
  });
}
