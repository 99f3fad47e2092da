/**
 * A document whose cross-reference is broken, put together from the objects themselves: what readers do as they open such a file, though
 * no standard says how. Only where all of them come to the same, where nothing that was written is lost, and where nobody has signed: a
 * signature answers for bytes that said one thing, and whoever rebuilt them would decide what that was.
 */
import { AppError, isAppError } from '../errors.ts';
import { textAt } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { readBody, streamEnd } from './indirect.ts';
import { Lexer } from './lexer.ts';
import { scanObjects } from './object-scan.ts';
import type { Scan, ScannedHeader } from './object-scan.ts';
import { ObjectStore } from './object-store.ts';
import { isKind, isName, pdfDict, pdfRef } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';
import { PdfFile, findHeader, openPdf } from './revision.ts';
import { entriesInForce, isSound } from './sound-xref.ts';
import type { XrefEntry, XrefSection } from './xref.ts';

/**
 * Runs `work` on a document as its cross-reference has it, and where that turns out to be broken, on the document as it is rebuilt. What
 * `work` throws is thrown; for what must not be rebuilt PDF_XREF_BROKEN, PDF_AMBIGUOUS, PDF_TRUNCATED or PDF_LIMIT.
 */
export function usePdf<T>(source: ByteSource, work: (pdf: PdfFile) => T): T {
  try {
    return work(openPdf(source));
  } catch (error) {
    if (!isAppError(error, 'PDF_XREF_BROKEN', 'PDF_TRUNCATED')) throw error;
    return work(rebuildPdf(source, error));
  }
}

type Entries = ReadonlyMap<number, XrefEntry>;

/** `cause`: what is wrong with the cross-reference. Throws it where there is nothing to rebuild, else as `usePdf`. */
export function rebuildPdf(source: ByteSource, cause: AppError): PdfFile {
  const headerOffset = findHeader(source);
  const scan = scanObjects(source);
  if (scan.namesByteRange) throw signed(cause);
  const readings = new Readings(source);
  const objects = outerObjects(source, scan, readings, cause);
  requireOneDocument(scan, objects, headerOffset);
  const defined = lastDefinitions(scan, objects);
  const trailer = trailerOf(scan, objects, readings, cause);
  const plain = new Map(Array.from(defined, ([number, { header }]): [number, XrefEntry] => [number, entryOf(header)]));
  const found = withCompressed(source, objects, defined, plain, trailer);
  const entries = asInForce(source, found);
  const section = sectionOf(source, entries, trailer);
  const pdf = new PdfFile(source, { headerOffset, sections: [section], fault: null, rebuilt: true });
  for (const [number, { kind }] of found) {
    if (kind === 'compressed' && holdsSignature(pdf.getObject(pdfRef(number)))) throw signed(cause);
  }
  requireWhole(scan, objects, entries, pdf);
  return pdf;
}

function signed({ detail }: AppError): AppError {
  return new AppError('PDF_XREF_BROKEN', `${detail}; the file holds a signature, and nothing signed is rebuilt`);
}

function ambiguous(detail: string): AppError {
  return new AppError('PDF_AMBIGUOUS', `a broken cross-reference, and ${detail}`);
}

// --- the objects ------------------------------------------------------------------------------------------------------------

/** An object that stands in no other. */
interface OuterObject {
  readonly header: ScannedHeader;
  /** Offset of the byte after it; after its header where the rest cannot be read. */
  readonly end: number;
  /** False where the file ends in it. */
  readonly complete: boolean;
  readonly role: 'object stream' | 'cross-reference stream' | 'catalog' | null;
  /** The dictionary of a cross-reference stream, or of the first object. */
  readonly dict: PdfDict | null;
}

/** As many as qpdf forgives. */
const MAX_DAMAGED = 1000;
/** How often each byte may be read, objects that break off being read over and over. */
const READINGS = 4;
const READINGS_BYTES = 1024 * 1024;

/** What reading objects may take in all. */
class Readings {
  readonly #source: ByteSource;
  #left: number;
  #damaged = 0;

  constructor(source: ByteSource) {
    this.#source = source;
    this.#left = READINGS * source.size + READINGS_BYTES;
  }

  /** What `read` makes of the bytes from `offset` on. Throws PDF_LIMIT when all readings together took too much. */
  from<T>(offset: number, read: (lexer: Lexer) => T): T {
    const lexer = new Lexer(this.#source, offset);
    try {
      return read(lexer);
    } finally {
      this.#spend(lexer.position - offset);
    }
  }

  #spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new AppError('PDF_LIMIT', 'a file of too many objects that break off');
  }

