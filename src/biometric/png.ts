/**
 * Reading PNG (ISO/IEC 15948:2004, W3C PNG second edition; clause numbers below are its) from people we do not know. Pure.
 *
 * fast-png writes our pictures, but does not read these: it inflates without a bound (IDAT and iCCP alike) and misreads
 * interlaced pictures of less than 8 bits a sample.
 */
import { Unzlib } from 'fflate';
import { ByteWriter, concatBytes, latin1Bytes, latin1Text } from '../bytes.ts';
import { AppError } from '../errors.ts';

/** 8 bits a channel, rows top to bottom, red, green, blue, alpha; not premultiplied. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** Horizontal, where the picture states it. */
  readonly dpi?: number;
  readonly rgba: Uint8Array;
}

export interface PngBounds {
  /** Refused above this many pixels, before anything is allocated for them. */
  readonly maxPixels?: number;
}

const DEFAULT_MAX_PIXELS = 1 << 23;
const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a); // clause 5.2
const INCH_METRES = 0.0254;

/** Colour types of clause 11.2.2, with the depths that each may have. */
const KINDS: Readonly<Record<number, { readonly channels: number; readonly depths: readonly number[] }>> = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { channels: 3, depths: [8, 16] },
  3: { channels: 1, depths: [1, 2, 4, 8] },
  4: { channels: 2, depths: [8, 16] },
  6: { channels: 4, depths: [8, 16] },
};
const PALETTE = 3;

/** Passes of Adam7, clause 8.2: first column, first row, column step, row step. */
const ADAM7 = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;
const WHOLE = [[0, 0, 1, 1]] as const;

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  readonly channels: number;
  readonly interlaced: boolean;
}

interface Chunks {
  readonly header: Header;
  readonly palette: Uint8Array | undefined;
  readonly transparency: Uint8Array | undefined;
  readonly dpi: number | undefined;
  readonly data: readonly Uint8Array[];
}

/** One pass of the picture, unfiltered: `rows` of `rowBytes`, whose samples are still packed. */
interface Pass {
  readonly x0: number;
  readonly y0: number;
  readonly dx: number;
  readonly dy: number;
  readonly columns: number;
  readonly rows: number;
  readonly rowBytes: number;
}

/**
 * Any PNG as RGBA; of an animated one the still picture, of a 16-bit one the high bytes.
 * Throws PICTURE_TOO_LARGE by its header alone, PICTURE_NOT_PNG for anything that breaks the standard.
 */
export function decodePngRgba(bytes: Uint8Array, { maxPixels = DEFAULT_MAX_PIXELS }: PngBounds = {}): RgbaImage {
  const chunks = readChunks(bytes, maxPixels);
  const { width, height } = chunks.header;
  const passes = passesOf(chunks.header);
  const filtered = inflate(
    chunks.data,
    passes.reduce((sum, pass) => sum + pass.rows * (pass.rowBytes + 1), 0),
  );
  const rgba = new Uint8Array(width * height * 4);
  const paint = painter(chunks, rgba);
  const pixelBytes = Math.max(1, (chunks.header.channels * chunks.header.depth) >> 3);
  let at = 0;
  for (const pass of passes) {
    let above: Uint8Array = new Uint8Array(pass.rowBytes);
    for (let row = 0; row < pass.rows; row++) {
      const line = filtered.subarray(at + 1, at + 1 + pass.rowBytes);
      unfilter(filtered[at] ?? 0, line, above, pixelBytes);
      paint(line, pass, row);
      above = line;
      at += 1 + pass.rowBytes;
    }
  }
  return { width, height, rgba, ...(chunks.dpi === undefined ? {} : { dpi: chunks.dpi }) };
}

/** A PNG just written, with a pHYs chunk (clause 11.3.5.3) put after its header. */
export function withPngResolution(png: Uint8Array, dpi: number): Uint8Array {
  const perMetre = Math.round(dpi / INCH_METRES);
  const body = new ByteWriter().raw(latin1Bytes('pHYs')).u32(perMetre).u32(perMetre).u8(1).finish();
  const chunk = new ByteWriter()
    .u32(body.length - 4)
    .raw(body)
    .u32(crc32(body))
    .finish();
  const afterHeader = SIGNATURE.length + 25;
  return concatBytes(png.subarray(0, afterHeader), chunk, png.subarray(afterHeader));
}

