/** Captures as resources: consent first, then the reader; one at a time can be watched, waited for, cancelled, taken back. */
import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { encodeFingerImage, fingerImageOf } from '../biometric/finger-image.ts';
import { measureQuality } from '../biometric/quality.ts';
import { decodePng, encodePng } from '../biometric/raster.ts';
import type { Raster } from '../biometric/raster.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { AppError, isAppError, problemOf } from '../errors.ts';
import type { Problem } from '../errors.ts';
import type { Log } from '../log.ts';
import type { CaptureEvent, CaptureOptions, CapturePrompt, Sample } from '../reader/driver.ts';
import type { State } from '../state.ts';
import { requireMarkable, requireOpen } from './agreement.ts';
import type { Agreement, Party } from './agreement.ts';
import type { AgreementStore } from './agreement-store.ts';
import type { CaptureImage, CaptureRecord, CaptureStore, CaptureTemplate, KeptCapture } from './capture-store.ts';
import { acceptConsent, sampleExpiry } from './consent.ts';
import type { ConsentRecord, GivenConsent } from './consent.ts';
import { Latest } from './latest.ts';
import type { SampleStore } from './sample-store.ts';

export interface CaptureRequest {
  readonly agreementId: string;
  readonly partyId: string;
  /** Absent: one that is ready. */
  readonly readerId?: string;
  /** ISO/IEC 19794-2 position, 0-10. */
  readonly finger?: number;
  readonly timeoutSeconds?: number;
  readonly consent?: GivenConsent;
}

/** The capture as the API shows it. */
export interface CaptureView {
  readonly id: string;
  readonly readerId: string;
  readonly state: 'waiting' | 'imaging' | 'done' | 'failed' | 'cancelled';
  /** 0-1 */
  readonly progress: number;
  readonly prompt?: CapturePrompt;
  readonly quality?: number;
  readonly image?: CaptureImage;
  readonly template?: CaptureTemplate;
  readonly error?: Problem;
}

/** What captures ask of the readers. */
export interface CaptureReaders {
  /** Throws READER_NOT_FOUND, READER_ABSENT, READER_BUSY, or why the reader cannot be used; touches no device. */
  choose(readerId: string | undefined): { readonly id: string; readonly simulated: boolean };
  capture(readerId: string, options: CaptureOptions, signal: AbortSignal): AsyncIterable<CaptureEvent>;
}

export interface CaptureServiceOptions {
  readonly state: State;
  readonly agreements: AgreementStore;
  readonly captures: CaptureStore;
  readonly samples: SampleStore;
  readonly readers: CaptureReaders;
  readonly config: Pick<Config, 'limits' | 'retention' | 'exposeSamples'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A capture of this process: running, or ended without a sample. */
interface Attempt {
  readonly id: string;
  readonly agreementId: string;
  readonly party: Party;
  readonly reader: { readonly id: string; readonly simulated: boolean };
  readonly finger: number;
  readonly consent: ConsentRecord;
  readonly view: Latest<CaptureView>;
  readonly abort: AbortController;
  ended: Promise<void>;
}

const FINGER_TIMEOUT_MS = 30_000;
const LIFT_TIMEOUT_MS = 5_000;
/** How many attempts that ended without a sample are remembered. */
const MOST_ENDED = 200;

export class CaptureService {
  readonly #options: CaptureServiceOptions;
  /** In the order of their start. */
  readonly #attempts = new Map<string, Attempt>();

  constructor(options: CaptureServiceOptions) {
    this.#options = options;
  }

