/** Sets an agreement as a committee's own office would: title, paragraphs, the block to sign, page numbers. Points, y downwards. */
import {
  beginText,
  concatTransformationMatrix,
  endText,
  lineTo,
  moveText,
  moveTo,
  popGraphicsState,
  pushGraphicsState,
  setFontAndSize,
  setLineWidth,
  showText,
  stroke,
} from 'pdf-lib';
import type { PDFOperator } from 'pdf-lib';
import { fontName } from './font-subset.ts';
import type { FontSubset, Weight } from './font-subset.ts';
import { COMMITTEE, DATE, MEDIATOR_LABEL, NUMBER, RECORDER_LABEL, TITLE, partyLabel } from './text.ts';
import type { Person } from './text.ts';

export const MM = 72 / 25.4;
export const A4 = { width: 210 * MM, height: 297 * MM } as const;
const MARGIN = { left: 28 * MM, right: 26 * MM, top: 26 * MM, bottom: 27 * MM } as const;
const LINE_WIDTH = A4.width - MARGIN.left - MARGIN.right;
const FOOT = A4.height - 15 * MM;

/** What is kept on one line: a number with its sign, a Latin word, or one character. */
const WORD = /[¥\w.,-]+|./gsu;
/** May not begin a line. */
const CLOSING = '，。、；：！？）》”’';
/** May not end a line. */
const OPENING = '（《“‘';

export interface Design {
  readonly parties: readonly Person[];
  readonly paragraphs: readonly string[];
  readonly size: number;
  readonly leading: number;
  readonly block: {
    /** Parties beside each other on a line. */
    readonly columns: 1 | 2;
    /** What follows a label: the printed name, room, underscores, or a drawn rule. */
    readonly after: 'name' | 'room' | 'underscores' | 'rule';
    /** Between two lines to sign. */
    readonly pitch: number;
    /** Ends the page after so many of the parties' lines. */
    readonly breakAfter?: number;
  };
  /** Draws each line in pieces of two characters, the last piece first. */
  readonly scattered: boolean;
}

export interface Fonts {
  readonly regular: FontSubset;
  readonly bold: FontSubset;
}

/** The operators of each page, in points with the origin at the page's lower left corner. */
export function typeset(design: Design, fonts: Fonts): PDFOperator[][] {
  const sheet = new Sheet(design, fonts);
  sheet.title();
  for (const { description } of design.parties) sheet.paragraph(description, false);
  for (const text of design.paragraphs.slice(0, -2)) sheet.paragraph(text, true);
  // Nobody signs a page without a line of the agreement on it.
  if (design.block.breakAfter === undefined) sheet.keepTogether(sheet.blockHeight + 4 * design.leading);
  for (const text of design.paragraphs.slice(-2)) sheet.paragraph(text, true);
  sheet.block();
  return sheet.finish();
}

class Sheet {
  readonly #design: Design;
  readonly #fonts: Fonts;
  readonly #pages: PDFOperator[][] = [[]];
  /** Baseline of the line set last. */
  #y: number = MARGIN.top;

  constructor(design: Design, fonts: Fonts) {
    this.#design = design;
    this.#fonts = fonts;
  }

  title(): void {
    this.#y += 24;
    this.#text(TITLE, (A4.width - this.#width(TITLE, 22, 700)) / 2, 22, 700);
    this.#advance(this.#design.leading * 1.5);
    this.#text(NUMBER, A4.width - MARGIN.right - this.#width(NUMBER));
    this.#advance(this.#design.leading * 0.3);
  }

  paragraph(text: string, indented: boolean): void {
    let line = indented ? '\u3000\u3000' : '';
    for (const [word] of text.matchAll(WORD)) {
      const wide = this.#width(line + word) > LINE_WIDTH;
      // A closing mark hangs into the margin rather than begin a line.
      if (wide && !CLOSING.includes(word)) {
        const carried = OPENING.includes(line.slice(-1)) ? line.slice(-1) : '';
        this.#line(line.slice(0, line.length - carried.length));
        line = carried;
      }
      line += word;
    }
    this.#line(line);
  }

  get blockHeight(): number {
    const { parties, block } = this.#design;
    return Math.ceil(parties.length / block.columns) * block.pitch + 50 * MM;
  }

