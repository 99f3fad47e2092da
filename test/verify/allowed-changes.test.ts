import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VerificationReport } from '../../src/verify/report.ts';
import {
  FormHouse,
  addComment,
  addSignature,
  fillSecond,
  fillText,
  listed,
  newSignature,
  permitting,
  told,
} from '../support/form-house.ts';
import type { Change, Finish } from '../support/form-house.ts';
import { AT, FORM, XMP, body, signatureValue } from '../support/signed-form.ts';
import type { SignedFormOptions } from '../support/signed-form.ts';
import { describeTool } from '../support/tools.ts';
import type { Update } from '../support/update.ts';

let house: FormHouse;
beforeAll(() => {
  house = new FormHouse();
});
afterAll(() => house[Symbol.dispose]());

/** By what a certification permits (null: a signature that says nothing), what is told of a change. */
type Expected = Readonly<Record<'none' | 3 | 2 | 1, readonly string[]>>;

function fromPermission(least: 1 | 2 | 3, ...codes: readonly string[]): Expected {
  const refused = codes.map((code) => `!${code}`);
  const at = (permission: number): readonly string[] => (permission >= least ? codes : refused);
  return { none: at(3), 3: at(3), 2: at(2), 1: at(1) };
}

/** What no signature that says anything lets happen. */
function ofItsOwnAccord(...codes: readonly string[]): Expected {
  const refused = codes.map((code) => `!${code}`);
  return { none: codes, 3: refused, 2: refused, 1: refused };
}

