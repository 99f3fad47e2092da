/** The agreement services on a state folder of their own, with readers, sealer and PDF reading that the test plays. */
import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openAgreements } from '../../src/agreement/open-agreements.ts';
import type { AgreementsOptions, OpenAgreements } from '../../src/agreement/open-agreements.ts';
import type { AgreementView } from '../../src/agreement/agreement.ts';
import type { CaptureReaders, CaptureView } from '../../src/agreement/capture-service.ts';
import type { InspectedPdf, PdfInspector } from '../../src/agreement/agreement-service.ts';
import type { GivenConsent } from '../../src/agreement/consent.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { encodePng } from '../../src/biometric/raster.ts';
import { loadConfig } from '../../src/config.ts';
import { AppError } from '../../src/errors.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { Log } from '../../src/log.ts';
import type { CaptureEvent, CaptureOptions, Sample } from '../../src/reader/driver.ts';
import { LEVELS } from '../../src/seal/level.ts';
import type { Level } from '../../src/seal/level.ts';
import type { ExtendedFile, ExtensionJob, Levels, SealedFile, SealJob, Sealer } from '../../src/seal/seal-job.ts';
import type { State } from '../../src/state.ts';
import { settle, VirtualClock } from './clock.ts';
import { temporaryFolder, temporaryState } from './state.ts';

/** No PDF to anyone but `inspector`. */
export const DOCUMENT = new TextEncoder().encode('%PDF-1.7 an agreement '.repeat(40));
export const PARTIES = [
  { id: 'jia', name: '甲某' },
  { id: 'yi', name: '乙某' },
] as const;
export const MEDIATOR = { id: 'ding', name: '丁某' };
export const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export const inspector: PdfInspector = {
  inspect: (path) =>
    readFileSync(path).subarray(0, 4).equals(Buffer.from('%PDF'))
      ? Promise.resolve({ pages: [{ widthMm: 210, heightMm: 297, rotation: 0 }], signatures: 0, openFields: [] })
      : Promise.reject(new AppError('PDF_UNREADABLE')),
};

/** Rings of ridges, 9 pixels apart. */
export function ridges(seed = 0): Raster {
  const width = 96;
  const height = 112;
  const pixels = new Uint8Array(width * height);
  for (let i = 0; i < pixels.length; i++) {
    const distance = Math.hypot((i % width) - 48, Math.floor(i / width) - 200);
    pixels[i] = Math.round(128 + 110 * Math.sin((distance * 2 * Math.PI) / 9 + seed));
  }
  return { width, height, dpi: 500, pixels };
}

export function sampleOf(seed = 0): Sample {
  const bytes = new TextEncoder().encode(`SECRET-TEMPLATE-${seed}`);
  return { image: ridges(seed), template: { format: 'opaque', dialect: 'as608', bytes } };
}

export function pictureOf(seed = 0): Uint8Array {
  return encodePng(ridges(seed));
}

/** One capture as a reader would run it: the test says what happens. */
export class PlayedCapture {
  readonly readerId: string;
  readonly options: CaptureOptions;
  readonly signal: AbortSignal;
  /** A reader that goes on after an abort, as one may that had all but finished. */
  deaf = false;
  readonly #steps: (CaptureEvent | Error | 'end')[] = [];
  #wake: () => void = () => {};

