/** What earlier signatures leave to the next one, and what that one says: through the plan and through the reader of what was planned. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { docMdp, fieldMdp, signedPdf } from '../../scripts/pdf/signed-pdfs.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { LockRequest, PlannedIncrement } from '../../src/pdf/increment.ts';
import { isKind, pdfDict, pdfRef, serialize } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import type { SignatureField } from '../../src/pdf/signature-fields.ts';
import { opensslSigner } from '../support/openssl-signer.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import {
  MARK_PLACE,
  SEAL_PLACE,
  STAR,
  extendedBy,
  incrementOf,
  pdfFixture,
  signatureRequest,
} from '../support/pdf-files.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-terms-'));
afterAll(() => rmSync(folder, { recursive: true }));

const OPEN: LockRequest = { final: false, expect: [] };
const FINAL: LockRequest = { final: true, expect: [] };
const EXPECTED = { page: 1, xMm: 140, yMm: 60, widthMm: 42, heightMm: 42 };
const EXPECTING: LockRequest = { final: false, expect: [{ name: '第二委员会', place: EXPECTED }] };

function open(bytes: Uint8Array): PdfFile {
  return openPdf(memorySource(bytes));
}

function fieldOf(bytes: Uint8Array, name: string): SignatureField | undefined {
  return open(bytes)
    .signatureFields()
    .find((field) => field.name === name);
}

/** A seal alone, into a field or, with null, a new one. */
function seal(original: Uint8Array, fieldName: string | null, lock?: LockRequest): PlannedIncrement {
  const place = fieldName === null ? SEAL_PLACE : null;
  const signature = signatureRequest({ fieldName, place, ...(lock === undefined ? {} : { lock }) });
  return incrementOf(original, { marks: [], signature });
}

/** The code that planning ends with; `planned` where it does not. */
function outcome(plan: () => unknown): ErrorCode | 'planned' {
  try {
    plan();
    return 'planned';
  } catch (error) {
    return (error as { readonly code: ErrorCode }).code;
  }
}

/** First signed, an empty text field `Sum`, and `Second` empty. */
function signedWith(references: string, more = '', certifies = references.includes('DocMDP')): Uint8Array {
  const fields = [{ name: 'First', references, more }, { name: 'Second' }];
  return signedPdf({ fields, ...(certifies ? { certifiedBy: 0 } : {}) });
}