const ALLOWED: readonly (readonly [string, Change, Expected])[] = [
  ['a further signature in a field of its own', addSignature, ofItsOwnAccord('SIGNATURE_ADDED 2')],
  [
    'a further signature in an empty field, which is shown nowhere any more',
    (update) => {
      const value = update.reserve();
      update.object(AT.secondField, body(AT.secondField, { V: `${value} 0 R`, Rect: '[0 0 0 0]' }));
      update.object(value, signatureValue());
    },
    fromPermission(2, 'SIGNATURE_ADDED'),
  ],
  ['a further signature in an empty field', fillSecond, fromPermission(2, 'SIGNATURE_ADDED 2')],
  [
    'a signature that is shown nowhere',
    (update) => {
      const field = newSignature(update, { Rect: '[0 0 0 0]', P: null });
      update.object(AT.form, body(AT.form, { Fields: listed(field) }));
    },
    fromPermission(2, 'SIGNATURE_ADDED'),
  ],
  [
    'an empty field for a signature, which looks like nothing',
    (update) => {
      const [field, look] = [update.reserve(), update.reserve()];
      update.object(field, body(AT.secondField, { T: '(Third)', AP: `<< /N ${look} 0 R >>` }));
      update.stream(look, '', FORM);
      update.object(AT.form, body(AT.form, { Fields: listed(field) }));
      update.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
    },
    ofItsOwnAccord('SIGNATURE_FIELD_ADDED 2'),
  ],
  ['a text field filled in', fillText, fromPermission(2, 'FIELD_FILLED 1')],
  [
    'a text field filled in whose look is overridden where it is',
    (update) => {
      update.object(AT.textField, body(AT.textField, { V: '(Li)' }));
      update.stream(AT.textLook, 'BT /Helv 12 Tf 2 5 Td (Li) Tj ET', `${FORM} /Resources 23 0 R`);
    },
    fromPermission(2, 'FIELD_FILLED 1'),
  ],
  [
    'a field below another filled in',
    (update) => update.object(AT.groupedField, body(AT.groupedField, { V: '(here)' })),
    fromPermission(2, 'FIELD_FILLED 1'),
  ],
  [
    'a box checked',
    (update) => update.object(AT.checkBox, body(AT.checkBox, { V: '/Yes', AS: '/Yes' })),
    fromPermission(2, 'FIELD_FILLED 1'),
  ],
  ['a comment with its pop-up', addComment, fromPermission(3, 'ANNOTATION_ADDED 2', 'ANNOTATION_ADDED 2')],
  [
    'a comment changed',
    (update) => update.object(AT.comment, body(AT.comment, { Contents: '(look again)' })),
    fromPermission(3, 'ANNOTATION_CHANGED 2'),
  ],
  [
    'a comment that is drawn anew',
    (update) => update.stream(AT.commentLook, '0 0 30 30 re S', FORM),
    fromPermission(3, 'ANNOTATION_CHANGED 2'),
  ],
  [
    'a comment taken off',
    (update) => update.object(AT.annotations2, '[16 0 R]').free(AT.comment).free(AT.commentLook),
    fromPermission(3, 'ANNOTATION_REMOVED 2'),
  ],
  [
    'a security store',
    (update) => {
      const [store, certificate, crl] = [update.reserve(), update.reserve(), update.reserve()];
      update.object(
        AT.catalog,
        body(AT.catalog, { DSS: `${store} 0 R`, Extensions: '<< /ESIC << /BaseVersion /1.7 /ExtensionLevel 5 >> >>' }),
      );
      const vri = `<< /Type /VRI /0123456789ABCDEF0123456789ABCDEF01234567 << /Cert [${certificate} 0 R] /TU (D:20230616120000Z) >> >>`;
      update.object(store, `<< /Type /DSS /Certs [${certificate} 0 R] /CRLs [${crl} 0 R] /VRI ${vri} >>`);
      update.stream(certificate, 'certificate').stream(crl, 'list');
    },
    fromPermission(1, 'VALIDATION_DATA_ADDED', 'VERSION_CHANGED'),
  ],
  [
    'dates in the information and in the metadata',
    (update) => {
      update.object(AT.information, '<< /Title (Agreement) /ModDate (D:20230617120000Z) /Producer (another) >>');
      update.stream(AT.metadata, XMP('Agreement', '2023-06-17'), '/Type /Metadata /Subtype /XML');
    },
    fromPermission(1, 'DATES_CHANGED'),
  ],
  [
    'a higher version',
    (update) => update.object(AT.catalog, body(AT.catalog, { Version: '/2.0' })),
    fromPermission(1, 'VERSION_CHANGED'),
  ],
  [
    'objects that nothing refers to',
    (update) => update.object(60, '<< /A 61 0 R >>').object(61, '<< >>'),
    fromPermission(1, 'UNUSED_OBJECTS_ADDED'),
  ],
  [
    'fractions written to fewer places',
    (update) => update.object(AT.page2, body(AT.page2, { CropBox: '[0 0 299.123457 399.5]' })),
    fromPermission(1),
  ],
  [
    'everything written again as it was',
    (update) => {
      for (const number of [
        AT.catalog,
        AT.pages,
        AT.page1,
        AT.form,
        AT.textField,
        AT.firstField,
        AT.comment,
      ] as const) {
        update.object(number, body(number));
      }
      update.stream(AT.content1, 'BT /Helv 20 Tf 20 350 Td (pay 5000) Tj ET');
      update.stream(AT.firstLook, '1 0 0 RG 2 2 96 96 re S', FORM);
    },
    fromPermission(1),
  ],
];

const STYLES: readonly (readonly [string, 'table' | 'stream', Finish])[] = [
  ['table', 'table', (update) => update.table()],
  ['stream', 'stream', (update) => update.xrefStream()],
  ['table and stream', 'table', (update) => update.hybrid()],
];

