/** Links to serial ports by serialport, which is loaded when the first is listed or opened. */
import { createRequire } from 'node:module';
import type * as Serialport from 'serialport';
import { AppError } from '../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import type { Link } from './driver.ts';
import type { LinkSource } from './link-source.ts';
import type { AttachedDevice } from './match.ts';
import { loadNative } from './native-library.ts';
import { noticingHangups } from './serial-binding.ts';
import { listUsbPorts, portAt } from './serial-list.ts';

const require = createRequire(import.meta.url);

export interface SerialSettings {
  readonly baud: number;
  readonly stopBits: 1 | 2;
}

export function serialLinks(): LinkSource {
  return {
    list: (paths) => (process.platform === 'linux' ? listOnLinux(paths) : listElsewhere()),
    open: (device, config, signal) => openSerial(device.path, config, signal),
    close: () => Promise.resolve(),
  };
}

/** Opens a port, exclusively, at 8 data bits without parity or flow control. */
export async function openSerial(path: string, settings: SerialSettings, signal: AbortSignal): Promise<Link> {
  const { SerialPort } = loadSerialport();
  signal.throwIfAborted();
  const options = {
    binding: noticingHangups(SerialPort.binding),
    path,
    baudRate: settings.baud,
    stopBits: settings.stopBits,
    dataBits: 8 as const,
    parity: 'none' as const,
    lock: true,
    autoOpen: false,
  };
  const port = new SerialPort(options);
  await new Promise<void>((resolve, reject) => {
    port.open((error) => {
      if (error === null) resolve();
      else reject(openFailure(path, error));
    });
  });
  const link = new SerialLink(port);
  if (signal.aborted) {
    await link.close();
    signal.throwIfAborted();
  }
  return link;
}

class SerialLink implements Link {
  readonly kind = 'serial';
  readonly #port: Serialport.SerialPort;
  readonly #arrived = new ByteQueue();
  #closed = false;

  constructor(port: Serialport.SerialPort) {
    this.#port = port;
    // A port that nobody reads tells nothing of an unplugged device, so it is read as long as it's open.
    port.on('data', (chunk: Buffer) => this.#arrived.push(Uint8Array.from(chunk)));
    port.on('close', (error: Error | null) => this.#lost(error));
    port.on('error', (error: Error) => this.#lost(error));
  }

  read(signal: AbortSignal): Promise<Uint8Array> {
    return this.#arrived.read(signal);
  }

  write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#arrived.failure !== null) throw this.#arrived.failure;
      const onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#port.write(Buffer.from(bytes), (error) => {
        signal.removeEventListener('abort', onAbort);
        if (error === null || error === undefined) resolve();
        else reject(this.#lost(error));
      });
    });
  }

  drain(): void {
    this.#arrived.drain();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrived.fail(new AppError('READER_REMOVED', 'the link was closed'));
    if (!this.#port.isOpen) return;
    await new Promise<void>((resolve) => {
      // A port whose device is gone may refuse to be closed; there is nothing left to close.
      this.#port.close(() => resolve());
    });
  }

  #lost(error: Error | null): AppError {
    const removed = new AppError('READER_REMOVED', 'the serial port is gone', { cause: error ?? undefined });
    this.#arrived.fail(removed);
    return this.#arrived.failure ?? removed;
  }
}

/** Not imported: the native part of it is for those who have a serial reader. */
function loadSerialport(): typeof Serialport {
  return loadNative('serialport', () => require('serialport') as typeof Serialport);
}

async function listOnLinux(paths: readonly string[]): Promise<AttachedDevice[]> {
  const ports = await listUsbPorts();
  for (const path of paths) {
    if (ports.some((port) => port.path === path || port.aliases?.includes(path) === true)) continue;
    const port = await portAt(path);
    if (port === null) continue;
    const known = ports.findIndex((candidate) => candidate.path === port.path);
    const found = ports[known];
    if (found === undefined) ports.push(port);
    else ports[known] = { ...found, aliases: [...(found.aliases ?? []), path] };
  }
  return ports;
}

async function listElsewhere(): Promise<AttachedDevice[]> {
  const ports = await loadSerialport().SerialPort.list();
  return ports.map(({ path, vendorId, productId, serialNumber, manufacturer }) => ({
    link: 'serial',
    path,
    ...(vendorId === undefined ? {} : { vendorId: Number.parseInt(vendorId, 16) }),
    ...(productId === undefined ? {} : { productId: Number.parseInt(productId, 16) }),
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...(manufacturer === undefined ? {} : { name: manufacturer }),
  }));
}

/** The bindings give no code, only these words (bindings-cpp, serialport_linux.cpp, serialport_unix.cpp and serialport_win.cpp). */
export function openFailure(path: string, error: Error): AppError {
  const options = { cause: error };
  const { message } = error;
  if (/Cannot lock port|resource busy|Access denied/i.test(message))
    return new AppError('READER_IN_USE', path, options);
  if (/Permission denied|not permitted/i.test(message)) return new AppError('READER_ACCESS_DENIED', path, options);
  // What is neither busy, forbidden nor gone is no serial port, or none that takes the settings: to plug it in again would not help.
  const code = /No such|not found/i.test(message) ? 'READER_REMOVED' : 'READER_PROTOCOL';
  return new AppError(code, `${path} cannot be opened: ${message}`, options);
}
