/**
 * One cross-reference section, as a table (ISO 32000-2, 7.5.4), a stream (7.5.8) or both (7.5.8.4). Entries are looked up where they
 * stand: a table of 100,000 costs no more to open than one of ten.
 */
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { decimal } from './character-class.ts';
import { readIndirect, readStreamData } from './indirect.ts';
import { Lexer } from './lexer.ts';
import { MAX_OBJECT_NUMBER, MAX_SUBSECTIONS } from './limits.ts';
import { isKind, isName } from './object.ts';
import type { PdfDict } from './object.ts';
import { decodeStream } from './stream-data.ts';

export type XrefEntry =
  | { readonly kind: 'free' }
  | { readonly kind: 'offset'; readonly offset: number; readonly generation: number }
  | { readonly kind: 'compressed'; readonly stream: number; readonly index: number };

export interface XrefSection {
  readonly kind: 'table' | 'stream';
  /** Where the file says that it is: white space may come before it. */
  readonly pointer: number;
  /** Offset of the keyword `xref`, or of the stream object. */
  readonly offset: number;
  /** Offset of the byte after the trailer dictionary, or after the stream's `endobj`. */
  readonly end: number;
  /** The trailer dictionary, or the stream's. */
  readonly trailer: PdfDict;
  /** Largest object number with an entry here; -1 where there is none. */
  readonly highest: number;
  /** What the section's entries take in memory: a table's stay in the file. */
  readonly heldBytes: number;
  /** Why some readers take it for broken, though it can be read; null where none does. */
  readonly fault: string | null;
  /** The parts of a hybrid section: what every reader sees, and what only readers of cross-reference streams see. */
  readonly hybrid: { readonly table: XrefSection; readonly hidden: XrefSection } | null;
  /** What this section says of an object; undefined when it says nothing. */
  lookup(number: number): XrefEntry | undefined;
  /** All entries, by object number. */
  entries(): Iterable<readonly [number, XrefEntry]>;
}

export interface XrefPlace {
  readonly source: ByteSource;
  /** What the offsets written in the file count from. */
  readonly base: number;
  /** Offset of the section in the source. */
  readonly pointer: number;
  /** What the entries may take in memory. */
  readonly maxBytes: number;
}

/** Throws PDF_XREF_BROKEN for what is no cross-reference section of a known form, PDF_LIMIT beyond the bounds. */
export function readXrefSection(place: XrefPlace): XrefSection {
  const lexer = new Lexer(place.source, place.pointer);
  lexer.skipSpace();
  return lexer.peek() === 0x78 ? readTable(place, lexer) : readStream(place, lexer.position);
}

/**
 * A table and the stream that its trailer names by XRefStm, which ranks between the table and the section before. Readers that know no
 * cross-reference streams see the table alone.
 */
export function hybridSection(table: XrefSection, hidden: XrefSection): XrefSection {
  return {
    ...table,
    highest: Math.max(table.highest, hidden.highest),
    heldBytes: table.heldBytes + hidden.heldBytes,
    fault: table.fault ?? hidden.fault,
    hybrid: { table, hidden },
    lookup: (number) => table.lookup(number) ?? hidden.lookup(number),
    *entries() {
      yield* table.entries();
      for (const entry of hidden.entries()) if (table.lookup(entry[0]) === undefined) yield entry;
    },
  };
}

/** The one or two cross-references that stand in the file for a section. */
export function partsOf(section: XrefSection): readonly XrefSection[] {
  return section.hybrid === null ? [section] : [section.hybrid.table, section.hybrid.hidden];
}

function broken(detail: string): AppError {
  return new AppError('PDF_XREF_BROKEN', detail);
}

/** Runs of object numbers, ascending and apart; `at` is the place of a run's first entry. */
class Runs {
  readonly #firsts: Float64Array;
  readonly #counts: Float64Array;
  readonly #places: Float64Array;

