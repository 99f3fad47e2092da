/** Objects of a document by their number: found through the cross-reference sections, read where they stand, bounded. */
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { memorySource } from './byte-source.ts';
import { decryptStream, decryptStrings, withoutCryptFilter } from './crypt.ts';
import type { Encryption } from './crypt.ts';
import { readBody, readHeader, readStreamData, streamEnd } from './indirect.ts';
import type { IndirectObject } from './indirect.ts';
import { Lexer } from './lexer.ts';
import {
  MAX_CONTENT_BYTES,
  MAX_INDIRECTIONS,
  MAX_INFLATED_BYTES,
  MAX_OBJECT_NUMBER,
  MAX_OBJECT_STREAM_BYTES,
} from './limits.ts';
import { isKind, isName, pdfArray, pdfDict, pdfRef } from './object.ts';
import type { PdfDict, PdfObject, PdfRef, PdfStream } from './object.ts';
import { readEncryption } from './security-handler.ts';
import { decodeStream } from './stream-data.ts';
import type { XrefEntry, XrefSection } from './xref.ts';

const CACHED_OBJECTS = 256;
/** Larger objects are read again rather than kept. */
const CACHED_OBJECT_BYTES = 64 * 1024;
const CACHED_STREAM_BYTES = 8 * 1024 * 1024;

/** An inflated object stream (ISO 32000-2, 7.5.7). */
interface ObjectStream {
  readonly data: ByteSource;
  readonly numbers: Int32Array;
  readonly offsets: Int32Array;
}

export class ObjectStore {
  readonly source: ByteSource;
  /** Newest first. */
  readonly sections: readonly XrefSection[];
  /** Null where the document is not encrypted. What is read here is decrypted. */
  readonly encryption: Encryption | null = null;
  readonly #objects = new Map<number, PdfObject>();
  readonly #streams = new Map<number, ObjectStream>();
  /** Object streams that are being opened: one whose own /Length is inside it would never end. */
  readonly #opening = new Set<number>();
  /** Whether a stream ends at `endstream`, whatever its /Length says. */
  readonly #recovers: boolean;
  #highestMissed = 0;
  #streamBytes = 0;
  #inflated = 0;
  #content = 0;
  #decrypted = 0;

  /**
   * `recovers`: a stream ends where `endstream` stands, whatever its /Length says. Throws PDF_ENCRYPTED for a document that does not open
   * without a password, PDF_UNREADABLE where nobody can tell.
   */
  constructor(source: ByteSource, sections: readonly XrefSection[], recovers = false) {
    this.source = source;
    this.sections = sections;
    this.#recovers = recovers;
    this.encryption = readEncryption(this);
    // What the encryption dictionary refers to was read as it stands, and is not kept like that.
    this.#objects.clear();
    this.#streams.clear();
    this.#streamBytes = 0;
  }

  /** The highest number of an object that was asked for and never defined; 0 where all were. */
  get highestMissed(): number {
    return this.#highestMissed;
  }

  /** What the newest section that knows the object says of it; undefined when none does. */
  lookup(number: number): XrefEntry | undefined {
    for (const section of this.sections) {
      const entry = section.lookup(number);
      if (entry !== undefined) return entry;
    }
    return undefined;
  }

