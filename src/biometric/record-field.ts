/** The checks that every field of a biometric record meets, whichever the record. Pure. */
import { AppError } from '../errors.ts';

/** RECORD_FORMAT unless `actual` is `magic` followed by `version`; other editions of the same standard are refused by name. */
export function expectEdition(
  actual: Uint8Array,
  { magic, version, editions }: { magic: string; version: string; editions: Readonly<Record<string, string>> },
): void {
  const text = String.fromCharCode(...actual);
  if (!text.startsWith(magic)) {
    throw new AppError('RECORD_FORMAT', `magic: expected ${JSON.stringify(magic)}, got another`);
  }
  const got = text.slice(magic.length);
  const other = editions[got];
  if (other !== undefined) throw new AppError('RECORD_FORMAT', `edition: ${other} is not read`);
  if (got !== version) throw new AppError('RECORD_FORMAT', `version: expected ${JSON.stringify(version)}, got another`);
}

export function expectLength(declared: number, actual: number, field: string): void {
  if (declared !== actual) throw new AppError('RECORD_LENGTH', `${field}: ${declared} declared, got ${actual} bytes`);
}

export function expectZero(value: number, field: string): void {
  if (value !== 0) throw new AppError('RECORD_INVALID', `${field}: expected 0, got ${value}`);
}

export function expectWithin(value: number, low: number, high: number, field: string): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new AppError('RECORD_INVALID', `${field}: expected ${low} to ${high}, got ${value}`);
  }
}
