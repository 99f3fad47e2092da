/**
 * Finger image records of ISO/IEC 19794-4:2005, clauses 7 and 8, both ways; pure. The decoder is strict: a record that declares anything
 * that its bytes do not bear out is refused, never repaired.
 *
 * RECORD_LENGTH: a declared size does not match the bytes. RECORD_FORMAT: another format, edition, depth or compression.
 * RECORD_INVALID: a field holds what the standard forbids.
 *
 * The quality byte of this edition means nothing that two makers agree on, so what is commonly written is 254, undefined; the measured
 * quality (quality.ts) is kept beside the record.
 */
import { ByteReader, ByteWriter, latin1Bytes } from '../bytes.ts';
import { AppError, isAppError } from '../errors.ts';
import { decodePng } from './raster.ts';
import type { Raster } from './raster.ts';
import { expectEdition, expectLength, expectWithin, expectZero } from './record-field.ts';

export interface Resolution {
  readonly horizontal: number;
  readonly vertical: number;
}

export interface FingerImageView {
  /** 0 unknown, 1-5 right thumb to little finger, 6-10 left, 13-15 plain four fingers and thumbs, 20-36 palms. */
  readonly position: number;
  /** 0-100, or null: undefined (254). */
  readonly quality: number | null;
  /** 0 live-scan plain, 1 live-scan rolled, 2 and 3 the same not live, 7 latent, 8 swipe, 9 contactless. */
  readonly impression: number;
  readonly width: number;
  readonly height: number;
  /** 8 bits each, rows top to bottom, 0 = black; `width * height` of them. */
  readonly pixels: Uint8Array;
}

export interface FingerImage {
  readonly device: number;
  /** Table 1: 10, 20, 30 or 31, 40 or 41 for scanners of at least 125, 250, 500, 1000 dpi. */
  readonly acquisitionLevel: number;
  /** What both resolutions count: pixels per inch or per centimetre. */
  readonly units: 'inch' | 'centimetre';
  readonly scanResolution: Resolution;
  readonly imageResolution: Resolution;
  /** In order; those of one position are numbered from 1 as they come. */
  readonly views: readonly FingerImageView[];
}

const EDITION = { magic: 'FIR\0', version: '010\0', editions: { '020\0': 'ISO/IEC 19794-4:2011' } } as const; // 7.1.1, 7.1.2
const MAGIC = latin1Bytes(EDITION.magic + EDITION.version);
const HEADER_BYTES = 32; // 7.1
const VIEW_HEADER_BYTES = 14; // 7.2; the view's length counts them
const UNITS = ['inch', 'centimetre'] as const; // 7.1.7: 1 and 2
const DEPTH_BITS = 8; // 7.1.12
const RAW = 0; // 7.1.13
const PNG = 5;
const COMPRESSIONS = ['raw', 'packed', 'WSQ', 'JPEG', 'JPEG 2000', 'PNG'];
const QUALITY_UNDEFINED = 254;
const MAX_PNG_PIXELS = 1 << 22;

/** The record of one picture of one finger as the reader gave it. */
export function fingerImageOf(raster: Raster, { position = 0, impression = 0, device = 0 } = {}): FingerImage {
  const resolution = { horizontal: raster.dpi, vertical: raster.dpi };
  const { width, height, pixels } = raster;
  return {
    device,
    acquisitionLevel: acquisitionLevel(raster.dpi),
    units: 'inch',
    scanResolution: resolution,
    imageResolution: resolution,
    views: [{ position, quality: null, impression, width, height, pixels }],
  };
}

/** Table 1. Nobody has certified a small reader for the grey range of 31 or 41, so 30 and 40 are the most that is claimed. */
function acquisitionLevel(dpi: number): number {
  if (dpi >= 1000) return 40;
  if (dpi >= 500) return 30;
  return dpi >= 250 ? 20 : 10;
}

