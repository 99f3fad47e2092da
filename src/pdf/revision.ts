/**
 * A document as a chain of revisions: opened from its end, its objects read one by one where they stand. What cannot be read with
 * certainty is refused by name.
 */
import { AppError, isAppError } from '../errors.ts';
import { textAt } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { certificationRef } from './permissions-dictionary.ts';
import { pageGeometry } from './geometry.ts';
import type { PageGeometry } from './geometry.ts';
import { Lexer } from './lexer.ts';
import { MAX_OBJECT_NUMBER, MAX_SECTIONS, MAX_XREF_BYTES } from './limits.ts';
import { ObjectStore } from './object-store.ts';
import { isKind } from './object.ts';
import type { PdfDict, PdfRef } from './object.ts';
import { walkPages } from './page-tree.ts';
import type { PageNode } from './page-tree.ts';
import { acroForm, fieldNames, numbersOf, signatureFieldsOf } from './signature-fields.ts';
import type { SignatureField } from './signature-fields.ts';
import { hybridSection, readXrefSection } from './xref.ts';
import type { XrefEntry, XrefSection } from './xref.ts';

/** How far from the file's end readers look for `startxref`: Adobe's (ISO 32000-1, Annex H, note 18), poppler and MuPDF. */
const TAIL_BYTES = 1024;
/** How far from it the last `startxref` is looked for here; what stands further away is found by going through the whole file. */
const MAX_TRAILING_BYTES = 1024 * 1024;
/** How far from its start a reader looks for the header (note 13). */
const HEAD_BYTES = 1024;

/** One state that the document had when it was saved. */
export interface Revision {
  /** Offset of the byte after the revision's `%%EOF`. */
  readonly end: number;
  /** Offset of the byte after the line end that follows it, if any. */
  readonly endOfLine: number;
  /** Where the revision's newest cross-reference section is, as written. */
  readonly startxref: number;
}

/** How a document's objects are found. */
export interface Structure {
  /** Offset of `%PDF-`: what stands before it is no part of the document. */
  readonly headerOffset: number;
  /** Newest first. */
  readonly sections: readonly [XrefSection, ...XrefSection[]];
  /** Why some readers put the file together anew though its cross-reference leads where it says; null where none does. */
  readonly fault: string | null;
  /** Whether the file's own cross-reference is of no use, and `sections` is what the objects themselves tell. */
  readonly rebuilt: boolean;
}

export class PdfFile extends ObjectStore {
  readonly headerOffset: number;
  readonly fault: string | null;
  readonly rebuilt: boolean;
  /** Offset of the newest cross-reference section; null where what there is of it is of no use. */
  readonly startxref: number | null;
  /** Trailer of the newest section. */
  readonly trailer: PdfDict;
  /** The newest section's form, a hybrid one's table; what is appended takes the same. */
  readonly style: 'table' | 'stream';
  readonly catalog: PdfDict;
  readonly catalogRef: PdfRef;
  /** The largest object number in use or claimed by a trailer. */
  readonly maxObjectNumber: number;

  constructor(source: ByteSource, { headerOffset, sections, fault, rebuilt }: Structure) {
    super(source, sections, rebuilt);
    this.headerOffset = headerOffset;
    this.fault = fault;
    this.rebuilt = rebuilt;
    this.startxref = rebuilt ? null : sections[0].offset;
    this.trailer = sections[0].trailer;
    this.style = sections[0].kind;
    this.maxObjectNumber = sections.reduce(
      (max, section) => Math.max(max, section.highest, claimedSize(section) - 1),
      0,
    );
    const root = this.trailer.entries.get('Root');
    if (!isKind(root, 'ref')) throw new AppError('PDF_XREF_BROKEN', 'the trailer names no catalog');
    const catalog = this.getObject(root);
    if (catalog === null) throw new AppError('PDF_XREF_BROKEN', 'the catalog is not there');
    if (!isKind(catalog, 'dict')) throw new AppError('PDF_UNREADABLE', 'the catalog is no dictionary');
    this.catalogRef = root;
    this.catalog = catalog;
  }

  get size(): number {
    return this.source.size;
  }

  /** In order, each read when it is asked for. */
  walkPages(): Generator<PageNode, void, void> {
    return walkPages(this, this.catalog);
  }

  pages(): PageNode[] {
    return Array.from(this.walkPages());
  }

  /** The page of a number from 1. Throws PAGE_OUT_OF_RANGE. */
  page(number: number): PageNode {
    let last = 0;
    for (const page of this.walkPages()) {
      if (page.number === number) return page;
      last = page.number;
    }
    throw new AppError('PAGE_OUT_OF_RANGE', `page ${number} of a document of ${last}`);
  }

  geometry({ dict, attributes }: PageNode): PageGeometry {
    const rotate = this.resolve(attributes.Rotate);
    const userUnit = this.get(dict, 'UserUnit');
    return pageGeometry({
      mediaBox: numbersOf(this, this.resolve(attributes.MediaBox)) ?? undefined,
      cropBox: numbersOf(this, this.resolve(attributes.CropBox)) ?? undefined,
      rotate: typeof rotate === 'number' ? rotate : undefined,
      userUnit: typeof userUnit === 'number' ? userUnit : undefined,
    });
  }