  /** `runs` holds first, count and place, one after the other. */
  constructor(runs: readonly number[]) {
    const order = Array.from({ length: runs.length / 3 }, (_, i) => 3 * i);
    order.sort((a, b) => (runs[a] ?? 0) - (runs[b] ?? 0));
    this.#firsts = Float64Array.from(order, (i) => runs[i] ?? 0);
    this.#counts = Float64Array.from(order, (i) => runs[i + 1] ?? 0);
    this.#places = Float64Array.from(order, (i) => runs[i + 2] ?? 0);
    for (let i = 1; i < order.length; i++) {
      if ((this.#firsts[i] ?? 0) <= this.#last(i - 1)) throw broken('one section lists an object twice');
    }
    if (this.highest > MAX_OBJECT_NUMBER)
      throw new AppError('PDF_LIMIT', `an object number above ${MAX_OBJECT_NUMBER}`);
  }

  get highest(): number {
    return this.#firsts.length === 0 ? -1 : this.#last(this.#firsts.length - 1);
  }

  /** Place of the entry of object `number` where entries are `stride` apart, or -1. */
  find(number: number, stride: number): number {
    let low = 0;
    let high = this.#firsts.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const first = this.#firsts[middle] ?? 0;
      if (number < first) high = middle - 1;
      else if (number > this.#last(middle)) low = middle + 1;
      else return (this.#places[middle] ?? 0) + (number - first) * stride;
    }
    return -1;
  }

  *numbers(): Iterable<number> {
    for (const [i, first] of this.#firsts.entries()) {
      for (let number = first; number <= this.#last(i); number++) yield number;
    }
  }

  #last(i: number): number {
    return (this.#firsts[i] ?? 0) + (this.#counts[i] ?? 0) - 1;
  }
}

function* entriesOf(
  runs: Runs,
  lookup: (number: number) => XrefEntry | undefined,
): Iterable<readonly [number, XrefEntry]> {
  for (const number of runs.numbers()) {
    const entry = lookup(number);
    if (entry !== undefined) yield [number, entry];
  }
}

// --- tables -----------------------------------------------------------------------------------------------------------------

/** An entry without its line end: offset, generation, in use or free. */
const ENTRY_CHARS = 18;
const ENTRY_BYTES = 20;
/** A line end of a single LF, one byte short, is common. Not every reader takes it: PDFium and Adobe's put the file together anew. */
const STRIDES = [ENTRY_BYTES, ENTRY_BYTES - 1];

function readTable({ source, base, pointer }: XrefPlace, lexer: Lexer): XrefSection {
  const offset = lexer.position;
  lexer.expectKeyword('xref');
  const runs: number[] = [];
  let stride = 0;
  for (;;) {
    lexer.skipSpace();
    if (lexer.peek() === 0x74) break;
    const first = lexer.unsigned('subsection');
    const count = lexer.unsigned('subsection length');
    lexer.skipSpace();
    if (count === 0) continue;
    if (runs.length === 3 * MAX_SUBSECTIONS)
      throw new AppError('PDF_LIMIT', 'a cross-reference of too many subsections');
    const at = lexer.position;
    stride = strideOf(source, at, count, stride);
    runs.push(first, count, at);
    lexer.seek(at + count * stride - (stride - ENTRY_CHARS));
  }
  lexer.expectKeyword('trailer');
  const trailer = lexer.object();
  if (!isKind(trailer, 'dict')) throw broken('the trailer is no dictionary');
  const index = new Runs(runs);
  const lookup = (number: number): XrefEntry | undefined => {
    const at = index.find(number, stride);
    return at < 0 ? undefined : tableEntry(source, at, base);
  };
  return {
    kind: 'table',
    pointer,
    offset,
    end: lexer.position,
    trailer,
    highest: index.highest,
    heldBytes: 0,
    fault: stride === 0 || stride === ENTRY_BYTES ? null : `entries of ${stride} bytes`,
    hybrid: null,
    lookup,
    entries: () => entriesOf(index, lookup),
  };
}

/** How far apart the entries of a subsection are, judged by its first two and its last; `known` where a subsection before said so. */
function strideOf(source: ByteSource, at: number, count: number, known: number): number {
  const strides = known === 0 ? STRIDES : [known];
  for (const stride of strides) {
    if (at + (count - 1) * stride + ENTRY_CHARS > source.size) continue;
    const places = [0, Math.min(1, count - 1), count - 1];
    if (places.every((i) => parseEntry(source, at + i * stride) !== null)) return stride;
  }
  if (at + count * ENTRY_CHARS > source.size) throw broken('a subsection longer than the file');
  throw broken(`the entries at byte ${at} are not of 20 bytes each`);
}

/** The entry at `at`: ten digits, a blank, five digits, a blank, and `n` or `f`; null where something else stands. */
function parseEntry(source: ByteSource, at: number): { offset: number; generation: number; inUse: boolean } | null {
  const bytes = source.read(at, ENTRY_CHARS);
  const offset = decimal(bytes, 0, 10);
  const generation = decimal(bytes, 11, 16);
  const type = bytes[17];
  const isEntry = bytes[10] === 0x20 && bytes[16] === 0x20 && (type === 0x6e || type === 0x66);
  return isEntry && offset >= 0 && generation >= 0 ? { offset, generation, inUse: type === 0x6e } : null;
}

function tableEntry(source: ByteSource, at: number, base: number): XrefEntry {
  const entry = parseEntry(source, at);
  if (entry === null) throw broken(`no entry at byte ${at}`);
  return entry.inUse ? inUse(base, entry.offset, entry.generation) : FREE;
}

const FREE: XrefEntry = { kind: 'free' };

/** Some writers say offset 0 of what is free, and every reader knows it. */
function inUse(base: number, offset: number, generation: number): XrefEntry {
  return offset === 0 ? FREE : { kind: 'offset', offset: base + offset, generation };
}

// --- streams ----------------------------------------------------------------------------------------------------------------

function readStream({ source, base, pointer, maxBytes }: XrefPlace, offset: number): XrefSection {
  const indirect = readIndirect(source, offset);
  const stream = indirect.value;
  if (!isKind(stream, 'stream') || !isName(stream.dict.entries.get('Type'), 'XRef')) {
    throw broken(`neither a table nor a stream at byte ${offset}`);
  }
  const { dict } = stream;
  const length = dict.entries.get('Length');
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0)
    throw broken('a stream without a length');
  const raw = readStreamData(source, stream, length);
  const widths = integers(dict, 'W');
  if (widths?.length !== 3 || widths.some((width) => width > 7)) throw broken('field widths');
  const [typeWidth = 0, secondWidth = 0, thirdWidth = 0] = widths;
  const stride = typeWidth + secondWidth + thirdWidth;
  if (stride === 0) throw broken('field widths');
  const data = decodeStream(dict, raw, { maxBytes });

  const ranges = integers(dict, 'Index') ?? [0, Number(dict.entries.get('Size'))];
  if (ranges.length % 2 !== 0 || ranges.length > 2 * MAX_SUBSECTIONS) throw broken('the list of subsections');
  const runs: number[] = [];
  let at = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    const count = ranges[i + 1] ?? 0;
    if (count === 0) continue;
    runs.push(ranges[i] ?? 0, count, at);
    at += count * stride;
  }
  // More of them than are announced were announced otherwise before damage was done; qpdf and poppler look elsewhere then.
  if (at !== data.length) throw broken(`entries of ${data.length} bytes, where ${at} are announced`);
  const index = new Runs(runs);
  const lookup = (number: number): XrefEntry | undefined => {
    const at = index.find(number, stride);
    if (at < 0) return undefined;
    const type = typeWidth === 0 ? 1 : field(data, at, typeWidth);
    const second = field(data, at + typeWidth, secondWidth);
    const third = field(data, at + typeWidth + secondWidth, thirdWidth);
    if (type === 1) return inUse(base, second, third);
    if (type === 2) return { kind: 'compressed', stream: second, index: third };
    // 7.5.8.3: unknown types are references to the null object.
    return { kind: 'free' };
  };
  return {
    kind: 'stream',
    pointer,
    offset,
    end: endOfStreamObject(source, stream.dataOffset + length),
    trailer: dict,
    highest: index.highest,
    heldBytes: data.length,
    fault: null,
    hybrid: null,
    lookup,
    entries: () => entriesOf(index, lookup),
  };
}

/** Offset of the byte after the keywords that close a stream object whose data end at `dataEnd`. Throws PDF_UNREADABLE where they do not. */
export function endOfStreamObject(source: ByteSource, dataEnd: number): number {
  const lexer = new Lexer(source, dataEnd);
  lexer.expectKeyword('endstream');
  lexer.expectKeyword('endobj');
  return lexer.position;
}

function integers(dict: PdfDict, key: string): number[] | undefined {
  const array = dict.entries.get(key);
  if (array === undefined) return undefined;
  if (!isKind(array, 'array')) throw broken(`/${key} is no array`);
  return array.items.map((item) => {
    if (typeof item !== 'number' || !Number.isSafeInteger(item) || item < 0) throw broken(`/${key} holds no integer`);
    return item;
  });
}

/** Big-endian, up to seven bytes: those above 2^53 lose their last bits, and are past any file's end anyway. */
function field(data: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = at; i < at + width; i++) value = value * 256 + (data[i] ?? 0);
  return value;
}
