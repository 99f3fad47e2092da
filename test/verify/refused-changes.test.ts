import { memorySource } from '../../src/pdf/byte-source.ts';
import { serialize } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  FormHouse,
  addSignature,
  fillSecond,
  fillText,
  listed,
  newSignature,
  permitting,
  told,
} from '../support/form-house.ts';
import type { Change } from '../support/form-house.ts';
import { AT, FORM, XMP, body } from '../support/signed-form.ts';
import type { SignedFormOptions } from '../support/signed-form.ts';
import { describeTool } from '../support/tools.ts';
import type { Update } from '../support/update.ts';

let house: FormHouse;
beforeAll(() => {
  house = new FormHouse();
});
afterAll(() => house[Symbol.dispose]());

/** What no signature lets happen, and what is told of it; each after a signature that says nothing and after one of permission 3. */
const NEVER: readonly (readonly [string, Change, readonly string[]])[] = [
  // --- pages
  ['a page’s content overridden', (u) => u.stream(AT.content1, 'BT (pay 50000) Tj ET'), ['!PAGE_CONTENT_CHANGED 1']],
  [
    'a page’s content put elsewhere',
    (u) => u.object(AT.page1, body(AT.page1, { Contents: '60 0 R' })).stream(60, 'BT (pay 50000) Tj ET'),
    ['!PAGE_CONTENT_CHANGED 1'],
  ],
  ['a page’s content gone', (u) => u.free(AT.content2), ['!PAGE_CONTENT_CHANGED 2']],
  [
    'a page given resources',
    (u) => u.object(AT.page1, body(AT.page1, { Resources: '<< /Font << /Helv 60 0 R >> >>' })).object(60, '<< >>'),
    ['!PAGE_CONTENT_CHANGED 1'],
  ],
  [
    'inherited resources overridden',
    (u) => u.object(AT.resources, '<< /Font << >> >>'),
    ['!PAGE_CONTENT_CHANGED', '!FIELD_CHANGED 1'],
  ],
  [
    'a font overridden',
    (u) => u.object(AT.font, '<< /Type /Font /Subtype /Type3 >>'),
    ['!PAGE_CONTENT_CHANGED', '!FORM_CHANGED', '!FIELD_CHANGED 1'],
  ],
  ['a page turned', (u) => u.object(AT.page1, body(AT.page1, { Rotate: '180' })), ['!PAGE_CHANGED 1']],
  ['a page cropped', (u) => u.object(AT.page2, body(AT.page2, { CropBox: '[0 0 9 9]' })), ['!PAGE_CHANGED 2']],
  ['all pages made smaller', (u) => u.object(AT.pages, body(AT.pages, { MediaBox: '[0 0 9 9]' })), ['!PAGES_CHANGED']],
  ['pages in another order', (u) => u.object(AT.pages, body(AT.pages, { Kids: '[5 0 R 3 0 R]' })), ['!PAGES_CHANGED']],
  [
    'a page more',
    (u) =>
      u
        .object(AT.pages, body(AT.pages, { Kids: '[3 0 R 5 0 R 60 0 R]', Count: '3' }))
        .object(60, '<< /Type /Page /Parent 2 0 R >>'),
    ['!PAGES_CHANGED'],
  ],
  [
    'a page that acts',
    (u) => u.object(AT.page1, body(AT.page1, { AA: '<< /O << /S /JavaScript /JS (1) >> >>' })),
    ['!PAGE_CHANGED 1'],
  ],
  ['a page gone', (u) => u.free(AT.page2), ['!PAGE_CHANGED 2']],
  ['annotations in another order', (u) => u.object(AT.annotations2, '[17 0 R 16 0 R]'), ['!PAGE_CHANGED 2']],

  // --- the document
  [
    'an action at opening',
    (u) => u.object(AT.catalog, body(AT.catalog, { OpenAction: '[5 0 R /Fit]' })),
    ['!ACTIONS_CHANGED'],
  ],
  [
    'names overridden',
    (u) => u.object(AT.names, '<< /JavaScript << /Names [(a) << /S /JavaScript >>] >> >>'),
    ['!NAMES_CHANGED'],
  ],
  [
    'a layer overridden',
    (u) => u.object(AT.layer, '<< /Type /OCG /Name (other) >>'),
    ['!PAGE_CONTENT_CHANGED', '!LAYERS_CHANGED', '!FIELD_CHANGED 1'],
  ],
  [
    'a layer hidden',
    (u) => u.object(AT.catalog, body(AT.catalog, { OCProperties: '<< /OCGs [20 0 R] /D << /OFF [20 0 R] >> >>' })),
    ['!LAYERS_CHANGED'],
  ],
  [
    'permissions',
    (u) => u.object(AT.catalog, body(AT.catalog, { Perms: '<< /DocMDP 15 0 R >>' })),
    ['!PERMISSIONS_CHANGED'],
  ],
  ['bookmarks', (u) => u.object(AT.outlines, '<< /Type /Outlines /Count 0 >>'), ['!OUTLINES_CHANGED']],
  [
    'structure',
    (u) => u.object(AT.elements, '<< /Type /StructTreeRoot /K 60 0 R >>').object(60, '<< /S /P >>'),
    ['!STRUCTURE_CHANGED'],
  ],
  [
    'attached files',
    (u) => u.object(AT.catalog, body(AT.catalog, { AF: '[60 0 R]' })).object(60, '<< /Type /Filespec >>'),
    ['!FILES_CHANGED'],
  ],
  ['a title in the information', (u) => u.object(AT.information, '<< /Title (Contract) >>'), ['!DESCRIPTION_CHANGED']],
  [
    'a title in the metadata',
    (u) => u.stream(AT.metadata, XMP('Contract', '2023-06-15'), '/Type /Metadata /Subtype /XML'),
    ['!DESCRIPTION_CHANGED'],
  ],
  [
    'an unknown entry of the catalog',
    (u) => u.object(AT.catalog, body(AT.catalog, { Foo: '60 0 R' })).object(60, '<< >>'),
    ['!CATALOG_CHANGED'],
  ],
  [
    'an extension that is a stream',
    (u) => u.object(AT.catalog, body(AT.catalog, { Extensions: '<< /X << /Y 4 0 R >> >>' })),
    ['!CATALOG_CHANGED'],
  ],
  ['a lower version', (u) => u.object(AT.catalog, body(AT.catalog, { Version: '/0.9' })), ['!CATALOG_CHANGED']],

  // --- the form
  ['an XFA form', (u) => u.object(AT.form, body(AT.form, { XFA: '60 0 R' })).stream(60, '<xdp/>'), ['!FORM_CHANGED']],
  [
    'readers told to draw the form',
    (u) => u.object(AT.form, body(AT.form, { NeedAppearances: 'true' })),
    ['!FORM_CHANGED'],
  ],
  ['another default look', (u) => u.object(AT.form, body(AT.form, { DA: '(/Helv 0 Tf 1 g)' })), ['!FORM_CHANGED']],
  [
    'a default font exchanged',
    (u) => u.object(AT.form, body(AT.form, { DR: '<< /Font << /Helv 60 0 R >> >>' })).object(60, '<< >>'),
    ['!FORM_CHANGED'],
  ],
  [
    'the form’s fields in another order',
    (u) => u.object(AT.form, body(AT.form, { Fields: '[11 0 R 9 0 R 13 0 R 16 0 R 24 0 R]' })),
    ['!FORM_CHANGED'],
  ],
  [
    'a field moved',
    (u) => u.object(AT.textField, body(AT.textField, { Rect: '[20 340 220 370]' })),
    ['!FIELD_CHANGED 1'],
  ],
  [
    'a field moved while it is filled in',
    (u) => u.object(AT.textField, body(AT.textField, { V: '(Li)', Rect: '[20 340 220 370]' })),
    ['!FIELD_CHANGED 1'],
  ],
  ['a new look for an old value', (u) => u.stream(AT.textLook, 'BT (Wang) Tj ET', FORM), ['!FIELD_CHANGED 1']],
  ['what draws a box overridden', (u) => u.stream(AT.checkLook, '0 0 10 10 re S', FORM), ['!FIELD_CHANGED 1']],
  [
    'a field made a comment',
    (u) => u.object(AT.textField, body(AT.textField, { Subtype: '/Text' })),
    ['!FIELD_CHANGED 1'],
  ],
  [
    'a field that acts',
    (u) => u.object(AT.textField, body(AT.textField, { V: '(Li)', AA: '<< >>' })),
    ['!FIELD_CHANGED 1'],
  ],
  [
    'a value that is none',
    (u) =>
      u
        .object(AT.textField, body(AT.textField, { V: '4 0 R', AS: '/Off' }))
        .object(AT.checkBox, body(AT.checkBox, { V: '[1]' })),
    ['FIELD_FILLED 1', '!FIELD_CHANGED 1'],
  ],
  ['a field gone', (u) => u.free(AT.textField), ['!FIELD_CHANGED 1']],
  ['an empty dictionary for a field', (u) => u.object(AT.textField, '<< >>'), ['!FIELD_CHANGED 1']],
  [
    'a field no longer on its page',
    (u) => u.object(AT.page1, body(AT.page1, { Annots: '[11 0 R 13 0 R 25 0 R]' })),
    ['!FIELD_CHANGED 1'],
  ],
  [
    'a new text field over a page',
    (u) => {
      u.object(60, body(AT.textField, { T: '(over)', Rect: '[0 0 300 400]', AP: '<< /N 61 0 R >>' }));
      u.stream(61, '1 g 0 0 100 100 re f', FORM);
      u.object(AT.form, body(AT.form, { Fields: listed(60) }));
      u.object(AT.annotations2, '[16 0 R 17 0 R 60 0 R]');
    },
    ['!FIELD_CHANGED 2'],
  ],
  [
    'a widget of no field over a page',
    (u) =>
      u.object(60, body(AT.textField, { T: '(over)', P: '5 0 R' })).object(AT.annotations2, '[16 0 R 17 0 R 60 0 R]'),
    ['!FIELD_CHANGED 2'],
  ],
  [
    'an empty signature field that hides what is under it',
    (u) => {
      u.object(60, body(AT.secondField, { T: '(over)', AP: '<< /N 61 0 R >>' }));
      u.stream(61, '1 g 0 0 100 100 re f', FORM);
      u.object(AT.form, body(AT.form, { Fields: listed(60) }));
      u.object(AT.annotations2, '[16 0 R 17 0 R 60 0 R]');
    },
    ['!FIELD_CHANGED 2'],
  ],

  // --- signatures
  [
    'what the first signature looks like',
    (u) => u.stream(AT.firstLook, '1 g 0 0 100 100 re f', FORM),
    ['!SIGNATURE_CHANGED 1'],
  ],
  ['the first signature’s look gone', (u) => u.free(AT.firstLook), ['!SIGNATURE_CHANGED 1']],
  [
    'the first signature moved',
    (u) => u.object(AT.firstField, body(AT.firstField, { Rect: '[0 0 300 400]' })),
    ['!SIGNATURE_CHANGED 1'],
  ],
  [
    'the first signature hidden',
    (u) => u.object(AT.firstField, body(AT.firstField, { F: '2' })),
    ['!SIGNATURE_CHANGED 1'],
  ],
  [
    'the first signature off its page',
    (u) => u.object(AT.page1, body(AT.page1, { Annots: '[9 0 R 11 0 R 25 0 R]' })),
    ['!SIGNATURE_CHANGED 1'],
  ],
  [
    'the first signature in another field as well',
    (u) => {
      u.object(60, body(AT.firstField, { T: '(Third)' }));
      u.object(AT.form, body(AT.form, { Fields: listed(60) }));
      u.object(AT.annotations2, '[16 0 R 17 0 R 60 0 R]');
    },
    ['!FIELD_CHANGED 2'],
  ],
  [
    'the empty field given the first signature',
    (u) => u.object(AT.secondField, body(AT.secondField, { V: '15 0 R' })),
    ['!FIELD_CHANGED 2'],
  ],
  [
    'a further signature shown on two pages',
    (u) => {
      const field = newSignature(u);
      u.object(AT.form, body(AT.form, { Fields: listed(field) }));
      u.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
      u.object(AT.page1, body(AT.page1, { Annots: `[9 0 R 11 0 R 13 0 R 25 0 R ${field} 0 R]` }));
    },
    ['!FIELD_CHANGED 1'],
  ],
  [
    'a further signature that acts',
    (u) => {
      const field = newSignature(u, { A: '<< /S /JavaScript /JS (1) >>' });
      u.object(AT.form, body(AT.form, { Fields: listed(field) }));
      u.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
    },
    ['!FIELD_CHANGED 2'],
  ],
  [
    'a further signature whose rectangle is malformed',
    (u) => {
      const field = newSignature(u, { Rect: '[300 400 0 null]' });
      u.object(AT.form, body(AT.form, { Fields: listed(field) }));
      u.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
    },
    ['!FIELD_CHANGED 2'],
  ],
  [
    'a further signature that is a widget itself beside the one that it has',
    (u) => {
      const kid = u.reserve();
      const field = newSignature(u, { Kids: `[${kid} 0 R]` });
      u.object(kid, `<< /Type /Annot /Subtype /Widget /Parent ${field} 0 R /Rect [0 0 0 0] >>`);
      u.object(AT.form, body(AT.form, { Fields: listed(field) }));
      u.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
    },
    ['!FIELD_CHANGED 2'],
  ],
  [
    'a further signature of a name that there is',
    (u) => {
      const field = newSignature(u, { T: '(Second)' });
      u.object(AT.form, body(AT.form, { Fields: listed(field) }));
      u.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
    },
    ['!FIELD_CHANGED 2'],
  ],

  // --- annotations
  ...['Link', 'FileAttachment', 'Screen', 'RichMedia', 'Redact', 'Watermark', 'Movie'].map(
    (kind) =>
      [
        `an annotation of kind ${kind}`,
        (u: Update) =>
          u
            .object(60, `<< /Type /Annot /Subtype /${kind} /Rect [0 0 9 9] >>`)
            .object(AT.annotations2, '[16 0 R 17 0 R 60 0 R]'),
        ['!ANNOTATION_FORBIDDEN 2'],
      ] as const,
  ),
  [
    'a comment that acts',
    (u) =>
      u
        .object(60, '<< /Subtype /Text /Rect [0 0 9 9] /A << /S /JavaScript >> >>')
        .object(AT.annotations2, '[16 0 R 17 0 R 60 0 R]'),
    ['!ANNOTATION_FORBIDDEN 2'],
  ],
  [
    'a comment made something else',
    (u) => u.object(AT.comment, body(AT.comment, { Subtype: '/Link' })),
    ['!ANNOTATION_FORBIDDEN 2'],
  ],
  [
    'something of the signed document put on a page',
    (u) => u.object(AT.annotations2, '[16 0 R 17 0 R 27 0 R]'),
    ['!ANNOTATION_FORBIDDEN 2'],
  ],

  // --- proof
  [
    'a store of something else',
    (u) => u.object(AT.catalog, body(AT.catalog, { DSS: '<< /Certs [4 0 R] /Foo 60 0 R >>' })).object(60, '<< >>'),
    ['!VALIDATION_DATA_CHANGED'],
  ],
  [
    'a store of what is drawn',
    (u) => u.object(AT.catalog, body(AT.catalog, { DSS: '<< /Certs [60 0 R] >>' })).stream(60, 'q Q', FORM),
    ['!VALIDATION_DATA_CHANGED'],
  ],
  [
    'a store that refers to what was there',
    (u) =>
      u
        .object(30, '<< /B 2 >>')
        .object(AT.catalog, body(AT.catalog, { DSS: '<< /Certs [60 0 R] >>' }))
        .stream(60, 'certificate', '/DecodeParms << /X 30 0 R >>'),
    ['!VALIDATION_DATA_CHANGED', '!CHANGE_UNKNOWN'],
  ],
  [
    'a store packed in some way of its own',
    (u) =>
      u
        .object(AT.catalog, body(AT.catalog, { DSS: '<< /Certs [60 0 R] >>' }))
        .stream(60, '00>', '/Filter /ASCIIHexDecode'),
    ['!VALIDATION_DATA_CHANGED'],
  ],

  // --- objects and bytes
  ['a catalog that nothing refers to', (u) => u.object(60, body(AT.catalog)), ['!CHANGE_UNKNOWN']],
  ['an object of no use written anew', (u) => u.object(30, '<< /B 2 >>'), ['!CHANGE_UNKNOWN']],
  [
    'an object in the bytes that no entry lists',
    (u) => u.raw('4 0 obj\n<< /Length 0 >>\nstream\n\nendstream\nendobj\n'),
    ['!UNREFERENCED_UPDATE'],
  ],
  ['an object inside a comment', (u) => u.raw('%\r4 0 obj << >> endobj\n'), ['!UNREFERENCED_UPDATE']],
  ['an object in a comment to the end of the line', (u) => u.raw('% 4 0 obj << >> endobj\n'), ['!UNREFERENCED_UPDATE']],
  [
    'an object inside a look',
    (u) =>
      u
        .stream(60, '\n4 0 obj << >> endobj\n', FORM)
        .object(AT.textField, body(AT.textField, { V: '(Li)', AP: '<< /N 60 0 R >>' })),
    ['!UNREFERENCED_UPDATE', 'FIELD_FILLED 1'],
  ],
  ['bytes that are nothing', (u) => u.raw('hello\n'), ['!UNREFERENCED_UPDATE']],
  [
    'an object twice',
    (u) =>
      u
        .object(AT.textField, body(AT.textField, { V: '(Wang)' }))
        .object(AT.textField, body(AT.textField, { V: '(Li)' })),
    ['!UNREFERENCED_UPDATE', 'FIELD_FILLED 1'],
  ],
  [
    'an entry that leads nowhere',
    (u) => u.entry(AT.content1, { kind: 'offset', at: 7, index: 0 }),
    ['!PAGE_CONTENT_CHANGED 1', '!UPDATE_UNREADABLE'],
  ],
  [
    'an entry that leads to another object of the signed document',
    (u) => {
      const at = Buffer.from(u.original).indexOf(`\n${AT.content2} 0 obj`) + 1;
      u.entry(AT.content1, { kind: 'offset', at, index: 0 });
    },
    ['!PAGE_CONTENT_CHANGED 1', '!UPDATE_UNREADABLE'],
  ],
];

