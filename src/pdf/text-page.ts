/**
 * Reads the characters of a document's pages with PDFium, which runs as WebAssembly: whatever a hostile document does to it stays
 * inside its capped memory. Used in the PDF worker only, because it blocks.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { init } from '@embedpdf/pdfium';
import type { WrappedPdfiumModule } from '@embedpdf/pdfium';
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import type { PageText, TextChar } from './text-anchor.ts';

export interface TextLimits {
  /** The most memory that PDFium may ask for; it starts with 18 MB. */
  readonly memoryBytes: number;
  /** The most characters that are read from one document. */
  readonly chars: number;
}

/** What is read of a document. */
export interface TextRequest {
  /** The UserUnit of each page, in order, which PDFium does not tell; 1 where absent. */
  readonly userUnits?: readonly number[];
  /** Numbers of the pages to read, from 1; absent: all. Those that the document does not have are left out. */
  readonly pages?: readonly number[];
}

export interface DocumentText {
  /** How many pages the document has, as PDFium counts them. */
  readonly count: number;
  /** In order. */
  readonly pages: readonly PageText[];
}

const LIMITS: TextLimits = { memoryBytes: 256 * 1024 * 1024, chars: 200_000 };

const MM_PER_POINT = 25.4 / 72;
/** Whole numbers are what PDFium maps positions to: a thousandth of a millimetre each. */
const UNITS_PER_MM = 1000;
/** White space, controls and marks without a shape of their own. */
const SHAPELESS = /[\s\p{Cc}\p{Cf}]/u;

/** FPDF_GetLastError, fpdfview.h: a password is needed; the security handler is unknown. */
const PDFIUM_PASSWORD = 4;
const PDFIUM_SECURITY = 5;

/** What of Emscripten's module object is used here, beside the wrapped functions. */
interface Memory {
  /** A new view after each growth: never kept. */
  readonly HEAPU8: Uint8Array;
  readonly wasmExports: { malloc(size: number): number; free(pointer: number): void };
  addFunction(callback: (...args: number[]) => number, signature: string): number;
  getValue(pointer: number, type: 'i32' | 'float' | 'double'): number;
  setValue(pointer: number, value: number, type: 'i32'): void;
}

interface Engine {
  readonly fpdf: WrappedPdfiumModule;
  readonly memory: Memory;
  /** FPDF_FILEACCESS of the document that is read, and what reads for it. */
  readonly access: number;
  readonly file: FileAccess;
  /** 64 bytes for results. */
  readonly scratch: number;
}

/** PDFium's way to the bytes: the document is never copied as a whole. */
interface FileAccess {
  source: ByteSource | null;
  failure: Error | null;
}

/** Node has it; its types come with the browser's only. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: object };
};

interface Overrides {
  print(): void;
  printErr(): void;
  instantiateWasm(
    imports: { readonly env: { emscripten_resize_heap: (bytes: number) => boolean } },
    ready: (instance: object) => void,
  ): object;
}

/** PDFium, started at the first document and started anew after one that made it give up. */
export class TextReader {
  readonly #limits: TextLimits;
  #engine: Promise<Engine> | null = null;

  constructor(limits: Partial<TextLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /** Starts PDFium before there is a document. */
  async warm(): Promise<void> {
    await this.#start();
  }

  /**
   * The characters of the pages, as seen: after Rotate and inside CropBox. A document that needs no password to be opened is read
   * though it is encrypted.
   * @throws AppError PDF_UNREADABLE, PDF_ENCRYPTED, PDF_LIMIT.
   */
  async read(source: ByteSource, request: TextRequest = {}): Promise<DocumentText> {
    const engine = await this.#start();
    try {
      return readDocument(engine, source, request, this.#limits.chars);
    } catch (cause) {
      if (cause instanceof AppError || cause === engine.file.failure) throw cause;
      // PDFium aborts where it finds no memory; its state is lost then.
      this.#engine = null;
      throw new AppError('PDF_LIMIT', 'PDFium gave up reading the text', { cause });
    }
  }

  async #start(): Promise<Engine> {
    this.#engine ??= startEngine(this.#limits.memoryBytes);
    try {
      return await this.#engine;
    } catch (error) {
      this.#engine = null;
      throw error;
    }
  }
}

async function startEngine(memoryBytes: number): Promise<Engine> {
  const binary = await readFile(createRequire(import.meta.url).resolve('@embedpdf/pdfium/pdfium.wasm'));
  const overrides: Overrides = {
    print: () => undefined,
    printErr: () => undefined,
    instantiateWasm(imports, ready) {
      const grow = imports.env.emscripten_resize_heap;
      imports.env.emscripten_resize_heap = (bytes) => bytes >>> 0 <= memoryBytes && grow(bytes);
      const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), imports);
      ready(instance);
      return instance.exports;
    },
  };
  const fpdf = await init(overrides);
  const memory = fpdf.pdfium as unknown as Memory;
  fpdf.PDFiumExt_Init();
  const file: FileAccess = { source: null, failure: null };
  const readBlock = memory.addFunction((_param, position = 0, buffer = 0, size = 0) => {
    try {
      const bytes = file.source?.read(position >>> 0, size);
      if (bytes === undefined) return 0;
      memory.HEAPU8.set(bytes, buffer);
      return 1;
    } catch (error) {
      file.failure ??= error instanceof Error ? error : new Error(String(error));
      return 0;
    }
  }, 'iiiii');
  const access = memory.wasmExports.malloc(12);
  memory.setValue(access + 4, readBlock, 'i32');
  memory.setValue(access + 8, 0, 'i32');
  return { fpdf, memory, access, file, scratch: memory.wasmExports.malloc(64) };
}

