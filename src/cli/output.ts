/** What commands say: text for people, one JSON document for programs, one line for what went wrong. */
import { problemOf } from '../errors.ts';
import type { AppError, Problem } from '../errors.ts';

export interface OutputOptions {
  readonly json?: boolean;
}

/** The value on stdout, as JSON or as `text` makes it. */
export function print<T>(options: OutputOptions, value: T, text: (value: T) => string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value, null, 2)}\n` : text(value));
}

/** All of a failure in one line, in both languages. */
export function problemLine(error: AppError): string {
  return `${problemText(problemOf(error))}\n`;
}

/** The same of a problem, without the end of the line. */
export function problemText({ code, title, titleZh, detail, remedy, remedyZh }: Problem): string {
  const more = detail === '' ? '' : ` (${printable(detail.replaceAll(/\s+/g, ' '))})`;
  return `${code}: ${title} · ${titleZh}${more} — ${remedy} · ${remedyZh}`;
}

/**
 * Text that is not ours, as a file's name, for a terminal: what would move its cursor, change its colours or turn the direction of
 * reading is shown by its number.
 */
export function printable(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