  /** The interactive form; null where there is none. */
  form(): PdfDict | null {
    return acroForm(this, this.catalog);
  }

  /** Signature fields of the form, signed and empty, in the form's order. */
  signatureFields(): SignatureField[] {
    const form = this.form();
    return form === null ? [] : signatureFieldsOf(this, form, certificationRef(this, this.catalog));
  }

  /** Names that a new field must not take. */
  fieldNames(): ReadonlySet<string> {
    const form = this.form();
    return form === null ? new Set() : fieldNames(this, form);
  }

  /** Oldest first. A linearized file's two sections are one revision (ISO 32000-2, Annex F). */
  revisions(): Revision[] {
    const pointers = new Set(this.sections.map(({ pointer }) => pointer));
    const markers = this.sections.flatMap(({ end }) => readMarker(this.source, end) ?? []);
    // What startxref says counts from the header, or, which no standard has, from the file's first byte.
    const known = ({ startxref }: Revision): boolean =>
      pointers.has(startxref + this.headerOffset) || pointers.has(startxref);
    return markers.filter(known).toSorted((a, b) => a.end - b.end);
  }
}

function claimedSize({ trailer }: XrefSection): number {
  const size = trailer.entries.get('Size');
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
    throw new AppError('PDF_XREF_BROKEN', 'a trailer without /Size');
  }
  if (size > MAX_OBJECT_NUMBER + 1) throw new AppError('PDF_LIMIT', `a trailer that claims ${size} objects`);
  return size;
}

/** `startxref N %%EOF` after a section, with nothing but white space and comments between; null where there is none. */
export function readMarker(source: ByteSource, offset: number): Revision | null {
  const lexer = new Lexer(source, offset);
  try {
    if (lexer.keyword() !== 'startxref') return null;
    const startxref = lexer.unsigned('offset');
    const tail = textAt(source, lexer.position, Math.min(64, source.size - lexer.position));
    const match = /^(\s*%%EOF)(\r\n|\r|\n)?/.exec(tail);
    if (match?.[1] === undefined) return null;
    const end = lexer.position + match[1].length;
    return { end, endOfLine: end + (match[2]?.length ?? 0), startxref };
  } catch (error) {
    if (!isAppError(error)) throw error;
    // What follows a section need not be a marker, nor anything the grammar knows.
    return null;
  }
}

/**
 * Opens a document as its cross-reference has it. Reads its first and last bytes, the cross-reference sections and the catalog, nothing
 * else. Throws PDF_UNREADABLE, PDF_TRUNCATED, PDF_XREF_BROKEN, PDF_AMBIGUOUS, PDF_ENCRYPTED, PDF_SHAPE_UNSUPPORTED, PDF_LIMIT.
 */
export function openPdf(source: ByteSource): PdfFile {
  const headerOffset = findHeader(source);
  const { startxref, fromEnd } = findStartxref(source);
  const chain = (base: number): [XrefSection, ...XrefSection[]] => readSections(source, base, base + startxref);
  // Readers that do not find it put the file together anew.
  const fault = fromEnd > TAIL_BYTES ? `startxref is ${fromEnd} bytes before the end` : null;
  if (headerOffset === 0) return openChain(source, 0, chain(0), fault);
  try {
    return openChain(source, headerOffset, chain(headerOffset), fault);
  } catch (error) {
    if (!isAppError(error, 'PDF_XREF_BROKEN')) throw error;
    // 7.5.2 counts from the header. Who counted from the file's first byte all the same is understood, though by nobody at once.
    return openChain(source, headerOffset, chain(0), 'offsets count from the file’s first byte');
  }
}

function openChain(
  source: ByteSource,
  headerOffset: number,
  sections: readonly [XrefSection, ...XrefSection[]],
  fault: string | null,
): PdfFile {
  requireNoContradiction(sections);
  const sectionFault = sections.find((section) => section.fault !== null)?.fault ?? null;
  return new PdfFile(source, { headerOffset, sections, fault: fault ?? sectionFault, rebuilt: false });
}

/** Offset of the header. Throws PDF_UNREADABLE where there is none. */
export function findHeader(source: ByteSource): number {
  const at = textAt(source, 0, Math.min(HEAD_BYTES, source.size)).indexOf('%PDF-');
  if (at < 0) throw new AppError('PDF_UNREADABLE', `no %PDF- in its first ${HEAD_BYTES} bytes`);
  return at;
}

