import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isAppError } from '../../src/errors.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { checkPlanned } from '../../src/pdf/increment-check.ts';
import { usePdf } from '../../src/pdf/rebuild.ts';
import { incrementOf, pdfFixture, pdfFixtures, requestFor } from '../support/pdf-files.ts';
import { REFUSALS } from '../support/refusals.ts';

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
  const started = performance.now();
  try {
    usePdf(memorySource(bytes), (pdf) => {
      pdf.pages().map((page) => pdf.geometry(page));
      pdf.revisions();
    });
    const plan = incrementOf(bytes, requestFor(name));
    checkPlanned(memorySource(bytes), plan);
    return true;
  } catch (error) {
    if (isAppError(error) && error.code !== 'INTERNAL' && error.code !== 'SEAL_SELF_CHECK') return false;
    throw error;
  } finally {
    expect(performance.now() - started).toBeLessThan(LONGEST_MS);
  }
}

/** More than any small file may take: a machine that is busy takes many times as long as one that is not. */
const LONGEST_MS = 5000;

describe('damaged files end in an increment or an AppError', () => {
  const originals = fc.constantFrom(
    ...(['extended', 'repaired'] as const).flatMap((kind) =>
      pdfFixtures(kind).map((name) => ({ name, original: pdfFixture(kind, name) })),
    ),
  );

  it('with bytes changed', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(originals, changes, ({ name, original }, changes) => {
        const bytes = Uint8Array.from(original);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        survives(name, bytes);
      }),
      { numRuns: 400 },
    );
  });

  it('with digits changed, where offsets, lengths and references are', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat(9)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(originals, changes, ({ name, original }, changes) => {
        const bytes = Uint8Array.from(original);
        const digits = [...bytes.keys()].filter((at) => (bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39);
        for (const [at, digit] of changes) bytes[digits[at % digits.length] ?? 0] = 0x30 + digit;
        survives(name, bytes);
      }),
      { numRuns: 400 },
    );
  });

  it('with a piece taken out, doubled, or the end cut off', () => {
    fc.assert(
      fc.property(
        originals,
        fc.nat(),
        fc.nat(200),
        fc.constantFrom(0, 1, 2),
        ({ name, original: bytes }, from, length, kind) => {
          const at = from % bytes.length;
          const [head, piece, tail] = [
            bytes.subarray(0, at),
            bytes.subarray(at, at + length),
            bytes.subarray(at + length),
          ];
          survives(name, Buffer.concat(kind === 0 ? [head, tail] : kind === 1 ? [head, piece, piece, tail] : [head]));
        },
      ),
      { numRuns: 400 },
    );
  });
});
