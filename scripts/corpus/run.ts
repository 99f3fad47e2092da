/** A corpus from its files to their verdicts: sealed, checked, and each told apart from the others. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePki } from '../make-pki.ts';
import { checkSealed } from './checks.ts';
import type { Fault, Judge } from './checks.ts';
import { askQpdf } from './judges.ts';
import { SealLane } from './seal-lane.ts';

export const OUTCOMES = ['sealed', 'refused', 'broken', 'crashed', 'hung'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export interface CorpusFile {
  readonly name: string;
  readonly path: string;
}

export interface FileVerdict {
  readonly name: string;
  readonly outcome: Outcome;
  /** Of what was refused its error's code, of what is broken the checks that say so. */
  readonly code: string | null;
  /** What the sealing took. */
  readonly ms: number;
  readonly detail: string;
  /** Whether `qpdf --check` opens it without a password; null without qpdf. */
  readonly opens: boolean | null;
  readonly notes: readonly Fault[];
}

export interface CorpusOptions {
  readonly judges: ReadonlySet<Judge>;
  /** Whether documents that are not signed get a fingerprint, too. */
  readonly mark: boolean;
  /** How many documents at once. */
  readonly lanes: number;
  readonly signal?: AbortSignal;
}

/** Bounds of a sealing, and of our own verification after it. */
const SEAL_MS = 10_000;
const VERIFY_MS = 60_000;

/** Yields verdicts as they come. What was made for them is gone at the end. */
export async function* runCorpus(
  files: readonly CorpusFile[],
  { judges, mark, lanes, signal }: CorpusOptions,
): AsyncGenerator<FileVerdict, void, void> {
  const folder = await mkdtemp(join(tmpdir(), 'zhiyin-corpus-'));
  const left = files.values();
  const running = new Map<number, Promise<{ lane: number; verdict: FileVerdict | null }>>();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  stack.defer(async () => void (await Promise.allSettled(running.values())));
  const pki = join(folder, 'pki');
  await makePki(pki, { committeeName: '示例市示例镇示例村人民调解委员会', passphrase: 'TEST', iterations: 1000 });
  const sealing = Array.from({ length: lanes }, () =>
    stack.use(new SealLane({ folder: pki, sealMs: SEAL_MS, verifyMs: VERIFY_MS })),
  );
  const begin = (lane: number): void => {
    const { value: file } = left.next();
    const [sealer] = sealing.slice(lane);
    if (file === undefined || sealer === undefined || signal?.aborted === true) return;
    const own = join(folder, String(lane));
    const work = judge(file, { sealer, judges, mark, folder: own }).then((verdict) => ({ lane, verdict }));
    running.set(lane, work);
  };
  sealing.forEach((_, lane) => begin(lane));
  while (running.size > 0) {
    const { lane, verdict } = await Promise.race(running.values());
    running.delete(lane);
    begin(lane);
    if (verdict !== null) yield verdict;
  }
  signal?.throwIfAborted();
}

async function judge(
  { name, path }: CorpusFile,
  {
    sealer,
    judges,
    mark,
    folder,
  }: {
    readonly sealer: SealLane;
    readonly judges: ReadonlySet<Judge>;
    readonly mark: boolean;
    readonly folder: string;
  },
): Promise<FileVerdict> {
  await mkdir(folder, { recursive: true });
  const sealed = join(folder, 'sealed.pdf');
  const qpdfBefore = judges.has('qpdf') ? await askQpdf(path) : undefined;
  const opens = qpdfBefore === undefined ? null : qpdfBefore.status === 0 || qpdfBefore.status === 3;
  try {
    const end = await sealer.seal({ input: path, output: sealed, mark });
    const { ms } = end;
    if (end.kind !== 'sealed') {
      const code = end.kind === 'refused' ? end.code : null;
      return { name, outcome: end.kind, code, ms, detail: end.detail, opens, notes: [] };
    }
    const document = { original: path, sealed, end, ...(qpdfBefore === undefined ? {} : { qpdfBefore }) };
    const { faults, notes } = await checkSealed(document, judges, folder);
    if (faults.length === 0) return { name, outcome: 'sealed', code: null, ms, detail: '', opens, notes };
    const code = [...new Set(faults.map(({ check }) => check))].join(' ');
    const detail = faults.map(({ check, detail }) => `${check}: ${detail}`).join('; ');
    return { name, outcome: 'broken', code, ms, detail, opens, notes };
  } finally {
    await rm(sealed, { force: true });
  }
}