describe('what earlier signatures forbid', () => {
  const locked = 'PDF_SIGNED_LOCKED';
  const content = 'COUNTERSEAL_CONTENT_FORBIDDEN';
  const lock = (entries: string): string => `/Lock << /Type /SigFieldLock ${entries} >>`;

  /** Of a document as it is: a seal into its empty field, a seal that brings a field, a mark on a page. */
  it.each<[string, Uint8Array, [field: string, added: string, mark: string]]>([
    ['certified, P 1', signedWith(docMdp(1)), [locked, locked, locked]],
    ['certified, P 2', signedWith(docMdp(2)), ['planned', locked, content]],
    ['certified, P 3', signedWith(docMdp(3)), ['planned', locked, content]],
    ['certified, without P', signedWith(docMdp('null')), ['planned', locked, content]],
    ['certified by its references alone', signedWith(docMdp(2), '', false), ['planned', locked, content]],
    ['approved, nothing said', signedWith(''), ['planned', 'planned', content]],
    ['FieldMDP All', signedWith(fieldMdp('All')), [locked, locked, content]],
    ['FieldMDP Include of others', signedWith(fieldMdp('Include', 'Sum')), ['planned', 'planned', content]],
    ['FieldMDP Include', signedWith(fieldMdp('Include', 'Sum', 'Second')), [locked, 'planned', content]],
    ['FieldMDP Exclude of others', signedWith(fieldMdp('Exclude', 'Sum')), [locked, locked, content]],
    ['FieldMDP Exclude', signedWith(fieldMdp('Exclude', 'Second')), ['planned', locked, content]],
    ['/Lock All', signedWith('', lock('/Action /All')), [locked, locked, content]],
    ['/Lock Exclude', signedWith('', lock('/Action /Exclude /Fields [(Second)]')), ['planned', locked, content]],
    ['/Lock P 1', signedWith('', lock('/Action /Include /Fields [] /P 1')), [locked, locked, locked]],
    ['/Lock P 2', signedWith('', lock('/Action /Include /Fields [] /P 2')), ['planned', locked, content]],
    ['P 3, its /Lock P 1', signedWith(docMdp(3), lock('/Action /Include /Fields [] /P 1')), [locked, locked, locked]],
  ])('%s', (_, original, expected) => {
    const marks = [{ place: MARK_PLACE, appearance: STAR }];
    const signature = signatureRequest({ fieldName: 'Second', place: null });
    expect([
      outcome(() => seal(original, 'Second')),
      outcome(() => seal(original, null)),
      outcome(() => incrementOf(original, { marks, signature })),
    ]).toEqual(expected);
  });

  it.each<[string, string, ErrorCode | 'planned']>([
    ['Include', 'Committee', locked],
    ['Include', 'Committee.Second', locked],
    ['Include', 'Committee.Sec', 'planned'],
    ['Include', 'Second', 'planned'],
    ['Exclude', 'Committee', 'planned'],
    ['Exclude', 'Comm', locked],
  ])('names stand for the fields below them: %s %s', (action, name, expected) => {
    const pdf = new RawPdf().object(1, '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] /SigFlags 3 >> >>');
    pdf.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>');
    pdf.object(3, '<< /Type /Page /Parent 2 0 R /Annots [7 0 R 8 0 R] >>');
    const widget = '/Type /Annot /Subtype /Widget /FT /Sig /Parent 6 0 R /F 132 /P 3 0 R';
    pdf.object(6, '<< /T (Committee) /Kids [7 0 R 8 0 R] >>');
    pdf.object(7, `<< ${widget} /T (First) /V 9 0 R /Rect [0 0 100 100] >>`);
    pdf.object(8, `<< ${widget} /T (Second) /Rect [100 0 200 100] >>`);
    pdf.object(9, `<< /Type /Sig /Contents <00> /Reference [${fieldMdp(action, name)}] >>`);
    const original = pdf.table('/Size 10 /Root 1 0 R').end().bytes();
    expect(outcome(() => seal(original, 'Committee.Second'))).toBe(expected);
  });

  it.each<[string, string, RegExp]>([
    ['P 4', docMdp(4), /permission 4/],
    ['P of a name', docMdp('/All'), /permission of another type/],
    ['an unknown action', fieldMdp('Some', 'Sum'), /All, Include or Exclude/],
    ['no fields', fieldMdp('Include'), /without \/Fields/],
    ['two of a kind', docMdp(2) + docMdp(3), /two DocMDP/],
    ['a number', '7', /reference that is no dictionary/],
    ['no method', '<< /Type /SigRef >>', /TransformMethod/],
    ['no parameters', '<< /TransformMethod /FieldMDP >>', /lock of fields that is no dictionary/],
    ['a key twice', '<< /TransformMethod /DocMDP /TransformMethod /FieldMDP >>', /key given twice/],
    ['too many', '<< /TransformMethod /Identity >>'.repeat(17), /17 references/],
  ])('is not guessed where it is malformed: %s', (_, references, detail) => {
    const original = signedWith(references, '', false);
    expect(() => seal(original, 'Second')).toThrow(
      expect.objectContaining({
        code: 'PDF_SHAPE_UNSUPPORTED',
        detail: expect.stringMatching(detail) as string,
      }) as Error,
    );
    // For who only reports, it is the strictest.
    expect(fieldOf(original, 'First')).toMatchObject({
      fault: expect.stringMatching(detail) as string,
      value: { docMdp: 1, fieldMdp: { action: 'All' } },
    });
  });

  it('and usage rights that bind every program forbid what they do not name', () => {
    const original = pdfFixture('extended', 'usage-rights');
    expect(seal(original, 'Second').endsUsageRights).toBe(true);
    expect(outcome(() => seal(original, null))).toBe(locked);
    expect(outcome(() => seal(original, 'Second', EXPECTING))).toBe(locked);
    const signature = signatureRequest({ fieldName: 'Second', place: null });
    const marks = [{ place: MARK_PLACE, appearance: STAR }];
    expect(outcome(() => incrementOf(original, { marks, signature }))).toBe(locked);
  });
});