describeTool('openssl', 'what no signature lets follow it', () => {
  it.each(NEVER)('never %s', (_, change, expected) => {
    for (const permission of [null, 3]) {
      const report = house.verify(house.updated(house.signed(permitting(permission)), change));
      expect.soft(told(report).join(', ')).toBe(expected.join(', '));
      expect.soft(report.verdict).toBe('INVALID');
    }
  });

  it.each<readonly [string, (update: Update) => Uint8Array, string]>([
    [
      'another catalog',
      (u) => u.object(60, body(AT.catalog)).table('/Root 60 0 R '),
      '!CATALOG_CHANGED, !CHANGE_UNKNOWN',
    ],
    ['fewer objects', (u) => u.table('/Size 10 '), '!CATALOG_CHANGED'],
    ['an unknown entry', (u) => u.table('/Foo 4 0 R '), '!CATALOG_CHANGED'],
    ['no description', (u) => u.table('/Info null '), '!DESCRIPTION_CHANGED'],
  ])('never a trailer with %s', (_, finish, expected) => {
    const report = house.verify(house.updated(house.signed(), () => undefined, finish));
    expect(told(report).join(', ')).toBe(expected);
    expect(report.verdict).toBe('INVALID');
  });

  it('never more objects than readers saw: those beyond the size that was claimed were missing', () => {
    const objects = { [AT.page1]: body(AT.page1, { Contents: '[4 0 R 58 0 R]' }), 58: '<< >>' };
    const change: Change = (u) => u.object(AT.checkBox, body(AT.checkBox, { V: '/Yes', AS: '/Yes' }));
    const report = house.verify(house.updated(house.signed({ objects, size: 58 }), change));
    expect(told(report)).toEqual(['!PAGE_CONTENT_CHANGED 1', 'FIELD_FILLED 1']);
    expect(house.verify(house.updated(house.signed({ objects }), change)).verdict).toBe('VALID');
  });

  it('never a revision that goes on from another one than the signed', () => {
    const { startxref } = openPdf(memorySource(house.signed()));
    const check: Change = (u) => u.object(AT.checkBox, body(AT.checkBox, { V: '/Yes', AS: '/Yes' }));
    const aside = house.updated(house.updated(house.signed(), fillText), check, (u) => u.table(`/Prev ${startxref} `));
    const report = house.verify(aside);
    expect(report.verdict).toBe('INVALID');
    expect(told(report)).toEqual(['!UNREFERENCED_UPDATE', 'FIELD_FILLED 1']);
  });

  it.each<readonly [string, SignedFormOptions['objects'], Change, string]>([
    [
      'what draws a field',
      { [AT.resources]: '<< /Font << /Helv 7 0 R >> /XObject << /X 10 0 R >> >>' },
      (u) =>
        u
          .object(AT.textField, body(AT.textField, { V: '(Li)' }))
          .stream(AT.textLook, 'BT /Helv 12 Tf (Li) Tj ET', `${FORM} /Resources 23 0 R`),
      '!PAGE_CONTENT_CHANGED, FIELD_FILLED 1',
    ],
    [
      'a field, as a dictionary of graphics states',
      { [AT.resources]: '<< /Font << /Helv 7 0 R >> /ExtGState 9 0 R >>' },
      (u) => u.object(AT.textField, body(AT.textField, { V: '(Li)' })),
      '!PAGE_CONTENT_CHANGED, FIELD_FILLED 1',
    ],
    [
      'an empty signature field, as a dictionary of graphics states',
      { [AT.resources]: '<< /Font << /Helv 7 0 R >> /ExtGState 16 0 R >>' },
      fillSecond,
      '!PAGE_CONTENT_CHANGED, SIGNATURE_ADDED 2, !FIELD_CHANGED 1',
    ],
    [
      'an object that was not there',
      { [AT.resources]: '<< /Font << /Helv 7 0 R >> /XObject << /X 61 0 R >> >>' },
      fillSecond,
      '!PAGE_CONTENT_CHANGED, SIGNATURE_ADDED 2, !FIELD_CHANGED 1',
    ],
    [
      'a comment, as a resource of another one',
      { [AT.comment]: body(AT.comment, { Foo: '30 0 R' }), 30: '<< /Bar 31 0 R >>', 31: '<< /A 1 >>' },
      (u) => u.object(31, '<< /A 2 >>'),
      '!ANNOTATION_FORBIDDEN 2',
    ],
    [
      'a page’s list of annotations, by another one too',
      { [AT.page1]: body(AT.page1, { Annots: '26 0 R' }) },
      addSignature,
      '!FIELD_CHANGED 1',
    ],
    [
      'a dictionary of layers, which a page lists as a comment',
      {
        [AT.catalog]: body(AT.catalog, { OCProperties: '<< /OCGs [20 0 R] /D 17 0 R >>' }),
      },
      (u) => u.object(AT.comment, body(AT.comment, { Contents: '(other)' })),
      '!LAYERS_CHANGED, ANNOTATION_CHANGED 2',
    ],
    [
      'a field, by an object that cannot be read',
      { [AT.page1]: body(AT.page1, { Resources: '31 0 R' }), 31: '<< /XObject << /X 9 0 R >> /' },
      (u) => u.object(AT.textField, body(AT.textField, { V: '(Li)' })),
      '!PAGE_CONTENT_CHANGED 1, FIELD_FILLED 1',
    ],
  ])('nothing that the signed document uses twice: %s', (_, objects = {}, change, expected) => {
    const report = house.verify(house.updated(house.signed({ objects }), change));
    expect(told(report).join(', ')).toBe(expected);
    expect(report.verdict).toBe('INVALID');
  });

  it('never an object stream under the number of another, nor one that holds what is not listed', () => {
    const filled = new Map([[AT.textField, body(AT.textField, { V: '(Li)' })]]);
    const report = (change: Change): VerificationReport =>
      house.verify(house.updated(house.signed({ style: 'stream' }), change, (u) => u.xrefStream()));
    expect(report((u) => u.objects(50, filled)).verdict).toBe('INVALID');
    const page = new Map([[AT.page1, body(AT.page1, { Contents: '60 0 R' })]]);
    const content = 'BT /Helv 20 Tf 20 350 Td (pay 50000) Tj ET';
    const explaining = report((u) => {
      const held = u.pdf.numbersIn(50).map((number) => {
        const value = serialize(u.pdf.getObject({ kind: 'ref', number, generation: 0 }));
        return [number, page.get(number as 3) ?? value] as const;
      });
      u.objects(50, new Map(), new Map(held)).stream(60, content);
      u.object(AT.catalog, body(AT.catalog, { DSS: '<< /Certs [61 0 R] >>' }));
      u.stream(61, 'certificate', '/DecodeParms << /X 50 0 R /Y 60 0 R >>');
    });
    expect(told(explaining)).toContain('!CHANGE_UNKNOWN');
    const hidden = new Map([[AT.content1, '<< >>']]);
    expect(told(report((u) => u.objects(60, filled, hidden)))).toEqual(['!UNREFERENCED_UPDATE', 'FIELD_FILLED 1']);
    expect(told(report((u) => u.objects(60, filled)))).toEqual(['FIELD_FILLED 1']);
  });

  it.each<readonly [string, string, string]>([
    ['a list of a signature', '/CRL [41 0 R]', ''],
    ['what a signature has', '/TS 40 0 R', ''],
    ['what a signature has, exchanged', '/TS 40 0 R', '/TS 41 0 R'],
  ])('never proof of before taken out: %s', (_, before, after) => {
    const store = (related: string): string =>
      body(AT.catalog, {
        DSS: `<< /Type /DSS /OCSPs [40 0 R] /CRLs [41 0 R] /VRI << /AA << /OCSP [40 0 R] ${related} >> >> >>`,
      });
    const der = (data: string): string => `<< /Length ${data.length} >>\nstream\n${data}\nendstream`;
    const objects = { [AT.catalog]: store(before), 40: der('a'), 41: der('b') };
    const report = house.verify(
      house.updated(house.signed({ ...permitting(1), objects }), (u) => u.object(AT.catalog, store(after))),
    );
    expect(told(report)).toEqual(['!VALIDATION_DATA_CHANGED']);
  });

  it('never a default look that is none', () => {
    const objects = { [AT.form]: body(AT.form, { DA: null }) };
    const change =
      (look: string): Change =>
      (u) =>
        u.object(AT.form, body(AT.form, { DA: look }));
    expect(told(house.verify(house.updated(house.signed({ objects }), change('[4 0 R]'))))).toEqual(['!FORM_CHANGED']);
    expect(told(house.verify(house.updated(house.signed({ objects }), change('(/Helv 0 Tf)'))))).toEqual([]);
  });

  it('never what is drawn from proof that was there', () => {
    const evidence = '<< /Length 1 /DecodeParms << /X 41 0 R >> >>\nstream\na\nendstream';
    const objects = {
      [AT.catalog]: body(AT.catalog, { DSS: '<< /Certs [40 0 R] >>' }),
      40: evidence,
      41: '<< /A 1 >>',
    };
    const report = house.verify(house.updated(house.signed({ objects }), (u) => u.object(41, '<< /A 2 >>')));
    expect(told(report)).toEqual(['!VALIDATION_DATA_CHANGED']);
  });

  it('never what a hybrid cross-reference hides from some readers', () => {
    const report = (objects: ReadonlyMap<number, string>): VerificationReport =>
      house.verify(
        house.updated(
          house.signed(),
          (u) => u.objects(60, objects),
          (u) => u.hybrid(),
        ),
      );
    const filled = body(AT.textField, { V: '(Li)' });
    expect(report(new Map([[AT.textField, filled]])).verdict).toBe('INVALID');
    expect(report(new Map([[AT.resources, '<< >>']])).verdict).toBe('INVALID');
    expect(told(report(new Map([[62, '<< >>']])))).toEqual(['UNUSED_OBJECTS_ADDED']);
  });
});