function refuse(detail: string, cause?: unknown): never {
  throw new AppError('PICTURE_NOT_PNG', detail, cause === undefined ? {} : { cause });
}

function readChunks(bytes: Uint8Array, maxPixels: number): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!SIGNATURE.every((byte, i) => bytes[i] === byte)) refuse('the signature is missing');
  let header: Header | undefined;
  let palette: Uint8Array | undefined;
  let transparency: Uint8Array | undefined;
  let dpi: number | undefined;
  const data: Uint8Array[] = [];
  for (let at = SIGNATURE.length; ;) {
    if (at + 12 > bytes.length) refuse('cut short between chunks');
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) refuse(`chunk at byte ${at}: ${length} bytes declared, the file ends before`);
    const type = latin1Text(bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length)) {
      refuse(`chunk at byte ${at}: checksum wrong`);
    }
    if (header === undefined) {
      if (type !== 'IHDR') refuse('the first chunk is not IHDR');
      header = readHeader(body, maxPixels);
    } else if (type === 'IDAT') data.push(body);
    else if (type === 'PLTE') palette = body;
    else if (type === 'tRNS') transparency = body;
    else if (type === 'pHYs') dpi = readResolution(body);
    else if (type === 'IEND') return { header, palette, transparency, dpi, data };
    // Clause 5.4: bit 5 of the first byte clear = critical, not to be skipped.
    else if (((bytes[at + 4] ?? 0) & 0x20) === 0) refuse(`critical chunk at byte ${at} is out of place or unknown`);
    at += 12 + length;
  }
}

function readHeader(body: Uint8Array, maxPixels: number): Header {
  if (body.length !== 13) refuse(`IHDR: expected 13 bytes, got ${body.length}`);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const width = view.getUint32(0);
  const height = view.getUint32(4);
  const [depth = 0, colorType = 0, compression, filter, interlace] = body.subarray(8);
  if (width === 0 || height === 0) refuse(`IHDR: ${width}x${height} pixels`);
  if (width * height > maxPixels) {
    throw new AppError('PICTURE_TOO_LARGE', `${width}x${height} pixels, at most ${maxPixels} are taken`);
  }
  const kind = KINDS[colorType];
  if (kind === undefined || !kind.depths.includes(depth)) refuse(`IHDR: colour type ${colorType}, depth ${depth}`);
  if (compression !== 0 || filter !== 0 || (interlace !== 0 && interlace !== 1)) refuse('IHDR: unknown method');
  return { width, height, depth, colorType, channels: kind.channels, interlaced: interlace === 1 };
}

function readResolution(body: Uint8Array): number | undefined {
  if (body.length !== 9) refuse(`pHYs: expected 9 bytes, got ${body.length}`);
  const perMetre = new DataView(body.buffer, body.byteOffset).getUint32(0);
  // Unit 0 gives the pixels' aspect only.
  return body[8] === 1 && perMetre > 0 ? Math.round(perMetre * INCH_METRES) : undefined;
}

function passesOf({ width, height, depth, channels, interlaced }: Header): Pass[] {
  return (interlaced ? ADAM7 : WHOLE)
    .map(([x0, y0, dx, dy]) => {
      const columns = Math.max(0, Math.ceil((width - x0) / dx));
      const rows = Math.max(0, Math.ceil((height - y0) / dy));
      return { x0, y0, dx, dy, columns, rows, rowBytes: Math.ceil((columns * channels * depth) / 8) };
    })
    .filter(({ columns, rows }) => columns > 0 && rows > 0);
}

/** Exactly `expected` bytes out of the zlib stream, or refused; at most one slice's worth more is ever held. */
function inflate(parts: readonly Uint8Array[], expected: number): Uint8Array {
  // Deflate grows at most 1,032-fold (RFC 1951: 258 bytes from two bits), so a slice of 4 KiB stays under 4.2 MB.
  const slice = 4096;
  const out = new Uint8Array(expected);
  let length = 0;
  const stream = new Unzlib((chunk) => {
    if (length + chunk.length > expected) refuse('more pixels than the header declares');
    out.set(chunk, length);
    length += chunk.length;
  });
  try {
    for (const part of parts) {
      for (let at = 0; at < part.length; at += slice) stream.push(part.subarray(at, at + slice));
    }
    stream.push(new Uint8Array(0), true);
  } catch (error) {
    if (error instanceof AppError) throw error;
    refuse('the compressed data is damaged', error);
  }
  if (length !== expected) refuse(`expected ${expected} bytes of pixels, got ${length}`);
  return out;
}

