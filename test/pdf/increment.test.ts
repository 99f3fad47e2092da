import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, test } from 'vitest';
import { deflateSync } from 'node:zlib';
import { CATALOG, page, pagesOf } from '../../scripts/pdf/plain-page.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { isKind, pdfDict, pdfRef } from '../../src/pdf/object.ts';
import type { PdfObject } from '../../src/pdf/object.ts';
import type { IncrementRequest } from '../../src/pdf/increment.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import {
  MARK_PLACE,
  RANDOM,
  SEAL_PLACE,
  STAR,
  STRIPES,
  extendedBy,
  incrementOf,
  pdfFixture,
  pdfFixtures,
  requestFor,
  sealFieldOf,
  signatureRequest,
} from '../support/pdf-files.ts';
import { describeTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-increment-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** Fixtures whose seal gets a field of its own. */
const NEW = pdfFixtures('extended').filter((name) => sealFieldOf(name) === null);

function open(bytes: Uint8Array): PdfFile {
  return openPdf(memorySource(bytes));
}

/** An object and all that it refers to, as plain data; objects already shown are named by their number. */
function shown(pdf: PdfFile, object: PdfObject, seen = new Set<number>()): unknown {
  if (isKind(object, 'ref')) {
    if (seen.has(object.number)) return `object ${object.number}`;
    seen.add(object.number);
    return shown(pdf, pdf.getObject(object), seen);
  }
  if (isKind(object, 'array')) return object.items.map((item) => shown(pdf, item, seen));
  // Where a string stood, and in which form, is not what it says.
  if (isKind(object, 'string')) return Buffer.from(object.bytes).toString('latin1');
  if (isKind(object, 'stream')) {
    return [shown(pdf, object.dict, seen), Buffer.from(pdf.rawData(object)).toString('latin1')];
  }
  if (!isKind(object, 'dict')) return object;
  return Object.fromEntries(Array.from(object.entries, ([key, value]) => [key, shown(pdf, value, seen)]));
}

describe.each(NEW)('%s, extended', (name) => {
  const original = pdfFixture('extended', name);
  const plan = incrementOf(original, requestFor(name));
  const extended = extendedBy(original, plan);
  const before = open(original);
  const after = open(extended);

  it('keeps the original bytes and covers all of the file but Contents', () => {
    expect(plan.originalBytes).toBe(original.length);
    const [start, open, close, rest] = plan.byteRange;
    expect([start, close + rest]).toEqual([0, extended.length]);
    expect(plan.contents).toEqual({ offset: open + 1, length: close - open - 2 });
    expect(Buffer.from(extended.subarray(open, close)).toString()).toBe(`<${'0'.repeat(8192)}>`);
  });

  it('has one more revision, in the style of the newest', () => {
    expect(after.style).toBe(before.style);
    expect(after.sections.map(({ offset }) => offset).slice(1)).toEqual(before.sections.map(({ offset }) => offset));
    expect(after.revisions()).toHaveLength(before.revisions().length + 1);
    expect(after.revisions().at(-1)?.endOfLine).toBe(extended.length);
    expect(after.maxObjectNumber).toBeGreaterThan(before.maxObjectNumber);
  });

  it('has a new second file identifier and the old first one', () => {
    const id = after.get(after.trailer, 'ID');
    const old = before.get(before.trailer, 'ID');
    const [first, second] = isKind(id, 'array') ? id.items : [];
    // What an encryption key was made from without one stays empty.
    const none = before.encryption === null ? RANDOM : new Uint8Array(0);
    expect(second).toMatchObject({ bytes: RANDOM });
    expect(first).toMatchObject({ bytes: isKind(old, 'array') ? (old.items[0] as { bytes: unknown }).bytes : none });
  });

  it('has one more signature field, filled, and all fields from before', () => {
    const fields = after.signatureFields();
    expect(fields.map((field) => field.name)).toEqual([
      ...before.signatureFields().map((field) => field.name),
      plan.fieldName,
    ]);
    expect(fields.at(-1)?.value).toMatchObject({
      type: 'Sig',
      filter: 'Adobe.PPKLite',
      subFilter: 'ETSI.CAdES.detached',
      byteRange: plan.byteRange,
      contents: { span: { start: plan.contents.offset - 1, end: plan.contents.offset + plan.contents.length + 1 } },
      name: '测试 TEST',
      time: expect.stringMatching(/^D:20230615\d{6}[+-]\d\d'\d\d'$|^D:20230614\d{6}-\d\d'\d\d'$/) as string,
    });
    // Under an earlier signature even a flag that it should have set is a change.
    const isFirst = before.signatureFields().every(({ value }) => value === null);
    const flags = isFirst ? 3 : before.get(before.form() ?? before.catalog, 'SigFlags');
    expect(after.get(after.form() ?? after.catalog, 'SigFlags')).toBe(flags);
  });

  it('keeps every object that it has no reason to change', () => {
    const overridden = new Set(Array.from(after.sections[0]?.entries() ?? [], ([number]) => number));
    const page = before.page(1).ref.number;
    const form = before.catalog.entries.get('AcroForm');
    const allowed = new Set([page, before.catalogRef.number, isKind(form, 'ref') ? form.number : -1]);
    const changed = [...overridden].filter((number) => number <= before.maxObjectNumber);
    expect(changed.filter((number) => !allowed.has(number))).toEqual([]);
  });

  it('keeps what page and form had', () => {
    const pageBefore = before.page(1);
    const pageAfter = after.page(1);
    for (const [key, value] of pageBefore.dict.entries) {
      if (['Contents', 'Annots', 'Resources', 'Parent'].includes(key)) continue;
      expect(shown(after, pageAfter.dict.entries.get(key) ?? null)).toEqual(shown(before, value));
    }
    const annotations = before.get(pageBefore.dict, 'Annots');
    const annotationsAfter = after.get(pageAfter.dict, 'Annots');
    const kept = isKind(annotations, 'array') ? annotations.items : [];
    expect(isKind(annotationsAfter, 'array') ? annotationsAfter.items.slice(0, -1) : null).toEqual(kept);
    const resources = shown(before, pageBefore.attributes.Resources ?? pdfDict({})) as Record<string, unknown>;
    expect(shown(after, pageAfter.attributes.Resources ?? null)).toMatchObject(resources);
  });

  it('can be extended again and again', () => {
    let bytes: Uint8Array = extended;
    for (let n = 0; n < 3; n++) bytes = extendedBy(bytes, incrementOf(bytes, { marks: [] }));
    const names = open(bytes)
      .signatureFields()
      .map((field) => field.name);
    expect(new Set(names).size).toBe(before.signatureFields().length + 4);
    expect(open(bytes).revisions()).toHaveLength(before.revisions().length + 4);
  });
});

describe('a signature field', () => {
  const original = pdfFixture('extended', 'empty-field');
  const named = (fieldName: string): Partial<IncrementRequest> => ({
    marks: [],
    signature: signatureRequest({ fieldName, place: null }),
  });

  it.each(['Committee.Seal', 'Committee.Second'])('that exists is filled by name: %s', (name) => {
    const plan = incrementOf(original, named(name));
    const pdf = open(extendedBy(original, plan));
    expect(plan.fieldName).toBe(name);
    expect(pdf.signatureFields()).toHaveLength(2);
    const filled = pdf.signatureFields().find((field) => field.name === name);
    expect(filled?.value?.byteRange).toEqual(plan.byteRange);
    expect(filled?.rect).toEqual(
      open(original)
        .signatureFields()
        .find((field) => field.name === name)?.rect,
    );
    expect(filled?.widget?.dict.entries.has('AP')).toBe(true);
  });

  it('that does not exist, or is filled, is not found', () => {
    const absent = expect.objectContaining({ code: 'FIELD_NOT_FOUND' }) as Error;
    expect(() => incrementOf(original, named('Committee'))).toThrow(absent);
    expect(() => incrementOf(pdfFixture('extended', 'signed-before'), named('First'))).toThrow(absent);
  });

  it('that is new has a name of its own, even beside a text field of that name', () => {
    expect(incrementOf(pdfFixture('extended', 'form-direct')).fieldName).toBe('Signature2');
  });

  it('without a place is not seen', () => {
    const request = { signature: signatureRequest({ place: null, reason: '调解', location: '示例市' }) };
    const pdf = open(extendedBy(original, incrementOf(original, request)));
    const field = pdf.signatureFields().at(-1);
    expect(field).toMatchObject({ rect: [0, 0, 0, 0], value: { reason: '调解', location: '示例市' } });
    expect(field?.widget?.dict.entries.get('F')).toBe(132);
    const appearance = pdf.get(field?.widget?.dict ?? pdfDict({}), 'AP');
    expect(shown(pdf, appearance)).toMatchObject({ N: [{ BBox: [0, 0, 0, 0] }, ''] });
  });
});

/** The classic fixture with an interactive form that says `more`, and holds a field that has no appearance of its own. */
function formOf(more: string, field = '/FT /Tx /T (Sum) /V (3200)'): Uint8Array {
  const pdf = new RawPdf();
  pdf.object(1, `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [5 0 R] /DA (/Helv 12 Tf 0 g) ${more} >> >>`);
  pdf.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>');
  pdf.object(3, '<< /Type /Page /Parent 2 0 R /Annots [5 0 R] >>');
  pdf.object(5, `<< /Type /Annot /Subtype /Widget ${field} /F 4 /Rect [300 300 400 320] /P 3 0 R >>`);
  return pdf.table('/Size 6 /Root 1 0 R').end().bytes();
}

describe('a form', () => {
  const refused = expect.objectContaining({ code: 'PDF_SHAPE_UNSUPPORTED' }) as Error;

  it('of XFA is refused: readers draw it instead of the pages', () => {
    expect(() => incrementOf(formOf('/XFA [(template) 5 0 R]'))).toThrow(refused);
    expect(() => incrementOf(formOf('/XFA null'))).not.toThrow();
  });

  it.each([
    ['/Lock << /Type /SigFieldLock /Action /All /P 1 >>', true],
    ['/Lock << /Type /SigFieldLock /Action /All >>', true],
    ['/Lock << /Type /SigFieldLock /Action /Include /Fields [(Sum)] >>', false],
  ])('with a signature by which no more may change is left alone: %s', (lock, refusal) => {
    const signed = formOf('', `/FT /Sig /T (First) /V << /Type /Sig /Contents <00> >> ${lock}`);
    const plan = (): unknown => incrementOf(signed, { marks: [] });
    if (refusal) expect(plan).toThrow(expect.objectContaining({ code: 'PDF_SIGNED_LOCKED' }) as Error);
    else expect(plan).not.toThrow();
  });

  it('whose fields readers draw themselves keeps saying so, and its pages show the seal', () => {
    const original = formOf('/NeedAppearances true');
    const pdf = open(extendedBy(original, incrementOf(original, { marks: [] })));
    expect(pdf.form()?.entries.get('NeedAppearances')).toBe(true);
    const resources = pdf.resolve(pdf.page(1).attributes.Resources);
    expect(isKind(resources, 'dict') && isKind(pdf.get(resources, 'XObject'), 'dict')).toBe(true);
    expect(pdf.signatureFields()).toHaveLength(1);
  });

  it('whose fields readers draw themselves takes no second seal that would not be seen', () => {
    const original = formOf('/NeedAppearances true');
    const sealed = extendedBy(original, incrementOf(original, { marks: [] }));
    const again = (): unknown => incrementOf(sealed, { marks: [] });
    expect(again).toThrow(expect.objectContaining({ code: 'COUNTERSEAL_CONTENT_FORBIDDEN' }) as Error);
  });

  it('whose fields readers draw themselves takes no seal into a field that would stay empty', () => {
    const original = formOf('/NeedAppearances true', '/FT /Sig /T (Seal)');
    const signature = signatureRequest({ fieldName: 'Seal', place: null });
    const detail = expect.stringContaining('NeedAppearances') as string;
    expect(() => incrementOf(original, { marks: [], signature })).toThrow(expect.objectContaining({ detail }) as Error);
  });
});

test('a permission that refers to an object that was never defined does not come to mean a new one', () => {
  const pdf = new RawPdf();
  pdf.object(1, '<< /Type /Catalog /Pages 2 0 R /Perms << /DocMDP 8 0 R >> >>');
  pdf.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>');
  pdf.object(3, '<< /Type /Page /Parent 2 0 R >>');
  const original = pdf.table('/Size 4 /Root 1 0 R').end().bytes();
  const extended = open(extendedBy(original, incrementOf(original)));
  expect(extended.lookup(8)).toBeUndefined();
  expect(extended.signatureFields()[0]?.value?.docMdp).toBeNull();
});

describe('marks', () => {
  const shared = pdfFixture('extended', 'shared-resources');

  it('take no name that is taken, and leave resources shared with other pages alone', () => {
    const pdf = open(extendedBy(shared, incrementOf(shared)));
    const [first, second] = pdf.pages().map((page) => pdf.resolve(page.attributes.Resources));
    const forms = (resources: PdfObject | undefined): string[] => {
      const dict = isKind(resources, 'dict') ? pdf.get(resources, 'XObject') : null;
      return isKind(dict, 'dict') ? [...dict.entries.keys()] : [];
    };
    expect(forms(first)).toEqual(['ZyMark1', 'ZyMark2']);
    expect(forms(second)).toEqual(['ZyMark1']);
  });

  it('on two pages override both', () => {
    const marks = [1, 2, 2].map((page) => ({ place: { ...MARK_PLACE, page }, appearance: STRIPES }));
    const pdf = open(extendedBy(shared, incrementOf(shared, { marks })));
    const numbers = Array.from(pdf.sections[0]?.entries() ?? [], ([number]) => number);
    expect(numbers).toEqual(expect.arrayContaining([3, 6]));
  });

  it.each([
    [{ ...MARK_PLACE, page: 3 }, 'PAGE_OUT_OF_RANGE'],
    [{ ...MARK_PLACE, page: 0 }, 'PAGE_OUT_OF_RANGE'],
    [{ ...MARK_PLACE, xMm: 300 }, 'POSITION_OFF_PAGE'],
  ])('must be on a page: %j', (place, code) => {
    const expected = expect.objectContaining({ code }) as Error;
    expect(() => incrementOf(shared, { marks: [{ place, appearance: STAR }] })).toThrow(expected);
    expect(() => incrementOf(shared, { signature: signatureRequest({ place }) })).toThrow(expected);
  });

  it('are refused on a signed document', () => {
    const plan = (): unknown => incrementOf(pdfFixture('extended', 'signed-before'));
    expect(plan).toThrow(expect.objectContaining({ code: 'COUNTERSEAL_CONTENT_FORBIDDEN' }) as Error);
  });

  /** A page of this content, marked: what is drawn behind it. */
  function behind(content: string | Uint8Array, dict = ''): string {
    const original = onePageOf(content, dict);
    const pdf = open(extendedBy(original, incrementOf(original)));
    const contents = pdf.get(pdf.page(1).dict, 'Contents');
    const last = isKind(contents, 'array') ? pdf.resolve(contents.items.at(-1)) : null;
    return isKind(last, 'stream') ? Buffer.from(pdf.decodedData(last, 10_000)).toString('latin1') : '';
  }

  function onePageOf(content: string | Uint8Array, dict = ''): Uint8Array {
    const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3)).object(3, page('/Contents 4 0 R'));
    return pdf.stream(4, content, dict).table('/Size 5 /Root 1 0 R').end().bytes();
  }

  it('come after all that the page leaves open, however long it is and however it is written', () => {
    expect(behind('q q q Q')).toMatch(/^\nQ\nQ\nQ\n\/Artifact/);
    expect(behind(`q q ${'0 0 m 1 1 l S '.repeat(700_000)} Q`)).toMatch(/^\nQ\nQ\n\/Artifact/);
    const hex = Buffer.from('q BT q').toString('hex');
    expect(behind(`${hex}>`, '/Filter /ASCIIHexDecode')).toMatch(/^\nET\nQ\nQ\nQ\n\/Artifact/);
  });

  it('come after content whose length is wrong or missing, and after as much as inflates', () => {
    expect(behind('q 1 w', '/Length 3')).toMatch(/^\nQ\nQ\n\/Artifact/);
    const cut = deflateSync('q q 1 w '.repeat(500), { level: 0 }).subarray(0, -20);
    expect(behind(cut, '/Filter /FlateDecode')).toMatch(/^\nQ\nQ\nQ\n/);
  });

  it.each([
    ['damaged', Buffer.from('no zlib data'), '/Filter /FlateDecode', 'PDF_SHAPE_UNSUPPORTED'],
    ['a picture', Buffer.from('no picture'), '/Filter /DCTDecode', 'PDF_SHAPE_UNSUPPORTED'],
    ['in another file', Buffer.from('q'), '/F (other.txt)', 'PDF_SHAPE_UNSUPPORTED'],
    ['of too many open states', Buffer.from('q '.repeat(20_000)), '', 'PDF_LIMIT'],
  ])('go onto no page whose content is %s', (_, content, dict, code) => {
    const plan = (): unknown => incrementOf(onePageOf(content, dict));
    expect(plan).toThrow(expect.objectContaining({ code }) as Error);
    expect(() => incrementOf(onePageOf(content, dict), { marks: [] })).not.toThrow();
  });

  it('leave the document without a trace when planned twice: the same increment', () => {
    expect(incrementOf(shared)).toEqual(incrementOf(shared));
  });
});