  /**
   * The newest definition of an object; null for one that is free or was never defined (7.3.10).
   * Throws PDF_XREF_BROKEN when the cross-reference leads to something else.
   */
  getObject(ref: PdfRef): PdfObject {
    const entry = this.lookup(ref.number);
    if (entry === undefined) this.#highestMissed = Math.max(this.#highestMissed, ref.number);
    if (entry === undefined || entry.kind === 'free') return null;
    if (ref.generation !== (entry.kind === 'offset' ? entry.generation : 0)) return null;
    const cached = this.#objects.get(ref.number);
    if (cached !== undefined) {
      touch(this.#objects, ref.number, cached);
      return cached;
    }
    const { value, bytes } =
      entry.kind === 'offset'
        ? this.#readPlain(ref, entry.offset)
        : this.#readCompressed(ref.number, entry.stream, entry.index);
    if (bytes <= CACHED_OBJECT_BYTES) {
      this.#objects.set(ref.number, value);
      if (this.#objects.size > CACHED_OBJECTS) dropOldest(this.#objects);
    }
    return value;
  }

  /** Follows references to what they stand for. */
  resolve(object: PdfObject | undefined): PdfObject {
    let value = object ?? null;
    for (let steps = 0; isKind(value, 'ref'); steps++) {
      if (steps === MAX_INDIRECTIONS) throw new AppError('PDF_LIMIT', 'references that lead in a circle');
      value = this.getObject(value);
    }
    return value;
  }

  /** The resolved value of a key; null where there is none. */
  get(dict: PdfDict, key: string): PdfObject {
    return this.resolve(dict.entries.get(key));
  }

  /** A stream's data decrypted, filters not undone. Throws PDF_LIMIT where all that is decrypted of the document becomes too much. */
  rawData(stream: PdfStream): Uint8Array {
    return this.#raw(stream, this.#recovers);
  }

  /**
   * A stream's data, if its filters are not those of pictures (else PDF_SHAPE_UNSUPPORTED), of at most `maxBytes` (else PDF_LIMIT).
   * All that one document inflates is bounded too.
   */
  decodedData(stream: PdfStream, maxBytes: number): Uint8Array {
    const left = Math.min(maxBytes, MAX_INFLATED_BYTES - this.#inflated);
    const count = (bytes: number): void => void (this.#inflated += bytes);
    return decodeStream(this.#decodable(stream), this.rawData(stream), { maxBytes: left, count });
  }

  /**
   * The data of a page's content stream as readers take them: up to `endstream`, whatever its /Length says, and as far as they inflate.
   * Throws as `decodedData`; the bound on all of them together is one of its own.
   */
  contentData(stream: PdfStream, maxBytes: number): Uint8Array {
    const left = Math.min(maxBytes, MAX_CONTENT_BYTES - this.#content);
    const raw = this.#raw(stream, true);
    const count = (bytes: number): void => void (this.#content += bytes);
    return decodeStream(this.#decodable(stream), raw, { maxBytes: left, lenient: true, count });
  }

  #raw(stream: PdfStream, recovers: boolean): Uint8Array {
    const length = this.#lengthOf(stream, recovers);
    if (this.encryption === null || this.#isXrefStream(stream)) return readStreamData(this.source, stream, length);
    this.#decrypted += length;
    if (this.#decrypted > MAX_INFLATED_BYTES) throw new AppError('PDF_LIMIT', 'more is encrypted than is read');
    const raw = readStreamData(this.source, stream, length);
    return decryptStream(this.encryption, stream.ref, this.#withFilters(stream.dict), raw);
  }

  #lengthOf({ dict, dataOffset }: PdfStream, recovers: boolean): number {
    const written = this.get(dict, 'Length');
    const length = typeof written === 'number' && Number.isSafeInteger(written) && written >= 0 ? written : null;
    const end = recovers ? streamEnd(this.source, dataOffset, length) : null;
    if (end !== null) return end.data - dataOffset;
    if (length === null) throw new AppError('PDF_UNREADABLE', 'a stream without a length');
    return length;
  }

  /** A stream's dictionary as it holds for decrypted data. */
  #decodable({ dict }: PdfStream): PdfDict {
    const filters = this.#withFilters(dict);
    return this.encryption === null ? filters : withoutCryptFilter(filters);
  }

  /** The numbers of the objects that an object stream holds. Throws as `getObject`. */
  numbersIn(stream: number): readonly number[] {
    return [...this.#objectStream(stream).numbers];
  }

  /** A stream's dictionary with what it says of filters resolved. */
  #withFilters(dict: PdfDict): PdfDict {
    const entries = new Map(dict.entries);
    for (const key of ['Filter', 'DecodeParms']) {
      if (!entries.has(key)) continue;
      const value = this.get(dict, key);
      entries.set(key, isKind(value, 'array') ? pdfArray(value.items.map((item) => this.resolve(item))) : value);
    }
    return pdfDict(entries);
  }

  /** By its place: a type is easily claimed. */
  #isXrefStream({ dict, dataOffset }: PdfStream): boolean {
    if (!isName(dict.entries.get('Type'), 'XRef')) return false;
    const parts = this.sections.map((section) => section.hybrid?.hidden ?? section);
    return parts.some(({ kind, offset, end }) => kind === 'stream' && offset < dataOffset && dataOffset < end);
  }

  #readPlain({ number, generation }: PdfRef, offset: number): { value: PdfObject; bytes: number } {
    const header = readHeader(this.source, offset);
    if (header === null || header.number !== number || header.generation !== generation) {
      throw new AppError('PDF_XREF_BROKEN', `object ${number} ${generation} is not at byte ${offset}`);
    }
    const read = readBody(header, new Lexer(this.source, header.end));
    return { value: this.#readable(read), bytes: read.end - offset };
  }

  #readable({ number, generation, value }: IndirectObject): PdfObject {
    if (this.encryption === null || (isKind(value, 'stream') && this.#isXrefStream(value))) return value;
    return decryptStrings(this.encryption, pdfRef(number, generation), value);
  }

  #readCompressed(number: number, streamNumber: number, index: number): { value: PdfObject; bytes: number } {
    const stream = this.#objectStream(streamNumber);
    if (stream.numbers[index] !== number) {
      throw new AppError('PDF_XREF_BROKEN', `object ${number} is not number ${index} of object stream ${streamNumber}`);
    }
    const offset = stream.offsets[index] ?? 0;
    const lexer = new Lexer(stream.data, offset, false);
    const value = lexer.object();
    return { value, bytes: lexer.position - offset };
  }

  #objectStream(number: number): ObjectStream {
    const cached = this.#streams.get(number);
    if (cached !== undefined) {
      touch(this.#streams, number, cached);
      return cached;
    }
    const entry = this.lookup(number);
    // 7.5.7: an object stream is not itself in one; saying so also ends circles.
    const stream =
      entry?.kind === 'offset'
        ? this.#readPlain({ kind: 'ref', number, generation: entry.generation }, entry.offset).value
        : null;
    if (!isKind(stream, 'stream') || !isName(stream.dict.entries.get('Type'), 'ObjStm')) {
      throw new AppError('PDF_XREF_BROKEN', `object ${number} is no object stream`);
    }
    if (this.#opening.has(number)) throw new AppError('PDF_LIMIT', `object stream ${number} needs itself to be read`);
    this.#opening.add(number);
    const opened = openObjectStream(stream.dict, this.decodedData(stream, MAX_OBJECT_STREAM_BYTES));
    this.#opening.delete(number);
    this.#streams.set(number, opened);
    this.#streamBytes += opened.data.size;
    while (this.#streamBytes > CACHED_STREAM_BYTES && this.#streams.size > 1) {
      this.#streamBytes -= dropOldest(this.#streams)?.data.size ?? 0;
    }
    return opened;
  }
}

/** Makes an entry the most recently used. */
function touch<T>(map: Map<number, T>, key: number, value: T): void {
  map.delete(key);
  map.set(key, value);
}

function dropOldest<T>(map: Map<number, T>): T | undefined {
  for (const [key, value] of map) {
    map.delete(key);
    return value;
  }
  return undefined;
}

function openObjectStream(dict: PdfDict, bytes: Uint8Array): ObjectStream {
  const count = dict.entries.get('N');
  const first = dict.entries.get('First');
  if (typeof count !== 'number' || typeof first !== 'number' || !Number.isInteger(count) || !Number.isInteger(first)) {
    throw new AppError('PDF_UNREADABLE', 'an object stream without /N or /First');
  }
  // Each pair of numbers takes four bytes at least, which also bounds the claim.
  if (count < 0 || first < 0 || first > bytes.length || count > bytes.length / 4 + 1) {
    throw new AppError('PDF_UNREADABLE', 'an object stream with /N or /First out of range');
  }
  const data = memorySource(bytes);
  const lexer = new Lexer(data, 0, false);
  const numbers = new Int32Array(count);
  const offsets = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const number = lexer.unsigned('object number');
    const offset = first + lexer.unsigned('offset');
    if (number > MAX_OBJECT_NUMBER || offset > bytes.length) {
      throw new AppError('PDF_UNREADABLE', 'an object stream with an entry out of range');
    }
    numbers[i] = number;
    offsets[i] = offset;
  }
  return { data, numbers, offsets };
}