/** The last `startxref`: the offset that it gives, and how far it is from the file's end. */
function findStartxref(source: ByteSource): { startxref: number; fromEnd: number } {
  let [tail, at] = ['', -1];
  for (let bytes = 2 * TAIL_BYTES; at < 0 && tail.length < Math.min(source.size, MAX_TRAILING_BYTES); bytes *= 8) {
    const length = Math.min(bytes, source.size, MAX_TRAILING_BYTES);
    tail = textAt(source, source.size - length, length);
    at = tail.lastIndexOf('startxref');
  }
  if (at < 0) throw new AppError('PDF_TRUNCATED', 'no startxref at its end');
  const match = /^startxref\s+(\d{1,15})\s*%%EOF/.exec(tail.slice(at));
  if (match === null) throw new AppError('PDF_TRUNCATED', 'no offset and %%EOF after the last startxref');
  // Objects after the last %%EOF: a later revision was begun and cut off, and what it would have shown is not known.
  if (/\bobj\b|\bendobj\b|\bxref\b|\bstream\b/.test(tail.slice(at + match[0].length))) {
    throw new AppError('PDF_TRUNCATED', 'a further revision begins after the last %%EOF');
  }
  return { startxref: Number(match[1]), fromEnd: tail.length - at };
}

function readSections(source: ByteSource, base: number, start: number): [XrefSection, ...XrefSection[]] {
  const seen = new Set<number>();
  let left = MAX_XREF_BYTES;
  const read = (pointer: number): XrefSection => {
    const section = readSection(source, base, pointer, left);
    left -= section.heldBytes;
    if (seen.has(section.offset)) throw new AppError('PDF_XREF_BROKEN', 'sections that lead in a circle');
    seen.add(section.offset);
    return section;
  };
  const readWhole = (pointer: number): XrefSection => {
    const section = read(pointer);
    if (section.kind === 'stream' || !section.trailer.entries.has('XRefStm')) return section;
    const hidden = read(base + offsetIn(section.trailer, 'XRefStm'));
    if (hidden.kind !== 'stream') throw new AppError('PDF_XREF_BROKEN', '/XRefStm leads to no stream');
    return hybridSection(section, hidden);
  };
  const sections: [XrefSection, ...XrefSection[]] = [readWhole(start)];
  for (let { trailer } = sections[0]; trailer.entries.has('Prev');) {
    if (sections.length === MAX_SECTIONS) throw new AppError('PDF_LIMIT', `more than ${MAX_SECTIONS} revisions`);
    const section = readWhole(base + offsetIn(trailer, 'Prev'));
    sections.push(section);
    ({ trailer } = section);
  }
  return sections;
}

function offsetIn(trailer: PdfDict, key: 'Prev' | 'XRefStm'): number {
  const offset = trailer.entries.get(key);
  if (typeof offset !== 'number' || !Number.isSafeInteger(offset) || offset <= 0) {
    throw new AppError('PDF_XREF_BROKEN', `/${key} is no offset`);
  }
  return offset;
}

function readSection(source: ByteSource, base: number, pointer: number, maxBytes: number): XrefSection {
  if (pointer >= source.size) throw new AppError('PDF_XREF_BROKEN', `byte ${pointer} is past the end`);
  let section: XrefSection;
  try {
    section = readXrefSection({ source, base, pointer, maxBytes });
  } catch (error) {
    if (!isAppError(error, 'PDF_UNREADABLE', 'PDF_TRUNCATED')) throw error;
    throw new AppError('PDF_XREF_BROKEN', error.detail, { cause: error });
  }
  if (section.trailer.duplicates.length > 0) throw new AppError('PDF_XREF_BROKEN', 'a trailer with a key given twice');
  return section;
}

/** Readers of hidden entries, times sections: what comparing them may take. */
const MAX_COMPARISONS = 5_000_000;

/**
 * What hybrid sections hide must be free, or the same, for who reads the tables alone (7.5.8.4). Where it is not, readers that know no
 * cross-reference streams show another document. Two further cases in which those that know them differ: an object that the table beside
 * the stream frees (qpdf and PDFium see it, poppler and MuPDF do not), and objects hidden in the oldest section (PDFium sees none).
 */
function requireNoContradiction(sections: readonly XrefSection[]): void {
  let comparisons = 0;
  for (const [i, { hybrid }] of sections.entries()) {
    for (const [number, entry] of hybrid === null ? [] : hybrid.hidden.entries()) {
      comparisons += sections.length - i;
      if (comparisons > MAX_COMPARISONS)
        throw new AppError('PDF_LIMIT', 'a hybrid cross-reference of too many objects');
      if (entry.kind === 'free' || (entry.kind === 'offset' && entry.offset === hybrid?.hidden.offset)) continue;
      const shown = shownIn(sections.slice(i), number);
      const freed = hybrid?.table.lookup(number)?.kind === 'free';
      if (!freed && isSame(shown, entry)) continue;
      if (freed || (shown !== undefined && shown.kind !== 'free') || i === sections.length - 1) {
        throw new AppError('PDF_AMBIGUOUS', `a hybrid cross-reference that says two things of object ${number}`);
      }
    }
  }
}

/** What a reader that knows no cross-reference streams in hybrid sections finds. */
function shownIn(sections: readonly XrefSection[], number: number): XrefEntry | undefined {
  for (const section of sections) {
    const entry = (section.hybrid?.table ?? section).lookup(number);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

function isSame(a: XrefEntry | undefined, b: XrefEntry): boolean {
  if (a?.kind === 'offset') return b.kind === 'offset' && a.offset === b.offset && a.generation === b.generation;
  return a?.kind === 'compressed' && b.kind === 'compressed' && a.stream === b.stream && a.index === b.index;
}
