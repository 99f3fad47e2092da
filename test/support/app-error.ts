/** The code of the AppError that `body` throws; anything else that is thrown goes on, and nothing thrown is null. */
import { AppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';

export function codeOf(body: () => unknown): ErrorCode | null {
  try {
    body();
    return null;
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
}