  constructor(readerId: string, options: CaptureOptions, signal: AbortSignal) {
    this.readerId = readerId;
    this.options = options;
    this.signal = signal;
    signal.addEventListener('abort', () => this.#wake());
  }

  async play(...steps: (CaptureEvent | Error | 'end')[]): Promise<void> {
    this.#steps.push(...steps);
    this.#wake();
    await settle();
  }

  /** A whole capture that succeeds. */
  press(seed = 0): Promise<void> {
    return this.play({ kind: 'prompt', prompt: 'place' }, { kind: 'sample', sample: sampleOf(seed) }, 'end');
  }

  async *events(): AsyncGenerator<CaptureEvent, void, void> {
    for (;;) {
      if (!this.deaf) this.signal.throwIfAborted();
      const step = this.#steps.shift();
      if (step === 'end') return;
      if (step instanceof Error) throw step;
      if (step !== undefined) yield step;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

export class PlayedReaders implements CaptureReaders {
  /** All that were ever started, in order. */
  readonly captures: PlayedCapture[] = [];
  simulated = false;
  unusable: AppError | null = null;

  choose(readerId = 'window'): { id: string; simulated: boolean } {
    if (this.unusable !== null) throw this.unusable;
    return { id: readerId, simulated: this.simulated };
  }

  capture(readerId: string, options: CaptureOptions, signal: AbortSignal): AsyncIterable<CaptureEvent> {
    const capture = new PlayedCapture(readerId, options, signal);
    this.captures.push(capture);
    return capture.events();
  }

  get last(): PlayedCapture {
    return this.captures.at(-1)!;
  }
}

export const SEALED_SUFFIX = 'SEALED\n';

export const OFFLINE = new AppError('TIMESTAMP_UNREACHABLE', 'http://tsa.example: ENETUNREACH');

/** What an extension to a level adds. */
export const added = (level: Level): string => `TO ${level}\n`;

export type Authorities =
  { readonly up: true } | { readonly up: false; readonly highest: Level; readonly problem: AppError };

/** Seals and extends as the real one does, in place, but writes a word only. */
export class PlayedSealer implements Sealer {
  levels: Levels = { preset: 'B-B', available: ['B-B', 'B-T', 'B-LT', 'B-LTA'] };
  readonly jobs: SealJob[] = [];
  readonly extensions: ExtensionJob[] = [];
  /** What the authorities do: they are all there, or fail for all above the level. */
  authorities: Authorities = { up: true };
  /** What happens after the file was extended to a higher level, before that is told. */
  beforeExtended: (signal: AbortSignal) => void | Promise<void> = () => {};
  /** What happens before the key signs. */
  beforehand: () => void = () => {};
  /** What happens after the file was extended. */
  afterwards: (job: SealJob) => void | Promise<void> = () => {};
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async seal(job: SealJob): Promise<SealedFile> {
    this.jobs.push(job);
    this.beforehand();
    job.onKeyUse?.();
    const before = readFileSync(job.path).subarray(0, job.bytes);
    appendFileSync(job.path, SEALED_SUFFIX);
    await this.afterwards(job);
    const after = readFileSync(job.path);
    return {
      sha256Before: job.midstate?.copy().digest('hex') ?? sha256(before),
      sha256After: sha256(after),
      bytes: after.length,
      sealedAt: this.#clock.now(),
      certificateSha256: sha256(new TextEncoder().encode('certificate')),
      ...this.#reach(job.level ?? 'B-B'),
      warnings: [],
    };
  }

  async extend(job: ExtensionJob, signal: AbortSignal): Promise<ExtendedFile> {
    this.extensions.push(job);
    const { level, ...shortfall } = this.#reach(job.to);
    if (level === job.from || level === 'B-B') throw shortfall.shortfall ?? new Error('nothing to reach');
    if (sha256(readFileSync(job.path)) !== job.sha256) throw new AppError('STATE_UNUSABLE', 'another file');
    appendFileSync(job.path, added(level));
    await this.beforeExtended(signal);
    const after = readFileSync(job.path);
    return { sha256: sha256(after), bytes: after.length, extendedAt: this.#clock.now(), level, ...shortfall };
  }

  #reach(wanted: Level): { level: Level; shortfall?: AppError } {
    const { authorities } = this;
    if (authorities.up || LEVELS.indexOf(wanted) <= LEVELS.indexOf(authorities.highest)) return { level: wanted };
    return { level: authorities.highest, shortfall: authorities.problem };
  }
}

export interface House extends OpenAgreements {
  readonly state: State;
  readonly ledger: Ledger;
  readonly clock: VirtualClock;
  readonly readers: PlayedReaders;
  readonly sealer: PlayedSealer;
}

export interface HouseSettings {
  readonly state?: State;
  readonly config?: Readonly<Record<string, string>>;
  readonly log?: Log;
  readonly clock?: VirtualClock;
  readonly authorities?: Authorities;
  readonly check?: AgreementsOptions['check'];
  /** What uploads are found to be, beside what `inspector` finds. */
  readonly found?: Partial<InspectedPdf>;
}

/** Opened for the test at hand, and closed after it. `config` are environment variables. */
export async function openHouse(settings: HouseSettings = {}): Promise<House> {
  const state = settings.state ?? temporaryState();
  const clock = settings.clock ?? new VirtualClock();
  const ledger = new Ledger(state.database);
  const readers = new PlayedReaders();
  const sealer = new PlayedSealer(clock);
  sealer.authorities = settings.authorities ?? sealer.authorities;
  const file = join(temporaryFolder(), 'config.json');
  writeFileSync(file, '{}');
  const config = loadConfig({ file, env: settings.config ?? {} });
  const log = settings.log ?? silent;
  const finding: PdfInspector = {
    inspect: async (path, signal) => ({ ...(await inspector.inspect(path, signal)), ...settings.found }),
  };
  const check = settings.check ?? ((): Promise<void> => Promise.resolve());
  const open = await openAgreements({ state, ledger, sealer, inspector: finding, check, readers, config, clock, log });
  onTestFinished(() => open.close());
  return { ...open, state, ledger, clock, readers, sealer };
}

/** What arrives in pieces of `size` bytes. */
export async function* inPieces(bytes: Uint8Array, size = 100): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) {
    await settle();
    yield bytes.subarray(at, at + size);
  }
}

export const never: AbortSignal = new AbortController().signal;

/** An agreement of two parties and a mediator. */
export async function draft({ agreements }: House, bytes = DOCUMENT): Promise<AgreementView> {
  const { id } = await agreements.create(inPieces(bytes), never);
  return agreements.patch(id, { parties: PARTIES, mediator: MEDIATOR });
}

export function consent(house: House, changes: Partial<GivenConsent> = {}): GivenConsent {
  return {
    noticeVersion: '2023-1',
    purpose: '人民调解协议书按指印',
    retentionDays: 1,
    givenAt: house.clock.now().toISOString(),
    ...changes,
  };
}

/** A print of a party, taken with consent. */
export async function capturePrint(house: House, agreementId: string, partyId: string, seed = 0): Promise<CaptureView> {
  const { id } = house.captures.start({ agreementId, partyId, consent: consent(house) });
  await house.readers.last.press(seed);
  return house.captures.get(id);
}

/** An agreement with everything but the seal: one print, one signature, the mediator on paper. */
export async function marked(house: House): Promise<AgreementView> {
  const { id } = await draft(house);
  const { id: captureId } = await capturePrint(house, id, 'jia');
  house.agreements.addMark(id, { partyId: 'jia', kind: 'fingerprint', captureId });
  house.agreements.addMark(id, { partyId: 'yi', kind: 'signature', png: pictureOf() });
  return house.agreements.addMark(id, { partyId: MEDIATOR.id, kind: 'paper' });
}
