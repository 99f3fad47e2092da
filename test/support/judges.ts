/** The programs that judge sealed documents in tests; what is missing is said, and its view with it. */
import { JUDGES, installedJudges } from '../../scripts/corpus/checks.ts';
import type { Judge } from '../../scripts/corpus/checks.ts';

export function judgesFor(title: string): ReadonlySet<Judge> {
  const judges = installedJudges();
  const missing = JUDGES.filter((judge) => !judges.has(judge));
  if (missing.length > 0) console.warn(`SKIPPED, ${missing.join(', ')} not installed: their view of ${title}`);
  return judges;
}
