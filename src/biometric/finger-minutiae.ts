/**
 * Finger minutiae records of ISO/IEC 19794-2:2005, clause 8 (the record format), both ways; pure. The decoder is strict: a record that
 * declares anything that its bytes do not bear out is refused, never repaired.
 *
 * RECORD_LENGTH: a declared size does not match the bytes. RECORD_FORMAT: another format or edition. RECORD_INVALID: a field
 * holds what the standard forbids.
 */
import { ByteReader, ByteWriter, latin1Bytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { expectEdition, expectLength, expectWithin, expectZero } from './record-field.ts';

export type MinutiaType = 'other' | 'ending' | 'bifurcation';

export interface Minutia {
  readonly type: MinutiaType;
  /** Pixels from the top left, `x < width`, `y < height` of the record. */
  readonly x: number;
  readonly y: number;
  /** 0-255, in units of 360/256 degree, counter-clockwise from the right. */
  readonly angle: number;
  /** 1-100; 0 = not reported. */
  readonly quality: number;
}

export interface MinutiaeView {
  /** 0 unknown, 1-5 right thumb to little finger, 6-10 left. */
  readonly position: number;
  /** 0 live-scan plain, 1 live-scan rolled, 2 and 3 the same not live, 8 swipe. */
  readonly impression: number;
  /** 0-100, of the whole view. */
  readonly quality: number;
  /** At most 255. */
  readonly minutiae: readonly Minutia[];
}

/** 1 ridge count, 2 core and delta, 3 zonal quality; others are the maker's own. */
export interface ExtendedData {
  readonly type: number;
  readonly data: Uint8Array;
}

export interface DecodedMinutiaeView extends MinutiaeView {
  readonly extensions: readonly ExtendedData[];
}

export interface FingerMinutiae<View extends MinutiaeView = MinutiaeView> {
  /** Certification of the capture equipment (4 bits) and device type (12 bits). */
  readonly device: number;
  /** Pixels of the image; some readers declare the same size whatever the image, so believe the image instead. */
  readonly width: number;
  readonly height: number;
  /** Pixels per centimetre; 197 = 500 dpi. */
  readonly xResolution: number;
  readonly yResolution: number;
  /** In order; those of one position are numbered from 0 as they come, at most 16 of each. */
  readonly views: readonly View[];
}

const EDITION = { magic: 'FMR\0', version: ' 20\0', editions: { '030\0': 'ISO/IEC 19794-2:2011' } } as const; // 8.3.1, 8.3.2
const MAGIC = latin1Bytes(EDITION.magic + EDITION.version);
const HEADER_BYTES = 24; // 8.3
const VIEW_HEADER_BYTES = 4; // 8.4.1
const MINUTIA_BYTES = 6; // 8.4.2
/** The smallest ANSI INCITS 378-2004 header, whose length field is two bytes. */
const ANSI_HEADER_BYTES = 26;
const TYPES: readonly MinutiaType[] = ['other', 'ending', 'bifurcation'];
const COORDINATE_MAX = 0x3fff;

/** A record without extended data: where editions and readers disagree on its layout, nothing is said. */
export function encodeFingerMinutiae(record: FingerMinutiae): Uint8Array {
  checkRecord(record);
  const length = record.views.reduce(
    (sum, { minutiae }) => sum + VIEW_HEADER_BYTES + minutiae.length * MINUTIA_BYTES + 2,
    HEADER_BYTES,
  );
  const writer = new ByteWriter(length)
    .raw(MAGIC)
    .u32(length)
    .u16(record.device)
    .u16(record.width)
    .u16(record.height)
    .u16(record.xResolution)
    .u16(record.yResolution)
    .u8(record.views.length)
    .u8(0);
  const seen = new Map<number, number>();
  for (const { position, impression, quality, minutiae } of record.views) {
    const number = seen.get(position) ?? 0;
    seen.set(position, number + 1);
    writer
      .u8(position)
      .u8((number << 4) | impression)
      .u8(quality)
      .u8(minutiae.length);
    for (const { type, x, y, angle, quality } of minutiae) {
      writer
        .u16((TYPES.indexOf(type) << 14) | x)
        .u16(y)
        .u8(angle)
        .u8(quality);
    }
    writer.u16(0);
  }
  return writer.finish();
}

export function decodeFingerMinutiae(bytes: Uint8Array): FingerMinutiae<DecodedMinutiaeView> {
  const reader = new ByteReader(bytes, 'RECORD_LENGTH');
  expectEdition(reader.take(MAGIC.length, 'magic'), EDITION);
  refuseAnsi(bytes.subarray(MAGIC.length));
  expectLength(reader.u32('record length'), bytes.length, 'record length');
  const head = {
    device: reader.u16('device'),
    width: reader.u16('width'),
    height: reader.u16('height'),
    xResolution: reader.u16('x resolution'),
    yResolution: reader.u16('y resolution'),
  };
  const count = reader.u8('number of views');
  expectZero(reader.u8('reserved'), 'reserved byte of the header');
  const seen = new Map<number, number>();
  const views = Array.from({ length: count }, (_, i) => readView(reader, `views[${i}]`, seen));
  if (reader.remaining > 0) {
    throw new AppError('RECORD_LENGTH', `${reader.remaining} bytes follow the ${count} declared views`);
  }
  const record = { ...head, views };
  checkRecord(record);
  return record;
}

/** ANSI INCITS 378-2004 has the same magic, then a 16-bit length (at least 26), or 0000 and a 32-bit one. */
function refuseAnsi(afterMagic: Uint8Array): void {
  const reader = new ByteReader(afterMagic, 'RECORD_LENGTH');
  const high = reader.u16('record length');
  if (high >= ANSI_HEADER_BYTES || (high === 0 && reader.u16('record length') < HEADER_BYTES)) {
    throw new AppError('RECORD_FORMAT', 'format: ANSI INCITS 378-2004 is not read');
  }
}

function readView(reader: ByteReader, path: string, seen: Map<number, number>): DecodedMinutiaeView {
  const position = reader.u8(`${path}.position`);
  const numberAndImpression = reader.u8(`${path}.impression`);
  const expected = seen.get(position) ?? 0;
  if (numberAndImpression >> 4 !== expected) {
    const got = numberAndImpression >> 4;
    throw new AppError('RECORD_INVALID', `${path}: view number ${got} of position ${position}, expected ${expected}`);
  }
  seen.set(position, expected + 1);
  const quality = reader.u8(`${path}.quality`);
  const count = reader.u8(`${path}.minutiae count`);
  const minutiae = Array.from({ length: count }, (_, i) => readMinutia(reader, `${path}.minutiae[${i}]`));
  const area = reader.take(reader.u16(`${path}.extended data length`), `${path}.extended data`);
  return {
    position,
    impression: numberAndImpression & 15,
    quality,
    minutiae,
    extensions: readExtensions(area, path),
  };
}

function readMinutia(reader: ByteReader, path: string): Minutia {
  const typeAndX = reader.u16(`${path}.x`);
  const reservedAndY = reader.u16(`${path}.y`);
  const type = TYPES[typeAndX >> 14];
  if (type === undefined) throw new AppError('RECORD_INVALID', `${path}.type: 3 is reserved`);
  expectZero(reservedAndY >> 14, `${path}: reserved bits before y`);
  return {
    type,
    x: typeAndX & COORDINATE_MAX,
    y: reservedAndY,
    angle: reader.u8(`${path}.angle`),
    quality: reader.u8(`${path}.quality`),
  };
}

/**
 * Blocks of type, length, data. Whether a block's length counts its own four bytes is told differently (NIST's reader counts
 * them, others do not): the reading that fills the area exactly is the right one.
 */
function readExtensions(area: Uint8Array, path: string): ExtendedData[] {
  const extensions = splitBlocks(area, 4) ?? splitBlocks(area, 0);
  if (extensions === null) {
    throw new AppError('RECORD_LENGTH', `${path}.extended data: its blocks do not fill ${area.length} bytes`);
  }
  return extensions;
}

/** Null unless the blocks fill `area`; `counted` bytes of each block's head are part of its length. */
function splitBlocks(area: Uint8Array, counted: 0 | 4): ExtendedData[] | null {
  const reader = new ByteReader(area, 'RECORD_LENGTH');
  const blocks: ExtendedData[] = [];
  while (reader.remaining > 0) {
    if (reader.remaining < 4) return null;
    const type = reader.u16('type');
    const length = reader.u16('length') - counted;
    if (length < 0 || length > reader.remaining) return null;
    blocks.push({ type, data: reader.take(length, 'data').slice() });
  }
  return blocks;
}

/** What holds for a record to be written as for one that was read. */
function checkRecord(record: FingerMinutiae): void {
  expectWithin(record.device, 0, 0xffff, 'device');
  expectWithin(record.width, 1, COORDINATE_MAX + 1, 'width');
  expectWithin(record.height, 1, COORDINATE_MAX + 1, 'height');
  expectWithin(record.xResolution, 1, 0xffff, 'x resolution');
  expectWithin(record.yResolution, 1, 0xffff, 'y resolution');
  expectWithin(record.views.length, 1, 255, 'number of views');
  const seen = new Map<number, number>();
  for (const [i, { position, impression, quality, minutiae }] of record.views.entries()) {
    const path = `views[${i}]`;
    expectWithin(position, 0, 10, `${path}.position`);
    expectWithin(impression, 0, 15, `${path}.impression`);
    expectWithin(quality, 0, 100, `${path}.quality`);
    expectWithin(minutiae.length, 0, 255, `${path}.minutiae count`);
    const before = seen.get(position) ?? 0;
    expectWithin(before, 0, 15, `${path}: view number`);
    seen.set(position, before + 1);
    for (const [j, { x, y, angle, quality }] of minutiae.entries()) {
      expectWithin(x, 0, record.width - 1, `${path}.minutiae[${j}].x`);
      expectWithin(y, 0, record.height - 1, `${path}.minutiae[${j}].y`);
      expectWithin(angle, 0, 255, `${path}.minutiae[${j}].angle`);
      expectWithin(quality, 0, 100, `${path}.minutiae[${j}].quality`);
    }
  }
}