  /** What cannot be read is passed over; what goes beyond the bounds is not. */
  passOver(error: unknown): void {
    if (!isAppError(error, 'PDF_UNREADABLE', 'PDF_TRUNCATED')) throw error;
    if (++this.#damaged > MAX_DAMAGED)
      throw new AppError('PDF_LIMIT', 'a file of too many objects that cannot be read');
  }
}

/** In the file's order. Throws `cause` where there is none. */
function outerObjects(source: ByteSource, { headers }: Scan, readings: Readings, cause: AppError): OuterObject[] {
  const objects: OuterObject[] = [];
  const lengthOf = lengths(headers, readings);
  let outside = 0;
  for (const header of headers) {
    if (header.offset < outside) continue;
    const { value, end, complete } = readOuter(source, header, readings, lengthOf);
    if (value !== undefined && holdsSignature(value)) throw signed(cause);
    if (isKind(value, 'stream') && !complete && header !== headers.at(-1)) {
      throw ambiguous(`stream ${header.number} has no end`);
    }
    const dict = isKind(value, 'stream') ? value.dict : value;
    const type = isKind(dict, 'dict') ? dict.entries.get('Type') : undefined;
    const role = roleOf(type, isKind(value, 'stream'));
    const kept = isKind(dict, 'dict') && (role === 'cross-reference stream' || objects.length === 0);
    objects.push({ header, end, complete, role, dict: kept ? dict : null });
    outside = end;
  }
  if (objects.length === 0) throw cause;
  return objects;
}

function roleOf(type: PdfObject | undefined, isStream: boolean): OuterObject['role'] {
  if (!isStream) return isName(type, 'Catalog') ? 'catalog' : null;
  if (isName(type, 'ObjStm')) return 'object stream';
  return isName(type, 'XRef') ? 'cross-reference stream' : null;
}

type LengthOf = (dict: PdfDict) => number | null;

/** /Length, through the last definition of what it refers to; null where it is no number. */
function lengths(headers: readonly ScannedHeader[], readings: Readings): LengthOf {
  const last = new Map(headers.map((header) => [header.number, header]));
  const known = new Map<number, number | null>();
  return (dict) => {
    const written = dict.entries.get('Length');
    if (typeof written === 'number') return written;
    if (!isKind(written, 'ref')) return null;
    const seen = known.get(written.number);
    if (seen !== undefined) return seen;
    const header = last.get(written.number);
    const value = header === undefined ? null : valueAt(readings, header.end);
    const length = typeof value === 'number' ? value : null;
    known.set(written.number, length);
    return length;
  };
}

/** The object at `offset`; null where none can be read. */
function valueAt(readings: Readings, offset: number): PdfObject {
  try {
    return readings.from(offset, (lexer) => lexer.object());
  } catch (error) {
    readings.passOver(error);
    return null;
  }
}

/** `value` is undefined where the object cannot be read. */
function readOuter(
  source: ByteSource,
  header: ScannedHeader,
  readings: Readings,
  lengthOf: LengthOf,
): { value: PdfObject | undefined; end: number; complete: boolean } {
  try {
    const { value, end } = readings.from(header.end, (lexer) => readBody(header, lexer));
    if (!isKind(value, 'stream')) return { value, end, complete: true };
    const stream = streamEnd(source, value.dataOffset, lengthOf(value.dict));
    if (stream === null) return { value, end, complete: false };
    return { value, end: afterKeyword(source, stream.keyword, 'endobj'), complete: true };
  } catch (error) {
    readings.passOver(error);
    return { value: undefined, end: header.end, complete: !isAppError(error, 'PDF_TRUNCATED') };
  }
}

/** Offset of the byte after `keyword` if that is what comes next, else of where it was looked for. */
function afterKeyword(source: ByteSource, offset: number, keyword: string): number {
  const lexer = new Lexer(source, offset);
  lexer.skipSpace();
  const at = lexer.position;
  if (at + keyword.length > source.size) return offset;
  return textAt(source, at, keyword.length) === keyword ? at + keyword.length : offset;
}

/** A signature dictionary (12.8.1), wherever it stands: usage rights are one too. */
function holdsSignature(object: PdfObject): boolean {
  if (isKind(object, 'array')) return object.items.some(holdsSignature);
  const dict = isKind(object, 'stream') ? object.dict : object;
  if (!isKind(dict, 'dict')) return false;
  const type = dict.entries.get('Type');
  if (dict.entries.has('ByteRange') || isName(type, 'Sig') || isName(type, 'DocTimeStamp')) return true;
  return [...dict.entries.values()].some(holdsSignature);
}

// --- what they come to ------------------------------------------------------------------------------------------------------

function requireOneDocument({ versions }: Scan, objects: readonly OuterObject[], headerOffset: number): void {
  if (versions.some((offset) => offset !== headerOffset && !isInside(objects, offset))) {
    throw ambiguous('a second %PDF-: two documents in one file');
  }
}

/** Whether an offset is in one of the objects. */
function isInside(objects: readonly OuterObject[], offset: number): boolean {
  let [low, high] = [0, objects.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((objects[middle]?.header.offset ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return offset < (objects[low - 1]?.end ?? 0);
}

function entryOf({ offset, generation }: ScannedHeader): XrefEntry {
  return { kind: 'offset', offset, generation };
}

/**
 * The last definition of each object: what qpdf, poppler, MuPDF and PDFium take. qpdf and poppler look at the beginnings of lines alone,
 * inside of streams as well; the other two anywhere, and not in streams. poppler wants the highest generation.
 */
function lastDefinitions({ headers }: Scan, objects: readonly OuterObject[]): ReadonlyMap<number, OuterObject> {
  const defined = new Map<number, OuterObject>();
  for (const object of objects) {
    const { number, generation } = object.header;
    if (generation < (defined.get(number)?.header.generation ?? 0)) {
      throw ambiguous(`object ${number} comes in generation ${generation} after a later one`);
    }
    defined.set(number, object);
  }
  const byLine = new Map(headers.filter(({ startsLine }) => startsLine).map((header) => [header.number, header]));
  for (const [number, header] of byLine) {
    if (defined.get(number)?.header === header) continue;
    throw ambiguous(`object ${number} is defined in ways that readers see differently`);
  }
  return defined;
}

/** Adds the objects of object streams. Only MuPDF and PDFium look for them, each in an order of its own: they must be defined once. */
function withCompressed(
  source: ByteSource,
  objects: readonly OuterObject[],
  defined: ReadonlyMap<number, OuterObject>,
  plain: Entries,
  trailer: PdfDict,
): Entries {
  const entries = new Map(plain);
  const store = new ObjectStore(source, [sectionOf(source, plain, trailer)], true);
  for (const object of objects) {
    const stream = object.header.number;
    if (object.role !== 'object stream') continue;
    if (defined.get(stream) !== object) throw ambiguous(`object stream ${stream} is defined twice`);
    // 7.5.7: it has none; what an entry says of it names no generation.
    if (object.header.generation !== 0) throw ambiguous(`object stream ${stream} has a generation`);
    for (const [index, number] of numbersIn(store, stream).entries()) {
      if (entries.has(number)) throw ambiguous(`object ${number} is defined in an object stream and elsewhere`);
      if (number > 0) entries.set(number, { kind: 'compressed', stream, index });
    }
  }
  return entries;
}

function numbersIn(store: ObjectStore, stream: number): readonly number[] {
  try {
    return store.numbersIn(stream);
  } catch (error) {
    if (!isAppError(error) || error.code === 'PDF_LIMIT' || error.code === 'PDF_ENCRYPTED') throw error;
    throw new AppError('PDF_XREF_BROKEN', `object stream ${stream} cannot be read: ${error.detail}`, { cause: error });
  }
}

/**
 * Where the document's own cross-reference can be read after all, as other readers do: what it says rightly must be what was found, and
 * where all of it is right, objects that it does not have stay away.
 */
function asInForce(source: ByteSource, found: Entries): Entries {
  let pdf: PdfFile;
  try {
    pdf = openPdf(source);
  } catch (error) {
    if (!isAppError(error)) throw error;
    return found;
  }
  const entries = new Map<number, XrefEntry>();
  let sound = true;
  for (const [number, entry] of entriesInForce(pdf.sections)) {
    const other = found.get(number);
    if (!isSound(pdf, number, entry)) sound = false;
    else if (other === undefined || !isSamePlace(entry, other)) {
      throw ambiguous(`object ${number} is not the last of its number`);
    } else entries.set(number, other);
  }
  return sound ? entries : found;
}

function isSamePlace(a: XrefEntry, b: XrefEntry): boolean {
  if (a.kind === 'compressed') return b.kind === 'compressed' && a.stream === b.stream;
  return a.kind === 'offset' && b.kind === 'offset' && a.offset === b.offset;
}

/** All trailers and cross-reference streams must name one catalog. Where none is left, there must be one only. */
function trailerOf(scan: Scan, objects: readonly OuterObject[], readings: Readings, cause: AppError): PdfDict {
  const trailers: { readonly offset: number; readonly dict: PdfDict; readonly inside: boolean }[] = [];
  for (const { role, dict, header } of objects) {
    if (role !== 'cross-reference stream' || dict === null) continue;
    trailers.push({ offset: header.offset, dict, inside: false });
  }
  for (const offset of scan.trailers) {
    const dict = valueAt(readings, offset + 'trailer'.length);
    if (isKind(dict, 'dict')) trailers.push({ offset, dict, inside: isInside(objects, offset) });
  }
  // Where a trailer is left that names none, no reader looks any further.
  const root = trailers.length === 0 ? onlyCatalog(objects) : rootOf(trailers.map(({ dict }) => dict));
  if (root === null) throw cause;
  const own = trailers.filter(({ inside }) => !inside).toSorted((a, b) => a.offset - b.offset);
  const entries = new Map(own.flatMap(({ dict }) => [...dict.entries]));
  const highest = objects.reduce((max, { header }) => Math.max(max, header.number), 0);
  return pdfDict(entries.set('Root', root).set('Size', highest + 1));
}

function rootOf(trailers: readonly PdfDict[]): PdfRef | null {
  let root: PdfRef | null = null;
  for (const { entries, duplicates } of trailers) {
    const named = entries.get('Root');
    if (duplicates.includes('Root')) throw ambiguous('a trailer that names the catalog twice');
    if (!isKind(named, 'ref')) continue;
    if (root !== null && (named.number !== root.number || named.generation !== root.generation)) {
      throw ambiguous('trailers that name different catalogs');
    }
    root = named;
  }
  return root;
}

function onlyCatalog(objects: readonly OuterObject[]): PdfRef | null {
  const refs = new Map(
    objects.flatMap(({ role, header: { number, generation } }) =>
      role === 'catalog' ? [[number, pdfRef(number, generation)] as const] : [],
    ),
  );
  const [ref = null] = refs.values();
  return refs.size === 1 ? ref : null;
}

function sectionOf(source: ByteSource, entries: Entries, trailer: PdfDict): XrefSection {
  let highest = 0;
  let compressed = false;
  for (const [number, { kind }] of entries) {
    highest = Math.max(highest, number);
    compressed ||= kind === 'compressed';
  }
  return {
    kind: compressed ? 'stream' : 'table',
    pointer: source.size,
    offset: source.size,
    end: source.size,
    trailer,
    highest,
    heldBytes: 0,
    fault: null,
    hybrid: null,
    lookup: (number) => entries.get(number),
    entries: () => entries,
  };
}

// --- whether it is all there ------------------------------------------------------------------------------------------------

/**
 * Throws PDF_TRUNCATED unless the last revision was written to its end. A cross-reference is written after all of its objects, so that
 * any piece of one proves them; where there is none at all, nothing that the document refers to may be missing, and no revision may have
 * ended before.
 */
function requireWhole(
  { firstMarker, lastMarker, trailers }: Scan,
  objects: readonly OuterObject[],
  entries: Entries,
  pdf: PdfFile,
): void {
  const last = objects.at(-1);
  const length = objects[0]?.dict?.entries.get('L');
  if (last?.complete === false) throw new AppError('PDF_TRUNCATED', `the file ends in object ${last.header.number}`);
  if (objects[0]?.dict?.entries.has('Linearized') === true && typeof length === 'number' && length > pdf.size) {
    throw new AppError('PDF_TRUNCATED', `the file was made of ${length} bytes and has ${pdf.size}`);
  }
  const marked = Math.max(lastMarker, trailers.at(-1) ?? -1);
  if (last === undefined || last.role === 'cross-reference stream' || marked >= last.end) return;
  if (firstMarker >= 0) throw new AppError('PDF_TRUNCATED', 'the file ends amid a revision');
  const missing = missingObject(pdf, entries);
  if (missing !== null) throw new AppError('PDF_TRUNCATED', `object ${missing} is not there`);
}

/** The number of an object that is referred to and not defined; null where there is none. */
function missingObject(pdf: PdfFile, entries: Entries): number | null {
  const missingIn = (object: PdfObject): number | null => {
    if (isKind(object, 'ref')) return entries.has(object.number) ? null : object.number;
    const values = isKind(object, 'array') ? object.items : isKind(object, 'dict') ? object.entries.values() : [];
    for (const value of isKind(object, 'stream') ? object.dict.entries.values() : values) {
      const missing = missingIn(value);
      if (missing !== null) return missing;
    }
    return null;
  };
  for (const [number, entry] of entries) {
    const generation = entry.kind === 'offset' ? entry.generation : 0;
    const missing = missingIn(pdf.getObject(pdfRef(number, generation)));
    if (missing !== null) return missing;
  }
  return null;
}
