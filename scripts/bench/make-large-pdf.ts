/** PDFs as large as scans make them, as long as a file of evidence, and saved as often as a busy office saves. Classic tables. */
import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

const PICTURE_BYTES = 1 << 20;
const FONT = 3;

/** One revision after the other onto a file. */
class Writer {
  readonly #file: FileHandle;
  #at = 0;
  #startxref: number | null = null;
  #offsets = new Map<number, number>();
  #highest = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(part: string | Uint8Array): Promise<void> {
    const bytes = typeof part === 'string' ? Buffer.from(part, 'latin1') : part;
    await this.#file.writeFile(bytes);
    this.#at += bytes.length;
  }

  async object(number: number, ...parts: readonly (string | Uint8Array)[]): Promise<void> {
    this.#offsets.set(number, this.#at);
    this.#highest = Math.max(this.#highest, number);
    await this.write(`${number} 0 obj\n`);
    for (const part of parts) await this.write(part);
    await this.write('\nendobj\n');
  }

  async stream(number: number, dict: string, data: string | Uint8Array): Promise<void> {
    await this.object(number, `<< ${dict} /Length ${data.length} >>\nstream\n`, data, '\nendstream');
  }

  /** Ends the revision. */
  async end(): Promise<void> {
    const start = this.#at;
    const lines = [...this.#offsets]
      .toSorted(([a], [b]) => a - b)
      .map(([, offset]) => `${String(offset).padStart(10, '0')} 00000 n \n`);
    const first = Math.min(...this.#offsets.keys());
    const previous = this.#startxref === null ? '' : ` /Prev ${this.#startxref}`;
    const head =
      this.#startxref === null ? `0 ${lines.length + 1}\n0000000000 65535 f \n` : `${first} ${lines.length}\n`;
    await this.write(`xref\n${head}${lines.join('')}`);
    await this.write(`trailer\n<< /Size ${this.#highest + 1} /Root 1 0 R${previous} >>\nstartxref\n${start}\n%%EOF\n`);
    this.#startxref = start;
    this.#offsets = new Map();
  }
}

async function begin(writer: Writer, pages: readonly number[]): Promise<void> {
  await writer.write('%PDF-1.7\n%\xe2\xe3\xcf\xd3\n');
  await writer.object(1, '<< /Type /Catalog /Pages 2 0 R >>');
  const kids = pages.map((page) => `${page} 0 R`).join(' ');
  await writer.object(2, `<< /Type /Pages /Count ${pages.length} /MediaBox [0 0 595 842] /Kids [${kids}] >>`);
}

/** Writes a PDF of about `megabytes` (2^20 bytes), one incompressible picture a page. */
export async function makeLargePdf(path: string, megabytes: number): Promise<void> {
  await using file = await open(path, 'w');
  const writer = new Writer(file);
  const pages = Array.from({ length: megabytes }, (_, i) => 3 + 3 * i);
  await begin(writer, pages);
  const picture = new Uint8Array(PICTURE_BYTES);
  for (const page of pages) {
    const resources = `<< /XObject << /P ${page + 2} 0 R >> >>`;
    await writer.object(page, `<< /Type /Page /Parent 2 0 R /Contents ${page + 1} 0 R /Resources ${resources} >>`);
    await writer.stream(page + 1, '', 'q 595 0 0 842 0 0 cm /P Do Q');
    randomFillSync(picture);
    const dict = '/Type /XObject /Subtype /Image /Width 1024 /Height 1024 /ColorSpace /DeviceGray /BitsPerComponent 8';
    await writer.stream(page + 2, dict, picture);
  }
  await writer.end();
}

/** Writes a PDF of `pages` pages of text that was saved `revisions` times, the first page's text changed each time. */
export async function makeLongPdf(path: string, pages: number, revisions: number): Promise<void> {
  await using file = await open(path, 'w');
  const writer = new Writer(file);
  const numbers = Array.from({ length: pages }, (_, i) => FONT + 1 + 2 * i);
  await begin(writer, numbers);
  await writer.object(FONT, '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>');
  const content = (page: number, revision: number): string => {
    const lines = Array.from({ length: 40 }, (_, i) => `(Page ${page}, line ${i}, saved ${revision} times) Tj T*`);
    return `BT /F 11 Tf 14 TL 72 760 Td ${lines.join(' ')} ET`;
  };
  for (const [i, page] of numbers.entries()) {
    const resources = `<< /Font << /F ${FONT} 0 R >> >>`;
    await writer.object(page, `<< /Type /Page /Parent 2 0 R /Contents ${page + 1} 0 R /Resources ${resources} >>`);
    await writer.stream(page + 1, '', content(i + 1, 1));
  }
  await writer.end();
  for (let revision = 2; revision <= revisions; revision++) {
    await writer.stream(FONT + 2, '', content(1, revision));
    await writer.end();
  }
}
