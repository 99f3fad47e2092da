import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/errors.ts';
import { isAppError } from '../../src/errors.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { incrementOf, pdfFixture, pdfFixtures, requestFor } from '../support/pdf-files.ts';

/** What is wrong with each fixture, as its error says. */
const REFUSALS: Readonly<Record<string, readonly [ErrorCode, RegExp]>> = {
  'broken-table': ['PDF_SHAPE_UNSUPPORTED', /not of 20 bytes/],
  'certified-by-no-field': ['PDF_SHAPE_UNSUPPORTED', /certification signature that no field holds/],
  'certified-by-no-transform': ['PDF_SHAPE_UNSUPPORTED', /certification signature without a DocMDP transform/],
  'certified-no-changes': ['PDF_SIGNED_LOCKED', /permission 1/],
  'content-without-end': ['PDF_SHAPE_UNSUPPORTED', /ends inside a string/],
  'draws-after-surplus-restore': ['PDF_SHAPE_UNSUPPORTED', /restored more states/],
  'encrypted-aes-locked': ['PDF_ENCRYPTED', /without a password/],
  'encrypted-for-recipients': ['PDF_ENCRYPTED', /Adobe\.PubSec/],
  'encrypted-rc4-locked': ['PDF_ENCRYPTED', /without a password/],
  'encryption-begun': ['PDF_ENCRYPTED', /begins, ends or changes/],
  'encryption-ended': ['PDF_ENCRYPTED', /begins, ends or changes/],
  'field-lock-all': ['PDF_SIGNED_LOCKED', /field is locked, by All/],
  'field-lock-no-changes': ['PDF_SIGNED_LOCKED', /permission 1/],
  'field-mdp-all': ['PDF_SIGNED_LOCKED', /field is locked, by All/],
  'field-mdp-malformed': ['PDF_SHAPE_UNSUPPORTED', /without an \/Action/],
  'field-loop': ['PDF_LIMIT', /field 6 twice/],
  hybrid: ['PDF_SHAPE_UNSUPPORTED', /hybrid/],
  'leading-junk': ['PDF_SHAPE_UNSUPPORTED', /5 bytes before/],
  'nested-too-deep': ['PDF_LIMIT', /nested/],
  'no-root': ['PDF_UNREADABLE', /catalog/],
  'not-a-pdf': ['PDF_UNREADABLE', /%PDF-/],
  'object-stream-bomb': ['PDF_LIMIT', /inflates/],
  'object-stream-needs-itself': ['PDF_LIMIT', /needs itself/],
  'page-key-twice': ['PDF_SHAPE_UNSUPPORTED', /key given twice/],
  'page-tree-loop': ['PDF_LIMIT', /object 2 twice/],
  'page-tree-too-deep': ['PDF_LIMIT', /deeper/],
  'reference-circle': ['PDF_LIMIT', /circle/],
  'seed-value-unmet': ['PDF_SIGNED_LOCKED', /requires \/SubFilter/],
  'size-too-large': ['PDF_LIMIT', /2000000000 objects/],
  'startxref-past-end': ['PDF_SHAPE_UNSUPPORTED', /past the end/],
  'subsection-longer-than-file': ['PDF_SHAPE_UNSUPPORTED', /longer than the file/],
  'trailer-key-twice': ['PDF_SHAPE_UNSUPPORTED', /key given twice/],
  truncated: ['PDF_TRUNCATED', /startxref/],
  'truncated-revision': ['PDF_TRUNCATED', /further revision/],
  'usage-rights-without-signing': ['PDF_SIGNED_LOCKED', /usage rights without that to sign/],
  'wrong-offsets': ['PDF_SHAPE_UNSUPPORTED', /object 1 0 is not at byte/],
  'xref-loop': ['PDF_LIMIT', /circle/],
  'xref-stream-bomb': ['PDF_LIMIT', /inflates/],
};

describe('what cannot be extended safely is refused by name', () => {
  it('has an expectation for each fixture', () => {
    expect(pdfFixtures('refused').toSorted()).toEqual(Object.keys(REFUSALS).toSorted());
  });

  it.each(Object.entries(REFUSALS))('%s', (name, [code, detail]) => {
    const plan = (): unknown => incrementOf(pdfFixture('refused', name), requestFor(name));
    expect(plan).toThrow(expect.objectContaining({ code, detail: expect.stringMatching(detail) as string }) as Error);
  });
});

/** Plans on the bytes; true when that was possible, false when it was refused; anything else is thrown. */
function survives(name: string, bytes: Uint8Array): boolean {
  try {
    const pdf = openPdf(memorySource(bytes));
    pdf.pages().map((page) => pdf.geometry(page));
    pdf.revisions();
    incrementOf(bytes, requestFor(name));
    return true;
  } catch (error) {
    if (isAppError(error) && error.code !== 'INTERNAL') return false;
    throw error;
  }
}

describe('damaged files end in an increment or an AppError', () => {
  const names = fc.constantFrom(...pdfFixtures('extended'));

  it('with bytes changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(names, changes, (name, changes) => {
        const bytes = Uint8Array.from(pdfFixture('extended', name));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        survives(name, bytes);
      }),
      { numRuns: 400 },
    );
  });

  it('with digits changed, where offsets, lengths and references are', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(9)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(names, changes, (name, changes) => {
        const bytes = Uint8Array.from(pdfFixture('extended', name));
        const digits = [...bytes.keys()].filter((at) => (bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39);
        for (const [at, digit] of changes) bytes[digits[at % digits.length] ?? 0] = 0x30 + digit;
        survives(name, bytes);
      }),
      { numRuns: 400 },
    );
  });

  it('with a piece taken out, doubled, or the end cut off', () => {
    fc.assert(
      fc.property(names, fc.nat(), fc.nat(200), fc.constantFrom(0, 1, 2), (name, from, length, kind) => {
        const bytes = pdfFixture('extended', name);
        const at = from % bytes.length;
        const [head, piece, tail] = [
          bytes.subarray(0, at),
          bytes.subarray(at, at + length),
          bytes.subarray(at + length),
        ];
        survives(name, Buffer.concat(kind === 0 ? [head, tail] : kind === 1 ? [head, piece, piece, tail] : [head]));
      }),
      { numRuns: 400 },
    );
  });
});
