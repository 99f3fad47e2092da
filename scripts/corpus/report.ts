/** Verdicts for people. Pure. */
import type { Judge } from './checks.ts';
import { OUTCOMES } from './run.ts';
import type { FileVerdict, Outcome } from './run.ts';

/** Of the documents that qpdf opens so many are to be sealed. */
const GOAL_PERCENT = 95;

export function lineOf({ name, outcome, code, ms, detail }: FileVerdict, nameWidth: number): string {
  const cells = [name.padEnd(nameWidth), outcome.padEnd(7), `${ms}`.padStart(5), code ?? '', detail];
  return cells.join('  ').trimEnd();
}

export function countsOf(
  verdicts: readonly FileVerdict[],
): { readonly total: number } & Readonly<Record<Outcome, number>> {
  const count = (outcome: Outcome): number => verdicts.filter((verdict) => verdict.outcome === outcome).length;
  const counts = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, count(outcome)])) as Record<Outcome, number>;
  return { total: verdicts.length, ...counts };
}

export function summaryOf(verdicts: readonly FileVerdict[], missing: readonly Judge[]): string {
  const counts = countsOf(verdicts);
  const lines = [`${counts.total} files: ${OUTCOMES.map((outcome) => `${counts[outcome]} ${outcome}`).join(', ')}`];
  const refused = verdicts.flatMap(({ outcome, code }) => (outcome === 'refused' ? [code ?? ''] : []));
  for (const [code, of] of Map.groupBy(refused, (each) => each)) lines.push(`  refused with ${code}: ${of.length}`);
  const opened = verdicts.filter(({ opens }) => opens === true);
  if (opened.length > 0) {
    const sealed = opened.filter(({ outcome }) => outcome === 'sealed').length;
    const percent = ((100 * sealed) / opened.length).toFixed(1);
    lines.push(
      `qpdf opens ${opened.length} without a password; ${sealed} of those are sealed: ${percent} % (goal: ${GOAL_PERCENT} %)`,
    );
  }
  const notes = verdicts.flatMap(({ name, notes }) => notes.map((note) => ({ name, ...note })));
  for (const { name, check, detail } of notes) lines.push(`not judged by ${check}: ${name}: ${detail}`);
  for (const judge of missing) lines.push(`NOT CHECKED, ${judge} is not installed`);
  return lines.join('\n');
}
