/** The readers of this machine: found, opened, watched for plug and unplug, and lent to one capture at a time. */
import type { Clock } from '../clock.ts';
import type { ReaderConfig } from '../config.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { AttachedReader } from './attached-reader.ts';
import type { ReaderDeps, ReaderInfo } from './attached-reader.ts';
import type { CaptureEvent, CaptureOptions, Driver, LinkKind } from './driver.ts';
import type { LinkFactories } from './link-source.ts';
import { matchDevices, sectionsOf } from './match.ts';
import type { AttachedDevice, Section } from './match.ts';

export type { ReaderInfo, ReaderState } from './attached-reader.ts';

export interface ReaderServiceOptions {
  readonly drivers: readonly Driver[];
  readonly readers: readonly ReaderConfig[];
  readonly clock: Clock;
  readonly links: LinkFactories;
  readonly log: Log;
  /** Between two looks at what is plugged in, milliseconds. */
  readonly pollMs?: number;
}

const POLL_MS = 1500;

export class ReaderService {
  readonly #sections: readonly Section[];
  readonly #clock: Clock;
  readonly #links: LinkFactories;
  readonly #log: Log;
  readonly #pollMs: number;
  readonly #readers: AttachedReader[] = [];
  /** Why devices of a kind cannot even be listed. */
  readonly #failures = new Map<LinkKind, AppError>();
  readonly #listeners = new Set<() => void>();
  readonly #closing = new AbortController();
  #round: Promise<void> | null = null;
  #watch: Promise<void> | null = null;

  /** READER_DRIVER_UNKNOWN or CONFIG_INVALID for a section that nothing could serve. */
  constructor({ drivers, readers, clock, links, log, pollMs = POLL_MS }: ReaderServiceOptions) {
    this.#sections = sectionsOf(readers, drivers);
    for (const { config, driver } of this.#sections) {
      driver.expects(config.dialect === undefined ? {} : { dialect: config.dialect });
    }
    this.#clock = clock;
    this.#links = links;
    this.#log = log;
    this.#pollMs = pollMs;
  }

  /** Begins to watch what is plugged in. The first look is under way when this returns; `refresh` waits for it. */
  start(): void {
    this.#watch ??= this.#watchPlugs();
  }

