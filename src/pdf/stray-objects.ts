/**
 * What stands in a file as an object and is reached by no cross-reference of any revision. Readers that follow the cross-reference never
 * see it; those that find that wanting, and put the file together from what stands in it, do.
 */
import { AppError, isAppError } from '../errors.ts';
import { textAt } from './byte-source.ts';
import { readIndirect, streamEnd } from './indirect.ts';
import { MAX_SCANNED_OBJECTS } from './limits.ts';
import { scanHeaders } from './object-scan.ts';
import { isKind } from './object.ts';
import type { PdfFile } from './revision.ts';
import { entriesInForce } from './sound-xref.ts';
import { partsOf } from './xref.ts';

/** How many stand between the objects that are reached: those in a stream's data or in a string are no objects to anybody. */
export function countStrayObjects(pdf: PdfFile): number {
  const reached = reachedOffsets(pdf);
  let count = 0;
  for (const { offset } of scanHeaders(pdf.source, 0)) {
    const before = lastUpTo(reached, offset);
    if (!leadsTo(pdf, before, offset) && offset >= endOf(pdf, before)) count++;
  }
  return count;
}

/**
 * Whether a reader that puts the file together from the last object of each number, wherever that stands, comes to another document than
 * its cross-reference tells of. Throws PDF_LIMIT.
 */
export function isReadTwoWays(pdf: PdfFile): boolean {
  const last = new Map<number, number>();
  // A cross-reference stream need not list itself.
  const own = new Set(pdf.sections.flatMap(partsOf).map(({ offset }) => offset));
  for (const { number, offset } of scanHeaders(pdf.source, 0)) {
    if (own.has(offset)) continue;
    if (last.size === MAX_SCANNED_OBJECTS) throw new AppError('PDF_LIMIT', `more than ${MAX_SCANNED_OBJECTS} objects`);
    last.set(number, offset);
  }
  for (const [number, entry] of entriesInForce(pdf.sections)) {
    if (entry.kind === 'offset' && own.has(entry.offset)) continue;
    const found = last.get(number);
    last.delete(number);
    if (entry.kind === 'offset' ? found === undefined || !leadsTo(pdf, entry.offset, found) : found !== undefined) {
      return true;
    }
  }
  return last.size > 0;
}

/** Offsets of all objects and cross-references that any revision reaches, ascending. */
function reachedOffsets({ sections }: PdfFile): Float64Array {
  const offsets: number[] = [];
  for (const section of sections) {
    for (const [, entry] of section.entries()) if (entry.kind === 'offset') offsets.push(entry.offset);
    for (const { offset } of partsOf(section)) offsets.push(offset);
  }
  return Float64Array.from(offsets).toSorted();
}

/** The last of the offsets that is not past `offset`; -1 where there is none. */
function lastUpTo(offsets: Float64Array, offset: number): number {
  let [low, high] = [0, offsets.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return offsets[low - 1] ?? -1;
}

/** Whether only white space is between where an entry points and where the object is. */
function leadsTo({ source }: PdfFile, pointer: number, offset: number): boolean {
  if (pointer === offset) return true;
  return pointer >= 0 && offset - pointer < 64 && textAt(source, pointer, offset - pointer).trim() === '';
}

/** Offset of the byte after the object at `offset`, which is `offset` where none can be read. */
function endOf(pdf: PdfFile, offset: number): number {
  if (offset < 0) return 0;
  try {
    const { value, end } = readIndirect(pdf.source, offset);
    if (!isKind(value, 'stream')) return end;
    const length = pdf.get(value.dict, 'Length');
    return streamEnd(pdf.source, value.dataOffset, typeof length === 'number' ? length : null)?.keyword ?? end;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return offset;
  }
}
