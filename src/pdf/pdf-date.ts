/** Dates of ISO 32000-2, 7.9.4. Pure. */

const FORM =
  /^D:(\d{4})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(\d{2})(?:(Z|[+-])(?:(\d{2})(?:'(?:(\d{2})'?)?)?)?)?)?)?)?)?)?$/;

/** The moment that a date string names, without an offset as UTC; null where it is no date. */
export function parsePdfDate(text: string): Date | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const [, year, month = '01', day = '01', hours = '00', minutes = '00', seconds = '00'] = match;
  const [sign = 'Z', offsetHours = '00', offsetMinutes = '00'] = match.slice(7);
  const zone = sign === 'Z' ? 'Z' : `${sign}${offsetHours}:${offsetMinutes}`;
  const date = new Date(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}${zone}`);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** `D:20230615120000+08'00'`: local time at `offsetMinutes` east of UTC, to the second. */
export function formatPdfDate(date: Date, offsetMinutes: number): string {
  const local = new Date(date.getTime() + offsetMinutes * 60_000).toISOString();
  const digits = local.slice(0, 19).replaceAll(/[-T:]/g, '');
  const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0');
  const size = Math.abs(offsetMinutes);
  return `D:${digits}${offsetMinutes < 0 ? '-' : '+'}${two(size / 60)}'${two(size % 60)}'`;
}