  /** Looks at what is plugged in and opens what is new, or waits for a look under way. Readers that capture are left to their captures. */
  refresh(): Promise<void> {
    this.#round ??= this.#look().finally(() => {
      this.#round = null;
    });
    return this.#round;
  }

  /** As last seen; asks no device. */
  list(): ReaderInfo[] {
    const attached = this.#readers.map((reader) => reader.info());
    const unlisted = this.#sections.flatMap((section) => {
      const error = this.#failures.get(section.config.link);
      if (error === undefined || this.#readers.some((reader) => reader.section === section)) return [];
      return [this.#unlisted(section, error)];
    });
    return [...attached, ...unlisted];
  }

  /** READER_NOT_FOUND. */
  get(id: string): ReaderInfo {
    const found = this.list().find((reader) => reader.id === id);
    if (found === undefined) throw new AppError('READER_NOT_FOUND', id);
    return found;
  }

  /** The reader that a capture would use: the named one, else the first that is free. READER_NOT_FOUND, READER_REMOVED, READER_BUSY, READER_ABSENT. */
  choose(id: string | undefined): ReaderInfo {
    return this.#choose(id).info();
  }

  /**
   * Takes the reader at once, throwing what `choose` throws, and gives it back when the events end. Of them see OpenReader.capture; the
   * reader is asked first whether it still answers, and opened anew where it does not.
   */
  capture(
    id: string | undefined,
    options: CaptureOptions,
    signal: AbortSignal,
  ): AsyncGenerator<CaptureEvent, void, void> {
    this.#closing.signal.throwIfAborted();
    return this.#choose(id).capture(options, signal);
  }

  /** Calls `listener` whenever `list` would answer otherwise than before; gives what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends captures with SHUTTING_DOWN and closes every device. */
  async close(): Promise<void> {
    this.#closing.abort(new AppError('SHUTTING_DOWN'));
    this.#listeners.clear();
    await Promise.all(this.#readers.map((reader) => reader.close()));
    await this.#watch;
    await this.#round;
    // A round that was under way may have found another.
    await Promise.all(this.#readers.map((reader) => reader.close()));
    await Promise.all(Object.values(this.#links).map((source) => source.close()));
  }

  #choose(id: string | undefined): AttachedReader {
    if (id !== undefined) {
      const reader = this.#readers.find((candidate) => candidate.id === id);
      if (reader === undefined) throw this.get(id).error ?? new AppError('READER_NOT_FOUND', id);
      if (reader.state === 'gone') throw new AppError('READER_REMOVED', id);
      if (reader.held) throw new AppError('READER_BUSY', id);
      return reader;
    }
    const present = this.#readers.filter((reader) => reader.state !== 'gone');
    const free = present.filter((reader) => !reader.held);
    const ready = free.find((reader) => reader.state === 'ready') ?? free.find((reader) => reader.state === 'busy');
    const chosen = ready ?? free[0];
    if (chosen !== undefined) return chosen;
    if (present.length > 0) throw new AppError('READER_BUSY', present.map((reader) => reader.id).join(', '));
    const [failure] = this.#failures.values();
    throw failure ?? new AppError('READER_ABSENT');
  }

  async #watchPlugs(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.refresh();
      } catch (error) {
        this.#log.error({ error }, 'looking for readers failed');
      }
      try {
        await this.#clock.sleep(this.#pollMs, signal);
      } catch {
        return; // Closing.
      }
    }
  }

  async #look(): Promise<void> {
    const { devices, failed } = await this.#listAll();
    if (this.#closing.signal.aborted) return;
    const matches = matchDevices(devices, this.#sections);
    const isListed = ({ section, device }: AttachedReader): boolean =>
      matches.some((match) => match.section === section && isSame(match.device, device));
    for (const reader of this.#readers) {
      // A capture knows better than a list made meanwhile; and where there is no list there is nothing to conclude.
      if (reader.held || failed.has(reader.section.config.link)) continue;
      if (!isListed(reader)) await reader.leave();
    }
    for (const { section, device } of matches) {
      const known = this.#readers.filter((reader) => reader.section === section);
      if (known.some((reader) => reader.state !== 'gone' && isSame(device, reader.device))) continue;
      const sought = known.find(
        (reader) => (reader.state === 'gone' || reader.astray) && couldBe(device, reader.device),
      );
      if (sought !== undefined) {
        sought.arrive(device);
        continue;
      }
      // Perhaps the one that a capture holds, under another name: that is known when the capture has ended.
      const awaited = known.some((reader) => reader.held && !isListed(reader) && couldBe(device, reader.device));
      if (!awaited) this.#add(section, device);
    }
    await Promise.all(this.#readers.filter((reader) => reader.wantsOpening).map((reader) => reader.open()));
  }

  async #listAll(): Promise<{ devices: AttachedDevice[]; failed: ReadonlySet<LinkKind> }> {
    const kinds = new Set(this.#sections.map((section) => section.config.link));
    const failed = new Set<LinkKind>();
    const lists = await Promise.all(
      [...kinds].map(async (kind) => {
        const paths = this.#sections.flatMap(({ config }) => (config.link === kind ? (config.path ?? []) : []));
        try {
          const devices = await this.#links[kind].list(paths, this.#closing.signal);
          if (this.#failures.delete(kind)) this.#changed();
          return devices;
        } catch (error) {
          failed.add(kind);
          this.#failed(kind, error);
          return [];
        }
      }),
    );
    return { devices: lists.flat(), failed };
  }

  #failed(kind: LinkKind, error: unknown): void {
    if (this.#closing.signal.aborted) return;
    const failure = error instanceof AppError ? error : new AppError('INTERNAL', '', { cause: error });
    if (this.#failures.get(kind)?.message === failure.message) return;
    this.#failures.set(kind, failure);
    this.#log.warn({ link: kind, error }, 'readers of a kind cannot be listed');
    this.#changed();
  }

  #add(section: Section, device: AttachedDevice): void {
    const deps: ReaderDeps = {
      clock: this.#clock,
      links: this.#links,
      log: this.#log,
      // What a look under way has listed already may be out of date.
      look: async () => {
        await this.#round;
        await this.refresh();
      },
      changed: () => this.#changed(),
    };
    this.#readers.push(new AttachedReader(this.#idFor(section, device), section, device, deps));
    this.#changed();
  }

  /** The configured id, or one that stays the same for the same device; numbered where another has it. */
  #idFor(section: Section, device: AttachedDevice | null): string {
    const { config, driver, index } = section;
    const serial = device?.serialNumber?.replaceAll(/[^A-Za-z0-9._-]/g, '').slice(0, 40);
    const mark = config.link === 'simulated' || serial === undefined || serial === '' ? index + 1 : serial;
    const base = config.id ?? `${config.link === 'simulated' ? 'simulated' : driver.id}-${mark}`;
    let id = base;
    for (let n = 2; this.#readers.some((reader) => reader.id === id); n++) id = `${base}-${n}`;
    return id;
  }

  #unlisted(section: Section, error: AppError): ReaderInfo {
    const { config, driver } = section;
    return {
      id: this.#idFor(section, null),
      name: driver.name,
      driver: driver.id,
      link: config.link,
      state: 'error',
      error,
      capabilities: driver.expects(config.dialect === undefined ? {} : { dialect: config.dialect }),
      simulated: config.link === 'simulated',
    };
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function isSame(a: AttachedDevice, b: AttachedDevice): boolean {
  return a.path === b.path && a.serialNumber === b.serialNumber;
}

/** Whether `device` may be the one that went, on whatever port: its serial number tells, where it has one. */
function couldBe(device: AttachedDevice, gone: AttachedDevice): boolean {
  return device.serialNumber === gone.serialNumber;
}
