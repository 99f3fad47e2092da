/**
 * The far side of the PDF pool: opens, reads and plans in a thread of its own, which may be killed at any moment and has seen no key.
 * Each function is a task by its name.
 */
import { AppError } from '../errors.ts';
import { outcomeOf } from '../task-pool.ts';
import type { Outcome, TaskHandler } from '../task-pool.ts';
import { appendedSource, memorySource, openFileSource, prefixSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { planDocumentTimestamp } from './document-timestamp.ts';
import { planSecurityStore, readSecurityStore } from './dss.ts';
import type { PlannedStore, SecurityStore } from './dss.ts';
import type { PageGeometry, Rotation } from './geometry.ts';
import { checkPlanned, checkStored } from './increment-check.ts';
import { requireExtendable } from './increment-draft.ts';
import { planIncrement } from './increment.ts';
import type { IncrementRequest, PlannedIncrement } from './increment.ts';
import { usePdf } from './rebuild.ts';
import { openPdf } from './revision.ts';
import type { PdfFile } from './revision.ts';
import { earlierTerms, openFields } from './signing-terms.ts';
import type { PageText } from './text-anchor.ts';
import type { DocumentText, TextReader } from './text-page.ts';

/** What a document is, as far as placing marks needs it. */
export interface PdfFacts {
  readonly bytes: number;
  /** Whether its cross-reference is broken and was put together anew: what is appended brings a complete one. */
  readonly repaired: boolean;
  /** In order, as seen. */
  readonly pages: readonly { readonly widthMm: number; readonly heightMm: number; readonly rotation: Rotation }[];
  readonly style: 'table' | 'stream';
  /** How many signature fields are signed. */
  readonly signatures: number;
  /** Names of the empty ones that may still be filled. */
  readonly openFields: readonly string[];
}

/** What a document carries of signatures and of what proves them. */
export interface SignedFacts {
  /** In the form's order; only those whose Contents and ByteRange can be read. */
  readonly signatures: readonly {
    readonly fieldName: string;
    readonly subFilter: string | null;
    /** Where its ByteRange ends. */
    readonly end: number;
    /** With the padding. */
    readonly contents: Uint8Array;
  }[];
  readonly store: SecurityStore;
}

/** The tasks, by what they take and give. `tail`: what is to follow the file, as if it did. */
export interface PdfTasks {
  inspect: { readonly task: { readonly path: string }; readonly value: PdfFacts };
  plan: {
    readonly task: { readonly path: string; readonly request: IncrementRequest; readonly random16: Uint8Array };
    readonly value: PlannedIncrement;
  };
  planStore: {
    readonly task: {
      readonly path: string;
      readonly tail: Uint8Array;
      readonly store: SecurityStore;
      readonly random16: Uint8Array;
    };
    readonly value: PlannedStore | null;
  };
  planTimestamp: {
    readonly task: {
      readonly path: string;
      readonly tail: Uint8Array;
      readonly contentsBytes: number;
      readonly random16: Uint8Array;
    };
    readonly value: PlannedIncrement;
  };
  inspectSigned: { readonly task: { readonly path: string }; readonly value: SignedFacts };
  readText: {
    readonly task: { readonly path: string; readonly pages?: readonly number[]; readonly bytes?: number };
    readonly value: readonly PageText[];
  };
  warm: { readonly task: null; readonly value: null };
}

type Handler<K extends keyof PdfTasks> = TaskHandler<PdfTasks, K>;

export const inspect: Handler<'inspect'> = ({ path }) => onFile(path, (source) => usePdf(source, facts));

export const plan: Handler<'plan'> = ({ path, request, random16 }) =>
  onFile(path, (source) => {
    const planned = usePdf(source, (pdf) => planIncrement(pdf, request, random16));
    checkPlanned(source, planned);
    return planned;
  });

export const planStore: Handler<'planStore'> = ({ path, tail, store, random16 }) =>
  onFile(path, (file) => {
    const source = appendedSource(file, tail);
    const planned = planSecurityStore(openPdf(source), store, random16);
    if (planned !== null) checkStored(source, planned);
    return planned;
  });

export const planTimestamp: Handler<'planTimestamp'> = ({ path, tail, contentsBytes, random16 }) =>
  onFile(path, (file) => {
    const source = appendedSource(file, tail);
    const planned = planDocumentTimestamp(openPdf(source), contentsBytes, random16);
    checkPlanned(source, planned);
    return planned;
  });

export const inspectSigned: Handler<'inspectSigned'> = ({ path }) =>
  onFile(path, (source) => {
    const pdf = openPdf(source);
    const signatures = pdf.signatureFields().flatMap(({ name, value }) => {
      const [, , from, after] = value?.byteRange ?? [];
      if (value?.contents === undefined || value.contents === null || from === undefined || after === undefined)
        return [];
      return { fieldName: name, subFilter: value.subFilter, end: from + after, contents: value.contents.bytes };
    });
    return { signatures, store: readSecurityStore(pdf) };
  });

export const readText: Handler<'readText'> = ({ path, pages, bytes }) =>
  onFile(path, async (file) => {
    const source = bytes === undefined ? file : prefixSource(file, bytes);
    // Refused here by its true name, before PDFium makes something of it.
    const seen = usePdf(source, geometries);
    const reader = await textReader();
    const read = await reader.read(source, {
      userUnits: seen.map(({ userUnit }) => userUnit),
      ...(pages === undefined ? {} : { pages }),
    });
    requireSamePages(seen, read);
    return read.pages;
  });

/** Compiles what planning runs through, by planning on a small document. */
export const warm: Handler<'warm'> = () =>
  outcomeOf(() => {
    const drawing = { contentFlate: new Uint8Array(0), images: {} };
    const appearance = { title: '', widthPt: 1, heightPt: 1, ink: drawing, opaque: drawing };
    const place = { page: 1, xMm: 1, yMm: 1, widthMm: 1, heightMm: 1 };
    const signature = { fieldName: null, place, appearance, signerName: '', time: new Date(0), contentsBytes: 1 };
    const request = { marks: [{ place, appearance }], signature };
    const source = memorySource(SMALLEST_PDF);
    checkPlanned(source, planIncrement(openPdf(source), request, new Uint8Array(16)));
    return null;
  });

const SMALLEST_PDF = new TextEncoder().encode(
  [
    '%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n',
    '2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n',
    '3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj\n',
    'xref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n0000000052 00000 n \n0000000101 00000 n \n',
    'trailer<</Size 4/Root 1 0 R>>\nstartxref\n162\n%%EOF\n',
  ].join(''),
);

let startedReader: Promise<TextReader> | undefined;

/** PDFium takes 30 MB: it is loaded when there is text to read. */
function textReader(): Promise<TextReader> {
  startedReader ??= import('./text-page.ts').then(({ TextReader }) => new TextReader());
  return startedReader;
}

function facts(pdf: PdfFile): PdfFacts {
  requireExtendable(pdf);
  const fields = pdf.signatureFields();
  return {
    bytes: pdf.size,
    repaired: pdf.rebuilt,
    pages: Array.from(pdf.walkPages(), (page) => {
      const { widthMm, heightMm, rotation } = pdf.geometry(page);
      return { widthMm, heightMm, rotation };
    }),
    style: pdf.style,
    signatures: fields.filter(({ value }) => value !== null).length,
    openFields: openFields(earlierTerms(pdf, fields), fields).map(({ name }) => name),
  };
}

function geometries(pdf: PdfFile): PageGeometry[] {
  return Array.from(pdf.walkPages(), (page) => pdf.geometry(page));
}

/** Floats of a few hundred millimetres, and rounding in between. */
const SAME_MM = 0.1;

/** Text is found by PDFium and marked by this reader: where they see other pages, a mark would lie beside what it is for. */
function requireSamePages(seen: readonly PageGeometry[], { count, pages }: DocumentText): void {
  const same = ({ page, widthMm, heightMm }: PageText): boolean =>
    Math.abs(widthMm - (seen[page - 1]?.widthMm ?? NaN)) < SAME_MM &&
    Math.abs(heightMm - (seen[page - 1]?.heightMm ?? NaN)) < SAME_MM;
  if (seen.length === count && pages.every(same)) return;
  throw new AppError('PDF_SHAPE_UNSUPPORTED', 'readers disagree on its pages');
}

function onFile<T>(path: string, work: (source: ByteSource) => T | Promise<T>): Promise<Outcome<T>> {
  return outcomeOf(async () => {
    using source = openFileSource(path);
    return await work(source);
  });
}
