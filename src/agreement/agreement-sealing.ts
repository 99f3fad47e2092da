/**
 * Sealing an agreement: under an idempotency key, with a journal that survives a crash at any step.
 *
 * The upload is extended in place. First the database says `sealing`; then the file grows and is on disk; then one transaction writes
 * the ledger, makes the agreement `sealed` and destroys its samples. Whoever finds `sealing` at a start cuts the file back: until that
 * last transaction nothing was handed out, and after it everything is as it was answered.
 */
import { createHash } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../log.ts';
import type { Level } from '../seal/level.ts';
import type { MarkRequest, SealedFile, Sealer, Signatory } from '../seal/seal-job.ts';
import type { State } from '../state.ts';
import { confirmationDeadline, requireSealable } from './agreement.ts';
import type { Agreement, Mark, SealAnswer, SealRequest } from './agreement.ts';
import type { AgreementStore } from './agreement-store.ts';
import type { CaptureService } from './capture-service.ts';
import type { CaptureStore } from './capture-store.ts';
import { isFinal, levelNotReached } from './level.ts';
import type { LevelQueue } from './level-queue.ts';
import type { SampleStore } from './sample-store.ts';
import type { UploadFolder } from './upload-folder.ts';

export interface AgreementSealingOptions {
  readonly state: State;
  readonly agreements: AgreementStore;
  readonly captureStore: CaptureStore;
  readonly captures: Pick<CaptureService, 'print' | 'cancelFor'>;
  readonly samples: SampleStore;
  readonly uploads: UploadFolder;
  readonly ledger: Ledger;
  readonly sealer: Sealer;
  readonly queue: Pick<LevelQueue, 'add' | 'wake'>;
  readonly clock: Clock;
  readonly log: Log;
}

interface Running {
  readonly agreementId: string;
  readonly key: string;
  readonly requestHash: string;
  readonly answer: Promise<SealAnswer>;
}

/** For whom the key is used. */
interface KeyUse {
  readonly key: string;
  readonly requestHash: string;
}

/** How long until what could not be undone is tried again. */
const UNDO_AGAIN_MS = 5_000;
/** Of an agreement's SHA-256, hexadecimal: enough to find it by, and short enough to be repeated. */
const INSCRIBED_DIGITS = 16;
const KEY_FORM = /^[\x21-\x7e]{1,255}$/;

export class AgreementSealing {
  readonly #options: AgreementSealingOptions;
  /** By agreement. */
  readonly #running = new Map<string, Running>();
  /** Aborted when no sealing begins any more. */
  readonly #closing = new AbortController();
  /** Sealings that could not be undone when they failed. */
  readonly #undoing = new Set<Promise<void>>();

  constructor(options: AgreementSealingOptions) {
    this.#options = options;
  }

