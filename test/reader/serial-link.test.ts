/** Serial ports over pseudo-terminals; what only real hardware shows is read from a folder that looks like /sys. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes.ts';
import { systemClock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import type { Link } from '../../src/reader/driver.ts';
import { openFailure, openSerial, serialLinks } from '../../src/reader/serial-link.ts';
import { listUsbPorts } from '../../src/reader/serial-list.ts';
import { describeTool } from '../support/tools.ts';
import { pseudoTerminal } from './pseudo-terminal.ts';
import type { PseudoTerminal } from './pseudo-terminal.ts';
import { collect, describeDevice, drawPrint, ef01, OPTIONS, readerConfig, story } from './simulator.ts';

const FOREVER = new AbortController().signal;
const SETTINGS = { baud: 57_600, stopBits: 1 } as const;

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function terminal(end: 'STDIO' | 'EXEC:cat'): Promise<PseudoTerminal> {
  const made = await pseudoTerminal(end);
  cleanups.push(() => made.remove());
  return made;
}

async function opened(path: string): Promise<Link> {
  const link = await openSerial(path, SETTINGS, FOREVER);
  cleanups.push(() => link.close());
  return link;
}

function isRemoved(error: unknown): boolean {
  return isAppError(error, 'READER_REMOVED');
}

describeTool('socat', 'a serial link', () => {
  test('carries all 256 bytes both ways', async () => {
    const link = await opened((await terminal('EXEC:cat')).path);
    const all = Uint8Array.from({ length: 256 }, (_, at) => at);
    await link.write(all, FOREVER);
    let back = '';
    while (back.length < 512) back += toHex(await link.read(FOREVER));
    expect(back).toBe(toHex(all));
  });

  test('stops reading when told to', async () => {
    const link = await opened((await terminal('EXEC:cat')).path);
    await expect(link.read(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  test('is READER_REMOVED once its device is gone, for who reads, writes, and comes later', async () => {
    const made = await terminal('EXEC:cat');
    const link = await opened(made.path);
    const read = link.read(FOREVER);
    made.hangUp();
    await expect(read).rejects.toSatisfy(isRemoved);
    await expect(link.write(Uint8Array.of(1), FOREVER)).rejects.toSatisfy(isRemoved);
    await expect(link.read(FOREVER)).rejects.toSatisfy(isRemoved);
    await link.close();
  });

  test('is READER_REMOVED once closed, and closes once', async () => {
    const link = await opened((await terminal('EXEC:cat')).path);
    await link.close();
    await link.close();
    await expect(link.read(FOREVER)).rejects.toSatisfy(isRemoved);
    await expect(link.write(Uint8Array.of(1), FOREVER)).rejects.toSatisfy(isRemoved);
  });

  test('is its own: a second one to the same port is READER_IN_USE', async () => {
    const { path } = await terminal('EXEC:cat');
    await opened(path);
    await expect(openSerial(path, SETTINGS, FOREVER)).rejects.toSatisfy((error) => isAppError(error, 'READER_IN_USE'));
  });

  test('to a port that is not there is READER_REMOVED', async () => {
    await expect(openSerial('/dev/no-such-tty', SETTINGS, FOREVER)).rejects.toSatisfy(isRemoved);
  });

  test('is found by the name that the configuration gives, while it is there', async () => {
    const made = await terminal('EXEC:cat');
    const links = serialLinks();
    const found = (await links.list([made.path], FOREVER)).find(
      (device) => device.aliases?.includes(made.path) === true,
    );
    expect(found?.link).toBe('serial');
    const link = await links.open(found!, readerConfig({ link: 'serial', path: made.path }), FOREVER);
    await link.close();
    made.remove();
    expect((await links.list([made.path], FOREVER)).flatMap((device) => device.aliases ?? [])).not.toContain(made.path);
  });

  test('carries a whole capture between the driver and a device', async () => {
    const made = await terminal('STDIO');
    const { dialect, width, height, dpi } = describeDevice('as608');
    const capabilities = { image: true, template: 'opaque', width, height, dpi } as const;
    const peer = ef01.createPeer({ dialect, capabilities }, systemClock);
    let looks = 0;
    peer.onLook = () => peer.setFinger(looks++ === 0 ? drawPrint() : null);
    peer.onSend = (bytes) => made.socat.stdin!.write(bytes);
    made.socat.stdout!.on('data', (bytes: Uint8Array) => peer.receive(Uint8Array.from(bytes)));
    const reader = await ef01.open(await opened(made.path), { clock: systemClock, settings: {} }, FOREVER);
    const { events, sample, error } = await collect(reader.capture(OPTIONS, FOREVER));
    expect(error).toBeNull();
    expect(story(events)).toEqual(['place', 'hold', 'progress', 'sample', 'lift']);
    expect(sample?.image).toEqual(drawPrint().image);
    expect(sample?.template?.bytes).toEqual(drawPrint().template);
  });

  test.each([
    ['as it is', 'plain', 'open'],
    ['mended', 'mended', 'closed'],
  ])('with serialport’s binding %s leaves a hung-up port %s', (_, kind, expected) => {
    // Where the first of these fails serialport has mended itself, and serial-binding.ts can go.
    const script = join(import.meta.dirname, 'serial-hangup.ts');
    const { stdout, stderr } = spawnSync(process.execPath, [script, kind], { encoding: 'utf8', timeout: 20_000 });
    expect(stderr).toBe('');
    expect(stdout).toBe(expected);
  });
});

describe.skipIf(process.platform === 'win32')('a path that is no serial port', () => {
  test.each(['/dev/null', '/dev/urandom'])('%s is not one that was unplugged', async (path) => {
    const error: unknown = await openSerial(path, SETTINGS, FOREVER).catch((reason: unknown) => reason);
    expect(isAppError(error) && error.code).toBe('READER_PROTOCOL');
    expect(isAppError(error) && error.detail).toMatch(new RegExp(`^${path} cannot be opened: Error: .+`));
  });
});

describe('what the bindings say when a port does not open', () => {
  test.each([
    ['Error: Permission denied, cannot open /dev/ttyUSB0', 'READER_ACCESS_DENIED'],
    ['Error: Operation not permitted, cannot open /dev/ttyUSB0', 'READER_ACCESS_DENIED'],
    ['Error Resource temporarily unavailable Cannot lock port', 'READER_IN_USE'],
    ['Error: Device or resource busy, cannot open /dev/ttyUSB0', 'READER_IN_USE'],
    ['Opening COM3: Access denied', 'READER_IN_USE'],
    ['Error: No such file or directory, cannot open /dev/ttyUSB0', 'READER_REMOVED'],
    ['Opening COM3: File not found', 'READER_REMOVED'],
    ['Error: No such device, cannot open /dev/ttyUSB0', 'READER_REMOVED'],
    ['Error: No such device or address, cannot open /dev/ttyUSB0', 'READER_REMOVED'],
    ['Error: Inappropriate ioctl for device, cannot open /dev/null', 'READER_PROTOCOL'],
    ['Error: Input/output error, cannot open /dev/ttyS0', 'READER_PROTOCOL'],
  ])('%s', (message, code) => {
    const { code: seen, detail } = openFailure('port', new Error(message));
    expect(seen).toBe(code);
    if (code === 'READER_REMOVED' || code === 'READER_PROTOCOL') {
      expect(detail).toBe(`port cannot be opened: ${message}`);
    } else expect(detail).toBe('port');
  });
});

describe.skipIf(process.platform === 'win32')('USB ports of /sys', () => {
  function root(): string {
    const folder = mkdtempSync(join(tmpdir(), 'zhiyin-sys-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  }

  function put(path: string, content: string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }

  function link(target: string, path: string): void {
    mkdirSync(dirname(path), { recursive: true });
    symlinkSync(target, path);
  }

  test('are told with their ids, serial number, product and other names; others are not', async () => {
    const folder = root();
    const usb = join(folder, 'sys/devices/pci0000:00/usb1/1-1');
    put(join(usb, 'idVendor'), '10c4\n');
    put(join(usb, 'idProduct'), 'ea60\n');
    put(join(usb, 'serial'), '0001\n');
    put(join(usb, 'product'), 'CP2102 USB to UART Bridge Controller\n');
    // A bridge: port under the interface; a modem class device: the interface itself.
    mkdirSync(join(usb, '1-1:1.0/ttyUSB0'), { recursive: true });
    link(join(usb, '1-1:1.0/ttyUSB0'), join(folder, 'sys/class/tty/ttyUSB0/device'));
    const acm = join(folder, 'sys/devices/pci0000:00/usb1/1-2');
    put(join(acm, 'idVendor'), '1209\n');
    put(join(acm, 'idProduct'), '0f01\n');
    mkdirSync(join(acm, '1-2:1.1'), { recursive: true });
    link(join(acm, '1-2:1.1'), join(folder, 'sys/class/tty/ttyACM0/device'));
    // On the board, and a console, which has no device at all.
    mkdirSync(join(folder, 'sys/devices/pnp0/00:01/tty'), { recursive: true });
    link(join(folder, 'sys/devices/pnp0/00:01'), join(folder, 'sys/class/tty/ttyS0/device'));
    mkdirSync(join(folder, 'sys/class/tty/console'), { recursive: true });
    put(join(folder, 'dev/ttyUSB0'), '');
    const byId = join(folder, 'dev/serial/by-id/usb-Silicon_Labs_CP2102-if00-port0');
    link('../../ttyUSB0', byId);

    expect((await listUsbPorts(folder)).toSorted((a, b) => a.path.localeCompare(b.path))).toEqual([
      { link: 'serial', path: join(folder, 'dev/ttyACM0'), aliases: [], vendorId: 0x1209, productId: 0x0f01 },
      {
        link: 'serial',
        path: join(folder, 'dev/ttyUSB0'),
        aliases: [byId],
        vendorId: 0x10c4,
        productId: 0xea60,
        serialNumber: '0001',
        name: 'CP2102 USB to UART Bridge Controller',
      },
    ]);
  });

  test('are none where there is no /sys', async () => {
    expect(await listUsbPorts(root())).toEqual([]);
  });
});
