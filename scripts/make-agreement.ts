/** Makes the fixture agreements and signatures: the same bytes on every machine. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PDFDocument, PDFHexString, PDFName, PDFNumber } from 'pdf-lib';
import type { PDFOperator } from 'pdf-lib';
import type { Font } from 'fontkit';
import { FontSubset, fontName, openFont } from './agreement/font-subset.ts';
import { signaturePng } from './agreement/handwriting.ts';
import { body, parties } from './agreement/text.ts';
import { A4, MM, laid, typeset } from './agreement/typeset.ts';
import type { Design } from './agreement/typeset.ts';

type Turn = 0 | 90 | 180 | 270;

interface Fixture {
  readonly name: string;
  readonly design: Design;
  /** Object streams and a cross-reference stream instead of the classic table. */
  readonly compact?: boolean;
  /** /Rotate of each page, repeated; what is seen stays upright. */
  readonly turns?: readonly Turn[];
  /** A MediaBox larger than what is seen, and a CropBox inside it. */
  readonly cropped?: boolean;
}

const BASE: Design = {
  parties: parties(3),
  paragraphs: body(3, 8),
  size: 14,
  leading: 26,
  block: { columns: 1, after: 'name', pitch: 20 * MM },
  scattered: false,
};

const FIXTURES: readonly Fixture[] = [
  { name: 'three-parties', design: BASE },
  { name: 'three-parties-compact', design: BASE, compact: true },
  {
    name: 'one-page',
    design: {
      ...BASE,
      parties: parties(2),
      paragraphs: body(2, 0),
      size: 10.5,
      leading: 20,
      block: { columns: 2, after: 'underscores', pitch: 16 * MM },
    },
  },
  {
    name: 'two-parties',
    design: {
      ...BASE,
      parties: parties(2),
      paragraphs: body(2, 2),
      block: { columns: 1, after: 'room', pitch: 12 * MM },
    },
    compact: true,
  },
  {
    name: 'six-parties',
    design: {
      ...BASE,
      parties: parties(6),
      paragraphs: body(6, 19),
      block: { columns: 1, after: 'name', pitch: 10 * MM },
    },
  },
  {
    name: 'split-runs',
    design: {
      ...BASE,
      parties: parties(2),
      paragraphs: body(2, 1),
      block: { ...BASE.block, after: 'rule' },
      scattered: true,
    },
  },
  {
    name: 'page-break',
    design: {
      ...BASE,
      paragraphs: body(3, 0),
      block: { columns: 1, after: 'rule', pitch: 20 * MM, breakAfter: 2 },
    },
  },
  { name: 'rotated', design: { ...BASE, parties: parties(2), paragraphs: body(2, 1) }, turns: [90, 270] },
  { name: 'upside-down', design: { ...BASE, parties: parties(2), paragraphs: body(2, 1) }, turns: [180] },
  {
    name: 'cropped',
    design: { ...BASE, parties: parties(2), paragraphs: body(2, 1), block: { ...BASE.block, after: 'rule' } },
    cropped: true,
    compact: true,
  },
];

/** Who signs instead of giving a print, and the mediator. */
const SIGNATURES = { 'signature-party': '丙某', 'signature-mediator': '文某' } as const;

/** Writes every fixture into `folder` and gives the names of the files. */
export async function makeAgreements(folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const fonts = { regular: openFont(400), bold: openFont(700) };
  const names: string[] = [];
  for (const fixture of FIXTURES) {
    names.push(`${fixture.name}.pdf`);
    writeFileSync(join(folder, `${fixture.name}.pdf`), await makePdf(fixture, fonts));
  }
  for (const [name, text] of Object.entries(SIGNATURES)) {
    names.push(`${name}.png`);
    writeFileSync(join(folder, `${name}.png`), signaturePng(text));
  }
  return names;
}

async function makePdf(fixture: Fixture, fonts: { regular: Font; bold: Font }): Promise<Uint8Array> {
  const document = await PDFDocument.create({ updateMetadata: false });
  const { context } = document;
  document.setTitle('人民调解协议书');
  document.setProducer('zhiyin scripts/make-agreement.ts');
  document.setCreationDate(new Date('2023-06-15T02:00:00Z'));
  const subsets = {
    regular: new FontSubset(fonts.regular, 'NotoSerifSC-Regular'),
    bold: new FontSubset(fonts.bold, 'NotoSerifSC-Bold'),
  };
  const refs = { regular: context.nextRef(), bold: context.nextRef() };
  for (const [i, operators] of typeset(fixture.design, subsets).entries()) {
    const turn = fixture.turns?.[i % fixture.turns.length] ?? 0;
    addPage(document, operators, turn, fixture.cropped ?? false, refs);
  }
  subsets.regular.embed(context, refs.regular);
  subsets.bold.embed(context, refs.bold);
  const id = PDFHexString.of(createHash('sha256').update(fixture.name).digest('hex').slice(0, 32));
  context.trailerInfo.ID = context.obj([id, id]);
  return document.save({ useObjectStreams: fixture.compact ?? false, updateFieldAppearances: false });
}

function addPage(
  document: PDFDocument,
  operators: readonly PDFOperator[],
  turn: Turn,
  cropped: boolean,
  fonts: {
    readonly regular: ReturnType<PDFDocument['context']['nextRef']>;
    readonly bold: ReturnType<PDFDocument['context']['nextRef']>;
  },
): void {
  const { context } = document;
  const { width, height } = A4;
  const [wide, high] = turn % 180 === 0 ? [width, height] : [height, width];
  const page = document.addPage([wide, high]);
  let content: readonly PDFOperator[] = operators;
  if (turn !== 0) {
    page.node.set(PDFName.of('Rotate'), PDFNumber.of(turn));
    content = laid(operators, TURNED[turn]);
  }
  if (cropped) {
    page.setMediaBox(-20, -30, width + 60, height + 80);
    page.setCropBox(11, 17, width, height);
    content = laid(operators, [1, 0, 0, 1, 11, 17]);
  }
  const dictionary = context.obj({});
  dictionary.set(fontName(400), fonts.regular);
  dictionary.set(fontName(700), fonts.bold);
  page.node.set(PDFName.of('Resources'), context.obj({ Font: dictionary }));
  page.node.set(PDFName.of('Contents'), context.register(context.flateStream(content.map(String).join('\n'))));
}

/** From the page as seen to the user space of a page that is turned clockwise for display. */
const TURNED = {
  90: [0, 1, -1, 0, A4.height, 0],
  180: [-1, 0, 0, -1, A4.width, A4.height],
  270: [0, -1, 1, 0, 0, A4.width],
} as const satisfies Record<Exclude<Turn, 0>, readonly number[]>;