  /**
   * Seals once per key: the same request under the same key is answered as before, also while the first is under way. Throws
   * IDEMPOTENCY_KEY_REQUIRED, IDEMPOTENCY_KEY_REUSED, AGREEMENT_NOT_FOUND, AGREEMENT_BUSY, AGREEMENT_SEALED, AGREEMENT_INCOMPLETE,
   * PAPER_ORIGINAL_REQUIRED, SEAL_LEVEL_UNSUPPORTED, and what the sealer throws.
   */
  async seal(agreementId: string, request: SealRequest, key: string): Promise<SealAnswer> {
    if (!KEY_FORM.test(key))
      throw new AppError('IDEMPOTENCY_KEY_REQUIRED', 'expected 1 to 255 printable ASCII characters');
    const agreement = this.#options.agreements.find(agreementId);
    if (agreement === null) throw new AppError('AGREEMENT_NOT_FOUND');
    const requestHash = hashOf(agreementId, request);
    const done = this.#options.ledger.byIdempotencyKey(key);
    const earlier = done ?? [...this.#running.values()].find((running) => running.key === key);
    if (earlier !== undefined) {
      if (earlier.agreementId !== agreementId || earlier.requestHash !== requestHash) {
        throw new AppError('IDEMPOTENCY_KEY_REUSED');
      }
      if ('answer' in earlier) return earlier.answer;
      if (agreement.sealed !== undefined) return agreement.sealed.answer;
    }
    requireSealable(agreement, request, this.#options.sealer.levels);
    if (this.#closing.signal.aborted) throw new AppError('SHUTTING_DOWN');
    const answer = this.#seal(agreement, request, { key, requestHash });
    this.#running.set(agreementId, { agreementId, key, requestHash, answer });
    try {
      return await answer;
    } finally {
      this.#running.delete(agreementId);
    }
  }

  /** Undoes what a crash cut off. */
  async recover(): Promise<void> {
    const { agreements, log } = this.#options;
    for (const id of agreements.ids('sealing')) {
      const agreement = agreements.find(id);
      if (agreement === null) continue;
      await this.#reopen(agreement, null);
      log.warn({ agreementId: id }, 'a sealing was cut off, and undone');
    }
  }

  /** No sealing begins any more; resolves when those under way have ended. */
  async close(): Promise<void> {
    this.#closing.abort(new AppError('SHUTTING_DOWN'));
    await Promise.allSettled([...this.#running.values()].map(({ answer }) => answer));
    await Promise.all(this.#undoing);
  }

  async #seal(agreement: Agreement, request: SealRequest, use: KeyUse): Promise<SealAnswer> {
    const { state, agreements, captures, uploads, sealer, clock, log } = this.#options;
    const { id, bytes } = agreement;
    const startedMs = clock.monotonicMs();
    const { marks, allowReal } = this.#marks(agreement);
    const level = request.level ?? sealer.levels.preset;
    state.transaction(() => agreements.setStage(id, 'sealing'));
    let answer: SealAnswer;
    let isKeyUsed = false;
    try {
      await captures.cancelFor(id);
      const midstate = await uploads.midstate(id);
      const sealed = await sealer.seal(
        {
          path: uploads.pathOf(id),
          bytes,
          marks,
          parties: agreement.parties.length,
          seal: request.placement ?? null,
          checkOverlap: true,
          allowReal,
          level,
          hurry: this.#closing.signal,
          onKeyUse: () => {
            isKeyUsed = true;
          },
          ...(request.paging === true ? { paging: true } : {}),
          ...(midstate === undefined ? {} : { midstate }),
          ...(request.final === undefined ? {} : { final: request.final }),
          ...(request.expect === undefined ? {} : { expect: request.expect }),
          ...(request.reason === undefined ? {} : { reason: request.reason }),
        },
        // Nobody's leaving stops it half way: neither the page's, which may ask again, nor the daemon's.
        new AbortController().signal,
      );
      if (sealed.sha256Before !== agreement.sha256) {
        throw new AppError('STATE_UNUSABLE', `the stored document of agreement ${id} was changed`);
      }
      answer = this.#conclude(agreement, level, sealed, use);
    } catch (error) {
      await this.#undo(agreement, isKeyUsed ? use : null);
      throw error;
    }
    const ms = Math.round(clock.monotonicMs() - startedMs);
    log.info({ agreementId: id, bytes: answer.bytes, ledgerN: answer.ledger.n, ms }, 'sealed');
    return answer;
  }

  /** The transaction after which the agreement is sealed. */
  #conclude(agreement: Agreement, wanted: Level, sealed: SealedFile, use: KeyUse): SealAnswer {
    const { state, agreements, captureStore, samples, ledger, queue, clock } = this.#options;
    const { id } = agreement;
    const { level, shortfall } = sealed;
    const sealedAt = sealed.sealedAt.toISOString();
    const answer = state.transaction((): SealAnswer => {
      const entry = ledger.record({
        time: sealed.sealedAt,
        hashBefore: sealed.sha256Before,
        hashAfter: sealed.sha256After,
        certificate: sealed.certificateSha256,
        idempotencyKey: use.key,
        requestHash: use.requestHash,
        via: 'http',
        outcome: 'sealed',
        agreementId: id,
        level,
      });
      const answer: SealAnswer = {
        agreementId: id,
        sha256: sealed.sha256After,
        bytes: sealed.bytes,
        sealedAt,
        level,
        ledger: entry,
        effectiveAt: sealedAt,
        judicialConfirmationDeadline: confirmationDeadline(sealed.sealedAt).toISOString(),
        warnings:
          shortfall === undefined
            ? sealed.warnings
            : [...sealed.warnings, levelNotReached({ wanted, level, problem: shortfall, later: 'queue' })],
      };
      agreements.setSealed(id, { sha256: sealed.sha256After, bytes: sealed.bytes, level, answer });
      if (shortfall !== undefined && !isFinal(shortfall)) queue.add(id, wanted, shortfall);
      for (const capture of captureStore.withSample(id)) captureStore.setDestroyed(capture.id, clock.now());
      samples.destroyOfAgreement(id);
      return answer;
    });
    state.purge();
    if (level !== 'B-B' && shortfall === undefined) queue.wake(); // who stamped this one stamps those that wait, too
    return answer;
  }

  /**
   * Undoes a failed sealing, `use` being what is to be told of the key where it was used. Where that fails itself, as on a full disk, it is tried again until it can be done, or until the daemon
   * ends and its next start does it; the agreement is busy as long.
   */
  async #undo(agreement: Agreement, use: KeyUse | null): Promise<void> {
    try {
      await this.#reopen(agreement, use);
    } catch (failure) {
      this.#options.log.error({ agreementId: agreement.id, error: failure }, 'a failed sealing cannot be undone yet');
      const undoing = this.#undoLater(agreement, use);
      this.#undoing.add(undoing);
      void undoing.then(() => this.#undoing.delete(undoing));
    }
  }

  /** Never rejects. */
  async #undoLater(agreement: Agreement, use: KeyUse | null): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#closing;
    for (;;) {
      await clock.sleep(UNDO_AGAIN_MS, signal).catch(() => undefined); // aborted: left to the next start
      if (signal.aborted) return;
      try {
        await this.#reopen(agreement, use);
        log.warn({ agreementId: agreement.id }, 'a failed sealing is undone');
        return;
      } catch {
        // Logged when it began.
      }
    }
  }

  /** Makes the agreement what it was before the sealing; where the key was used, the ledger tells of it. */
  async #reopen(agreement: Agreement, use: KeyUse | null): Promise<void> {
    const { state, agreements, uploads, ledger, clock } = this.#options;
    await uploads.cutBack(agreement.id, agreement.bytes);
    state.transaction(() => {
      agreements.setStage(agreement.id, 'open');
      if (use === null) return;
      ledger.record({
        time: clock.now(),
        hashBefore: agreement.sha256,
        idempotencyKey: use.key,
        requestHash: use.requestHash,
        via: 'http',
        outcome: 'failed',
        agreementId: agreement.id,
      });
    });
  }

  #marks(agreement: Agreement): { marks: MarkRequest[]; allowReal: boolean } {
    const signatories: { id: string; who: Signatory }[] = agreement.parties.map(({ id }, index) => ({
      id,
      who: { role: 'party', index },
    }));
    if (agreement.mediator !== null) signatories.push({ id: agreement.mediator.id, who: { role: 'mediator' } });
    const marks: MarkRequest[] = [];
    let allowReal = true;
    for (const { id, who } of signatories) {
      for (const mark of agreement.marks.filter(({ signatoryId }) => signatoryId === id)) {
        const { picture, simulated } = this.#picture(agreement, mark);
        if (simulated) allowReal = false;
        if (picture !== null) marks.push({ who, picture, ...(mark.placement && { placement: mark.placement }) });
      }
    }
    return { marks, allowReal };
  }

  #picture(agreement: Agreement, mark: Mark): { picture: MarkRequest['picture'] | null; simulated: boolean } {
    const { captures, samples } = this.#options;
    switch (mark.kind) {
      case 'paper':
        return { picture: null, simulated: false };
      case 'fingerprint': {
        const { raster, simulated } = captures.print(mark.captureId ?? '', agreement.id, mark.signatoryId);
        const inscription = agreement.number ?? agreement.sha256.slice(0, INSCRIBED_DIGITS);
        return { picture: { kind: 'fingerprint', raster, inscription }, simulated };
      }
      case 'signature':
      case 'stamp': {
        const png = samples.get({ agreementId: agreement.id, ownerId: mark.id, kind: 'picture' });
        if (png === null) throw new AppError('INTERNAL', 'the picture of a mark is not there');
        return { picture: { kind: mark.kind, png }, simulated: false };
      }
    }
  }
}

/** SHA-256, hexadecimal, of which agreement is to be sealed how, whatever the order of the request's members. */
function hashOf(agreementId: string, request: SealRequest): string {
  return createHash('sha256')
    .update(canonical([agreementId, request]))
    .digest('hex');
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