describe('an appearance', () => {
  it('of a picture is a form with the picture, its palette and its mask', () => {
    const original = pdfFixture('extended', 'classic-table');
    const pdf = open(extendedBy(original, incrementOf(original)));
    const streams = Array.from(pdf.sections[0]?.entries() ?? [], ([number]) => pdf.getObject(pdfRef(number)));
    const images = streams.filter((object) => isKind(object, 'stream') && object.dict.entries.has('Width'));
    expect(images).toHaveLength(2);
    const picture = images.find((object) => isKind(object, 'stream') && object.dict.entries.has('SMask'));
    const dict = isKind(picture, 'stream') ? picture.dict : null;
    expect(shown(pdf, dict)).toMatchObject({ Width: 4, Height: 5, BitsPerComponent: 8, SMask: [{ Width: 4 }, {}] });
  });
});

describeTool('pdftoppm', 'pages as seen', () => {
  function look(
    name: string,
    original: Uint8Array,
    request: Partial<IncrementRequest>,
    page: number,
    userUnit = 1,
  ): { inside: number; outside: number } {
    const before = drawPage(file(`${name}-before.pdf`, original), page, folder, 50, userUnit);
    const extended = file(`${name}-after.pdf`, extendedBy(original, incrementOf(original, request)));
    const places = [...(request.marks ?? []).map(({ place }) => place), request.signature?.place ?? SEAL_PLACE];
    return differences(
      before,
      drawPage(extended, page, folder, 50, userUnit),
      places.filter((place) => place.page === page),
    );
  }

  it.each([1, 2, 3, 4, 5])('page %d of rotated and cropped pages has both where they were put', (page) => {
    const original = pdfFixture('extended', 'rotated-cropped');
    const mark = { page, xMm: 30, yMm: 20, widthMm: 20, heightMm: 10 };
    const seal = { page, xMm: 80, yMm: 60, widthMm: 40, heightMm: 20, rotationDeg: 30 };
    const request = { marks: [{ place: mark, appearance: STAR }] };
    const both = { ...request, signature: signatureRequest({ place: seal }) };
    const userUnit = page === 5 ? 2 : 1;
    expect(look('rotated', original, both, page, userUnit)).toMatchObject({ outside: 0 });
    // Each on its own is seen: the frame runs along the edges of its place.
    const extended = file('one.pdf', extendedBy(original, incrementOf(original, both)));
    const after = drawPage(extended, page, folder, 100, userUnit);
    const red = (xMm: number, yMm: number): boolean => {
      const at = 3 * (Math.floor((yMm / 25.4) * 100) * after.width + Math.floor((xMm / 25.4) * 100));
      return (after.pixels[at] ?? 0) > 180 && (after.pixels[at + 1] ?? 255) < 130;
    };
    // Centres, and points near the star's upper tip: neither is mirrored or upside down.
    expect([red(30, 20), red(30, 20 - 5 * 0.6)]).toEqual([true, true]);
    expect(red(30, 20 + 5 * 0.5)).toBe(false);
    const turned = (dx: number, dy: number): boolean => {
      const [cos, sin] = [Math.cos(Math.PI / 6), Math.sin(Math.PI / 6)];
      return red(80 + cos * dx - sin * dy, 60 + sin * dx + cos * dy);
    };
    expect([turned(0, 0), turned(0, -6), turned(0, 6)]).toEqual([true, true, false]);
  });

  it('shows the seal where readers draw the form’s fields themselves', () => {
    const original = formOf('/NeedAppearances true');
    const request = { marks: [], signature: signatureRequest() };
    const { inside, outside } = look('need-appearances', original, request, 1);
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(500);
  });

  it('an existing field on a turned page shows the seal upright, as large as fits', () => {
    const original = pdfFixture('extended', 'empty-field');
    const signature = signatureRequest({ fieldName: 'Committee.Seal', place: null });
    // User space 100..300 x 100..200 on a page turned by 90 degrees is seen 35.3 mm from the left, 35.3 mm from the top.
    const seen = {
      page: 1,
      xMm: 150 * (25.4 / 72),
      yMm: 200 * (25.4 / 72),
      widthMm: 100 * (25.4 / 72),
      heightMm: 100 * (25.4 / 72),
    };
    const before = drawPage(file('field.pdf', original), 1, folder);
    const after = drawPage(
      file('field-after.pdf', extendedBy(original, incrementOf(original, { marks: [], signature }))),
      1,
      folder,
    );
    const { inside, outside } = differences(before, after, [seen]);
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(300);
  });
});
