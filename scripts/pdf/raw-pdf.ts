/** Writes a PDF file object by object, right or wrong as told: fixtures are made of what real writers get wrong. */
import { deflateSync } from 'node:zlib';

interface Entry {
  readonly kind: 'offset' | 'compressed';
  /** Offset, or number of the object stream. */
  readonly at: number;
  /** Index in the object stream. */
  readonly index: number;
}

export interface TableOptions {
  /** Characters that end an entry; space and LF when absent. */
  readonly entryEnd?: string;
  /** Added to every offset. */
  readonly shift?: number;
  /** Numbers listed as free. */
  readonly free?: readonly number[];
}

/** Encrypts what is written: bodies of objects and data of streams. */
export interface RawCipher {
  body(number: number, generation: number, body: string): string;
  data(number: number, data: Uint8Array): Uint8Array;
}

export class RawPdf {
  readonly #cipher: RawCipher | null;
  readonly #parts: Buffer[] = [];
  readonly #entries = new Map<number, Entry>();
  #length = 0;
  #startxref = 0;

  constructor(header = '%PDF-1.7\n%\xe2\xe3\xcf\xd3\n', cipher: RawCipher | null = null) {
    this.#cipher = cipher;
    this.raw(header);
  }

  get length(): number {
    return this.#length;
  }

  /** Offset of the newest cross-reference section. */
  get startxref(): number {
    return this.#startxref;
  }

  raw(data: string | Uint8Array): this {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  object(number: number, body: string, generation = 0): this {
    return this.clearObject(number, this.#cipher?.body(number, generation, body) ?? body, generation);
  }

  /** An object that is not encrypted, whatever the file. */
  clearObject(number: number, body: string, generation = 0): this {
    this.#entries.set(number, { kind: 'offset', at: this.#length, index: generation });
    return this.raw(`${number} ${generation} obj\n${body}\nendobj\n`);
  }

  /** `dict`: entries beside /Length, which may give another one. */
  stream(number: number, data: string | Uint8Array, dict = '', length?: string): this {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data;
    const written = this.#cipher?.data(number, bytes) ?? bytes;
    const body = `<< /Length ${length ?? written.length} ${dict} >>`;
    return this.clearStream(number, written, this.#cipher?.body(number, 0, body) ?? body);
  }

  /** A stream that is not encrypted, whatever the file. `dict`: all of the dictionary. */
  clearStream(number: number, data: string | Uint8Array, dict: string): this {
    this.#entries.set(number, { kind: 'offset', at: this.#length, index: 0 });
    return this.raw(`${number} 0 obj\n${dict}\nstream\n`).raw(data).raw('\nendstream\nendobj\n');
  }

  /** An object stream (ISO 32000-2, 7.5.7). */
  objects(number: number, bodies: ReadonlyMap<number, string>): this {
    const numbers = [...bodies.keys()];
    let at = 0;
    const header = numbers.map((inner, index) => {
      this.#entries.set(inner, { kind: 'compressed', at: number, index });
      const pair = `${inner} ${at}`;
      at += (bodies.get(inner) ?? '').length + 1;
      return pair;
    });
    const first = `${header.join(' ')}\n`;
    const data = deflateSync(Buffer.from(`${first}${[...bodies.values()].join('\n')}\n`, 'latin1'));
    return this.stream(number, data, `/Type /ObjStm /N ${numbers.length} /First ${first.length} /Filter /FlateDecode`);
  }

  /** Lists what was written since the last section (7.5.4). */
  table(trailer: string, { entryEnd = ' \n', shift = 0, free = [] }: TableOptions = {}): this {
    const first = this.#startxref === 0;
    this.#startxref = this.#length;
    this.raw('xref\n');
    const lines = this.#sorted().map(([number, { at, index }]) => {
      const offset = String(at + shift).padStart(10, '0');
      return { number, line: `${offset} ${String(index).padStart(5, '0')} n${entryEnd}` };
    });
    if (first) lines.unshift({ number: 0, line: `0000000000 65535 f${entryEnd}` });
    for (const number of free) lines.push({ number, line: `0000000000 00000 f${entryEnd}` });
    lines.sort((a, b) => a.number - b.number);
    if (lines.length === 0) this.raw('0 0\n');
    for (const [i, { number, line }] of lines.entries()) {
      if (lines[i - 1]?.number !== number - 1) {
        const end = lines.findIndex((_, j) => j >= i && lines[j + 1]?.number !== (lines[j]?.number ?? 0) + 1);
        this.raw(`${number} ${end - i + 1}\n`);
      }
      this.raw(line);
    }
    this.#entries.clear();
    return this.raw(`trailer\n<< ${trailer} >>\n`);
  }

  /**
   * The same as a stream (7.5.8), with the PNG predictor that most writers use. `hidden`: of these and itself only, for a trailer to name
   * it by XRefStm (7.5.8.4).
   */
  xrefStream(number: number, trailer: string, hidden?: readonly number[]): this {
    if (hidden === undefined) this.#startxref = this.#length;
    this.#entries.set(number, { kind: 'offset', at: this.#length, index: 0 });
    const sorted = this.#sorted().filter(([inner]) => inner === number || hidden?.includes(inner) !== false);
    const width = this.#length > 0xff_ffff ? 4 : 3;
    const rows = sorted.map(([, { kind, at, index }]) => {
      const offset = Array.from({ length: width }, (_, i) => (at >> (8 * (width - 1 - i))) & 0xff);
      return [kind === 'offset' ? 1 : 2, ...offset, index];
    });
    const differences = rows.map((row, i) => [2, ...row.map((value, j) => (value - (rows[i - 1]?.[j] ?? 0)) & 0xff)]);
    const index = sorted.map(([inner]) => `${inner} 1`).join(' ');
    const parms = `/DecodeParms << /Predictor 12 /Columns ${width + 2} >>`;
    const dict = `/Type /XRef /W [1 ${width} 1] /Index [${index}] /Filter /FlateDecode ${parms} ${trailer}`;
    const data = deflateSync(Uint8Array.from(differences.flat()));
    this.clearStream(number, data, `<< /Length ${data.length} ${dict} >>`);
    for (const [inner] of sorted) this.#entries.delete(inner);
    return this;
  }

  end(startxref = this.#startxref): this {
    return this.raw(`startxref\n${startxref}\n%%EOF\n`);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #sorted(): [number, Entry][] {
    return [...this.#entries].toSorted(([a], [b]) => a - b);
  }
}
