import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { isKind, pdfDict } from '../../src/pdf/object.ts';
import type { PdfDict, PdfObject } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { FormHouse } from '../support/form-house.ts';
import type { Finish } from '../support/form-house.ts';
import { AT, FORM, body } from '../support/signed-form.ts';
import { describeTool } from '../support/tools.ts';
import type { Update } from '../support/update.ts';

let house: FormHouse;
beforeAll(() => {
  house = new FormHouse();
});
afterAll(() => house[Symbol.dispose]());

describeTool('openssl', 'what follows a signature at random', () => {
  it('is nothing at random: with whatever objects overridden, what is VALID has pages, names and seal as they were signed', () => {
    const numbers = [...Object.values(AT), 60, 61];
    const bodies = fc.oneof(
      fc.constantFrom(
        AT.catalog,
        AT.pages,
        AT.page1,
        AT.page2,
        AT.form,
        AT.textField,
        AT.checkBox,
        AT.firstField,
        AT.secondField,
        AT.comment,
        AT.groupedField,
      ),
      fc.constant(null),
    );
    const refs = fc.constantFrom(...numbers).map((number) => `${number} 0 R`);
    const values = fc.oneof(
      refs,
      fc.array(refs, { maxLength: 5 }).map((list) => `[${list.join(' ')}]`),
      fc.constantFrom('null', '/Yes', '(x)', '7', '<< >>'),
    );
    const keys = fc.constantFrom(
      ...`Annots Fields Kids V AP P Parent Contents Resources DSS Rect AS DR T F Subtype Names Metadata Extensions AcroForm
          Rotate SigFlags Popup Type FT`.split(/\s+/),
    );
    const override = fc.record({
      number: fc.constantFrom(...numbers),
      like: bodies,
      changes: fc.array(fc.tuple(keys, values), { maxLength: 2 }),
    });
    const original = openPdf(memorySource(house.signed()));
    let valid = 0;
    fc.assert(
      fc.property(fc.array(override, { minLength: 1, maxLength: 4 }), fc.boolean(), (overrides, isTable) => {
        const change = (update: Update): void => {
          const written = new Set<number>();
          for (const { number, like, changes } of overrides) {
            if (written.has(number)) continue;
            written.add(number);
            if (like === null) update.stream(number, '0 0 1 rg', FORM);
            else update.object(number, body(own(number) ?? like, Object.fromEntries(changes)));
          }
        };
        const finish: Finish = (update) => (isTable ? update.table() : update.xrefStream());
        const file = house.updated(house.signed(), change, finish);
        if (house.verify(file).verdict !== 'VALID') return;
        valid++;
        expect(shownIn(openPdf(memorySource(file)))).toEqual(shownIn(original));
      }),
      { numRuns: 1500 },
    );
    expect(valid).toBeGreaterThan(10);
  });
});

/** The number, where the document has a body for it: half of the overrides are of what stands there. */
function own(number: number): Parameters<typeof body>[0] | undefined {
  const known = [
    AT.catalog,
    AT.pages,
    AT.page1,
    AT.page2,
    AT.form,
    AT.textField,
    AT.checkBox,
    AT.firstField,
    AT.secondField,
  ] as const;
  return known.find((each) => each === number);
}

/** All that is seen of a document but what its form's fields, comments and proof are, each value written out as far as it leads. */
function shownIn(pdf: PdfFile): unknown {
  const written = (value: PdfObject, above: readonly number[]): unknown => {
    if (value === null || typeof value !== 'object') return value;
    switch (value.kind) {
      case 'ref':
        return above.includes(value.number) ? value.number : written(pdf.getObject(value), [...above, value.number]);
      case 'array':
        return value.items.map((item) => written(item, above));
      case 'dict':
        return Object.fromEntries([...value.entries].map(([key, entry]) => [key, written(entry, above)]));
      case 'stream':
        return [written(value.dict, above), Buffer.from(pdf.rawData(value)).toString('latin1')];
      case 'name':
        return `/${value.value}`;
      case 'string':
        return Buffer.from(value.bytes).toString('latin1');
    }
  };
  const pick = (dict: PdfDict, left: readonly string[], above: number): unknown =>
    written(pdfDict(new Map([...dict.entries].filter(([key, value]) => !left.includes(key) && value !== null))), [
      above,
      ...AT_PAGES,
    ]);
  const first = pdf.signatureFields().find(({ name }) => name === 'First');
  return {
    catalog: pick(pdf.catalog, ['AcroForm', 'DSS', 'Extensions', 'Version', 'Pages', 'Metadata'], AT.catalog),
    pages: pdf.pages().map(({ dict, ref }) => pick(dict, ['Annots', 'Parent'], ref.number)),
    tree: pdf
      .pages()
      .map(({ attributes }) =>
        Object.entries(attributes).map(([key, value]) => [key, written(value as PdfObject, AT_PAGES)]),
      ),
    first: first && pick(first.dict, ['P'], AT.firstField),
    firstOnPage: pdf.pages().map(({ dict }) => {
      const annotations = pdf.get(dict, 'Annots');
      return (
        isKind(annotations, 'array') &&
        annotations.items.filter((item) => isKind(item, 'ref') && item.number === AT.firstField).length
      );
    }),
  };
}

const AT_PAGES: readonly number[] = [AT.catalog, AT.pages, AT.page1, AT.page2];
