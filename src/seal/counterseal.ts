/** Which of the places that a document keeps for seals is for this one. */
import { AppError } from '../errors.ts';
import type { PdfFacts } from '../pdf/pdf-worker.ts';

/**
 * The field that a signed document keeps for this seal: the only one, or the one that bears the committee's name; null where the
 * document is not signed yet, or keeps none.
 * @throws AppError FIELD_AMBIGUOUS with `fields`.
 */
export function fieldKeptFor(committee: string, { signatures, openFields }: PdfFacts): string | null {
  if (signatures === 0) return null;
  const [only] = openFields;
  if (only === undefined || openFields.length === 1) return only ?? null;
  if (openFields.includes(committee)) return committee;
  throw new AppError('FIELD_AMBIGUOUS', `${openFields.length} empty signature fields`, {
    extras: { fields: openFields.slice(0, MOST_TOLD) },
  });
}

/** A document may have thousands. */
const MOST_TOLD = 100;
