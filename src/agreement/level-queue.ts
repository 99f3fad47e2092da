/**
 * Sealed agreements that are to reach a higher level than could be reached when they were sealed, for want of a network: tried again, one
 * at a time, with growing waits, also after a restart.
 *
 * The document is extended in place, as a sealing does it: the file grows and is on disk; then one transaction writes the ledger, the
 * document's new length and hash, and that nothing is pending any more. Until that transaction the document is its sealed bytes, and
 * whoever finds a pending level at a start cuts the file back to them.
 */
import type { Clock } from '../clock.ts';
import { AppError, isAppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../log.ts';
import type { Level } from '../seal/level.ts';
import type { ExtendedFile, Sealer } from '../seal/seal-job.ts';
import type { State } from '../state.ts';
import type { PendingLevel, SealedDocument } from './agreement.ts';
import type { AgreementStore } from './agreement-store.ts';
import { isFinal } from './level.ts';
import type { UploadFolder } from './upload-folder.ts';

export interface LevelQueueOptions {
  readonly state: State;
  readonly agreements: AgreementStore;
  readonly uploads: UploadFolder;
  readonly ledger: Ledger;
  readonly sealer: Pick<Sealer, 'extend'>;
  /** Reads an extended document from its first byte to its last, before it takes the sealed one's place. Throws SEAL_SELF_CHECK. */
  readonly check: (path: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
}

/** After the first failure; doubled after each further one. */
const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 3_600_000;
/** The longest sleep: the PC may have been asleep itself, or its clock put right. */
const LONGEST_SLEEP_MS = 10 * 60_000;

/** Failures that are the authorities', and so everyone's: nobody is tried again before their wait is over. */
const AUTHORITIES_FAIL: readonly ErrorCode[] = [
  'TIMESTAMP_UNREACHABLE',
  'TIMESTAMP_REFUSED',
  'TIMESTAMP_INVALID',
  'TIMESTAMP_UNTRUSTED',
  'TIMESTAMP_TOO_LARGE',
  'REVOCATION_UNREACHABLE',
  'CRL_INVALID',
  'OCSP_INVALID',
  'OCSP_REFUSED',
];

export class LevelQueue {
  readonly #options: LevelQueueOptions;
  /** Of the authorities, one after the other. */
  #failures = 0;
  #waking = new AbortController();
  /** The agreement that is being extended. */
  #current: { readonly id: string; readonly stop: AbortController; readonly ended: Promise<void> } | null = null;
  /** How often each agreement is held. */
  readonly #held = new Map<string, number>();

  constructor(options: LevelQueueOptions) {
    this.#options = options;
  }

  /** Must run inside the transaction that seals. `problem`: why the level was not reached. */
  add(agreementId: string, level: Level, problem: AppError): void {
    const { agreements, clock } = this.#options;
    const now = clock.now();
    agreements.setPending(agreementId, {
      level,
      since: now.toISOString(),
      attempts: 1,
      nextAttemptAt: new Date(now.getTime() + FIRST_WAIT_MS).toISOString(),
      problem: { code: problem.code, detail: problem.detail },
    });
    this.#waking.abort(); // to sleep no longer than until then
  }

  /** Tries all at once: an authority has answered. Never throws: what waits is tried later anyhow. */
  wake(): void {
    const { state, agreements, clock, log } = this.#options;
    this.#failures = 0;
    try {
      state.transaction(() => agreements.advancePending(clock.now()));
    } catch (error) {
      log.warn({ error }, 'pending levels wait on');
    }
    this.#waking.abort();
  }

  /** Undoes what a crash cut off, before anything else reads the documents. */
  async recover(): Promise<void> {
    const { agreements, uploads } = this.#options;
    for (const id of agreements.pendingIds()) {
      const { sealed } = agreements.find(id) ?? {};
      if (sealed !== undefined) await uploads.cutBack(id, sealed.bytes);
    }
  }

  /** Works until the signal aborts; resolves then. A start is a good moment to try all at once. */
  async run(signal: AbortSignal): Promise<void> {
    const { agreements, clock, log } = this.#options;
    this.wake();
    while (!signal.aborted) {
      // Renewed before it is looked for work: who wakes while that is done is heard.
      if (this.#waking.signal.aborted) this.#waking = new AbortController();
      const woken = AbortSignal.any([signal, this.#waking.signal]);
      let waitMs: number | null = LONGEST_SLEEP_MS;
      try {
        const next = agreements.nextPending([...this.#held.keys()]);
        waitMs = next === null ? null : Math.min(LONGEST_SLEEP_MS, next.at.getTime() - clock.now().getTime());
        if (next !== null && waitMs !== null && waitMs <= 0) {
          await this.#try(next.id, signal);
          continue;
        }
      } catch (error) {
        log.error({ error }, 'pending levels could not be looked after');
        waitMs = LONGEST_SLEEP_MS; // what cannot be written down is not tried again at once
      }
      await (waitMs === null ? aborted(woken) : clock.sleep(waitMs, woken).catch(() => undefined)); // rejects when woken
    }
  }

  /** Ends work on an agreement, and lets none begin until this is disposed of. */
  async hold(agreementId: string): Promise<Disposable> {
    this.#held.set(agreementId, (this.#held.get(agreementId) ?? 0) + 1);
    if (this.#current?.id === agreementId) {
      this.#current.stop.abort(new AppError('AGREEMENT_BUSY'));
      await this.#current.ended;
    }
    return {
      [Symbol.dispose]: () => {
        const count = (this.#held.get(agreementId) ?? 1) - 1;
        if (count > 0) this.#held.set(agreementId, count);
        else this.#held.delete(agreementId);
        this.#waking.abort();
      },
    };
  }

  async #try(id: string, signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    const work = this.#extend(id, AbortSignal.any([signal, stop.signal]));
    this.#current = { id, stop, ended: work.catch(() => undefined) };
    try {
      await work;
    } finally {
      this.#current = null;
    }
  }

  async #extend(id: string, signal: AbortSignal): Promise<void> {
    const { agreements, uploads, sealer, check, log } = this.#options;
    const { sealed } = agreements.find(id) ?? {};
    if (sealed?.pending === undefined) return; // deleted just now
    const { sha256, bytes, level, pending } = sealed;
    try {
      const job = { path: uploads.pathOf(id), bytes, sha256, from: level, to: pending.level };
      const extended = await sealer.extend(job, signal);
      await check(job.path, signal);
      this.#conclude(id, sealed, pending, extended);
      log.info({ agreementId: id, padesLevel: extended.level, bytes: extended.bytes }, 'extended');
    } catch (error) {
      await uploads.cutBack(id, bytes);
      if (signal.aborted) return; // no attempt: it was told to stop
      this.#postpone(id, pending, error);
      log.warn({ agreementId: id, error }, 'a higher level is not reached yet');
    }
  }

  /** The transaction after which the document is the extended one. */
  #conclude(id: string, before: SealedDocument, pending: PendingLevel, extended: ExtendedFile): void {
    const { state, agreements, ledger, clock } = this.#options;
    const { sha256, bytes, level, extendedAt, shortfall } = extended;
    this.#failures = 0;
    state.transaction(() => {
      ledger.record({
        time: extendedAt,
        hashBefore: before.sha256,
        hashAfter: sha256,
        via: 'queue',
        outcome: 'extended',
        agreementId: id,
        level,
      });
      agreements.setExtended(id, { sha256, bytes, level });
      agreements.advancePending(clock.now()); // who stamped this one stamps the others, too
      agreements.setPending(id, shortfall === undefined || isFinal(shortfall) ? null : this.#later(pending, shortfall));
    });
  }

  #postpone(id: string, pending: PendingLevel, error: unknown): void {
    const { state, agreements } = this.#options;
    const problem = isAppError(error) ? error : new AppError('INTERNAL', '', { cause: error });
    const isEveryones = isAppError(problem, ...AUTHORITIES_FAIL);
    if (isEveryones) this.#failures += 1;
    const later = this.#later(pending, problem);
    state.transaction(() => {
      agreements.setPending(id, isFinal(problem) ? null : later);
      if (isEveryones) agreements.postponePending(new Date(later.nextAttemptAt));
    });
  }

  #later(pending: PendingLevel, problem: AppError): PendingLevel {
    const attempts = pending.attempts + 1;
    const failures = isAppError(problem, ...AUTHORITIES_FAIL) ? this.#failures : attempts;
    const waitMs = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(Math.max(failures - 1, 0), 16));
    const nextAttemptAt = new Date(this.#options.clock.now().getTime() + waitMs).toISOString();
    return { ...pending, attempts, nextAttemptAt, problem: { code: problem.code, detail: problem.detail } };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