/** A record of raw 8-bit pixels. */
export function encodeFingerImage(record: FingerImage): Uint8Array {
  checkRecord(record);
  const counts = countByPosition(record.views);
  const length = record.views.reduce((sum, { pixels }) => sum + VIEW_HEADER_BYTES + pixels.length, HEADER_BYTES);
  const writer = new ByteWriter(length)
    .raw(MAGIC)
    .u48(length)
    .u16(record.device)
    .u16(record.acquisitionLevel)
    .u8(counts.size)
    .u8(UNITS.indexOf(record.units) + 1)
    .u16(record.scanResolution.horizontal)
    .u16(record.scanResolution.vertical)
    .u16(record.imageResolution.horizontal)
    .u16(record.imageResolution.vertical)
    .u8(DEPTH_BITS)
    .u8(RAW)
    .u16(0);
  const seen = new Map<number, number>();
  for (const { position, quality, impression, width, height, pixels } of record.views) {
    const number = (seen.get(position) ?? 0) + 1;
    seen.set(position, number);
    writer
      .u32(VIEW_HEADER_BYTES + pixels.length)
      .u8(position)
      .u8(counts.get(position) ?? 0)
      .u8(number)
      .u8(quality ?? QUALITY_UNDEFINED)
      .u8(impression)
      .u16(width)
      .u16(height)
      .u8(0)
      .raw(pixels);
  }
  return writer.finish();
}

/** Reads raw pixels and PNG. */
export function decodeFingerImage(bytes: Uint8Array): FingerImage {
  const reader = new ByteReader(bytes, 'RECORD_LENGTH');
  expectEdition(reader.take(MAGIC.length, 'magic'), EDITION);
  expectLength(reader.u48('record length'), bytes.length, 'record length');
  const device = reader.u16('device');
  const acquisitionLevel = reader.u16('acquisition level');
  const fingers = reader.u8('number of fingers');
  const unitCode = reader.u8('units');
  const scanResolution = readResolution(reader, 'scan resolution');
  const imageResolution = readResolution(reader, 'image resolution');
  const depth = reader.u8('depth');
  const compression = reader.u8('compression');
  expectZero(reader.u16('reserved'), 'reserved bytes of the header');
  if (depth !== DEPTH_BITS) throw new AppError('RECORD_FORMAT', `depth: expected ${DEPTH_BITS} bits, got ${depth}`);
  if (compression !== RAW && compression !== PNG) {
    throw new AppError('RECORD_FORMAT', `compression: ${COMPRESSIONS[compression] ?? compression} is not read`);
  }
  const units = UNITS[unitCode - 1];
  if (units === undefined) throw new AppError('RECORD_INVALID', `units: expected 1 or 2, got ${unitCode}`);
  const numbered: NumberedView[] = [];
  while (reader.remaining > 0) numbered.push(readView(reader, compression, `views[${numbered.length}]`));
  checkNumbers(numbered, fingers);
  const views = numbered.map(({ view }) => view);
  const record = { device, acquisitionLevel, units, scanResolution, imageResolution, views };
  checkRecord(record);
  return record;
}

interface NumberedView {
  readonly number: number;
  readonly count: number;
  readonly view: FingerImageView;
}

function readResolution(reader: ByteReader, field: string): Resolution {
  return { horizontal: reader.u16(field), vertical: reader.u16(field) };
}

function readView(reader: ByteReader, compression: typeof RAW | typeof PNG, path: string): NumberedView {
  const length = reader.u32(`${path}.length`);
  if (length < VIEW_HEADER_BYTES || length - 4 > reader.remaining) {
    throw new AppError('RECORD_LENGTH', `${path}.length: ${length} declared, ${reader.remaining + 4} bytes left`);
  }
  const position = reader.u8(`${path}.position`);
  const count = reader.u8(`${path}.count of views`);
  const number = reader.u8(`${path}.view number`);
  const quality = reader.u8(`${path}.quality`);
  const impression = reader.u8(`${path}.impression`);
  const width = reader.u16(`${path}.width`);
  const height = reader.u16(`${path}.height`);
  expectZero(reader.u8(`${path}.reserved`), `${path}: reserved byte`);
  const data = reader.take(length - VIEW_HEADER_BYTES, `${path}.image`);
  const pixels = compression === RAW ? rawPixels(data, width, height, path) : pngPixels(data, width, height, path);
  return {
    number,
    count,
    view: { position, quality: quality === QUALITY_UNDEFINED ? null : quality, impression, width, height, pixels },
  };
}

