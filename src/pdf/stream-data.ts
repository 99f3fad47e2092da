/** The filters that structures of a file (cross-reference and object streams) may use, under a bound on what comes out. */
import { inflateSync } from 'node:zlib';
import { AppError } from '../errors.ts';
import type { PdfDict, PdfObject } from './object.ts';
import { isKind, isName } from './object.ts';

function only(object: PdfObject | undefined): PdfObject {
  if (isKind(object, 'array') && object.items.length <= 1) return object.items[0] ?? null;
  return object ?? null;
}

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

function inflate(raw: Uint8Array, maxBytes: number): Uint8Array {
  // zlib knows no bound of nothing.
  if (maxBytes <= 0) throw new AppError('PDF_LIMIT', 'a stream inflates and no bytes are left for it');
  try {
    return inflateSync(raw, { maxOutputLength: maxBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new AppError('PDF_LIMIT', `a stream inflates to more than ${maxBytes} bytes`, { cause });
    }
    throw new AppError('PDF_UNREADABLE', 'a stream does not inflate', { cause });
  }
}

/**
 * The decoded data of a stream that has no filter or FlateDecode, with or without a PNG predictor. `dict` holds direct values only.
 * Throws PDF_SHAPE_UNSUPPORTED for other filters, PDF_LIMIT beyond `maxBytes`, PDF_UNREADABLE for damaged data.
 */
export function decodeStructure(dict: PdfDict, raw: Uint8Array, maxBytes: number): Uint8Array {
  if (dict.entries.has('F')) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'stream data in another file');
  const filter = only(dict.entries.get('Filter'));
  if (filter === null) {
    if (raw.length > maxBytes) throw new AppError('PDF_LIMIT', `a stream is longer than ${maxBytes} bytes`);
    return raw;
  }
  if (!isName(filter, 'FlateDecode'))
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'a structure stream not of FlateDecode');
  const data = inflate(raw, maxBytes);
  const parms = only(dict.entries.get('DecodeParms'));
  if (!isKind(parms, 'dict')) return data;
  const predictor = parameter(parms, 'Predictor', 1, 15);
  if (predictor === 1) return data;
  if (predictor < 10) throw new AppError('PDF_SHAPE_UNSUPPORTED', `predictor ${predictor}`);
  const bits = parameter(parms, 'Colors', 1, 32) * parameter(parms, 'BitsPerComponent', 8, 16);
  return undoPng(data, Math.ceil((parameter(parms, 'Columns', 1, 65_536) * bits) / 8), Math.ceil(bits / 8));
}
