/** A linearized PDF of two pages by hand (ISO 32000-2, Annex F): both cross-reference sections, parameters and hint tables. */
import { FONT } from './plain-page.ts';

/** Objects of the first page come last in number and first in the file (F.3). */
const PAGES = 1;
const SECOND_PAGE = 2;
const SECOND_CONTENT = 3;
const PARAMETERS = 4;
const CATALOG = 5;
const HINTS = 6;
const FIRST_PAGE = 7;
const FIRST_CONTENT = 8;
const SHARED_FONT = 9;
const SIZE = 10;

const ID = '/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]';

function page(content: number): string {
  return (
    `<< /Type /Page /Parent ${PAGES} 0 R /MediaBox [0 0 595 842] /Contents ${content} 0 R ` +
    `/Resources << /Font << /F1 ${SHARED_FONT} 0 R >> >> >>`
  );
}

function content(words: string): string {
  const data = `BT /F1 18 Tf 72 700 Td (${words}) Tj ET`;
  return `<< /Length ${data.length} >>\nstream\n${data}\nendstream`;
}

function object(number: number, body: string): string {
  return `${number} 0 obj\n${body}\nendobj\n`;
}

/** Numbers whose width is known before they are. */
function fixed(value: number): string {
  return String(value).padEnd(10);
}

function entry(offset: number): string {
  return `${String(offset).padStart(10, '0')} 00000 n \n`;
}

/** Bits, the most significant first; a value of no bits is none at all. */
class BitWriter {
  #bits = '';

  put(value: number, bits: number): this {
    if (bits > 0) this.#bits += value.toString(2).padStart(bits, '0');
    return this;
  }

  /** To the next whole byte. */
  align(): this {
    this.#bits = this.#bits.padEnd(Math.ceil(this.#bits.length / 8) * 8, '0');
    return this;
  }