describe('the first seal', () => {
  const original = pdfFixture('extended', 'form-direct');

  /** The permissions dictionary's signature, by its number. */
  function certifiedBy(pdf: PdfFile): unknown {
    const permissions = pdf.get(pdf.catalog, 'Perms');
    return isKind(permissions, 'dict') ? permissions.entries.get('DocMDP') : null;
  }

  it('certifies the document: only what it leaves open may be signed, and all other fields are locked', () => {
    const plan = seal(original, null, OPEN);
    const pdf = open(extendedBy(original, plan));
    const field = pdf.signatureFields().find(({ name }) => name === plan.fieldName);
    const all = { action: 'All', fields: [], permission: null };
    expect(field).toMatchObject({ value: { docMdp: 2, fieldMdp: all }, lock: all, fault: null });
    expect(certifiedBy(pdf)).toEqual(field?.value?.ref);
    expect(plan.transforms).toEqual({ docMdp: 2, fieldMdp: all });
  });

  it('that is final lets nothing follow', () => {
    const sealed = extendedBy(original, seal(original, null, FINAL));
    expect(open(sealed).signatureFields()[0]?.value?.docMdp).toBe(1);
    expect(outcome(() => seal(sealed, null))).toBe('PDF_SIGNED_LOCKED');
    expect(outcome(() => seal(original, null, { ...EXPECTING, final: true }))).toBe('PDF_SIGNED_LOCKED');
  });

  it('keeps what the permissions dictionary had, wherever it stands', () => {
    const rights = pdfFixture('extended', 'usage-rights');
    const pdf = open(extendedBy(rights, seal(rights, 'Second', OPEN)));
    const permissions = pdf.get(pdf.catalog, 'Perms');
    expect(isKind(permissions, 'dict') ? [...permissions.entries.keys()] : []).toEqual(['UR3', 'DocMDP']);

    const raw = new RawPdf().object(1, '<< /Type /Catalog /Pages 2 0 R /Perms 4 0 R >>');
    raw.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>');
    raw.object(3, '<< /Type /Page /Parent 2 0 R >>').object(4, '<< /Vendor (TEST) >>');
    const apart = raw.table('/Size 5 /Root 1 0 R').end().bytes();
    const after = open(extendedBy(apart, seal(apart, null, OPEN)));
    expect(after.catalog.entries.get('Perms')).toMatchObject({ number: 4 });
    expect(after.getObject(pdfRef(4))).toMatchObject({
      entries: new Map<string, unknown>([
        ['Vendor', expect.anything()],
        ['DocMDP', certifiedBy(after)],
      ]),
    });
  });

  it('says nothing of all that where it is not asked to', () => {
    const pdf = open(extendedBy(original, seal(original, null)));
    expect(certifiedBy(pdf)).toBeNull();
    expect(pdf.signatureFields()[0]).toMatchObject({ value: { docMdp: null, fieldMdp: null }, lock: null });
  });

  it('leaves the empty fields of its document open, unless it is final', () => {
    const template = pdfFixture('extended', 'empty-field');
    const lockAfter = (lock: LockRequest): unknown =>
      fieldOf(extendedBy(template, seal(template, 'Committee.Seal', lock)), 'Committee.Seal')?.value;
    const exclude = { action: 'Exclude', fields: ['Committee.Second'] };
    expect(lockAfter(OPEN)).toMatchObject({ docMdp: 2, fieldMdp: exclude });
    expect(lockAfter(FINAL)).toMatchObject({ docMdp: 1, fieldMdp: { action: 'All' } });
  });
});

