/**
 * A mended serialport binding. On Linux and macOS the library's read starts over when the system reads 0 bytes, which is how a terminal
 * says that its device hung up: the port then stays open without an event and keeps a processor busy. Here 0 bytes are a lost device,
 * which the library turns into `close`. Written for serialport 13.0.0; a test tells whether it is still needed.
 */
import { read } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import type { SerialPort } from 'serialport';

export type SerialBinding = typeof SerialPort.binding;

const readFile = promisify(read);
const require = createRequire(import.meta.url);

/** The library's own read; its file is no public face of it, hence the version above. */
interface UnixRead {
  readonly unixRead: (request: {
    readonly binding: object;
    readonly buffer: Buffer;
    readonly offset: number;
    readonly length: number;
    readonly fsReadAsync: typeof readFile;
  }) => Promise<{ buffer: Buffer; bytesRead: number }>;
}

/** `base` with ports that close when their device hangs up. */
export function noticingHangups(base: SerialBinding): SerialBinding {
  if (process.platform === 'win32') return base;
  // As serialport itself finds it: another copy of the native module would be another driver.
  const fromSerialport = createRequire(require.resolve('serialport'));
  const { unixRead } = fromSerialport('@serialport/bindings-cpp/dist/unix-read') as UnixRead;
  const readOrHangUp = (async (...args: Parameters<typeof readFile>) => {
    const outcome = await readFile(...args);
    if (outcome.bytesRead === 0) throw Object.assign(new Error('the device hung up'), { code: 'EBADF' });
    return outcome;
  }) as typeof readFile;
  const ports = base as { open(options: object): Promise<object> };
  const open = async (options: object): Promise<object> => {
    const port = await ports.open(options);
    return Object.assign(port, {
      read: (buffer: Buffer, offset: number, length: number) =>
        unixRead({ binding: port, buffer, offset, length, fsReadAsync: readOrHangUp }),
    });
  };
  return { list: () => base.list(), open } as SerialBinding;
}
