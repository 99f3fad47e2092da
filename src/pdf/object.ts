/** The objects of ISO 32000-2, 7.3, as plain values. Strict where pdf-lib's own model is lenient, and it knows where things stood. */
import { latin1Bytes } from '../bytes.ts';
import { AppError } from '../errors.ts';

export type PdfObject = null | boolean | number | PdfName | PdfString | PdfArray | PdfDict | PdfRef | PdfStream;

/** `value` holds the name's bytes as Latin-1 characters, `#xx` resolved, without the slash. */
export interface PdfName {
  readonly kind: 'name';
  readonly value: string;
}

export interface PdfString {
  readonly kind: 'string';
  readonly bytes: Uint8Array;
  /** Written as `<hex>` rather than `(literal)`. */
  readonly hex: boolean;
  /**
   * Where it stood in the file, delimiters included: `start` is the offset of `<` or `(`, `end` of the byte after `>` or `)`.
   * Absent for strings of object streams and for those made in memory.
   */
  readonly span?: { readonly start: number; readonly end: number };
  /**
   * Of a string that was decrypted though it had not been encrypted by the rules: the bytes in the file, and the object that they are in.
   * Readers disagree on what it says; only there, and unchanged, it goes on saying that.
   */
  readonly irregular?: { readonly bytes: Uint8Array; readonly ref: PdfRef };
}

export interface PdfArray {
  readonly kind: 'array';
  readonly items: readonly PdfObject[];
}

export interface PdfDict {
  readonly kind: 'dict';
  readonly entries: ReadonlyMap<string, PdfObject>;
  /** Keys that were written more than once. Readers disagree on which value counts; `entries` has the last. */
  readonly duplicates: readonly string[];
}

export interface PdfRef {
  readonly kind: 'ref';
  readonly number: number;
  readonly generation: number;
}

/** A stream of the file: its data stay there. */
export interface PdfStream {
  readonly kind: 'stream';
  /** The object that it is: what its data are encrypted with depends on that. */
  readonly ref: PdfRef;
  readonly dict: PdfDict;
  /** Offset of the first byte of data. */
  readonly dataOffset: number;
}

export function pdfName(value: string): PdfName {
  return { kind: 'name', value };
}

export function pdfRef(number: number, generation = 0): PdfRef {
  return { kind: 'ref', number, generation };
}

export function pdfArray(items: readonly PdfObject[]): PdfArray {
  return { kind: 'array', items };
}

export function pdfDict(entries: ReadonlyMap<string, PdfObject> | Readonly<Record<string, PdfObject>>): PdfDict {
  return { kind: 'dict', entries: entries instanceof Map ? entries : new Map(Object.entries(entries)), duplicates: [] };
}

/** A text string (7.9.2.2): literal where it is plain ASCII, else UTF-16BE with its byte order mark. */
export function pdfText(text: string): PdfString {
  if (/^[\x20-\x7e]*$/.test(text)) return { kind: 'string', bytes: latin1Bytes(text), hex: false };
  const bytes = new Uint8Array(2 + 2 * text.length);
  bytes.set([0xfe, 0xff]);
  for (let i = 0; i < text.length; i++) {
    bytes[2 + 2 * i] = text.charCodeAt(i) >> 8;
    bytes[3 + 2 * i] = text.charCodeAt(i) & 0xff;
  }
  return { kind: 'string', bytes, hex: true };
}

type Kinds = { name: PdfName; string: PdfString; array: PdfArray; dict: PdfDict; ref: PdfRef; stream: PdfStream };

/** Whether `object` is of `kind`; the kinds without one (null, booleans, numbers) are told apart by `typeof`. */
export function isKind<K extends keyof Kinds>(object: PdfObject | undefined, kind: K): object is Kinds[K] {
  return typeof object === 'object' && object !== null && object.kind === kind;
}

export function isName(object: PdfObject | undefined, value: string): boolean {
  return isKind(object, 'name') && object.value === value;
}

/** PDFDocEncoding where it differs from Latin-1: ISO 32000-2, D.3, codes 0x18-0x1f and 0x80-0xa0. */
const DOC_ENCODING: Readonly<Record<number, string>> = Object.fromEntries([
  ...Array.from('˘ˇˆ˙˝˛˚˜', (char, i) => [0x18 + i, char] as const),
  ...Array.from('•†‡…—–ƒ⁄‹›−‰„“”‘’‚™ﬁﬂŁŒŠŸŽıłœšž\ufffd€', (char, i) => [0x80 + i, char] as const),
]);

/** The text of a text string (7.9.2.2): UTF-16BE or UTF-8 by their byte order mark, else PDFDocEncoding. */
export function textOf(string: PdfString): string {
  const { bytes } = string;
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes.subarray(2));
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return new TextDecoder().decode(bytes.subarray(3));
  return Array.from(bytes, (byte) => DOC_ENCODING[byte] ?? String.fromCharCode(byte)).join('');
}

function serializeName(value: string): string {
  const escaped = value.replaceAll(
    /[^!-~]|[#()<>[\]{}/%]/g,
    (char) => `#${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `/${escaped}`;
}

function serializeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} is not a PDF number`);
  if (Number.isInteger(value)) return BigInt(value).toString();
  const text = String(value);
  return text.includes('e') ? value.toFixed(20).replace(/\.?0+$/, '') : text;
}

const LITERAL_ESCAPES: Readonly<Record<string, string>> = {
  '\r': '\\r',
  '\n': '\\n',
  '(': '\\(',
  ')': '\\)',
  '\\': '\\\\',
};

function serializeString({ bytes, hex }: PdfString): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (hex) return `<${text.toString('hex')}>`;
  return `(${text.toString('latin1').replaceAll(/[\r\n()\\]/g, (char) => LITERAL_ESCAPES[char] ?? char)})`;
}

/** The object as it is written in a file, one Latin-1 character a byte. Streams are not: their data live elsewhere. */
export function serialize(object: PdfObject): string {
  if (object === null) return 'null';
  if (typeof object === 'boolean') return String(object);
  if (typeof object === 'number') return serializeNumber(object);
  switch (object.kind) {
    case 'name':
      return serializeName(object.value);
    case 'string':
      return serializeString(object);
    case 'ref':
      return `${object.number} ${object.generation} R`;
    case 'array':
      return `[${object.items.map(serialize).join(' ')}]`;
    case 'dict':
      return `<<${Array.from(object.entries, ([key, value]) => ` ${serializeName(key)} ${serialize(value)}`).join('')} >>`;
    case 'stream':
      throw new AppError('INTERNAL', 'a stream cannot be written as a value');
  }
}