describe('a seal that is expected', () => {
  const original = pdfFixture('extended', 'classic-table');
  const first = extendedBy(original, seal(original, null, EXPECTING));

  it('has a field of its size, empty, which the first one leaves open', () => {
    const reserved = fieldOf(first, '第二委员会');
    const mm = 72 / 25.4;
    const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = reserved?.rect ?? [];
    expect(x1 - x0).toBeCloseTo(42 * mm, 3);
    expect((x0 + x1) / 2).toBeCloseTo(140 * mm, 3);
    expect((y0 + y1) / 2).toBeCloseTo(842 - 60 * mm, 3);
    expect(reserved).toMatchObject({ value: null, lock: { action: 'All' } });
    expect(fieldOf(first, 'Signature1')?.value?.fieldMdp).toEqual({
      action: 'Exclude',
      fields: ['第二委员会'],
      permission: null,
    });
  });

  it('goes into that field, and changes it and nothing else', () => {
    const plan = seal(first, '第二委员会', OPEN);
    const second = extendedBy(first, plan);
    const before = open(first);
    const changed = Array.from(open(second).sections[0]?.entries() ?? [], ([number]) => number);
    const field = before.signatureFields().find(({ name }) => name === '第二委员会');
    expect(changed.filter((number) => number <= before.maxObjectNumber)).toEqual([field?.ref?.number]);
    expect(fieldOf(second, '第二委员会')).toMatchObject({
      value: { docMdp: null, fieldMdp: { action: 'All' }, byteRange: plan.byteRange },
      lock: field?.lock,
    });
    expect(outcome(() => seal(second, null, OPEN))).toBe('PDF_SIGNED_LOCKED');
  });

  it('is one of several: each leaves the others open that are still empty', () => {
    const expect3 = ['A', 'B', 'C'].map((name, i) => ({ name, place: { ...EXPECTED, xMm: 40 + 50 * i, yMm: 120 } }));
    let bytes = extendedBy(original, seal(original, null, { final: false, expect: expect3 }));
    expect(fieldOf(bytes, 'B')?.lock).toMatchObject({ action: 'Exclude', fields: ['A', 'C'] });
    for (const name of ['B', 'A', 'C']) bytes = extendedBy(bytes, seal(bytes, name, OPEN));
    expect(
      open(bytes)
        .signatureFields()
        .map(({ value }) => value?.fieldMdp?.action),
    ).toEqual(['Exclude', 'Exclude', 'Exclude', 'Exclude']);
    expect(outcome(() => seal(bytes, null, OPEN))).toBe('PDF_SIGNED_LOCKED');
  });

  it.each<[string, ErrorCode]>([
    ['', 'BAD_REQUEST'],
    ['Second.Committee', 'BAD_REQUEST'],
    ['line\nbreak', 'BAD_REQUEST'],
    ['Signature1', 'FIELD_NAME_TAKEN'],
  ])('is not called “%s” in a document with that field', (name, code) => {
    const form = pdfFixture('extended', 'form-direct');
    const expecting = { final: false, expect: [{ name, place: EXPECTED }] };
    expect(outcome(() => seal(form, null, expecting))).toBe(code);
  });

  it('has a name of its own and a place on its page', () => {
    const expecting = (...places: readonly (typeof EXPECTED)[]): unknown =>
      seal(original, null, { final: false, expect: places.map((place) => ({ name: 'A', place })) });
    expect(outcome(() => expecting(EXPECTED, EXPECTED))).toBe('FIELD_NAME_TAKEN');
    expect(outcome(() => expecting({ ...EXPECTED, page: 2 }))).toBe('PAGE_OUT_OF_RANGE');
    expect(outcome(() => expecting({ ...EXPECTED, xMm: 5 }))).toBe('POSITION_OFF_PAGE');
  });

  it('is refused where the document takes no more fields, or would not show it', () => {
    expect(outcome(() => seal(signedWith(docMdp(2)), 'Second', EXPECTING))).toBe('PDF_SIGNED_LOCKED');
    expect(outcome(() => seal(signedWith(''), 'Second', EXPECTING))).toBe('planned');
    const redrawn = signedPdf({ fields: [{ name: 'Second' }], form: '/NeedAppearances true' });
    expect(outcome(() => seal(redrawn, null, EXPECTING))).toBe('PDF_SHAPE_UNSUPPORTED');
  });
});

