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
  const more = detail === '' ? '' : ` (${detail.replaceAll(/\s+/g, ' ')})`;
  return `${code}: ${title} · ${titleZh}${more} — ${remedy} · ${remedyZh}`;
}