function readDocument(
  engine: Engine,
  source: ByteSource,
  { userUnits = [], pages: wanted }: TextRequest,
  maxChars: number,
): DocumentText {
  const { fpdf, memory, access, file } = engine;
  file.source = source;
  file.failure = null;
  memory.setValue(access, source.size, 'i32');
  const document = fpdf.FPDF_LoadCustomDocument(access, '');
  try {
    if (document === 0) {
      throwFailure(file);
      throw openError(fpdf.FPDF_GetLastError());
    }
    const count = fpdf.FPDF_GetPageCount(document);
    const pages: PageText[] = [];
    let room = maxChars;
    for (let index = 0; index < count; index++) {
      if (wanted?.includes(index + 1) === false) continue;
      const page = readPage(engine, document, index, userUnits[index] ?? 1, room);
      room -= page.chars.length;
      pages.push(page);
    }
    // PDFium goes on with what it has where bytes are missing; half a page's text would put marks in wrong places.
    throwFailure(file);
    return { count, pages };
  } finally {
    if (document !== 0) fpdf.FPDF_CloseDocument(document);
    file.source = null;
  }
}

function throwFailure({ failure }: FileAccess): void {
  if (failure !== null) throw failure;
}

function openError(code: number): AppError {
  return code === PDFIUM_PASSWORD || code === PDFIUM_SECURITY
    ? new AppError('PDF_ENCRYPTED', 'it does not open without a password')
    : new AppError('PDF_UNREADABLE', `PDFium cannot open it, code ${code}`);
}

function readPage(engine: Engine, document: number, index: number, userUnit: number, room: number): PageText {
  const { fpdf } = engine;
  const page = fpdf.FPDF_LoadPage(document, index);
  if (page === 0) throw new AppError('PDF_UNREADABLE', `page ${index + 1} cannot be loaded`);
  const text = fpdf.FPDFText_LoadPage(page);
  try {
    const widthMm = fpdf.FPDF_GetPageWidthF(page) * userUnit * MM_PER_POINT;
    const heightMm = fpdf.FPDF_GetPageHeightF(page) * userUnit * MM_PER_POINT;
    const count = text === 0 ? 0 : fpdf.FPDFText_CountChars(text);
    if (count > room) throw new AppError('PDF_LIMIT', `more characters than may be read, at page ${index + 1}`);
    const chars: TextChar[] = [];
    for (let i = 0; i < count; i++) {
      const char = charAt(fpdf, text, i);
      if (char === null) continue;
      const box = boxAsSeen(engine, page, text, i, widthMm, heightMm);
      if (box !== null) chars.push({ char, ...box });
    }
    return { page: index + 1, widthMm, heightMm, chars };
  } finally {
    if (text !== 0) fpdf.FPDFText_ClosePage(text);
    fpdf.FPDF_ClosePage(page);
  }
}

/** The character as the file maps it, U+FFFD where it doesn't; null where nothing is seen. */
function charAt(fpdf: WrappedPdfiumModule, text: number, index: number): string | null {
  // Line ends and the spaces that PDFium puts between far-apart characters are not in the file.
  if (fpdf.FPDFText_IsGenerated(text, index) === 1) return null;
  const code = fpdf.FPDFText_GetUnicode(text, index);
  const surrogate = code >= 0xd800 && code <= 0xdfff;
  const char = code === 0 || code > 0x10ffff || surrogate ? '\ufffd' : String.fromCodePoint(code);
  return SHAPELESS.test(char) ? null : char;
}

/** The box that the font gives to the character, null where its middle is not on the page as seen. */
function boxAsSeen(
  { fpdf, memory, scratch }: Engine,
  page: number,
  text: number,
  index: number,
  widthMm: number,
  heightMm: number,
): Omit<TextChar, 'char'> | null {
  // FS_RECTF: left, top, right, bottom in the page's own space.
  if (!fpdf.FPDFText_GetLooseCharBox(text, index, scratch)) return null;
  const [left = 0, top = 0, right = 0, bottom = 0] = [0, 4, 8, 12].map((at) => memory.getValue(scratch + at, 'float'));
  const [x0, y0] = asSeen(left, top);
  const [x1, y1] = asSeen(right, bottom);
  const box = {
    xMm: Math.min(x0, x1),
    yMm: Math.min(y0, y1),
    widthMm: Math.abs(x1 - x0),
    heightMm: Math.abs(y1 - y0),
  };
  const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
  return x >= 0 && x <= widthMm && y >= 0 && y <= heightMm ? box : null;

  function asSeen(pageX: number, pageY: number): [number, number] {
    const [width, height] = [Math.round(widthMm * UNITS_PER_MM), Math.round(heightMm * UNITS_PER_MM)];
    fpdf.FPDF_PageToDevice(page, 0, 0, width, height, 0, pageX, pageY, scratch + 16, scratch + 20);
    return [memory.getValue(scratch + 16, 'i32') / UNITS_PER_MM, memory.getValue(scratch + 20, 'i32') / UNITS_PER_MM];
  }
}
