/** Links to HID devices by node-hid, which is loaded when the first is listed or opened. */
import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Device, HIDAsync } from 'node-hid';
import { AppError } from '../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import type { Link } from './driver.ts';
import { decodeReport, encodeReports } from './hid-framer.ts';
import type { HidFraming } from './hid-framer.ts';
import type { LinkSource } from './link-source.ts';
import type { AttachedDevice } from './match.ts';
import { libraryMissing, loadNative } from './native-library.ts';

const require = createRequire(import.meta.url);

/** The part of node-hid that is used. */
export interface HidModule {
  devicesAsync(): Promise<Device[]>;
  readonly HIDAsync: { open(path: string): Promise<HidHandle> };
}
export interface HidHandle extends Pick<HIDAsync, 'write' | 'close'> {
  on(event: 'data', listener: (report: Uint8Array) => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

/** Usage pages of keyboards, mice and their like: never a reader, and not ours to open. */
const GENERIC_DESKTOP = 0x01;

/** `load`: gives node-hid; not imported, for the native part of it is for those who have a HID reader. */
export function hidLinks(load: () => HidModule = () => require('node-hid') as HidModule): LinkSource {
  /** Paths that this process has open: on Windows and Linux alike the system would open one twice. */
  const held = new Set<string>();
  return {
    async list() {
      const hid = loadNative('node-hid', load);
      // The native part loads at the first call, and says then what it lacks.
      const devices = await hid.devicesAsync().catch((error: unknown) => {
        throw libraryMissing('node-hid', error);
      });
      return devices.flatMap(attached);
    },
    async open(device, config, signal) {
      const hid = loadNative('node-hid', load);
      signal.throwIfAborted();
      if (held.has(device.path)) throw new AppError('READER_IN_USE', 'this program has it open already');
      held.add(device.path);
      let handle: HidHandle;
      try {
        handle = await hid.HIDAsync.open(device.path);
      } catch (error) {
        held.delete(device.path);
        throw await openFailure(device.path, error);
      }
      return new HidLink(handle, config.framing, () => held.delete(device.path));
    },
    close: () => Promise.resolve(),
  };
}

class HidLink implements Link {
  readonly kind = 'hid';
  readonly #handle: HidHandle;
  readonly #framing: HidFraming;
  readonly #release: () => void;
  readonly #arrived = new ByteQueue();
  #closed = false;

  constructor(handle: HidHandle, framing: HidFraming, release: () => void) {
    this.#handle = handle;
    this.#framing = framing;
    this.#release = release;
    // One listener for as long as the device is open: node-hid starts its reading thread anew whenever the last one goes, and the kernel
    // drops what nobody reads beyond 64 reports.
    handle.on('data', (report: Uint8Array) => this.#take(report));
    handle.on('error', (error: Error) => this.#lost(error));
  }

  read(signal: AbortSignal): Promise<Uint8Array> {
    return this.#arrived.read(signal);
  }

  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    for (const report of encodeReports(this.#framing, bytes)) {
      signal.throwIfAborted();
      if (this.#arrived.failure !== null) throw this.#arrived.failure;
      try {
        await this.#handle.write(Buffer.from(report));
      } catch (error) {
        throw this.#lost(error);
      }
    }
  }

  drain(): void {
    this.#arrived.drain();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrived.fail(new AppError('READER_REMOVED', 'the link was closed'));
    try {
      await this.#handle.close();
    } catch {
      // A handle whose device is gone may refuse to be closed; there is nothing left to close.
    }
    this.#release();
  }

  #take(report: Uint8Array): void {
    try {
      this.#arrived.push(Uint8Array.from(decodeReport(this.#framing, report)));
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#arrived.fail(error);
    }
  }

  /** node-hid tells an unplugged device by an error, and of nothing else. */
  #lost(error: unknown): AppError {
    const removed = new AppError('READER_REMOVED', 'the HID device is gone', { cause: error });
    this.#arrived.fail(removed);
    return this.#arrived.failure ?? removed;
  }
}

function attached(device: Device): AttachedDevice[] {
  if (device.path === undefined || device.path === '' || device.usagePage === GENERIC_DESKTOP) return [];
  const { path, product, vendorId, productId, serialNumber } = device;
  return [
    {
      link: 'hid',
      path,
      vendorId,
      productId,
      ...(product === undefined || product === '' ? {} : { name: product }),
      ...(serialNumber === undefined || serialNumber === '' ? {} : { serialNumber }),
    },
  ];
}

/** node-hid says only that it cannot open; on Linux the file tells why. */
async function openFailure(path: string, error: unknown): Promise<AppError> {
  const options = { cause: error };
  if (process.platform === 'linux') {
    const code = await access(path, constants.R_OK | constants.W_OK).then(
      () => null,
      (reason: NodeJS.ErrnoException) => reason.code,
    );
    if (code === 'EACCES' || code === 'EPERM') return new AppError('READER_ACCESS_DENIED', path, options);
    if (code !== null) return new AppError('READER_REMOVED', `${path} is not there`, options);
  }
  return new AppError('READER_IN_USE', `${path} cannot be opened`, options);
}
