/** Pages of text that no file was needed for. */
import type { PageText, TextChar } from '../../src/pdf/text-anchor.ts';

/** A row of text: where it begins, millimetres. Spaces take room and are no characters. */
export interface Row {
  readonly text: string;
  readonly xMm?: number;
  readonly yMm: number;
  /** Size of a Han character; others take half of it across. */
  readonly sizeMm?: number;
}

export function charsOf({ text, xMm = 25, yMm, sizeMm = 5 }: Row): TextChar[] {
  let at = xMm;
  return Array.from(text).flatMap((char) => {
    const widthMm = /[\x20-\x7e]/.test(char) ? sizeMm / 2 : sizeMm;
    const box = { char, xMm: at, yMm, widthMm, heightMm: sizeMm };
    at += widthMm;
    return /\s/u.test(char) ? [] : [box];
  });
}

/** An A4 page. */
export function pageOf(rows: readonly Row[], page = 1): PageText {
  return { page, widthMm: 210, heightMm: 297, chars: rows.flatMap(charsOf) };
}
