/**
 * What an increment to a PDF/A document must keep, checked on the objects that it added or changed: no replacement for a validator of the
 * whole document, and independent of the code that writes. Clauses are of ISO 19005-1 (part 1) and ISO 19005-2 (2 and later).
 */
import { memorySource } from '../../src/pdf/byte-source.ts';
import { isKind, isName, pdfRef } from '../../src/pdf/object.ts';
import type { PdfDict, PdfObject, PdfStream } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';

export interface PdfaDocument {
  readonly part: 1 | 2 | 3;
  /** Components of the output intent's profile; null where there is none. */
  readonly intent: 1 | 3 | 4 | null;
}

/** Of ISO 32000-1, 11.3.5. */
const BLEND_MODES = new Set(
  'Normal Compatible Multiply Screen Overlay Darken Lighten ColorDodge ColorBurn HardLight SoftLight Difference Exclusion Hue Saturation Color Luminosity'.split(
    ' ',
  ),
);
const DEVICE_COMPONENTS: Readonly<Record<string, number>> = { DeviceGray: 1, DeviceRGB: 3, DeviceCMYK: 4 };
/** Operators of PDF 1.4 that need a font, a shading or a picture inside the content: nothing that is drawn here needs one. */
const OPERATORS = new Set(
  'q Q cm w J j M d gs m l c v y h re W W* n S s f f* B B* b b* cs CS sc SC Do BMC EMC'.split(' '),
);

/** Every breach, as a sentence with the object's number; none is what is wanted. */
export function pdfaFaults(bytes: Uint8Array, { part, intent }: PdfaDocument): string[] {
  const pdf = openPdf(memorySource(bytes));
  const faults: string[] = [];
  if (part === 1 && pdf.style === 'stream') faults.push('6.1.4: a cross-reference stream');
  if (!isKind(pdf.get(pdf.trailer, 'ID'), 'array')) faults.push('6.1.3: no /ID');
  const form = pdf.form();
  if (form !== null && pdf.get(form, 'NeedAppearances') === true) faults.push('6.9: /NeedAppearances');
  for (const [number] of pdf.sections[0]?.entries() ?? []) {
    const object = pdf.getObject(pdfRef(number));
    const fault = (words: string): void => void faults.push(`object ${number}: ${words}`);
    limits(object, part, fault);
    if (isKind(object, 'stream')) stream(pdf, object, { part, intent }, fault);
    if (isKind(object, 'dict') && isName(pdf.get(object, 'Type'), 'Annot')) annotation(pdf, object, part, fault);
    if (isKind(object, 'dict') && isName(pdf.get(object, 'Type'), 'Page')) {
      for (const entry of ['AA', 'PresSteps']) if (object.entries.has(entry)) fault(`/${entry}`);
      resources(pdf, pdf.get(object, 'Resources'), { part, intent }, fault);
    }
  }
  return faults;
}

type Fault = (words: string) => void;

/** Part 1, 6.1.12; ISO 32000-1, Annex C: what is written in numbers and lengths. */
function limits(object: PdfObject, part: number, fault: Fault): void {
  if (typeof object === 'number') {
    if (Number.isInteger(object) ? Math.abs(object) > 2 ** 31 - 1 : part === 1 && Math.abs(object) > 32767) {
      fault(`6.1.12: number ${object}`);
    }
  } else if (isKind(object, 'name')) {
    if (object.value.length > 127) fault('6.1.12: a long name');
  } else if (isKind(object, 'string')) {
    if (object.bytes.length > (part === 1 ? 65535 : 32767)) fault(`6.1.12: a string of ${object.bytes.length} bytes`);
  } else if (isKind(object, 'array')) {
    if (part === 1 && object.items.length > 8191) fault('6.1.12: a long array');
    for (const item of object.items) limits(item, part, fault);
  } else if (isKind(object, 'dict') || isKind(object, 'stream')) {
    const dict = isKind(object, 'dict') ? object : object.dict;
    if (part === 1 && dict.entries.size > 4095) fault('6.1.12: a large dictionary');
    for (const [key, value] of dict.entries) {
      limits({ kind: 'name', value: key }, part, fault);
      limits(value, part, fault);
    }
  }
}

