/** What a stream holds once its filters are undone (ISO 32000-2, 7.4), under a bound on what comes out. */
import { constants, inflateRawSync, inflateSync } from 'node:zlib';
import { AppError } from '../errors.ts';
import { decodeAscii85, decodeAsciiHex, decodeLzw, decodeRunLength } from './filters.ts';
import type { PdfDict, PdfObject } from './object.ts';
import { isKind } from './object.ts';

function parameter(parms: PdfDict, key: string, fallback: number, max: number): number {
  const value = parms.entries.get(key) ?? fallback;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
    throw new AppError('PDF_UNREADABLE', `/${key} of a predictor is out of range`);
  }
  return value;
}

/** Undoes the PNG predictors (ISO 32000-2, 7.4.4.4; PNG, clause 9) in place and returns what is left of `data`. */
function undoPng(data: Uint8Array, rowBytes: number, pixelBytes: number): Uint8Array {
  const rows = Math.floor(data.length / (rowBytes + 1));
  for (let row = 0; row < rows; row++) {
    const filter = data[row * (rowBytes + 1)] ?? 0;
    const from = row * (rowBytes + 1) + 1;
    const to = row * rowBytes;
    for (let i = 0; i < rowBytes; i++) {
      const left = i < pixelBytes ? 0 : (data[to + i - pixelBytes] ?? 0);
      const up = row === 0 ? 0 : (data[to + i - rowBytes] ?? 0);
      const corner = row === 0 || i < pixelBytes ? 0 : (data[to + i - rowBytes - pixelBytes] ?? 0);
      data[to + i] = (data[from + i] ?? 0) + predicted(filter, left, up, corner);
    }
  }
  return data.subarray(0, rows * rowBytes);
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return up;
    case 3:
      return (left + up) >> 1;
    case 4: {
      const estimate = left + up - corner;
      const toLeft = Math.abs(estimate - left);
      const toUp = Math.abs(estimate - up);
      const toCorner = Math.abs(estimate - corner);
      if (toLeft <= toUp && toLeft <= toCorner) return left;
      return toUp <= toCorner ? up : corner;
    }
    default:
      throw new AppError('PDF_UNREADABLE', `PNG filter ${filter} is unknown`);
  }
}

/** `lenient`: what readers make of data that end early or whose checksum is wrong. */
function inflate(raw: Uint8Array, maxBytes: number, lenient: boolean): Uint8Array {
  // zlib knows no bound of nothing.
  if (maxBytes <= 0) throw new AppError('PDF_LIMIT', 'a stream inflates and no bytes are left for it');
  try {
    if (!lenient) return inflateSync(raw, { maxOutputLength: maxBytes });
    // Behind the two bytes of zlib's own header (RFC 1950), and whatever comes after the last block.
    return inflateRawSync(raw.subarray(2), { maxOutputLength: maxBytes, finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new AppError('PDF_LIMIT', `a stream inflates to more than ${maxBytes} bytes`, { cause });
    }
    throw new AppError('PDF_UNREADABLE', 'a stream does not inflate', { cause });
  }
}

/** Undoes the predictor that the parameters name (7.4.4.4). */
function unpredicted(data: Uint8Array, parms: PdfDict | null): Uint8Array {
  const predictor = parms === null ? 1 : parameter(parms, 'Predictor', 1, 15);
  if (parms === null || predictor === 1) return data;
  if (predictor < 10) throw new AppError('PDF_SHAPE_UNSUPPORTED', `predictor ${predictor}`);
  const bits = parameter(parms, 'Colors', 1, 32) * parameter(parms, 'BitsPerComponent', 8, 16);
  return undoPng(data, Math.ceil((parameter(parms, 'Columns', 1, 65_536) * bits) / 8), Math.ceil(bits / 8));
}

export interface DecodeOptions {
  readonly maxBytes: number;
  /** Whether data that end early or whose checksum is wrong are taken as readers take them. */
  readonly lenient?: boolean;
  /** Told of what each filter gives, so that what is between two of them counts, too. */
  readonly count?: (bytes: number) => void;
}

/** More would be a chain for its own sake. */
const MAX_FILTERS = 8;

/**
 * The decoded data of a stream, pictures' filters apart. `dict` holds direct values only.
 * Throws PDF_SHAPE_UNSUPPORTED for other filters, PDF_LIMIT beyond `maxBytes`, PDF_UNREADABLE for damaged data.
 */
export function decodeStream(
  dict: PdfDict,
  raw: Uint8Array,
  { maxBytes, lenient = false, count }: DecodeOptions,
): Uint8Array {
  if (dict.entries.has('F')) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'stream data in another file');
  const filters = listOf(dict.entries.get('Filter'));
  const parameters = listOf(dict.entries.get('DecodeParms'));
  if (filters.length > MAX_FILTERS) throw new AppError('PDF_LIMIT', 'a stream of too many filters');
  let data = raw;
  if (filters.length === 0) count?.(raw.length);
  for (const [i, filter] of filters.entries()) {
    const parms = parameters[i];
    data = decoded(filter, isKind(parms, 'dict') ? parms : null, data, maxBytes, lenient);
    count?.(data.length);
  }
  if (data.length > maxBytes) throw new AppError('PDF_LIMIT', `a stream is longer than ${maxBytes} bytes`);
  return data;
}

function listOf(object: PdfObject | undefined): readonly PdfObject[] {
  if (isKind(object, 'array')) return object.items;
  return object === undefined || object === null ? [] : [object];
}

function decoded(
  filter: PdfObject,
  parms: PdfDict | null,
  data: Uint8Array,
  maxBytes: number,
  lenient: boolean,
): Uint8Array {
  const name = isKind(filter, 'name') ? filter.value : '';
  switch (name) {
    case 'FlateDecode':
      return unpredicted(inflate(data, maxBytes, lenient), parms);
    case 'LZWDecode':
      return unpredicted(decodeLzw(data, parms?.entries.get('EarlyChange') !== 0, maxBytes), parms);
    case 'ASCII85Decode':
      return decodeAscii85(data, maxBytes);
    case 'ASCIIHexDecode':
      return decodeAsciiHex(data, maxBytes);
    case 'RunLengthDecode':
      return decodeRunLength(data, maxBytes);
    default:
      throw new AppError('PDF_SHAPE_UNSUPPORTED', `a stream of the filter ${name.slice(0, 40)}`);
  }
}