describe('a later seal', () => {
  it('locks what is not still to be signed, in its field, too, where that is its own', () => {
    const original = signedWith('');
    const exclude = { action: 'Exclude', fields: ['Second'], permission: null };
    const added = seal(original, null, OPEN);
    expect(fieldOf(extendedBy(original, added), added.fieldName)).toMatchObject({
      value: { docMdp: null, fieldMdp: exclude },
      lock: exclude,
    });
    // A lock put into a field that was there is more than signing it.
    const filled = fieldOf(extendedBy(original, seal(original, 'Second', OPEN)), 'Second');
    expect(filled).toMatchObject({ value: { fieldMdp: { action: 'All' } }, lock: null });
  });

  it('that is final says so by the permission of its lock', () => {
    const original = signedWith('');
    for (const fieldName of [null, 'Second']) {
      const sealed = extendedBy(original, seal(original, fieldName, FINAL));
      expect(outcome(() => seal(sealed, null))).toBe('PDF_SIGNED_LOCKED');
      const last = open(sealed).signatureFields().at(-1);
      expect(last?.value).toMatchObject({ docMdp: null, fieldMdp: { action: 'All', permission: 1 } });
    }
  });
});

describe('a field with a lock of its own', () => {
  const withLock = (entries: string): Uint8Array =>
    signedPdf({ fields: [{ name: 'Second', more: `/Lock << /Type /SigFieldLock ${entries} >>` }, { name: 'Third' }] });
  const sealed = (entries: string, lock?: LockRequest): SignatureField | undefined => {
    const original = withLock(entries);
    return fieldOf(extendedBy(original, seal(original, 'Second', lock)), 'Second');
  };

  it('has it copied into the signature, whatever else the seal would say', () => {
    const include = { action: 'Include', fields: ['Sum'], permission: null };
    for (const lock of [undefined, OPEN]) {
      expect(sealed('/Action /Include /Fields [(Sum)]', lock)).toMatchObject({
        value: { fieldMdp: include },
        lock: include,
      });
    }
  });

  it('has the permission of its lock in the certification', () => {
    expect(sealed('/Action /All /P 1', OPEN)?.value?.docMdp).toBe(1);
    expect(sealed('/Action /All /P 3', OPEN)?.value?.docMdp).toBe(2);
  });

  it.each<[string, LockRequest, ErrorCode | 'planned']>([
    ['/Action /All', EXPECTING, 'PDF_SIGNED_LOCKED'],
    ['/Action /All /P 1', EXPECTING, 'PDF_SIGNED_LOCKED'],
    ['/Action /Include /Fields [(Sum)]', EXPECTING, 'planned'],
    ['/Action /Include /Fields [(Sum)]', FINAL, 'planned'],
    ['/Action /Any', OPEN, 'PDF_SHAPE_UNSUPPORTED'],
  ])('%s is not talked over: %j', (entries, lock, expected) => {
    expect(outcome(() => seal(withLock(entries), 'Second', lock))).toBe(expected);
  });

  it('under an earlier signature cannot be the final one where it leaves others open', () => {
    const lock = '/Lock << /Action /Exclude /Fields [(Third)] >>';
    const fields = [{ name: 'First', references: '' }, { name: 'Second', more: lock }, { name: 'Third' }];
    expect(outcome(() => seal(signedPdf({ fields }), 'Second', OPEN))).toBe('planned');
    expect(outcome(() => seal(signedPdf({ fields }), 'Second', FINAL))).toBe('PDF_SIGNED_LOCKED');
    expect(outcome(() => seal(signedPdf({ fields: fields.slice(0, 2) }), 'Second', FINAL))).toBe('planned');
  });
});

