/** Incremental updates written by hand, right or wrong as told: what others may put behind a signed document. */
import { deflateSync } from 'node:zlib';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';

interface Entry {
  readonly kind: 'free' | 'offset' | 'compressed';
  /** Offset, or number of the object stream. */
  readonly at: number;
  /** Generation, or index in the object stream. */
  readonly index: number;
}

export class Update {
  readonly original: Uint8Array;
  readonly pdf: PdfFile;
  readonly #parts: Buffer[];
  readonly #entries = new Map<number, Entry>();
  #length: number;
  #next: number;
  #startxref = 0;

  constructor(original: Uint8Array) {
    this.original = original;
    this.pdf = openPdf(memorySource(original));
    this.#parts = [Buffer.from(original)];
    this.#length = original.length;
    this.#next = this.pdf.maxObjectNumber + 1;
  }

  get length(): number {
    return this.#length;
  }

  /** A number that is free in the document. */
  reserve(): number {
    return this.#next++;
  }

  raw(data: string | Uint8Array): this {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    return this;
  }

  object(number: number, body: string, generation = 0): this {
    this.entry(number, { kind: 'offset', at: this.#length, index: generation });
    return this.raw(`${number} ${generation} obj\n${body}\nendobj\n`);
  }

  stream(number: number, data: string | Uint8Array, dict = ''): this {
    const bytes = Buffer.from(typeof data === 'string' ? Buffer.from(data, 'latin1') : data);
    this.entry(number, { kind: 'offset', at: this.#length, index: 0 });
    this.raw(`${number} 0 obj\n<< /Length ${bytes.length} ${dict} >>\nstream\n`).raw(bytes);
    return this.raw('\nendstream\nendobj\n');
  }

  /** What the section says of an object, whatever stands there. */
  entry(number: number, entry: Entry): this {
    this.#next = Math.max(this.#next, number + 1);
    this.#entries.set(number, entry);
    return this;
  }

  free(number: number): this {
    return this.entry(number, { kind: 'free', at: 0, index: 1 });
  }

  /** An object stream. `hidden`: objects in it that no entry lists. */
  objects(number: number, bodies: ReadonlyMap<number, string>, hidden: ReadonlyMap<number, string> = new Map()): this {
    const all = [...bodies, ...hidden];
    let at = 0;
    const header = all.map(([inner, body], index) => {
      if (bodies.has(inner)) this.entry(inner, { kind: 'compressed', at: number, index });
      const pair = `${inner} ${at}`;
      at += body.length + 1;
      return pair;
    });
    const first = `${header.join(' ')}\n`;
    const data = deflateSync(Buffer.from(`${first}${all.map(([, body]) => body).join('\n')}\n`, 'latin1'));
    return this.stream(number, data, `/Type /ObjStm /N ${all.length} /First ${first.length} /Filter /FlateDecode`);
  }

  /** Ends the update with a cross-reference table (ISO 32000-2, 7.5.4). */
  table(trailer = ''): Uint8Array {
    this.#startxref = this.#length;
    const entries = this.#sorted();
    const sections = entries.map(([number, { kind, at, index }]) => {
      const [first, second] = [String(at).padStart(10, '0'), String(index).padStart(5, '0')];
      return `${number} 1\n${first} ${second} ${kind === 'free' ? 'f' : 'n'} \n`;
    });
    return this.raw(`xref\n${sections.join('')}trailer\n<< ${this.#trailer(trailer)} >>\n`).end();
  }

  /** Ends the update with a cross-reference stream (7.5.8). */
  xrefStream(trailer = ''): Uint8Array {
    const own = this.reserve();
    this.#startxref = this.#length;
    this.entry(own, { kind: 'offset', at: this.#length, index: 0 });
    const data = this.#data();
    return this.stream(own, data, `/Type /XRef /W [1 4 2] /Index [${this.#index()}] ${this.#trailer(trailer)}`).end();
  }

  /** Ends the update with a table of the plain objects and a stream of the compressed ones (7.5.8.4). */
  hybrid(trailer = ''): Uint8Array {
    const compressed = [...this.#entries].filter(([, { kind }]) => kind === 'compressed');
    const plain = [...this.#entries].filter(([, { kind }]) => kind !== 'compressed');
    this.#entries.clear();
    for (const [number, entry] of compressed) this.entry(number, entry);
    const [own, at] = [this.reserve(), this.#length];
    const [data, index] = [this.#data(), this.#index()];
    this.stream(own, data, `/Type /XRef /W [1 4 2] /Index [${index}] /Size ${this.#next}`);
    this.#entries.clear();
    for (const [number, entry] of plain) this.entry(number, entry);
    return this.entry(own, { kind: 'offset', at, index: 0 }).table(`/XRefStm ${at} ${trailer}`);
  }

  end(): Uint8Array {
    this.raw(`startxref\n${this.#startxref}\n%%EOF\n`);
    return Buffer.concat(this.#parts);
  }

  /** `more` stands first: where a key is given here too, it is that one's value that is left out. */
  #trailer(more: string): string {
    const own = { Size: `${this.#next}`, Root: `${this.pdf.catalogRef.number} 0 R`, Prev: `${this.pdf.startxref}` };
    const info = this.pdf.trailer.entries.get('Info');
    const all = { ...own, ...(typeof info === 'object' && info?.kind === 'ref' ? { Info: `${info.number} 0 R` } : {}) };
    const rest = Object.entries(all).filter(([key]) => !more.includes(`/${key} `));
    return `${more} ${rest.map(([key, value]) => `/${key} ${value}`).join(' ')}`;
  }

  #index(): string {
    return this.#sorted()
      .map(([number]) => `${number} 1`)
      .join(' ');
  }

  #data(): Buffer {
    const rows = this.#sorted().map(([, { kind, at, index }]) => {
      const row = Buffer.alloc(7);
      row.writeUInt8({ free: 0, offset: 1, compressed: 2 }[kind]);
      row.writeUInt32BE(at, 1);
      row.writeUInt16BE(index, 5);
      return row;
    });
    return Buffer.concat(rows);
  }

  #sorted(): [number, Entry][] {
    return [...this.#entries].toSorted(([a], [b]) => a - b);
  }
}