  /**
   * Records the consent, then starts. Throws AGREEMENT_NOT_FOUND, AGREEMENT_SEALED, AGREEMENT_BUSY,
   * COUNTERSEAL_CONTENT_FORBIDDEN, PARTY_NOT_FOUND, MARK_NOT_ALLOWED (the mediator), CONSENT_REQUIRED, GUARDIAN_CONSENT_REQUIRED, TOO_MANY_CAPTURES, READER_*: the reader is untouched then.
   */
  start(request: CaptureRequest): CaptureView {
    const { state, agreements, captures, readers, clock, config } = this.#options;
    const agreement = agreements.find(request.agreementId);
    if (agreement === null) throw new AppError('AGREEMENT_NOT_FOUND');
    requireOpen(agreement);
    // A print that could not go onto the document is not taken from anyone.
    requireMarkable(agreement);
    const party = requireParty(agreement, request.partyId);
    const consent = acceptConsent(request.consent, {
      party,
      documentSha256: agreement.sha256,
      withdrawal: captures.lastWithdrawal(agreement.id, party.id),
      now: clock.now(),
    });
    const running = [...this.#attempts.values()].filter(({ view }) => !view.final);
    if (running.length >= config.limits.captures) throw new AppError('TOO_MANY_CAPTURES');
    const { id: readerId, simulated } = readers.choose(request.readerId);
    if (running.some(({ reader }) => reader.id === readerId)) throw new AppError('READER_BUSY', `reader ${readerId}`);

    const id = crypto.randomUUID();
    state.transaction(() => captures.recordConsent(id, agreement.id, party.id, consent));
    const attempt: Attempt = {
      id,
      agreementId: agreement.id,
      party,
      reader: { id: readerId, simulated },
      finger: request.finger ?? 0,
      consent,
      view: new Latest<CaptureView>({ id, readerId, state: 'waiting', progress: 0 }),
      abort: new AbortController(),
      ended: Promise.resolve(),
    };
    this.#attempts.set(id, attempt);
    attempt.ended = this.#run(attempt, (request.timeoutSeconds ?? FINGER_TIMEOUT_MS / 1000) * 1000);
    return attempt.view.value;
  }

  /** Throws CAPTURE_NOT_FOUND. */
  get(id: string): CaptureView {
    const kept = this.#options.captures.find(id);
    if (kept !== null) return viewOfKept(kept);
    const attempt = this.#attempts.get(id);
    if (attempt === undefined) throw new AppError('CAPTURE_NOT_FOUND');
    return attempt.view.value;
  }

  /** The capture once it has ended, or as it is after `ms` milliseconds. Rejects with the signal's reason when it aborts first. */
  async wait(id: string, ms: number, signal: AbortSignal): Promise<CaptureView> {
    const view = this.get(id);
    const attempt = this.#attempts.get(id);
    if (attempt === undefined || attempt.view.final || ms <= 0) return view;
    const enough = new AbortController();
    const stop = AbortSignal.any([signal, enough.signal]);
    try {
      await Promise.race([attempt.ended, this.#options.clock.sleep(ms, stop)]);
    } finally {
      enough.abort();
    }
    return this.get(id);
  }

  /** The capture as it is, then at each change, until it has ended or the signal aborts. Throws CAPTURE_NOT_FOUND at once. */
  events(id: string, signal: AbortSignal): AsyncIterable<CaptureView> {
    const view = this.get(id);
    const attempt = this.#attempts.get(id);
    return attempt === undefined || attempt.view.final ? only(view) : attempt.view.changes(signal);
  }

  /** PNG. Throws CAPTURE_NOT_FOUND, CAPTURE_NOT_DONE, CAPTURE_GONE, STATE_KEY_WRONG. */
  image(id: string): Uint8Array {
    return this.#sample(this.#done(id), 'image');
  }

  /** ISO/IEC 19794-4:2005. Throws as `image` does, and SAMPLES_NOT_EXPOSED unless the configuration allows it. */
  record(id: string): Uint8Array {
    const capture = this.#done(id, { exposed: true });
    const raster = { ...decodePng(this.#sample(capture, 'image')), dpi: capture.image.dpi };
    return encodeFingerImage(fingerImageOf(raster, { position: capture.finger }));
  }

  /** As the reader gave it. Throws as `record` does, and NOT_FOUND where the reader gives no template. */
  template(id: string): { readonly format: CaptureTemplate['format']; readonly bytes: Uint8Array } {
    const capture = this.#done(id, { exposed: true });
    if (capture.template === undefined) throw new AppError('NOT_FOUND', 'this reader gives no template');
    return { format: capture.template.format, bytes: this.#sample(capture, 'template') };
  }

  /**
   * Stops a running capture down to the read. Of one that is done it destroys the sample: the party has withdrawn the consent, and a mark
   * made of it goes unless it is sealed. Throws CAPTURE_NOT_FOUND, AGREEMENT_BUSY.
   */
  async cancel(id: string): Promise<void> {
    const attempt = this.#attempts.get(id);
    if (attempt !== undefined) await stop(attempt);
    const capture = this.#options.captures.find(id);
    if (capture !== null) this.#withdraw(capture);
    else if (attempt === undefined) throw new AppError('CAPTURE_NOT_FOUND');
  }

  /** Stops what runs for an agreement, or for some of its parties. */
  async cancelFor(agreementId: string, partyIds?: readonly string[]): Promise<void> {
    const concerned = [...this.#attempts.values()].filter(
      (attempt) => attempt.agreementId === agreementId && (partyIds?.includes(attempt.party.id) ?? true),
    );
    await Promise.all(concerned.map(stop));
  }

  /**
   * The print of a done capture, for the seal. Throws CAPTURE_NOT_FOUND, CAPTURE_NOT_DONE, CAPTURE_GONE, CONSENT_MISMATCH unless
   * it is of this party and agreement.
   */
  print(id: string, agreementId: string, partyId: string): { readonly raster: Raster; readonly simulated: boolean } {
    const capture = this.requireUsable(id, agreementId, partyId);
    const raster = { ...decodePng(this.#sample(capture, 'image')), dpi: capture.image.dpi };
    return { raster, simulated: capture.simulated };
  }

  /** Throws as `print` does. */
  requireUsable(id: string, agreementId: string, partyId: string): CaptureRecord {
    const owner = this.#attempts.get(id);
    const capture = this.#options.captures.find(id);
    const from = capture ?? (owner && { agreementId: owner.agreementId, partyId: owner.party.id });
    if (from !== undefined && (from.agreementId !== agreementId || from.partyId !== partyId)) {
      throw new AppError('CONSENT_MISMATCH');
    }
    const done = this.#done(id);
    if (done.destroyedAt !== undefined) throw new AppError('CAPTURE_GONE');
    return done;
  }

  /** Stops all that runs; resolves when no reader is used any more. */
  async close(): Promise<void> {
    await Promise.all([...this.#attempts.values()].map(stop));
  }

  async #run(attempt: Attempt, timeoutMs: number): Promise<void> {
    const { clock, log } = this.#options;
    const { id, view, abort } = attempt;
    const startedMs = clock.monotonicMs();
    let ended: CaptureView;
    try {
      ended = this.#keep(attempt, await this.#read(attempt, timeoutMs));
    } catch (error) {
      const { readerId, progress } = view.value;
      ended = abort.signal.aborted
        ? { id, readerId, state: 'cancelled', progress }
        : { id, readerId, state: 'failed', progress, error: problemOf(this.#known(error)) };
    }
    view.set(ended, { final: true });
    // A capture that was kept is read from the database from now on.
    if (ended.state === 'done') this.#attempts.delete(id);
    this.#forgetOldest();
    const { readerId, state, quality, error } = ended;
    const ms = Math.round(clock.monotonicMs() - startedMs);
    log.info({ captureId: id, readerId, state, ms, quality, code: error?.code }, 'capture ended');
  }

  async #read({ reader, view, abort }: Attempt, timeoutMs: number): Promise<Sample> {
    const { readers, log } = this.#options;
    let sample: Sample | undefined;
    try {
      const options = { timeoutMs, liftTimeoutMs: LIFT_TIMEOUT_MS };
      for await (const event of readers.capture(reader.id, options, abort.signal)) {
        if (event.kind === 'sample') sample = event.sample;
        const next = after(view.value, event);
        if (!isDeepStrictEqual(next, view.value)) view.set(next);
      }
    } catch (error) {
      if (sample === undefined) throw error;
      log.warn({ readerId: reader.id, error }, 'the finger was not seen to leave');
    }
    if (sample === undefined) throw new AppError('INTERNAL', 'the capture ended without a sample');
    return sample;
  }

  #known(error: unknown): AppError {
    if (isAppError(error)) return error;
    this.#options.log.error({ error }, 'a capture failed unforeseen');
    return new AppError('INTERNAL', '', { cause: error });
  }

  /** Stores the sample, unless the capture was stopped or the agreement closed meanwhile. */
  #keep(attempt: Attempt, sample: Sample): CaptureView {
    attempt.abort.signal.throwIfAborted();
    const { state, agreements, captures, samples, clock, config } = this.#options;
    const { id, agreementId, party, reader, finger, consent } = attempt;
    const png = encodePng(sample.image);
    const { width, height, dpi } = sample.image;
    const { template } = sample;
    const doneAt = clock.now();
    const record: CaptureRecord = {
      id,
      agreementId,
      partyId: party.id,
      readerId: reader.id,
      simulated: reader.simulated,
      finger,
      quality: measureQuality(sample.image).score,
      image: { width, height, dpi, sha256: sha256(png) },
      ...(template === null
        ? {}
        : { template: { format: template.format, bytes: template.bytes.length, sha256: sha256(template.bytes) } }),
      doneAt: doneAt.toISOString(),
      expiresAt: sampleExpiry(doneAt, consent, config.retention.samplesHours).toISOString(),
    };
    state.transaction(() => {
      const agreement = agreements.find(agreementId);
      if (agreement === null) throw new AppError('AGREEMENT_NOT_FOUND');
      requireOpen(agreement);
      captures.insert(record);
      samples.put({ agreementId, ownerId: id, kind: 'image' }, png);
      if (template !== null) samples.put({ agreementId, ownerId: id, kind: 'template' }, template.bytes);
    });
    return viewOfKept({ ...record, withdrawn: false });
  }

  #withdraw(capture: KeptCapture): void {
    const { state, agreements, captures, samples, clock } = this.#options;
    const now = clock.now();
    state.transaction(() => {
      const agreement = agreements.find(capture.agreementId);
      if (agreement?.stage === 'sealing') throw new AppError('AGREEMENT_BUSY');
      captures.withdrawConsent(capture.id, now);
      if (agreement?.stage !== 'sealed') agreements.removeMarksOfCapture(capture.id);
      samples.destroy(capture.id);
      captures.setDestroyed(capture.id, now);
    });
    state.purge();
  }

  /** The capture that is done, whether or not its sample is still there. */
  #done(id: string, { exposed = false } = {}): KeptCapture {
    const capture = this.#options.captures.find(id);
    if (capture === null && !this.#attempts.has(id)) throw new AppError('CAPTURE_NOT_FOUND');
    if (exposed && !this.#options.config.exposeSamples) throw new AppError('SAMPLES_NOT_EXPOSED');
    if (capture === null) throw new AppError('CAPTURE_NOT_DONE', `state: expected done, got ${this.get(id).state}`);
    return capture;
  }

  #sample({ id, agreementId }: KeptCapture | CaptureRecord, kind: 'image' | 'template'): Uint8Array {
    const bytes = this.#options.samples.get({ agreementId, ownerId: id, kind });
    if (bytes === null) throw new AppError('CAPTURE_GONE');
    return bytes;
  }

  #forgetOldest(): void {
    const ended = [...this.#attempts.values()].filter(({ view }) => view.final);
    for (const { id } of ended.slice(0, -MOST_ENDED)) this.#attempts.delete(id);
  }
}

function requireParty({ parties, mediator }: Agreement, id: string): Party {
  const party = parties.find((party) => party.id === id);
  if (party !== undefined) return party;
  if (mediator?.id === id) throw new AppError('MARK_NOT_ALLOWED', 'expected a party, got the mediator');
  throw new AppError('PARTY_NOT_FOUND');
}

async function stop({ abort, ended }: Attempt): Promise<void> {
  abort.abort(new AppError('CAPTURE_CANCELLED'));
  await ended;
}

function after(view: CaptureView, event: CaptureEvent): CaptureView {
  switch (event.kind) {
    case 'prompt': {
      const { prompt } = event;
      // The finger is awaited, first or anew, or one that lay there before is to go; else it is on the window.
      const awaited = prompt === 'place' || prompt === 'again' || (prompt === 'lift' && view.progress === 0);
      return { ...view, state: awaited ? 'waiting' : 'imaging', progress: awaited ? 0 : view.progress, prompt };
    }
    case 'progress':
      return { ...view, state: 'imaging', progress: Math.min(1, Math.max(0, event.progress)) };
    case 'sample':
      return { ...view, state: 'imaging', progress: 1 };
  }
}

function viewOfKept({ id, readerId, quality, image, template, withdrawn }: KeptCapture): CaptureView {
  if (withdrawn) return { id, readerId, state: 'cancelled', progress: 1 };
  return { id, readerId, state: 'done', progress: 1, quality, image, ...(template === undefined ? {} : { template }) };
}

async function* only<T>(value: T): AsyncGenerator<T, void, void> {
  yield value;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
