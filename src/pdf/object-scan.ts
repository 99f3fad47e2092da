/**
 * Goes through a file's bytes once for what stands in them whatever the cross-reference says: headers `N G obj`, and the keywords by
 * which the end of a revision is known.
 */
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { CHARACTER_CLASS, REGULAR, SPACE, decimal } from './character-class.ts';
import { MAX_OBJECT_NUMBER, MAX_SCANNED_OBJECTS } from './limits.ts';

export interface ScannedHeader {
  readonly number: number;
  readonly generation: number;
  /** Offset of the object number. */
  readonly offset: number;
  /** Offset of the byte after the keyword `obj`. */
  readonly end: number;
  /** Whether nothing but blanks comes before it on its line: qpdf and poppler see no other. */
  readonly startsLine: boolean;
}

export interface Scan {
  /** By their offsets. */
  readonly headers: readonly ScannedHeader[];
  /** Offsets of the keyword `trailer`. */
  readonly trailers: readonly number[];
  /** Offset of the last `xref`, `startxref` or `%%EOF`, -1 where there is none. */
  readonly lastMarker: number;
  /** Offset of the first of them. */
  readonly firstMarker: number;
  /** Offsets of `%PDF-`. */
  readonly versions: readonly number[];
  /** Whether the name of a signature's ByteRange stands anywhere. */
  readonly namesByteRange: boolean;
}

const CHUNK_BYTES = 1024 * 1024;
/** `8388607 65535 obj` with room for more white space than anyone writes. */
const LONGEST_HEADER = 64;
/** A document of a few hundred thousand pages has this many trailers, if any. */
const MAX_KEYWORDS = 10_000;

/** Throws PDF_LIMIT beyond the bounds. */
export function scanObjects(source: ByteSource): Scan {
  const headers: ScannedHeader[] = [];
  const trailers: number[] = [];
  const versions: number[] = [];
  let firstMarker = -1;
  let lastMarker = -1;
  let namesByteRange = false;
  for (const piece of piecesOf(source, 0)) {
    for (const header of headersIn(piece)) {
      if (headers.length === MAX_SCANNED_OBJECTS) {
        throw new AppError('PDF_LIMIT', `more than ${MAX_SCANNED_OBJECTS} objects in a file without a cross-reference`);
      }
      headers.push(header);
    }
    for (const marker of ['xref', '%%EOF']) {
      for (const hit of hitsIn(piece, marker)) {
        lastMarker = Math.max(lastMarker, piece.start + hit);
        firstMarker = firstMarker < 0 ? piece.start + hit : Math.min(firstMarker, piece.start + hit);
      }
    }
    for (const hit of hitsIn(piece, 'trailer')) push(trailers, piece.start + hit);
    for (const hit of hitsIn(piece, '%PDF-')) push(versions, piece.start + hit);
    if (!namesByteRange) for (const _ of hitsIn(piece, '/ByteRange')) namesByteRange = true;
  }
  return { headers, trailers, firstMarker, lastMarker, versions, namesByteRange };
}

/** What stands as an object from byte `from` on, one after the other. */
export function* scanHeaders(source: ByteSource, from: number): Generator<ScannedHeader, void, void> {
  for (const piece of piecesOf(source, from)) yield* headersIn(piece);
}

/** Part of a file, with what a hit in it needs before and after. Its bytes are others once the next is asked for. */
interface Piece {
  readonly bytes: Buffer;
  /** Offset in the file. */
  readonly start: number;
  /** Hits count that begin here, */
  readonly from: number;
  /** and before this. */
  readonly until: number;
}

function* piecesOf(source: ByteSource, from: number): Generator<Piece, void, void> {
  const buffer = Buffer.alloc(Math.min(source.size, CHUNK_BYTES + 2 * LONGEST_HEADER));
  for (let at = from; at < source.size; at += CHUNK_BYTES) {
    const start = Math.max(0, at - LONGEST_HEADER);
    const bytes = buffer.subarray(0, Math.min(source.size, at + CHUNK_BYTES + LONGEST_HEADER) - start);
    source.readInto(start, bytes);
    yield { bytes, start, from: at - start, until: Math.min(bytes.length, at + CHUNK_BYTES - start) };
  }
}

function* hitsIn({ bytes, from, until }: Piece, text: string): Generator<number, void, void> {
  for (let hit = bytes.indexOf(text, from, 'latin1'); hit >= 0 && hit < until;) {
    yield hit;
    hit = bytes.indexOf(text, hit + text.length, 'latin1');
  }
}

function* headersIn(piece: Piece): Generator<ScannedHeader, void, void> {
  for (const hit of hitsIn(piece, 'obj')) {
    const header = headerBefore(piece.bytes, hit, piece.start);
    if (header !== null) yield header;
  }
}

function push(list: number[], offset: number): void {
  if (list.length === MAX_KEYWORDS) throw new AppError('PDF_LIMIT', 'a file of too many trailers');
  list.push(offset);
}

/** The header whose `obj` is at `at` in the chunk, which begins at `start` in the file. */
function headerBefore(chunk: Uint8Array, at: number, start: number): ScannedHeader | null {
  const after = chunk[at + 3];
  if (after !== undefined && CHARACTER_CLASS[after] === REGULAR) return null;
  const generationEnd = spacesBefore(chunk, at);
  const generationAt = digitsBefore(chunk, generationEnd);
  const numberEnd = spacesBefore(chunk, generationAt);
  const offset = digitsBefore(chunk, numberEnd);
  if (generationEnd === at || generationAt === generationEnd || numberEnd === generationAt || offset === numberEnd) {
    return null;
  }
  const before = chunk[offset - 1];
  if (before !== undefined && CHARACTER_CLASS[before] === REGULAR) return null;
  const number = decimal(chunk, offset, numberEnd);
  const generation = decimal(chunk, generationAt, generationEnd);
  if (number === 0 || number > MAX_OBJECT_NUMBER || generation > MAX_GENERATION) return null;
  let line = offset;
  while (line > 0 && (chunk[line - 1] === 0x20 || chunk[line - 1] === 0x09)) line--;
  const startsLine = start + line === 0 || chunk[line - 1] === 0x0a || chunk[line - 1] === 0x0d;
  return { number, generation, offset: start + offset, end: start + at + 3, startsLine };
}

/** Annex C.2. */
const MAX_GENERATION = 65_535;

function spacesBefore(chunk: Uint8Array, end: number): number {
  let at = end;
  while (at > 0 && CHARACTER_CLASS[chunk[at - 1] ?? 0] === SPACE) at--;
  return at;
}

function digitsBefore(chunk: Uint8Array, end: number): number {
  let at = end;
  while (at > 0 && (chunk[at - 1] ?? 0) >= 0x30 && (chunk[at - 1] ?? 0) <= 0x39) at--;
  return at;
}
