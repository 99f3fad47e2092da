/**
 * A document as a chain of revisions: opened from its end, its objects read one by one where they stand. What cannot be read with
 * certainty is refused by name and never repaired.
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
import { readXrefSection } from './xref.ts';
import type { XrefSection } from './xref.ts';

/** How far from its end a file may keep `startxref`: Adobe's readers look through 1,024 bytes (ISO 32000-1, Annex H, note 18). */
const TAIL_BYTES = 2048;
/** How far from its start a reader looks for the header (note 13). */
const HEAD_BYTES = 1024;

/** One state that the document had when it was saved. */
export interface Revision {
  /** Offset of the byte after the revision's `%%EOF`. */
  readonly end: number;
  /** Offset of the byte after the line end that follows it, if any. */
  readonly endOfLine: number;
  /** Offset of the revision's newest cross-reference section. */
  readonly startxref: number;
}

export class PdfFile extends ObjectStore {
  /** Offset of the newest cross-reference section. */
  readonly startxref: number;
  /** Trailer of the newest section. */
  readonly trailer: PdfDict;
  /** The newest section's form; what is appended takes the same. */
  readonly style: 'table' | 'stream';
  readonly catalog: PdfDict;
  readonly catalogRef: PdfRef;
  /** The largest object number in use or claimed by a trailer. */
  readonly maxObjectNumber: number;

  constructor(source: ByteSource, startxref: number, sections: readonly [XrefSection, ...XrefSection[]]) {
    super(source, sections);
    this.startxref = startxref;
    this.trailer = sections[0].trailer;
    this.style = sections[0].kind;
    this.maxObjectNumber = sections.reduce(
      (max, section) => Math.max(max, section.highest, claimedSize(section) - 1),
      0,
    );
    const root = this.trailer.entries.get('Root');
    if (!isKind(root, 'ref')) throw new AppError('PDF_UNREADABLE', 'the trailer names no catalog');
    const catalog = this.getObject(root);
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
    const markers = this.sections.flatMap(({ end }) => readMarker(this.source, end) ?? []);
    const offsets = new Set(this.sections.map(({ offset }) => offset));
    return markers.filter(({ startxref }) => offsets.has(startxref)).toSorted((a, b) => a.end - b.end);
  }
}

function claimedSize({ trailer }: XrefSection): number {
  const size = trailer.entries.get('Size');
  if (typeof size !== 'number' || !Number.isInteger(size) || size < 0) {
    throw new AppError('PDF_UNREADABLE', 'a trailer without /Size');
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
 * Opens a document. Reads its first and last bytes, the cross-reference sections and the catalog, nothing else.
 * Throws PDF_UNREADABLE, PDF_TRUNCATED, PDF_ENCRYPTED, PDF_SHAPE_UNSUPPORTED, PDF_LIMIT.
 */
export function openPdf(source: ByteSource): PdfFile {
  checkHeader(source);
  const startxref = findStartxref(source);
  return new PdfFile(source, startxref, readSections(source, startxref));
}

function checkHeader(source: ByteSource): void {
  const at = textAt(source, 0, Math.min(HEAD_BYTES, source.size)).indexOf('%PDF-');
  if (at < 0) throw new AppError('PDF_UNREADABLE', 'no %PDF- at its start');
  if (at > 0) throw new AppError('PDF_SHAPE_UNSUPPORTED', `${at} bytes before %PDF-`);
}

function findStartxref(source: ByteSource): number {
  const start = Math.max(0, source.size - TAIL_BYTES);
  const tail = textAt(source, start, source.size - start);
  const eof = tail.lastIndexOf('%%EOF');
  const at = tail.lastIndexOf('startxref', eof < 0 ? undefined : eof);
  if (eof < 0 || at < 0) throw new AppError('PDF_TRUNCATED', 'no startxref and %%EOF at its end');
  // Objects after the last %%EOF: a later revision was begun and cut off, and what it would have shown is not known.
  if (/\bobj\b|\bendobj\b|\bxref\b|\bstream\b/.test(tail.slice(eof))) {
    throw new AppError('PDF_TRUNCATED', 'a further revision begins after the last %%EOF');
  }
  const match = /^startxref\s+(\d{1,15})\s*$/.exec(tail.slice(at, eof));
  if (match === null) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'no offset between startxref and %%EOF');
  return Number(match[1]);
}

function readSections(source: ByteSource, startxref: number): [XrefSection, ...XrefSection[]] {
  const newest = readSection(source, startxref, MAX_XREF_BYTES);
  let left = MAX_XREF_BYTES - newest.heldBytes;
  const sections: [XrefSection, ...XrefSection[]] = [newest];
  const seen = new Set([startxref, newest.offset]);
  for (let previous = newest.trailer.entries.get('Prev'); previous !== undefined;) {
    if (typeof previous !== 'number' || !Number.isSafeInteger(previous) || previous < 0) {
      throw new AppError('PDF_SHAPE_UNSUPPORTED', 'broken cross-reference: /Prev is no offset');
    }
    if (sections.length === MAX_SECTIONS) throw new AppError('PDF_LIMIT', `more than ${MAX_SECTIONS} revisions`);
    const section = readSection(source, previous, left);
    left -= section.heldBytes;
    if (seen.has(section.offset)) throw new AppError('PDF_LIMIT', 'cross-reference sections that lead in a circle');
    seen.add(section.offset);
    sections.push(section);
    previous = section.trailer.entries.get('Prev');
  }
  return sections;
}

function readSection(source: ByteSource, offset: number, maxBytes: number): XrefSection {
  if (offset >= source.size) {
    throw new AppError('PDF_SHAPE_UNSUPPORTED', `broken cross-reference: byte ${offset} is past the end`);
  }
  let section: XrefSection;
  try {
    section = readXrefSection(source, offset, maxBytes);
  } catch (error) {
    if (!(error instanceof AppError) || (error.code !== 'PDF_UNREADABLE' && error.code !== 'PDF_TRUNCATED'))
      throw error;
    throw new AppError('PDF_SHAPE_UNSUPPORTED', `broken cross-reference: ${error.detail}`, { cause: error });
  }
  if (section.trailer.entries.has('XRefStm')) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'a hybrid cross-reference');
  if (section.trailer.duplicates.length > 0)
    throw new AppError('PDF_SHAPE_UNSUPPORTED', 'a trailer with a key given twice');
  return section;
}
