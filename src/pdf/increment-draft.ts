/**
 * What an increment adds to and overrides in a document, and how it is written after the original bytes (ISO 32000-2, 7.5.6): new
 * objects, new definitions of old ones, and a cross-reference section in the style of the newest one.
 */
import { PDFContext, PDFStream } from 'pdf-lib';
import type { PDFObject } from 'pdf-lib';
import { concatBytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { memorySource } from './byte-source.ts';
import { encryptor } from './crypt.ts';
import type { Encryptor } from './crypt.ts';
import { Lexer } from './lexer.ts';
import { MAX_OBJECT_NUMBER } from './limits.ts';
import { isKind, pdfArray, pdfDict, pdfName, pdfRef, serialize } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';
import type { PdfFile } from './revision.ts';
import { unsoundEntry } from './sound-xref.ts';
import type { XrefEntry } from './xref.ts';

/** Entries of an old trailer, or of an old cross-reference stream, that say nothing about the new one. */
const NOT_INHERITED = new Set([
  'Size',
  'Prev',
  'ID',
  'XRefStm',
  'Type',
  'W',
  'Index',
  'Length',
  'Filter',
  'DecodeParms',
  'DL',
]);
/** More new objects than any increment has: what is referred to so far above the others, none of them comes to. */
const MOST_NEW = 100_000;
/** Ten digits are what an entry of a cross-reference table has for an offset (7.5.4). */
const MAX_OFFSET = 9_999_999_999;
const OFFSET_DIGITS = 10;

export interface AppendedBytes {
  /** To be appended to the original as they are; a signature's are to be filled in before. */
  readonly bytes: Uint8Array;
  readonly originalBytes: number;
}

export interface WrittenIncrement extends AppendedBytes {
  /** Whether the document's own cross-reference was broken, so that what is appended brings a complete one. */
  readonly repaired: boolean;
  /** What the signature covers: two runs of offset and length, around Contents and its delimiters. */
  readonly byteRange: readonly [0, number, number, number];
  /** Offset in the file of the first hexadecimal digit of Contents, and how many there are, all of them zero now. */
  readonly contents: { readonly offset: number; readonly length: number };
}

/** An entry of the new cross-reference section. */
interface Placed {
  readonly number: number;
  readonly entry: XrefEntry;
}

export class IncrementDraft {
  readonly pdf: PdfFile;
  /** For building new objects with pdf-lib: references that it gives out are already the final ones. */
  readonly context: PDFContext;
  readonly #added = new Map<number, PdfDict>();
  readonly #edited = new Map<number, { readonly ref: PdfRef; readonly entries: Map<string, PdfObject> }>();

  /** Throws as `requireExtendable`. */
  constructor(pdf: PdfFile) {
    requireExtendable(pdf);
    this.pdf = pdf;
    this.context = PDFContext.create();
    // What refers to an object that was never defined must not come to mean a new one.
    const missed = pdf.highestMissed - pdf.maxObjectNumber < MOST_NEW ? pdf.highestMissed : 0;
    this.context.largestObjectNumber = Math.max(pdf.maxObjectNumber, missed);
  }

  /** A number for a new object. */
  reserve(): PdfRef {
    const ref = pdfRef(this.context.nextRef().objectNumber);
    if (ref.number > MAX_OBJECT_NUMBER) throw new AppError('PDF_LIMIT', 'no object numbers are left');
    return ref;
  }

  /** A new object built with pdf-lib. */
  add(object: PDFObject): PdfRef {
    return pdfRef(this.context.register(object).objectNumber);
  }

  /** A new dictionary under a reserved number. */
  set(ref: PdfRef, dict: PdfDict): void {
    this.#added.set(ref.number, dict);
  }

  /**
   * The entries of an existing dictionary, to be changed in place: they become its new definition.
   * Throws PDF_SHAPE_UNSUPPORTED when readers could disagree on what it says now.
   */
  edit(ref: PdfRef): Map<string, PdfObject> {
    const edited = this.#edited.get(ref.number);
    if (edited !== undefined) return edited.entries;
    const entries = editable(this.pdf.getObject(ref), `object ${ref.number}`);
    this.#edited.set(ref.number, { ref, entries });
    return entries;
  }

  /**
   * Writes all of it. `signature` is the signature dictionary without ByteRange and Contents, for which `contentsBytes` bytes are
   * kept; `random16` becomes the second file identifier and, where the document is encrypted, the seed for that.
   */
  finish(signatureRef: PdfRef, signature: PdfDict, contentsBytes: number, random16: Uint8Array): WrittenIncrement {
    const encrypt = this.#encryptor(random16);
    const { text, rangeAt, contentsAt } = signatureBody(inFile(signature, signatureRef, encrypt), contentsBytes);
    const last = { ref: signatureRef, body: written(text) };
    const { bytes, originalBytes, offsetOf } = this.#write(random16, encrypt, last);
    const end = originalBytes + bytes.length;
    const bodyOffset = (offsetOf.get(signatureRef.number) ?? 0) + `${signatureRef.number} 0 obj\n`.length;
    const open = bodyOffset + contentsAt;
    const close = open + 2 * contentsBytes + 2;
    const byteRange = [0, open, close, end - close] as const;
    const range = byteRange.join(' ').length;
    const slot = written(`[${byteRange.join(' ')}]`.padEnd(BYTE_RANGE_SLOT.length));
    if (range + 2 > BYTE_RANGE_SLOT.length) throw new AppError('INTERNAL', 'ByteRange does not fit its slot');
    bytes.set(slot, bodyOffset + rangeAt - originalBytes);
    const contents = { offset: open + 1, length: 2 * contentsBytes };
    return { bytes, originalBytes, byteRange, contents, repaired: this.pdf.rebuilt };
  }

  /** Writes all of it without a signature of its own. */
  finishUnsigned(random16: Uint8Array): AppendedBytes {
    const { bytes, originalBytes } = this.#write(random16, this.#encryptor(random16));
    return { bytes, originalBytes };
  }

  #encryptor(random16: Uint8Array): Encryptor | null {
    const { encryption } = this.pdf;
    return encryption === null ? null : encryptor(encryption, random16);
  }

  #write(
    random16: Uint8Array,
    encrypt: Encryptor | null,
    last?: { readonly ref: PdfRef; readonly body: Uint8Array },
  ): AppendedBytes & { readonly offsetOf: ReadonlyMap<number, number> } {
    const originalBytes = this.pdf.size;
    const parts: Uint8Array[] = [];
    const placed: Placed[] = [];
    let offset = originalBytes;
    const write = (bytes: Uint8Array): void => {
      parts.push(bytes);
      offset += bytes.length;
    };
    const writeObject = ({ number, generation }: PdfRef, body: Uint8Array): void => {
      const head = written(`${number} ${generation} obj\n`);
      placed.push({ number, entry: { kind: 'offset', offset, generation } });
      write(head);
      write(body);
      write(written('\nendobj\n'));
    };

    const before = this.pdf.source.read(originalBytes - 1, 1)[0];
    if (before !== 0x0a && before !== 0x0d) write(written('\n'));
    const writeDict = (ref: PdfRef, dict: PdfDict): void => {
      writeObject(ref, written(serialize(inFile(dict, ref, encrypt))));
    };
    for (const { ref, entries } of this.#edited.values()) writeDict(ref, pdfDict(entries));
    for (const [{ objectNumber }, object] of this.context.enumerateIndirectObjects()) {
      const ref = pdfRef(objectNumber);
      writeObject(ref, encrypt === null ? bodyOf(object) : encryptedBodyOf(object, ref, encrypt));
    }
    for (const [number, dict] of this.#added) writeDict(pdfRef(number), dict);

    if (last !== undefined) writeObject(last.ref, last.body);
    const offsetOf = new Map(placed.map(({ number, entry }) => [number, entry.kind === 'offset' ? entry.offset : 0]));
    write(this.#xref(placed, offset, random16));
    if (offset > MAX_OFFSET) throw new AppError('PDF_LIMIT', 'a file of more than ten thousand million bytes');
    return { bytes: concatBytes(...parts), originalBytes, offsetOf };
  }

  #xref(placed: readonly Placed[], offset: number, random16: Uint8Array): Uint8Array {
    const own = this.pdf.style === 'stream' ? this.reserve() : null;
    const size = this.context.largestObjectNumber + 1;
    const trailer = new Map<string, PdfObject>(
      [...this.pdf.trailer.entries].filter(([key]) => !NOT_INHERITED.has(key)),
    );
    trailer.set('Size', size);
    if (this.pdf.startxref !== null) trailer.set('Prev', this.pdf.startxref);
    trailer.set('ID', this.#fileId(random16));
    const entries = new Map(this.#entriesBefore());
    for (const { number, entry } of placed) entries.set(number, entry);
    if (own !== null) entries.set(own.number, { kind: 'offset', offset, generation: 0 });
    const sorted = Array.from(entries, ([number, entry]): Placed => ({ number, entry }));
    sorted.sort((a, b) => a.number - b.number);
    const section = own === null ? tableSection(sorted, pdfDict(trailer)) : streamSection(own, sorted, trailer, offset);
    return concatBytes(section, written(`startxref\n${offset}\n%%EOF\n`));
  }

  /** What the new section says of old objects: of all, where the old cross-reference is of no use, and none follows this one. */
  #entriesBefore(): Iterable<readonly [number, XrefEntry]> {
    const { rebuilt, sections } = this.pdf;
    return rebuilt ? [[0, { kind: 'free' }], ...(sections[0]?.entries() ?? [])] : [];
  }

  /**
   * 14.4: the first identifier stays, the second says which version this is. Encryption keys are made from the first (7.6.4.3.2): where
   * there is none, it stays empty.
   */
  #fileId(random16: Uint8Array): PdfObject {
    const second: PdfObject = { kind: 'string', bytes: random16, hex: true };
    const { encryption } = this.pdf;
    if (encryption !== null) return pdfArray([{ kind: 'string', bytes: encryption.fileId, hex: true }, second]);
    const id = this.pdf.get(this.pdf.trailer, 'ID');
    const first = isKind(id, 'array') ? this.pdf.resolve(id.items[0]) : null;
    return pdfArray([isKind(first, 'string') ? { ...first, hex: true } : second, second]);
  }
}

/** A copy of a dictionary's entries. Throws PDF_SHAPE_UNSUPPORTED for anything else, or where a key was given twice. */
export function editable(object: PdfObject, what: string): Map<string, PdfObject> {
  if (!isKind(object, 'dict')) throw new AppError('PDF_SHAPE_UNSUPPORTED', `${what} is no dictionary`);
  if (object.duplicates.length > 0) throw new AppError('PDF_SHAPE_UNSUPPORTED', `${what} has a key given twice`);
  return new Map(object.entries);
}

/** Text of one character a byte: natively, because Contents alone is tens of thousands of them. */
function written(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

/** A dictionary as the file holds it: encrypted where the document is. */
function inFile(dict: PdfDict, ref: PdfRef, encrypt: Encryptor | null): PdfDict {
  return encrypt === null ? dict : encrypt.strings(ref, dict);
}

function bodyOf(object: PDFObject): Uint8Array {
  const body = new Uint8Array(object.sizeInBytes());
  object.copyBytesInto(body, 0);
  return body;
}

/** What pdf-lib writes is read back, so that there is one rule of what is encrypted in an object. */
function encryptedBodyOf(object: PDFObject, ref: PdfRef, encrypt: Encryptor): Uint8Array {
  const read = new Lexer(memorySource(bodyOf(object)), 0, false).object();
  if (!(object instanceof PDFStream) || !isKind(read, 'dict')) return written(serialize(encrypt.strings(ref, read)));
  const data = encrypt.stream(ref, object.getContents());
  const dict = pdfDict(new Map(encrypt.strings(ref, read).entries).set('Length', data.length));
  return concatBytes(written(`${serialize(dict)}\nstream\n`), data, written('\nendstream'));
}

/** Room for `[0 n n n]` with numbers of up to ten digits each, so that every offset is known before the numbers are. */
const BYTE_RANGE_SLOT = `[0${` ${'0'.repeat(OFFSET_DIGITS)}`.repeat(3)}]`;

function signatureBody(
  signature: PdfDict,
  contentsBytes: number,
): { text: string; rangeAt: number; contentsAt: number } {
  const head = `${serialize(signature).slice(0, -'>>'.length)}/ByteRange `;
  const middle = ' /Contents ';
  const contentsAt = head.length + BYTE_RANGE_SLOT.length + middle.length;
  const text = `${head}${BYTE_RANGE_SLOT}${middle}<${'0'.repeat(2 * contentsBytes)}> >>`;
  return { text, rangeAt: head.length, contentsAt };
}

/** Runs of consecutive object numbers. */
function runsOf(entries: readonly Placed[]): Placed[][] {
  const runs: Placed[][] = [];
  for (const entry of entries) {
    const run = runs.at(-1);
    if (run?.at(-1)?.number === entry.number - 1) run.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

/** Entries of 20 bytes, the line end being space and LF (7.5.4). */
function tableSection(entries: readonly Placed[], trailer: PdfDict): Uint8Array {
  const subsections = runsOf(entries).map((run) => {
    return `${run[0]?.number ?? 0} ${run.length}\n${run.map(({ entry }) => tableEntry(entry)).join('')}`;
  });
  return written(`xref\n${subsections.join('')}trailer\n${serialize(trailer)}\n`);
}

/** The one free entry is object 0, the head of a list of none (7.5.4). */
function tableEntry(entry: XrefEntry): string {
  if (entry.kind === 'compressed') throw new AppError('INTERNAL', 'an object of an object stream in a table');
  if (entry.kind === 'free') return '0000000000 65535 f \n';
  return `${String(entry.offset).padStart(10, '0')} ${String(entry.generation).padStart(5, '0')} n \n`;
}

/** 7.5.8, not compressed: a few entries are not worth it. */
function streamSection(
  own: PdfRef,
  entries: readonly Placed[],
  trailer: ReadonlyMap<string, PdfObject>,
  offset: number,
): Uint8Array {
  const width = Math.max(1, Math.ceil(offset.toString(16).length / 2));
  const stride = 1 + width + 2;
  const data = new Uint8Array(entries.length * stride);
  for (const [i, { entry }] of entries.entries()) {
    const [type, second, third] = streamEntry(entry);
    let at = i * stride;
    data[at++] = type;
    for (let byte = width - 1; byte >= 0; byte--) data[at++] = Math.floor(second / 256 ** byte) & 0xff;
    data[at++] = third >> 8;
    data[at] = third & 0xff;
  }
  const dict = new Map(trailer);
  dict.set('Type', pdfName('XRef'));
  dict.set('W', pdfArray([1, width, 2]));
  dict.set('Index', pdfArray(runsOf(entries).flatMap((run) => [run[0]?.number ?? 0, run.length])));
  dict.set('Length', data.length);
  return concatBytes(
    written(`${own.number} 0 obj\n${serialize(pdfDict(dict))}\nstream\n`),
    data,
    written('\nendstream\nendobj\n'),
  );
}

/** The fields of an entry (Table 18). */
function streamEntry(entry: XrefEntry): readonly [type: number, second: number, third: number] {
  switch (entry.kind) {
    case 'free':
      return [0, 0, 65_535];
    case 'offset':
      return [1, entry.offset, entry.generation];
    case 'compressed':
      if (entry.index > 0xffff) throw new AppError('PDF_LIMIT', `object stream ${entry.stream} is too large`);
      return [2, entry.stream, entry.index];
  }
}

/**
 * What is signed must be found where it is by every reader, and what the new section builds on must hold. Throws PDF_XREF_BROKEN where the
 * cross-reference does not, PDF_SHAPE_UNSUPPORTED where a signature would not be found intact.
 */
export function requireExtendable(pdf: PdfFile): void {
  if (pdf.headerOffset > 0) {
    // MuPDF puts such a file together anew as it opens it, and finds no ByteRange whole then.
    const what = `${pdf.headerOffset} bytes before %PDF-: not every reader would find a signature in it intact`;
    throw new AppError('PDF_SHAPE_UNSUPPORTED', what);
  }
  const fault = pdf.fault ?? (pdf.rebuilt ? null : unsoundEntry(pdf));
  if (fault !== null) throw new AppError('PDF_XREF_BROKEN', fault);
}