function rawPixels(data: Uint8Array, width: number, height: number, path: string): Uint8Array {
  if (data.length !== width * height) {
    throw new AppError('RECORD_LENGTH', `${path}.image: ${width}x${height} declared, got ${data.length} bytes`);
  }
  return data.slice();
}

function pngPixels(data: Uint8Array, width: number, height: number, path: string): Uint8Array {
  let raster: Raster;
  try {
    raster = decodePng(data, { maxPixels: Math.min(width * height, MAX_PNG_PIXELS) });
  } catch (cause) {
    if (!isAppError(cause)) throw cause;
    throw new AppError('RECORD_INVALID', `${path}.image: ${cause.message}`, { cause });
  }
  if (raster.width !== width || raster.height !== height) {
    throw new AppError(
      'RECORD_LENGTH',
      `${path}.image: ${width}x${height} declared, got ${raster.width}x${raster.height}`,
    );
  }
  return raster.pixels;
}

function countByPosition(views: readonly FingerImageView[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { position } of views) counts.set(position, (counts.get(position) ?? 0) + 1);
  return counts;
}

/** 7.2.3, 7.2.4: the views of a position are numbered 1 to their declared count, each once. */
function checkNumbers(numbered: readonly NumberedView[], fingers: number): void {
  const counts = countByPosition(numbered.map(({ view }) => view));
  if (counts.size !== fingers) {
    throw new AppError('RECORD_INVALID', `number of fingers: ${fingers} declared, got ${counts.size}`);
  }
  const seen = new Map<number, number>();
  for (const [i, { number, count, view }] of numbered.entries()) {
    const expected = (seen.get(view.position) ?? 0) + 1;
    seen.set(view.position, expected);
    if (number !== expected || count !== counts.get(view.position)) {
      throw new AppError(
        'RECORD_INVALID',
        `views[${i}]: view ${number} of ${count}, expected ${expected} of ${counts.get(view.position) ?? 0}`,
      );
    }
  }
}

/** What holds for a record to be written as for one that was read. */
function checkRecord(record: FingerImage): void {
  expectWithin(record.device, 0, 0xffff, 'device');
  expectWithin(record.acquisitionLevel, 0, 0xffff, 'acquisition level');
  for (const field of ['scanResolution', 'imageResolution'] as const) {
    expectWithin(record[field].horizontal, 1, 0xffff, `${field}.horizontal`);
    expectWithin(record[field].vertical, 1, 0xffff, `${field}.vertical`);
  }
  expectWithin(record.views.length, 1, 255, 'number of views');
  for (const [i, { position, quality, impression, width, height, pixels }] of record.views.entries()) {
    const path = `views[${i}]`;
    if (!isPosition(position)) throw new AppError('RECORD_INVALID', `${path}.position: ${position} is no code`);
    expectWithin(quality ?? 0, 0, 100, `${path}.quality`);
    expectWithin(impression, 0, 255, `${path}.impression`);
    expectWithin(width, 1, 0xffff, `${path}.width`);
    expectWithin(height, 1, 0xffff, `${path}.height`);
    if (pixels.length !== width * height) {
      throw new AppError('RECORD_LENGTH', `${path}.image: ${width}x${height} declared, got ${pixels.length} bytes`);
    }
  }
}

/** Tables 5 and 6: fingers, plain four fingers and thumbs, palms. */
function isPosition(code: number): boolean {
  return (
    Number.isInteger(code) && ((code >= 0 && code <= 10) || (code >= 13 && code <= 15) || (code >= 20 && code <= 36))
  );
}