describe('a field with seed values', () => {
  const CERTIFICATE = Uint8Array.of(0x30, 0x01, 0x01);
  const ISSUER = Uint8Array.of(0x30, 0x01, 0x02);
  const withSeed = (entries: string): Uint8Array =>
    signedPdf({ fields: [{ name: 'Second', more: '/SV 40 0 R' }], objects: { 40: `<< /Type /SV ${entries} >>` } });
  const plan = (entries: string, request: { lock?: LockRequest; reason?: string }): PlannedIncrement => {
    const certificates = [CERTIFICATE, ISSUER];
    const signature = signatureRequest({ fieldName: 'Second', place: null, certificates, ...request });
    return incrementOf(withSeed(entries), { marks: [], signature });
  };

  it.each<[string, { lock?: LockRequest; reason?: string }, ErrorCode | 'planned']>([
    // Wishes bind nobody.
    ['/Filter /Other.Handler /SubFilter [/adbe.x509.rsa_sha1] /Reasons [(TEST)]', {}, 'planned'],
    ['/Ff 1 /Filter /Adobe.PPKLite', {}, 'planned'],
    ['/Ff 1 /Filter /Adobe.PPKMS', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 2 /SubFilter [/adbe.pkcs7.detached /ETSI.CAdES.detached]', {}, 'planned'],
    ['/Ff 2 /SubFilter [/adbe.pkcs7.detached]', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 64 /DigestMethod [(SHA384) (SHA256)]', {}, 'planned'],
    ['/Ff 64 /DigestMethod [/SHA256]', {}, 'planned'],
    ['/Ff 64 /DigestMethod [(SHA384)]', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 4 /V 3', {}, 'planned'],
    ['/Ff 4 /V 4', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 8 /Reasons [(A) (B)]', { reason: 'B' }, 'planned'],
    ['/Ff 8 /Reasons [(A) (B)]', { reason: 'C' }, 'PDF_SIGNED_LOCKED'],
    ['/Ff 8 /Reasons [(A) (B)]', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 8 /Reasons [(.)]', {}, 'planned'],
    ['/Ff 8 /Reasons [(.)]', { reason: 'A' }, 'PDF_SIGNED_LOCKED'],
    ['/Ff 8', { reason: 'A' }, 'PDF_SIGNED_LOCKED'],
    ['/TimeStamp << /URL (http://tsa.example) /Ff 0 >>', {}, 'planned'],
    ['/TimeStamp << /URL (http://tsa.example) /Ff 1 >>', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 16 /LegalAttestation [(None)]', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 32 /AddRevInfo true', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 32 /AddRevInfo false', {}, 'planned'],
    ['/Ff 256 /AppearanceFilter (Official)', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 128 /LockDocument /true', { lock: EXPECTING }, 'PDF_SIGNED_LOCKED'],
    ['/Ff 128 /LockDocument /false', { lock: OPEN }, 'planned'],
    ['/Ff 128 /LockDocument /false', { lock: FINAL }, 'PDF_SIGNED_LOCKED'],
    ['/Ff 128 /LockDocument /auto', { lock: FINAL }, 'planned'],
    ['/MDP << /P 1 >>', { lock: EXPECTING }, 'PDF_SIGNED_LOCKED'],
    ['/MDP << /P 2 >>', { lock: FINAL }, 'PDF_SIGNED_LOCKED'],
    ['/Cert << /Ff 1 /Subject [<300101> <3000>] >>', {}, 'planned'],
    ['/Cert << /Ff 1 /Subject [<300102>] >>', {}, 'PDF_SIGNED_LOCKED'],
    ['/Cert << /Ff 2 /Issuer [<300102>] >>', {}, 'planned'],
    ['/Cert << /Ff 2 /Issuer [<300101>] >>', {}, 'PDF_SIGNED_LOCKED'],
    ['/Cert << /Ff 4 /Issuer [<3000>] /OID [(1.2.3)] >>', {}, 'PDF_SIGNED_LOCKED'],
    ['/Ff 2 /SubFilter /ETSI.CAdES.detached', {}, 'PDF_SHAPE_UNSUPPORTED'],
    ['/Ff (1)', {}, 'PDF_SHAPE_UNSUPPORTED'],
    ['/MDP << /P 5 >>', {}, 'PDF_SHAPE_UNSUPPORTED'],
  ])('%s, by a seal with %j: %s', (entries, request, expected) => {
    expect(outcome(() => plan(entries, request))).toBe(expected);
  });

  it('that knows one reason has it written', () => {
    const original = withSeed('/Ff 8 /Reasons [(TEST)]');
    const planned = plan('/Ff 8 /Reasons [(TEST)]', {});
    expect(fieldOf(extendedBy(original, planned), 'Second')?.value?.reason).toBe('TEST');
  });

  it.each<[string, PlannedIncrement['transforms']['docMdp']]>([
    ['/MDP << /P 0 >>', null],
    ['/MDP << /P 1 >>', 1],
    ['/MDP << /P 3 >>', 3],
    ['/MDP << >>', 2],
    ['/Ff 128 /LockDocument /true', 1],
  ])('that asks for a kind of signature gets it: %s', (entries, permission) => {
    expect(plan(entries, { lock: OPEN }).transforms.docMdp).toBe(permission);
  });

  it('that asks for a certification does not get it after another signature', () => {
    const fields = [
      { name: 'First', references: '' },
      { name: 'Second', more: '/SV << /MDP << /P 2 >> >>' },
    ];
    expect(outcome(() => seal(signedPdf({ fields }), 'Second', OPEN))).toBe('PDF_SIGNED_LOCKED');
  });
});

describeTool(['pdfsig', 'openssl', 'mutool', 'pdftoppm', 'qpdf'], 'programs of other people', () => {
  let sign: ReturnType<typeof opensslSigner>;
  beforeAll(() => {
    sign = opensslSigner(folder);
  });

  function file(name: string, bytes: Uint8Array): string {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  }

  /** What MuPDF finds wrong in the history of changes, by the permissions and locks of the signatures: 0 for nothing. */
  function faultyRevisions(path: string): string {
    const script = file('judge.js', Buffer.from('print(new PDFDocument(scriptArgs[0]).validateChangeHistory())'));
    const { stdout, status } = runTool('mutool', ['run', script, path]);
    expect(status).toBe(0);
    return stdout.trim();
  }

  function expectSound(path: string, signatures: number): void {
    expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = runTool('pdfsig', ['-nocert', path]);
    expect(stdout.match(/Signature is Valid/g)).toHaveLength(signatures);
    expect(stdout.match(/ {2}- Total document signed/g)).toHaveLength(1);
    expect(runTool('mutool', ['sign', '-v', path]).stdout).toContain('unchanged since signing');
    expect(faultyRevisions(path)).toBe('0');
  }

  const agreement = readFileSync(join(import.meta.dirname, '../../fixtures/agreements/one-page.pdf'));

  it.each([
    ['open', OPEN],
    ['final', FINAL],
    ['expecting', EXPECTING],
  ])('take a certification that is %s', (name, lock) => {
    expectSound(file(`${name}.pdf`, sign(agreement, seal(agreement, null, lock))), 1);
  });

  it('find a second seal that is final in order', () => {
    const once = sign(agreement, seal(agreement, null, EXPECTING));
    expectSound(file('final-second.pdf', sign(once, seal(once, '第二委员会', FINAL))), 2);
  });

  it('find the first seal whole under the second, which shows in its own place only', () => {
    const once = sign(agreement, seal(agreement, null, EXPECTING));
    const twice = sign(once, seal(once, '第二委员会', OPEN));
    const [before, after] = [file('once.pdf', once), file('twice.pdf', twice)];
    expectSound(after, 2);
    const { inside, outside } = differences(drawPage(before, 1, folder), drawPage(after, 1, folder), [EXPECTED]);
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(1000);
  });

  it('call a page that was turned after the seal changed: the judge can tell', () => {
    const once = sign(agreement, seal(agreement, null, OPEN));
    const pdf = open(once);
    const { ref, dict } = pdf.page(1);
    const turned = new RawPdf(Buffer.from(once).toString('latin1'));
    turned.object(ref.number, serialize(pdfDict(new Map([...dict.entries, ['Rotate', 90] as const]))));
    const size = pdf.maxObjectNumber + 1;
    turned.table(`/Size ${size} /Root ${pdf.catalogRef.number} 0 R /Prev ${pdf.startxref}`).end();
    expect(faultyRevisions(file('turned.pdf', turned.bytes()))).not.toBe('0');
  });
});
