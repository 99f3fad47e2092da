/** One sealing after the other in a process of its own, which is replaced when it dies or takes too long. */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SealAnswer, SealTask, Task, VerifyAnswer } from './seal-child.ts';

export type SealEnd =
  | {
      readonly kind: 'sealed';
      readonly ms: number;
      readonly sealed: SealAnswer & { readonly kind: 'sealed' };
      readonly verified: VerifyAnswer & { readonly kind: 'verified' };
    }
  | (SealAnswer & { readonly kind: 'refused' | 'crashed' })
  | { readonly kind: 'hung'; readonly ms: number; readonly detail: string };

export interface SealLaneOptions {
  /** With a TEST authority in it (make-pki.ts). */
  readonly folder: string;
  /** Bound of one sealing. */
  readonly sealMs: number;
  /** Bound of the verification afterwards. */
  readonly verifyMs: number;
  /** What runs in the process; default seal-child.ts. */
  readonly program?: string;
}

const SEAL_CHILD = join(import.meta.dirname, 'seal-child.ts');

export class SealLane implements AsyncDisposable {
  readonly #options: SealLaneOptions;
  #child: Promise<ChildProcess> | null = null;

  constructor(options: SealLaneOptions) {
    this.#options = options;
  }

  /** One at a time. Rejects only where no process can be started. */
  async seal(task: SealTask): Promise<SealEnd> {
    const { folder, sealMs, verifyMs, program = SEAL_CHILD } = this.#options;
    this.#child ??= start(program, folder);
    const child = await this.#child;
    const begun = performance.now();
    const ms = (): number => Math.round(performance.now() - begun);
    const sealed = (await ask(child, { ...task, kind: 'seal' }, sealMs)) as SealAnswer | Ended;
    if (sealed.kind === 'ended') return this.#over(sealed, 'sealing', ms());
    if (sealed.kind !== 'sealed') return sealed;
    const verified = (await ask(child, { ...task, kind: 'verify' }, verifyMs)) as VerifyAnswer | Ended;
    if (verified.kind === 'ended') return this.#over(verified, 'verification', ms());
    if (verified.kind === 'crashed') return { kind: 'crashed', ms: ms(), detail: `verification: ${verified.detail}` };
    return { kind: 'sealed', ms: sealed.ms, sealed, verified };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const child = await this.#child?.catch(() => null);
    this.#child = null;
    if (child === undefined || child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** The process is no good any more: the next task gets another one. */
  async #over({ how }: Ended, what: string, ms: number): Promise<SealEnd> {
    await this[Symbol.asyncDispose]();
    return how === null
      ? { kind: 'hung', ms, detail: `${what} did not end in time` }
      : { kind: 'crashed', ms, detail: `${what}: the process died of ${how}` };
  }
}

interface Ended {
  readonly kind: 'ended';
  /** Exit code or signal; null: its time was up. */
  readonly how: string | null;
}

async function start(program: string, folder: string): Promise<ChildProcess> {
  const child = fork(program, [folder], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const [first] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
  if (first !== 'ready') throw new Error(`the sealing process does not start: ${String(first)}`);
  return child;
}

/** The child's answer, or how it ended before one came. */
function ask(child: ChildProcess, task: Task, timeoutMs: number): Promise<unknown> {
  return new Promise((resolve) => {
    const settle = (value: unknown): void => {
      clearTimeout(timer);
      child.off('message', settle).off('exit', onExit);
      resolve(value);
    };
    const end = (how: string | null): void => settle({ kind: 'ended', how } satisfies Ended);
    const onExit = (code: number | null, signal: string | null): void => end(signal ?? `exit code ${code}`);
    const timer = setTimeout(() => end(null), timeoutMs);
    child.on('message', settle).on('exit', onExit);
    child.send(task, (error) => {
      if (error !== null) end(error.message);
    });
  });
}
