/** PAdES levels as the product deals with them: what may be asked for, and what is told where less was reached. Pure. */
import { AppError, ERRORS, isAppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Level } from '../seal/level.ts';
import type { Levels, Notice } from '../seal/seal-job.ts';

/** Throws SEAL_LEVEL_UNSUPPORTED where the authorities that the level needs are not configured. */
export function requireAvailable(level: Level, { available }: Levels): void {
  if (available.includes(level)) return;
  throw new AppError('SEAL_LEVEL_UNSUPPORTED', `level: expected one of ${available.join(', ')}, got ${level}`);
}

export interface Shortfall {
  readonly wanted: Level;
  /** What was reached. */
  readonly level: Level;
  readonly problem: AppError;
  /** Who reaches it later where that is possible: the daemon by itself, or whoever extends the file. */
  readonly later: 'queue' | 'extend';
}

/** Failures that no other try gets over: the document takes no more, or the seal was no good. */
const FINAL: readonly ErrorCode[] = ['PDF_SHAPE_UNSUPPORTED', 'PDF_SIGNED_LOCKED', 'PDF_LIMIT', 'SEAL_REVOKED'];

export function isFinal(problem: AppError): boolean {
  return isAppError(problem, ...FINAL);
}

export function levelNotReached({ wanted, level, problem, later }: Shortfall): Notice {
  const { title, titleZh } = ERRORS[problem.code];
  const [next, nextZh] = LATER[isFinal(problem) ? 'never' : later];
  return {
    code: 'LEVEL_NOT_REACHED',
    message: `Sealed as ${level}, not ${wanted}: ${lowerFirst(title)} (${problem.code}). ${next}`,
    messageZh: `已按 ${level} 用印，未达到 ${wanted}：${titleZh}（${problem.code}）。${nextZh}`,
  };
}

const LATER = {
  queue: [
    'The seal is valid; what is missing is added by itself once it can be had.',
    '印章有效；条件恢复后将自动补齐。',
  ],
  never: ['The seal is valid; this document cannot have more.', '印章有效；此文档无法再补。'],
  extend: ['The seal is valid; add what is missing with `zhiyin extend`.', '印章有效；可用 zhiyin extend 补齐。'],
} as const satisfies Record<Shortfall['later'] | 'never', readonly [string, string]>;

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
