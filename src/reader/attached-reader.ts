/** One reader that is, or was, plugged in: opened, held by one capture at a time, mended when it fails. */
import type { Clock } from '../clock.ts';
import { AppError, isAppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type {
  CaptureEvent,
  CaptureOptions,
  DriverContext,
  LinkKind,
  OpenReader,
  ReaderCapabilities,
} from './driver.ts';
import type { LinkFactories } from './link-source.ts';
import type { AttachedDevice, Section } from './match.ts';

export type ReaderState = 'ready' | 'busy' | 'gone' | 'error';

export interface ReaderInfo {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly link: LinkKind;
  readonly vendorId?: number;
  readonly productId?: number;
  readonly serialNumber?: string;
  readonly state: ReaderState;
  /** What keeps it from being ready. */
  readonly error?: AppError;
  readonly capabilities: ReaderCapabilities;
  readonly simulated: boolean;
}

export interface ReaderDeps {
  readonly clock: Clock;
  readonly links: LinkFactories;
  readonly log: Log;
  /** Has somebody look at what is plugged in, who tells by `arrive`. */
  readonly look: () => Promise<void>;
  readonly changed: () => void;
}

/** A reader that would not open is tried again after so long, twice as long each time. */
const FIRST_RETRY_MS = 2000;
const LAST_RETRY_MS = 60_000;

export class AttachedReader {
  readonly id: string;
  readonly section: Section;
  readonly #deps: ReaderDeps;
  readonly #life = new AbortController();
  #device: AttachedDevice;
  #present = true;
  #reader: OpenReader | null = null;
  #opening: Promise<void> | null = null;
  #error: AppError | null = null;
  #retryMs = FIRST_RETRY_MS;
  #retryAt = 0;
  #held = false;

  constructor(id: string, section: Section, device: AttachedDevice, deps: ReaderDeps) {
    this.id = id;
    this.section = section;
    this.#device = device;
    this.#deps = deps;
  }

  get device(): AttachedDevice {
    return this.#device;
  }

  /** Whether a capture holds it. */
  get held(): boolean {
    return this.#held;
  }

  /** Whether it was not found where it was last seen. */
  get astray(): boolean {
    return this.#reader === null && isAppError(this.#error, 'READER_REMOVED');
  }

  get state(): ReaderState {
    if (!this.#present) return 'gone';
    if (this.#held) return 'busy';
    if (this.#error !== null) return 'error';
    return this.#reader === null ? 'busy' : 'ready';
  }

  info(): ReaderInfo {
    const { config, driver } = this.section;
    const { name, vendorId, productId } = this.#device;
    const serialNumber = this.#device.serialNumber ?? this.#reader?.identity.serialNumber;
    return {
      id: this.id,
      name: name ?? this.#reader?.identity.model ?? driver.name,
      driver: driver.id,
      link: config.link,
      ...(vendorId === undefined ? {} : { vendorId }),
      ...(productId === undefined ? {} : { productId }),
      ...(serialNumber === undefined ? {} : { serialNumber }),
      state: this.state,
      ...(this.#error === null || !this.#present ? {} : { error: this.#error }),
      capabilities: this.#reader?.capabilities ?? driver.expects(this.#settings()),
      simulated: config.link === 'simulated',
    };
  }

  /** It was plugged in again, perhaps elsewhere. */
  arrive(device: AttachedDevice): void {
    this.#device = device;
    this.#present = true;
    this.#error = null;
    this.#retryMs = FIRST_RETRY_MS;
    this.#changed();
  }

  /** It is not there any more. */
  async leave(): Promise<void> {
    if (!this.#present) return;
    this.#present = false;
    this.#error = null;
    this.#changed();
    await this.#drop();
  }

  /** Whether nobody has opened it and it's time that somebody tried. */
  get wantsOpening(): boolean {
    if (!this.#present || this.#held || this.#reader !== null) return false;
    return this.#error === null || this.#deps.clock.monotonicMs() >= this.#retryAt;
  }

  /** Opens it, or waits for who is doing so. Where that fails the state tells. */
  open(): Promise<void> {
    this.#opening ??= this.#tryOpening().finally(() => {
      this.#opening = null;
      this.#changed();
    });
    return this.#opening;
  }

  /** Takes the lock at once (READER_BUSY) and gives it back when the events end, or their reader stops asking for them. */
  capture(options: CaptureOptions, signal: AbortSignal): AsyncGenerator<CaptureEvent, void, void> {
    if (this.#held) throw new AppError('READER_BUSY', this.id);
    this.#held = true;
    this.#changed();
    return withRelease(this.#capture(options, AbortSignal.any([signal, this.#life.signal])), () => {
      this.#held = false;
      this.#changed();
    });
  }

  async close(): Promise<void> {
    this.#life.abort(new AppError('SHUTTING_DOWN'));
    await this.#opening;
    await this.#drop();
  }

  async *#capture(options: CaptureOptions, signal: AbortSignal): AsyncGenerator<CaptureEvent, void, void> {
    try {
      const reader = await this.#answering(signal);
      yield* reader.capture(options, signal);
    } catch (error) {
      await this.#judge(error);
      throw error;
    }
  }

  /** The opened reader, after it has answered: a handle can be stale without a sign, as after the machine slept. */
  async #answering(signal: AbortSignal): Promise<OpenReader> {
    if (this.#opening !== null) await orAbort(this.#opening, signal);
    signal.throwIfAborted();
    if (this.#reader !== null) {
      try {
        await this.#reader.ping(signal);
        return this.#reader;
      } catch (error) {
        signal.throwIfAborted();
        this.#deps.log.warn({ readerId: this.id, error }, 'a reader does not answer and is opened anew');
        await this.#drop();
      }
    }
    await orAbort(this.open(), signal);
    if (this.astray) {
      // Put back a moment ago, it can have another name.
      await orAbort(this.#deps.look(), signal);
      if (!this.astray) await orAbort(this.open(), signal);
    }
    if (this.#reader === null) throw this.#error ?? new AppError('READER_REMOVED', this.id);
    return this.#reader;
  }

  async #tryOpening(): Promise<void> {
    const { links, log } = this.#deps;
    const { config, driver } = this.section;
    const { signal } = this.#life;
    try {
      const link = await links[config.link].open(this.#device, config, signal);
      try {
        this.#reader = await driver.open(link, this.#context(), signal);
      } catch (error) {
        await link.close();
        throw error;
      }
      this.#error = null;
      this.#retryMs = FIRST_RETRY_MS;
      log.info({ readerId: this.id, driver: driver.id, link: config.link }, 'a reader is ready');
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error);
    }
  }

  /** What a failed capture says about the reader: a bad finger nothing, silence or nonsense that it must be opened anew. */
  async #judge(error: unknown): Promise<void> {
    if (isAppError(error, 'READER_REMOVED')) {
      await this.leave();
    } else if (isAppError(error, 'READER_SILENT', 'READER_PROTOCOL', 'READER_STALLED', 'READER_PASSWORD')) {
      await this.#drop();
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const { clock, log } = this.#deps;
    this.#error = error instanceof AppError ? error : new AppError('INTERNAL', '', { cause: error });
    this.#retryAt = clock.monotonicMs() + this.#retryMs;
    this.#retryMs = Math.min(LAST_RETRY_MS, 2 * this.#retryMs);
    log.warn({ readerId: this.id, driver: this.section.driver.id, error }, 'a reader failed');
  }

  async #drop(): Promise<void> {
    const reader = this.#reader;
    this.#reader = null;
    await reader?.close();
  }

  #context(): DriverContext {
    return { clock: this.#deps.clock, settings: this.#settings() };
  }

  #settings(): DriverContext['settings'] {
    const { config } = this.section;
    const { link, baud, password, address } = config;
    const dialect = config.dialect ?? this.#device.dialect;
    return {
      ...(link === 'hid' ? {} : { baud }),
      ...(dialect === undefined ? {} : { dialect }),
      ...(password === undefined ? {} : { password }),
      ...(address === undefined ? {} : { address }),
    };
  }

  #changed(): void {
    this.#deps.changed();
  }
}

/** `events`, with `release` called once when they end in whatever way, even if nobody ever asked for the first. */
function withRelease(
  events: AsyncGenerator<CaptureEvent, void, void>,
  release: () => void,
): AsyncGenerator<CaptureEvent, void, void> {
  let released = false;
  const end = (): void => {
    if (!released) release();
    released = true;
  };
  const watched = async (
    step: Promise<IteratorResult<CaptureEvent, void>>,
  ): Promise<IteratorResult<CaptureEvent, void>> => {
    let done = true;
    try {
      const result = await step;
      done = result.done === true;
      return result;
    } finally {
      if (done) end();
    }
  };
  return {
    next: () => watched(events.next()),
    return: () => watched(events.return()),
    throw: (error: unknown) => watched(events.throw(error)),
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      await this.return();
    },
  };
}

/** `promise`, unless the signal aborts first. */
function orAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