function stream(pdf: PdfFile, { dict, ...rest }: PdfStream, document: PdfaDocument, fault: Fault): void {
  const filter = pdf.get(dict, 'Filter');
  if (filter !== null && !isName(filter, 'FlateDecode')) fault('6.1.10: a filter other than FlateDecode');
  for (const key of ['F', 'FFilter', 'FDecodeParms']) if (dict.entries.has(key)) fault(`6.1.7: /${key}`);
  const subtype = pdf.get(dict, 'Subtype');
  if (isName(subtype, 'Image')) image(pdf, dict, document, fault);
  else if (isName(subtype, 'Form')) {
    for (const key of ['OPI', 'PS', 'Ref', 'Subtype2']) if (dict.entries.has(key)) fault(`6.2.5: /${key}`);
    group(pdf, dict, document, fault);
    resources(pdf, pdf.get(dict, 'Resources'), document, fault);
  }
  if (isName(subtype, 'Form') || subtype === null) content(pdf, { dict, ...rest }, fault);
}

/** 6.2.4, 6.4; part 2, 6.2.8 */
function image(pdf: PdfFile, dict: PdfDict, document: PdfaDocument, fault: Fault): void {
  for (const key of ['Alternates', 'OPI']) if (dict.entries.has(key)) fault(`6.2.4: /${key}`);
  if (pdf.get(dict, 'Interpolate') === true) fault('6.2.4: /Interpolate');
  const mask = pdf.get(dict, 'SMask');
  if (document.part === 1 && mask !== null) fault('6.4: /SMask');
  if (pdf.get(dict, 'ImageMask') === true) {
    if (pdf.get(dict, 'BitsPerComponent') !== 1 || dict.entries.has('ColorSpace'))
      fault('8.9.6.2: a stencil of colours');
    return;
  }
  if (isMaskOf(pdf, dict)) return;
  colorSpace(pdf, pdf.get(dict, 'ColorSpace'), document, fault);
}

/** Whether some picture of the increment has it for its soft mask, whose DeviceGray is no colour. */
function isMaskOf(pdf: PdfFile, dict: PdfDict): boolean {
  return Array.from(pdf.sections[0]?.entries() ?? []).some(([number]) => {
    const other = pdf.getObject(pdfRef(number));
    const mask = isKind(other, 'stream') ? pdf.get(other.dict, 'SMask') : null;
    return isKind(mask, 'stream') && mask.dict === dict;
  });
}

/** 6.2.3.3; part 2, 6.2.4.3: device colours mean what the output intent's profile makes of them. */
function colorSpace(pdf: PdfFile, space: PdfObject, document: PdfaDocument, fault: Fault): void {
  if (isKind(space, 'name')) {
    const components = DEVICE_COMPONENTS[space.value];
    if (components === undefined) fault(`an unknown colour space ${space.value}`);
    else if (document.intent === null || (components !== 1 && components !== document.intent)) {
      fault(`6.2.3.3: ${space.value} without an intent of its kind`);
    }
    return;
  }
  const [family, base] = isKind(space, 'array') ? space.items : [];
  if (isName(family, 'Indexed')) colorSpace(pdf, pdf.resolve(base), document, fault);
  else if (!isName(family, 'CalRGB') && !isName(family, 'CalGray') && !isName(family, 'ICCBased')) {
    fault('an unknown colour space');
  }
}

/** 6.4; part 2, 6.2.10 */
function group(pdf: PdfFile, dict: PdfDict, document: PdfaDocument, fault: Fault): void {
  const found = pdf.get(dict, 'Group');
  if (!isKind(found, 'dict') || !isName(pdf.get(found, 'S'), 'Transparency')) return;
  if (document.part === 1) fault('6.4: a transparency group');
  else if (document.intent === null) fault('6.2.10: transparency on a page without a blending colour space');
  const space = pdf.get(found, 'CS');
  if (space !== null) colorSpace(pdf, space, document, fault);
}