/** Clause 9.2, in place. `above` is the unfiltered row before, zeros for the first. */
function unfilter(filter: number, line: Uint8Array, above: Uint8Array, pixelBytes: number): void {
  if (filter > 4) refuse(`unknown row filter ${filter}`);
  if (filter === 0) return;
  for (let i = 0; i < line.length; i++) {
    const left = i < pixelBytes ? 0 : (line[i - pixelBytes] ?? 0);
    const up = above[i] ?? 0;
    let predicted: number;
    if (filter === 1) predicted = left;
    else if (filter === 2) predicted = up;
    else if (filter === 3) predicted = (left + up) >> 1;
    else predicted = paeth(left, up, i < pixelBytes ? 0 : (above[i - pixelBytes] ?? 0));
    line[i] = (line[i] ?? 0) + predicted;
  }
}

function paeth(left: number, up: number, upLeft: number): number {
  const estimate = left + up - upLeft;
  const toLeft = Math.abs(estimate - left);
  const toUp = Math.abs(estimate - up);
  const toUpLeft = Math.abs(estimate - upLeft);
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

/** What writes one unfiltered row into `rgba`, for the picture's colour type. */
function painter(chunks: Chunks, rgba: Uint8Array): (line: Uint8Array, pass: Pass, row: number) => void {
  const { width, depth, colorType, channels } = chunks.header;
  const color = colorType === PALETTE ? paletteColors(chunks) : directColors(chunks);
  const samples = new Uint16Array(channels);
  const mask = (1 << depth) - 1;
  return (line, { x0, y0, dx, dy, columns }, row) => {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < channels; channel++) {
        const index = column * channels + channel;
        if (depth === 16) samples[channel] = ((line[2 * index] ?? 0) << 8) | (line[2 * index + 1] ?? 0);
        else {
          const bit = index * depth;
          samples[channel] = ((line[bit >> 3] ?? 0) >> (8 - depth - (bit & 7))) & mask;
        }
      }
      color(samples, rgba, ((y0 + row * dy) * width + x0 + column * dx) * 4);
    }
  };
}

type ColorWriter = (samples: Uint16Array, rgba: Uint8Array, at: number) => void;

function paletteColors({ palette, transparency }: Chunks): ColorWriter {
  if (palette === undefined || palette.length % 3 !== 0 || palette.length > 768) return refuse('PLTE missing or wrong');
  return ([index = 0], rgba, at) => {
    if (3 * index >= palette.length) refuse(`colour ${index} is not in the palette`);
    rgba.set(palette.subarray(3 * index, 3 * index + 3), at);
    rgba[at + 3] = transparency?.[index] ?? 255;
  };
}

function directColors({ header: { depth, channels }, transparency }: Chunks): ColorWriter {
  const colors = channels < 3 ? 1 : 3;
  const hasAlpha = channels === 2 || channels === 4;
  // Clause 11.3.2.1: one colour, of full depth, that is wholly transparent.
  if (transparency !== undefined && (hasAlpha || transparency.length !== 2 * colors)) refuse('tRNS wrong');
  const clear =
    transparency &&
    Array.from({ length: colors }, (_, i) => ((transparency[2 * i] ?? 0) << 8) | (transparency[2 * i + 1] ?? 0));
  const toByte = (sample: number): number =>
    depth === 16 ? sample >> 8 : depth === 8 ? sample : (sample * 255) / ((1 << depth) - 1);
  return (samples, rgba, at) => {
    for (let i = 0; i < 3; i++) rgba[at + i] = toByte(samples[colors === 1 ? 0 : i] ?? 0);
    if (hasAlpha) rgba[at + 3] = toByte(samples[colors] ?? 0);
    else rgba[at + 3] = clear?.every((value, i) => value === samples[i]) === true ? 0 : 255;
  };
}

/** Annex D. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