describeTool('openssl', 'what a signature lets follow it', () => {
  describe.each(STYLES)('with a cross-reference %s', (_, style, finish) => {
    it.each(ALLOWED)('%s', (_, change, expected) => {
      for (const [permission, codes] of Object.entries(expected)) {
        const options = permitting(permission === 'none' ? null : Number(permission));
        const report = house.verify(house.updated(house.signed({ ...options, style }), change, finish));
        expect.soft(`P=${permission}: ${told(report).join(', ')}`).toBe(`P=${permission}: ${codes.join(', ')}`);
        const intact = codes.every((code) => !code.startsWith('!'));
        expect.soft(report.verdict, `P=${permission}`).toBe(intact ? 'VALID' : 'INVALID');
      }
    });
  });

  it('is what it is beside objects that cannot be read and do not lead to it', () => {
    const objects = { [AT.page1]: body(AT.page1, { Resources: '31 0 R' }), 31: '<< /XObject << /X 4 0 R >> /' };
    expect(told(house.verify(house.updated(house.signed({ objects }), fillText)))).toEqual(['FIELD_FILLED 1']);
  });

  it('tells in its reasons of comments and of fields that were filled in, but not of proof and dates', () => {
    const file = house.updated(house.signed(), (update) => {
      fillText(update);
      addComment(update);
      update.object(AT.information, '<< /Title (Agreement) /ModDate (D:20230618120000Z) >>');
    });
    const { verdict, reasons } = house.verify(file);
    expect(verdict).toBe('VALID');
    expect(reasons.map(({ code }) => code)).toEqual(['FIELD_FILLED', 'ANNOTATION_ADDED', 'ANNOTATION_ADDED']);
  });

  describe('fields that a signature locks', () => {
    const transform = (action: string): SignedFormOptions => ({
      signature: `/Reference [<< /TransformMethod /FieldMDP /TransformParams << ${action} >> >>]`,
    });
    const lock = (action: string): SignedFormOptions => ({ field: { Lock: `<< /Type /SigFieldLock ${action} >>` } });
    const fillPlace = (u: Update): Update => u.object(AT.groupedField, body(AT.groupedField, { V: '(here)' }));

    it.each<readonly [string, Change, Readonly<Record<string, boolean>>]>([
      [
        'a text field',
        fillText,
        {
          '/Action /All': false,
          '/Action /Include /Fields [(name)]': false,
          '/Action /Include /Fields [(agree)]': true,
          '/Action /Exclude /Fields [(name)]': true,
          '/Action /Exclude /Fields [(agree)]': false,
        },
      ],
      [
        'a field below another',
        fillPlace,
        {
          '/Action /All': false,
          '/Action /Include /Fields [(party)]': false,
          '/Action /Include /Fields [(party.place)]': false,
          '/Action /Include /Fields [(place)]': true,
          '/Action /Exclude /Fields [(party)]': true,
          '/Action /Include /Fields [(par)]': true,
        },
      ],
      [
        'an empty signature field',
        fillSecond,
        {
          '/Action /All': false,
          '/Action /Include /Fields [(Second)]': false,
          '/Action /Include /Fields [(name)]': true,
          '/Action /Exclude /Fields [(Second)]': true,
        },
      ],
    ])('%s stays as it is where it is among them', (_, change, allowed) => {
      for (const [action, isAllowed] of Object.entries(allowed)) {
        for (const options of [transform(action), lock(action)]) {
          const report = house.verify(house.updated(house.signed(options), change));
          expect.soft(report.verdict, action).toBe(isAllowed ? 'VALID' : 'INVALID');
          expect
            .soft(
              report.signatures[0]?.changesAfter.map(({ allowed: a }) => a),
              action,
            )
            .toEqual([isAllowed]);
        }
      }
    });

    it('are no comments', () => {
      const file = house.updated(house.signed(transform('/Action /All')), addComment);
      expect(house.verify(file).verdict).toBe('VALID');
    });

    it('take no field beside them that is seen, where it is not told which ones they are', () => {
      const told = (lock: string): string =>
        house.verify(house.updated(house.signed(transform(lock)), addSignature)).verdict;
      expect(told('/Action /All')).toBe('INVALID');
      expect(told('/Action /Exclude /Fields [(agree)]')).toBe('INVALID');
      expect(told('/Action /Include /Fields [(agree)]')).toBe('VALID');
    });

    it('may come with a permission for all of the document, and then the strictest holds', () => {
      const strict: SignedFormOptions = { ...permitting(3), ...lock('/Action /Include /Fields [(agree)] /P 1') };
      expect(told(house.verify(house.updated(house.signed(strict), fillText)))).toEqual(['!FIELD_FILLED 1']);
    });

    it.each([
      ['a permission that there is not', `/Reference [<< /TransformMethod /DocMDP /TransformParams << /P 4 >> >>]`],
      ['a lock of no action', `/Reference [<< /TransformMethod /FieldMDP /TransformParams << >> >>]`],
      ['references that are no array', `/Reference 7 0 R`],
    ])(
      'are all of them, and nothing may follow, where a signature says what cannot be understood: %s',
      (_, signature) => {
        expect(told(house.verify(house.updated(house.signed({ signature }), fillText)))).toEqual(['!FIELD_FILLED 1']);
      },
    );
  });

  describe('several revisions', () => {
    const integrities = ({ signatures }: VerificationReport): unknown =>
      signatures.map(({ field, integrity, changesAfter }) => [field, integrity, changesAfter.map(({ code }) => code)]);

    it('are judged one by one, each signature by what came after itself', () => {
      const commented = house.updated(house.signed(), addComment);
      const twice = house.updated(commented, fillSecond);
      const report = house.verify(house.updated(twice, fillText));
      expect(report.verdict).toBe('VALID');
      expect(integrities(report)).toEqual([
        ['First', 'INTACT', ['ANNOTATION_ADDED', 'ANNOTATION_ADDED', 'SIGNATURE_ADDED', 'FIELD_FILLED']],
        ['Second', 'INTACT', ['FIELD_FILLED']],
      ]);
    });

    it('break what came before what is not allowed, even where it was undone, and not who signed it as it was', () => {
      const changed = house.updated(house.signed(), (u) => u.object(AT.page1, body(AT.page1, { Rotate: '90' })));
      const restored = house.updated(changed, (u) => u.object(AT.page1, body(AT.page1)));
      expect(house.verify(restored).verdict).toBe('INVALID');
      const report = house.verify(house.updated(house.updated(restored, fillSecond), fillText));
      expect(report.verdict).toBe('INVALID');
      expect(integrities(report)).toEqual([
        ['First', 'BROKEN', ['PAGE_CHANGED', 'SIGNATURE_ADDED', 'FIELD_FILLED']],
        ['Second', 'INTACT', ['FIELD_FILLED']],
      ]);
    });

    it('go on from what the one before added: a field signed in one is not changed in the next', () => {
      const twice = house.updated(house.signed(), addSignature);
      const moved = house.updated(twice, (u) =>
        u.object(60, body(AT.secondField, { T: '(Third)', V: '61 0 R', Rect: '[0 0 9 9]' })),
      );
      expect(integrities(house.verify(moved))).toEqual([
        ['First', 'BROKEN', ['SIGNATURE_ADDED', 'SIGNATURE_CHANGED']],
        ['Third', 'BROKEN', ['SIGNATURE_CHANGED']],
      ]);
      const commented = house.updated(house.signed(), addComment);
      const removed = house.updated(commented, (u) => u.object(AT.annotations2, '[16 0 R 17 0 R]').free(60).free(61));
      expect(told(house.verify(removed))).toEqual([
        'ANNOTATION_ADDED 2',
        'ANNOTATION_ADDED 2',
        'ANNOTATION_REMOVED 2',
        'ANNOTATION_REMOVED 2',
      ]);
    });

    it('may not take out proof that was there, nor put anything in its place', () => {
      const store = (list: string): string => body(AT.catalog, { DSS: `<< /Type /DSS /Certs [${list}] >>` });
      const proven = house.updated(house.signed(), (u) =>
        u.object(AT.catalog, store('60 0 R')).stream(60, 'certificate'),
      );
      expect(house.verify(proven).verdict).toBe('VALID');
      const more = house.updated(proven, (u) => u.object(AT.catalog, store('60 0 R 61 0 R')).stream(61, 'another'));
      expect(house.verify(more).verdict).toBe('VALID');
      expect(house.verify(house.updated(more, (u) => u.object(AT.catalog, store('61 0 R')))).verdict).toBe('INVALID');
      expect(house.verify(house.updated(more, (u) => u.object(AT.catalog, body(AT.catalog)))).verdict).toBe('INVALID');
      expect(house.verify(house.updated(more, (u) => u.stream(60, 'forged'))).verdict).toBe('INVALID');
    });

    it('with bytes behind them are never all that was signed', () => {
      for (const tail of ['\n', '% comment\n', 'startxref\n0\n%%EOF\n']) {
        const report = house.verify(Buffer.concat([house.updated(house.signed(), fillText), Buffer.from(tail)]));
        expect.soft(report.verdict, JSON.stringify(tail)).toBe('INVALID');
      }
    });
  });
});
