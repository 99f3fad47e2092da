/** A folder's sealing as it is seen: how far it is, and in the end what became of each document. */
import type { FileResult, FolderSealing, FolderSealingRequest } from '../agreement/folder-sealing.ts';
import { AppError, isAppError, problemOf } from '../errors.ts';
import type { Problem } from '../errors.ts';
import type { Notice } from '../seal/seal-job.ts';
import { print, printable, problemLine } from './output.ts';
import type { OutputOptions } from './output.ts';
import { progressOn } from './progress.ts';

const OUTCOMES = { sealed: 'sealed · 已用印', skipped: 'skipped · 已跳过', refused: 'refused · 未用印' } as const;

/** What a run came to. With --json the document on stdout. */
interface FolderReport {
  readonly total: number;
  readonly sealed: number;
  readonly skipped: number;
  readonly refused: number;
  /** Not come to: the run ended early. */
  readonly left: number;
  readonly files: readonly FileView[];
  /** Why the run ended early. */
  readonly error?: Problem;
}

type FileView =
  | { readonly name: string; readonly outcome: 'sealed'; readonly warnings: readonly Notice[] }
  | { readonly name: string; readonly outcome: 'skipped'; readonly output: string }
  | { readonly name: string; readonly outcome: 'refused'; readonly error: Problem };

/** Seals the folder and gives the exit code. Throws what concerns the folders or the seal, before the first document was come to. */
export async function sealFolder(
  folders: Pick<FolderSealing, 'seal'>,
  request: FolderSealingRequest,
  options: OutputOptions,
  stopped: AbortSignal,
): Promise<number> {
  const results: FileResult[] = [];
  let total: number | null = null;
  let ended: AppError | null = null;
  const progress = progressOn(process.stderr, options.json === true);
  stopped.addEventListener('abort', () => progress.stopping());
  try {
    for await (const event of folders.seal(request, stopped)) {
      switch (event.kind) {
        case 'found':
          total = event.total;
          progress.found(total);
          break;
        case 'begin':
          progress.begin(printable(event.name));
          break;
        case 'result':
          results.push(event.result);
          progress.end(line(event.result));
          break;
      }
    }
    if (results.length < (total ?? 0)) ended = new AppError('INTERRUPTED');
  } catch (error) {
    if (total === null || !isAppError(error)) throw error;
    ended = error;
  } finally {
    progress.close();
  }
  const report = reportOf(results, total ?? 0, ended);
  if (ended !== null) process.stderr.write(problemLine(ended));
  print(options, report, reportText);
  return report.refused === 0 && ended === null ? 0 : 1;
}

function reportOf(results: readonly FileResult[], total: number, ended: AppError | null): FolderReport {
  const count = (outcome: FileResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  return {
    total,
    sealed: count('sealed'),
    skipped: count('skipped'),
    refused: count('refused'),
    left: total - results.length,
    files: results.map(viewOf),
    ...(ended === null ? {} : { error: problemOf(ended) }),
  };
}

function viewOf(result: FileResult): FileView {
  switch (result.outcome) {
    case 'sealed': {
      const { name, outcome, answer } = result;
      return { name, outcome, ...answer };
    }
    case 'skipped':
      return result;
    case 'refused':
      return { name: result.name, outcome: result.outcome, error: problemOf(result.error) };
  }
}

function line(result: FileResult): string {
  const said = `${OUTCOMES[result.outcome]}  ${printable(result.name)}`;
  return result.outcome === 'refused' ? `${said}  ${result.error.code}` : said;
}

/** The counts, then what was refused by its reason, then what is worth knowing of what was sealed. */
function reportText({ total, sealed, skipped, refused, left, files }: FolderReport): string {
  if (total === 0) return 'no PDF in the folder · 目录中没有 PDF\n';
  const lines = [
    `${OUTCOMES.sealed}    ${sealed}`,
    `${OUTCOMES.skipped}   ${skipped}`,
    `${OUTCOMES.refused}   ${refused}`,
  ];
  if (left > 0) lines.push(`left · 未处理      ${left}`);
  const refusals = files.flatMap((file) => (file.outcome === 'refused' ? [file] : []));
  for (const [code, of] of Map.groupBy(refusals, ({ error }) => error.code)) {
    const [{ title, titleZh, remedy, remedyZh }] = of.map(({ error }) => error) as [Problem];
    lines.push('', `${code}: ${title} · ${titleZh} — ${remedy} · ${remedyZh}`);
    for (const { name, error } of of) {
      lines.push(`  ${printable(name)}${error.detail === '' ? '' : `  (${printable(error.detail)})`}`);
    }
  }
  const notes = files.flatMap((file) => (file.outcome === 'sealed' ? file.warnings : []));
  for (const [code, of] of Map.groupBy(notes, (note) => note.code)) {
    const [{ message, messageZh }] = of as [Notice];
    lines.push('', `note · 提示  ${code} (${of.length}): ${message} · ${messageZh}`);
  }
  return `${lines.join('\n')}\n`;
}
