import { mkdtempSync, rmSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { verifyPdf } from '../../src/verify/verify-pdf.ts';
import { opensslCms } from '../support/openssl-signer.ts';
import type { CmsMaker } from '../support/openssl-signer.ts';
import { AT, FORM, SLOT, XMP, body, fillSignature, signatureValue, signedForm } from '../support/signed-form.ts';
import type { SignedFormOptions } from '../support/signed-form.ts';
import { describeTool } from '../support/tools.ts';
import { Update } from '../support/update.ts';

let folder: string;
let sign: CmsMaker;
let roots: ReturnType<typeof parseCertificate>[];
const documents = new Map<string, Uint8Array>();

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'zhiyin-changes-'));
  const signer = opensslCms(folder);
  sign = signer.sign;
  roots = [parseCertificate(readFileSync(signer.certificatePem))];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The signed document, made once for each kind. */
function signed(options: SignedFormOptions = {}): Uint8Array {
  const key = JSON.stringify(options);
  const made = documents.get(key) ?? signedForm(sign, options);
  documents.set(key, made);
  return made;
}

function verify(bytes: Uint8Array): VerificationReport {
  return verifyPdf(memorySource(bytes), { roots, now: new Date() });
}

/** What the first signature's report tells of what came after it: codes, those that are not allowed with a `!`. */
function told(report: VerificationReport): string[] {
  const changes = report.signatures.find(({ field }) => field === 'First')?.changesAfter ?? [];
  return changes.map(
    ({ code, allowed, page }) => `${allowed ? '' : '!'}${code}${page === undefined ? '' : ` ${page}`}`,
  );
}

/** A certification that permits this much; null: none. */
function permitting(permission: number | null): SignedFormOptions {
  if (permission === null) return {};
  const parameters = `/TransformParams << /Type /TransformParams /P ${permission} /V /1.2 >>`;
  return { signature: `/Reference [<< /Type /SigRef /TransformMethod /DocMDP ${parameters} >>]` };
}

type Change = (update: Update) => unknown;

/** A further signature's objects, in a field of its own under `number`. */
function newSignature(update: Update, changes: Readonly<Record<string, string | null>> = {}): number {
  const [field, value, look] = [update.reserve(), update.reserve(), update.reserve()];
  update.object(
    field,
    body(AT.secondField, { T: '(Third)', V: `${value} 0 R`, AP: `<< /N ${look} 0 R >>`, ...changes }),
  );
  update.stream(look, '0 0 1 RG 2 2 96 96 re S', FORM);
  update.object(value, signatureValue());
  return field;
}

const listed = (field: number): string => `[9 0 R 11 0 R 13 0 R 16 0 R 24 0 R ${field} 0 R]`;

function addSignature(update: Update): void {
  const field = newSignature(update);
  update.object(AT.form, body(AT.form, { Fields: listed(field) }));
  update.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
}

function fillSecond(update: Update): void {
  const [value, look] = [update.reserve(), update.reserve()];
  update.object(AT.secondField, body(AT.secondField, { V: `${value} 0 R`, F: '132', AP: `<< /N ${look} 0 R >>` }));
  update.stream(look, '0 0 1 RG 2 2 96 96 re S', FORM);
  update.object(value, signatureValue());
}

function fillText(update: Update): void {
  const look = update.reserve();
  update.object(AT.textField, body(AT.textField, { V: '(Li)', AP: `<< /N ${look} 0 R >>` }));
  update.stream(look, '/Tx BMC BT /Helv 12 Tf 2 5 Td (Li) Tj ET EMC', `${FORM} /Resources 23 0 R`);
}

function addComment(update: Update): void {
  const [comment, popup] = [update.reserve(), update.reserve()];
  const place = '/Rect [50 50 90 70] /P 5 0 R';
  update.object(
    comment,
    `<< /Type /Annot /Subtype /Highlight ${place} /QuadPoints [50 70 90 70 50 50 90 50] /Popup ${popup} 0 R >>`,
  );
  update.object(popup, `<< /Type /Annot /Subtype /Popup /Rect [90 50 120 70] /Parent ${comment} 0 R >>`);
  update.object(AT.annotations2, `[16 0 R 17 0 R ${comment} 0 R ${popup} 0 R]`);
}

/** By what a certification permits (null: a signature that says nothing), what is told of a change. */
type Expected = Readonly<Record<'none' | 3 | 2 | 1, readonly string[]>>;

function fromPermission(least: 1 | 2 | 3, ...codes: readonly string[]): Expected {
  const refused = codes.map((code) => `!${code}`);
  const at = (permission: number): readonly string[] => (permission >= least ? codes : refused);
  return { none: at(3), 3: at(3), 2: at(2), 1: at(1) };
}

const ALLOWED: readonly (readonly [string, Change, Expected])[] = [
  ['a further signature in a field of its own', addSignature, fromPermission(2, 'SIGNATURE_ADDED 2')],
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
    fromPermission(2, 'SIGNATURE_FIELD_ADDED 2'),
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

const STYLES = {
  'a cross-reference table': (update: Update) => update.table(),
  'a cross-reference stream': (update: Update) => update.xrefStream(),
} as const;

describeTool('openssl', 'what a signature lets follow it', () => {
  describe.each(Object.entries(STYLES))('with %s', (style, finish) => {
    it.each(ALLOWED)('%s', (_, change, expected) => {
      for (const [permission, codes] of Object.entries(expected)) {
        const options = permitting(permission === 'none' ? null : Number(permission));
        const update = new Update(
          signed({ ...options, style: style === 'a cross-reference table' ? 'table' : 'stream' }),
        );
        change(update);
        const file = finish(update);
        const report = verify(Buffer.from(file).includes(SLOT) ? fillSignature(file, sign) : file);
        expect.soft(`P=${permission}: ${told(report).join(', ')}`).toBe(`P=${permission}: ${codes.join(', ')}`);
        const intact = codes.every((code) => !code.startsWith('!'));
        expect.soft(report.verdict, `P=${permission}`).toBe(intact ? 'VALID' : 'INVALID');
      }
    });
  });

  it('tells in its reasons of comments and of fields that were filled in, but not of proof and dates', () => {
    const update = new Update(signed());
    fillText(update);
    addComment(update);
    update.object(AT.information, '<< /Title (Agreement) /ModDate (D:20230618120000Z) >>');
    const { verdict, reasons } = verify(update.table());
    expect(verdict).toBe('VALID');
    expect(reasons.map(({ code }) => code)).toEqual(['FIELD_FILLED', 'ANNOTATION_ADDED', 'ANNOTATION_ADDED']);
  });
});