  bytes(): Buffer {
    return Buffer.from(this.#bits.match(/.{8}/g)?.map((bits) => Number.parseInt(bits, 2)) ?? []);
  }
}

/** How many bits the largest of the differences to the least value takes. */
function bitsFor(values: readonly number[]): number {
  const difference = Math.max(...values) - Math.min(...values);
  return difference === 0 ? 0 : difference.toString(2).length;
}

interface Layout {
  /** Offset of the first page's page object, as if there were no hint stream. */
  readonly firstPage: number;
  /** Length of each page's objects. */
  readonly pages: readonly [number, number];
  /** Length of each object of the first page, all of which may be shared. */
  readonly shared: readonly number[];
}

/** Page offset and shared object hint tables (F.4.1, F.4.2). */
function hintTables({ firstPage, pages, shared }: Layout): { pageTable: Buffer; sharedTable: Buffer } {
  const objects = [3, 2];
  const [leastObjects, leastLength] = [Math.min(...objects), Math.min(...pages)];
  const [objectBits, lengthBits] = [bitsFor(objects), bitsFor(pages)];
  const pageTable = new BitWriter()
    .put(leastObjects, 32)
    .put(firstPage, 32)
    .put(objectBits, 16)
    .put(leastLength, 32)
    .put(lengthBits, 16)
    .put(0, 32) // content streams' offsets: readers make no use of them, and writers give what follows
    .put(0, 16)
    .put(leastLength, 32)
    .put(lengthBits, 16)
    .put(1, 16) // bits for the number of shared objects
    .put(2, 16) // bits for their identifiers
    .put(0, 16)
    .put(4, 16);
  for (const count of objects) pageTable.put(count - leastObjects, objectBits);
  pageTable.align();
  for (const length of pages) pageTable.put(length - leastLength, lengthBits);
  pageTable.align().put(0, 1).put(1, 1).align(); // the second page shares one object
  pageTable.put(2, 2).align(); // the font, third of the first page's
  for (const length of pages) pageTable.put(length - leastLength, lengthBits);
  const leastShared = Math.min(...shared);
  const sharedBits = bitsFor(shared);
  const sharedTable = new BitWriter()
    .put(0, 32) // no section of shared objects: all are in the first page's
    .put(0, 32)
    .put(shared.length, 32)
    .put(shared.length, 32)
    .put(0, 16)
    .put(leastShared, 32)
    .put(sharedBits, 16);
  for (const length of shared) sharedTable.put(length - leastShared, sharedBits);
  sharedTable.align();
  for (const _ of shared) sharedTable.put(0, 1);
  return { pageTable: pageTable.align().bytes(), sharedTable: sharedTable.align().bytes() };
}

export function linearizedPdf(): Uint8Array {
  const header = '%PDF-1.7\n%\xe2\xe3\xcf\xd3\n';
  const parameters = (l: number, h: number, hl: number, e: number, t: number): string =>
    object(
      PARAMETERS,
      `<< /Linearized 1 /L ${fixed(l)} /H [${fixed(h)} ${fixed(hl)}] /O ${FIRST_PAGE} /E ${fixed(e)} /N 2 /T ${fixed(t)} >>`,
    );
  const firstXref = (offsets: readonly number[], main: number): string =>
    `xref\n${PARAMETERS} ${SIZE - PARAMETERS}\n${offsets.map(entry).join('')}` +
    `trailer\n<< /Size ${SIZE} /Root ${CATALOG} 0 R ${ID} /Prev ${fixed(main)} >>\nstartxref\n0\n%%EOF\n`;
  const catalog = object(CATALOG, `<< /Type /Catalog /Pages ${PAGES} 0 R >>`);
  const firstPage = [
    object(FIRST_PAGE, page(FIRST_CONTENT)),
    object(FIRST_CONTENT, content('First page, linearized')),
    object(SHARED_FONT, FONT),
  ];
  const secondPage = [object(SECOND_PAGE, page(SECOND_CONTENT)), object(SECOND_CONTENT, content('Second page'))];
  const pages = object(PAGES, `<< /Type /Pages /Kids [${FIRST_PAGE} 0 R ${SECOND_PAGE} 0 R] /Count 2 >>`);

  // All lengths are known now, so all offsets are.
  const parametersAt = header.length;
  const firstXrefAt = parametersAt + parameters(0, 0, 0, 0, 0).length;
  const catalogAt =
    firstXrefAt +
    firstXref(
      Array.from({ length: SIZE - PARAMETERS }, () => 0),
      0,
    ).length;
  const hintsAt = catalogAt + catalog.length;
  const { pageTable, sharedTable } = hintTables({
    firstPage: hintsAt,
    pages: [firstPage.join('').length, secondPage.join('').length],
    shared: firstPage.map(({ length }) => length),
  });
  const tables = Buffer.concat([pageTable, sharedTable]).toString('latin1');
  const hints = object(HINTS, `<< /Length ${tables.length} /S ${pageTable.length} >>\nstream\n${tables}\nendstream`);
  const firstPageAt = hintsAt + hints.length;
  const offsets = [firstPageAt];
  for (const { length } of [...firstPage, ...secondPage, pages]) offsets.push((offsets.at(-1) ?? 0) + length);
  const [page1 = 0, content1 = 0, font = 0, page2 = 0, content2 = 0, tree = 0, mainXref = 0] = offsets;
  const mainHead = `xref\n0 ${PARAMETERS}\n`;
  const main =
    `${mainHead}0000000000 65535 f \n${entry(tree)}${entry(page2)}${entry(content2)}` +
    `trailer\n<< /Size ${PARAMETERS} ${ID} >>\nstartxref\n${firstXrefAt}\n%%EOF\n`;
  const file = [
    header,
    parameters(mainXref + main.length, hintsAt, hints.length, page2, mainXref + mainHead.length - 1),
    firstXref([parametersAt, catalogAt, hintsAt, page1, content1, font], mainXref),
    catalog,
    hints,
    ...firstPage,
    ...secondPage,
    pages,
    main,
  ];
  return Buffer.from(file.join(''), 'latin1');
}