function resources(pdf: PdfFile, found: PdfObject, document: PdfaDocument, fault: Fault): void {
  if (!isKind(found, 'dict')) return;
  for (const name of ['Font', 'Shading', 'Pattern', 'Properties']) {
    const category = pdf.get(found, name);
    if (isKind(category, 'dict') && isAdded(pdf, category)) fault(`a /${name} that nothing here draws`);
  }
  for (const [, entry] of entriesOf(pdf, found, 'ColorSpace')) colorSpace(pdf, entry, document, fault);
  for (const [, entry] of entriesOf(pdf, found, 'ExtGState')) {
    if (isKind(entry, 'dict')) graphicsState(pdf, entry, document, fault);
  }
}

/** Whether anything in the category is an object of the increment. */
function isAdded(pdf: PdfFile, category: PdfDict): boolean {
  return [...category.entries.values()].some(
    (value) => isKind(value, 'ref') && pdf.sections[0]?.lookup(value.number) !== undefined,
  );
}

function entriesOf(pdf: PdfFile, dict: PdfDict, key: string): [string, PdfObject][] {
  const category = pdf.get(dict, key);
  return isKind(category, 'dict') ? Array.from(category.entries, ([name, value]) => [name, pdf.resolve(value)]) : [];
}

/** 6.2.8, 6.4; part 2, 6.2.5, 6.2.10 */
function graphicsState(pdf: PdfFile, state: PdfDict, { part, intent }: PdfaDocument, fault: Fault): void {
  for (const key of ['TR', 'TR2', 'HTP']) if (state.entries.has(key)) fault(`6.2.8: /${key}`);
  const mode = pdf.get(state, 'BM');
  const mask = pdf.get(state, 'SMask');
  const faint = ['CA', 'ca'].some((key) => ![null, 1].includes(pdf.get(state, key) as number | null));
  const blends = mode !== null && !isName(mode, 'Normal') && !isName(mode, 'Compatible');
  if (isKind(mode, 'name') && !BLEND_MODES.has(mode.value)) fault(`6.2.10: blend mode ${mode.value}`);
  if (part === 1 && (faint || blends || (mask !== null && !isName(mask, 'None')))) fault('6.4: transparency');
  if (part !== 1 && intent === null && (faint || blends)) fault('6.2.10: transparency without a blending colour space');
}

/** 6.2.10: operators that the standard knows, and colours by the spaces that the resources name. */
function content(pdf: PdfFile, found: PdfStream, fault: Fault): void {
  const text = Buffer.from(pdf.decodedData(found, 1 << 24)).toString('latin1');
  let depth = 0;
  for (const token of text.split(/\s+/)) {
    if (token === '' || /^[-+.\d/[\]]/.test(token)) continue;
    if (token === 'q') depth++;
    if (token === 'Q') depth--;
    if (depth > 28) fault('6.1.12: states nested deeper than 28');
    if (!OPERATORS.has(token)) fault(`6.2.10: operator ${token}`);
  }
}

/** 6.5.3; part 2, 6.3.2, 6.3.3, 6.4.1 */
function annotation(pdf: PdfFile, dict: PdfDict, part: number, fault: Fault): void {
  const flags = pdf.get(dict, 'F');
  if (typeof flags !== 'number') return fault('6.5.3: an annotation without flags');
  const forbidden = part === 1 ? 0b100011 : 0b100100011;
  if ((flags & 4) === 0) fault('6.5.3: an annotation that is not printed');
  if ((flags & forbidden) !== 0) fault('6.5.3: an annotation that is hidden');
  if (pdf.get(dict, 'CA') !== null && pdf.get(dict, 'CA') !== 1) fault('6.5.3: /CA');
  for (const key of ['A', 'AA']) if (dict.entries.has(key)) fault(`6.9: a widget with /${key}`);
  const appearance = pdf.get(dict, 'AP');
  if (!isKind(appearance, 'dict')) return fault('6.9: a field without an appearance');
  if ([...appearance.entries.keys()].join(' ') !== 'N') fault('6.5.3: an appearance other than the normal one');
  if (!isKind(pdf.get(appearance, 'N'), 'stream')) fault('6.5.3: a normal appearance that is no stream');
}
