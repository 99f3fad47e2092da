/**
 * Seals every PDF of a folder with a TEST seal and checks each with other people's programs and with our own verifier:
 * `npm run corpus -- DIR [--marks] [--json]`. A document is sealed and whole, or refused by name; anything else (broken, crashed, hung) makes
 * the exit code 1. With --json the last line is one JSON document.
 */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { listPdfs } from '../src/agreement/pdf-listing.ts';
import { AppError } from '../src/errors.ts';
import { JUDGES, installedJudges } from './corpus/checks.ts';
import { countsOf, lineOf, summaryOf } from './corpus/report.ts';
import { runCorpus } from './corpus/run.ts';
import type { FileVerdict } from './corpus/run.ts';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort(new AppError('INTERRUPTED')));

try {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, marks: { type: 'boolean', default: false } },
  });
  const [folder] = positionals;
  if (folder === undefined || positionals.length > 1) throw new AppError('USAGE', 'expected one folder');
  const { files, faults } = await listPdfs(resolve(folder), new Set());
  if (files.length === 0) throw new AppError('FILE_UNREADABLE', `no PDF in ${folder}`);
  process.exitCode = await main(files, { marks: values.marks, json: values.json });
  for (const { error } of faults) process.stderr.write(`${error.message}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = stop.signal.aborted ? 130 : 64;
}

async function main(
  files: readonly { readonly name: string; readonly path: string }[],
  { marks, json }: { readonly marks: boolean; readonly json: boolean },
): Promise<number> {
  const judges = installedJudges();
  const width = Math.max(...files.map(({ name }) => name.length));
  const verdicts: FileVerdict[] = [];
  const lanes = Math.min(availableParallelism(), files.length);
  for await (const verdict of runCorpus(files, { judges, mark: marks, lanes, signal: stop.signal })) {
    verdicts.push(verdict);
    process.stdout.write(`${lineOf(verdict, width)}\n`);
  }
  const sorted = verdicts.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const missing = JUDGES.filter((judge) => !judges.has(judge));
  process.stdout.write(`\n${summaryOf(sorted, missing)}\n`);
  const counts = countsOf(sorted);
  if (json) {
    const list = sorted.map(({ name, outcome, code, ms }) => ({ name, outcome, code, ms }));
    process.stdout.write(`${JSON.stringify({ ...counts, files: list })}\n`);
  }
  return counts.broken + counts.crashed + counts.hung === 0 ? 0 : 1;
}