  block(): void {
    const { parties, block, leading } = this.#design;
    const rows: Person[][] = [];
    for (let at = 0; at < parties.length; at += block.columns) rows.push(parties.slice(at, at + block.columns));
    this.#advance(leading * 0.4);
    for (const [i, row] of rows.entries()) {
      if (i > 0 && i === block.breakAfter) this.#newPage();
      this.#advance(i === 0 ? leading * 1.2 : block.pitch);
      for (const [column, person] of row.entries()) {
        this.#toSign(partyLabel(person), person.name, MARGIN.left + (column * LINE_WIDTH) / block.columns);
      }
    }
    this.#advance(Math.max(block.pitch, 16 * MM));
    this.#toSign(MEDIATOR_LABEL, null, MARGIN.left);
    this.#toSign(RECORDER_LABEL, null, MARGIN.left + LINE_WIDTH * 0.56);
    this.#advance(17 * MM);
    const right = A4.width - MARGIN.right;
    const width = this.#width(COMMITTEE);
    this.#text(COMMITTEE, right - width);
    this.#advance(11 * MM);
    this.#text(DATE, right - (width + this.#width(DATE)) / 2);
  }

  finish(): PDFOperator[][] {
    const count = this.#pages.length;
    return this.#pages.map((page, i) => {
      const text = `第 ${i + 1} 页 共 ${count} 页`;
      return [...page, ...this.#run(text, (A4.width - this.#width(text, 10)) / 2, FOOT, 10, 400)];
    });
  }

  #toSign(label: string, name: string | null, x: number): void {
    const { after } = this.#design.block;
    const room = x + this.#width(label);
    const underscores = '________';
    if (after === 'underscores') return this.#text(label + underscores, x);
    this.#text(label, x);
    if (after === 'name' && name !== null) this.#text(name, room + 1);
    if (after === 'rule') {
      const y = A4.height - this.#y - 3;
      this.#page.push(
        setLineWidth(0.6),
        moveTo(room, y),
        lineTo(Math.min(room + 40 * MM, A4.width - MARGIN.right), y),
        stroke(),
      );
    }
  }

  #line(text: string): void {
    this.#advance(this.#design.leading);
    this.#text(text, MARGIN.left);
  }

  #advance(by: number): void {
    this.#y += by;
    if (this.#y > A4.height - MARGIN.bottom) this.#newPage();
  }

  /** Begins a new page unless so much fits below. */
  keepTogether(height: number): void {
    if (this.#y + height <= A4.height - MARGIN.bottom) return;
    this.#newPage();
  }

  #newPage(): void {
    this.#pages.push([]);
    this.#y = MARGIN.top + this.#design.size;
  }

  get #page(): PDFOperator[] {
    const page = this.#pages.at(-1);
    if (page === undefined) throw new RangeError('there is always a page');
    return page;
  }

  #width(text: string, size = this.#design.size, weight: Weight = 400): number {
    return this.#font(weight).width(text) * size;
  }

  #font(weight: Weight): FontSubset {
    return weight === 700 ? this.#fonts.bold : this.#fonts.regular;
  }

  #text(text: string, x: number, size = this.#design.size, weight: Weight = 400): void {
    if (!this.#design.scattered) {
      this.#page.push(...this.#run(text, x, this.#y, size, weight));
      return;
    }
    const pieces: PDFOperator[][] = [];
    let at = x;
    for (const piece of text.match(/.{1,2}/gsu) ?? []) {
      pieces.unshift(this.#run(piece, at, this.#y, size, weight));
      at += this.#width(piece, size, weight);
    }
    this.#page.push(...pieces.flat());
  }

  #run(text: string, x: number, y: number, size: number, weight: Weight): PDFOperator[] {
    return [
      beginText(),
      setFontAndSize(fontName(weight), size),
      moveText(round(x), round(A4.height - y)),
      showText(this.#font(weight).encode(text)),
      endText(),
    ];
  }
}

/** The page's operators as seen upright when the page itself lies otherwise in its user space. */
export function laid(
  operators: readonly PDFOperator[],
  matrix: readonly [number, number, number, number, number, number],
): PDFOperator[] {
  return [pushGraphicsState(), concatTransformationMatrix(...matrix), ...operators, popGraphicsState()];
}

function round(points: number): number {
  return Math.round(points * 100) / 100;
}
