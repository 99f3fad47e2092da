/** The HID link against a stand-in for node-hid that fails as the real one does. */
import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/bytes.ts';
import { systemClock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import type { OpenReader, PeerPrint } from '../../src/reader/driver.ts';
import { decodeReport, encodeReports } from '../../src/reader/hid-framer.ts';
import type { HidFraming } from '../../src/reader/hid-framer.ts';
import { hidLinks } from '../../src/reader/hid-link.ts';
import type { HidModule } from '../../src/reader/hid-link.ts';
import { collect, describeDevice, drawMinutiae, drawPrint, ef01, OPTIONS, readerConfig } from './simulator.ts';

const FOREVER = new AbortController().signal;
const CONFIG = readerConfig({ link: 'hid', framing: { reportId: 0, reportSize: 8, lengthPrefix: 1, pad: 0 } });

class Handle extends EventEmitter {
  readonly written: string[] = [];
  closed = false;
  failing: Error | null = null;

  write(report: number[] | Buffer): Promise<number> {
    if (this.failing !== null) return Promise.reject(this.failing);
    this.written.push(toHex(Uint8Array.from(report)));
    return Promise.resolve(report.length);
  }

  close(): Promise<void> {
    this.closed = true;
    return this.failing === null ? Promise.resolve() : Promise.reject(this.failing);
  }
}

const DEVICE = {
  vendorId: 0x1209,
  productId: 0x0f01,
  path: '/dev/null',
  serialNumber: 'SN-1',
  product: 'Collector',
  release: 1,
  interface: 0,
  usagePage: 0xff00,
};

function standIn(handle: Handle): HidModule {
  return {
    devicesAsync: () =>
      Promise.resolve([
        DEVICE,
        { ...DEVICE, path: '/dev/hidraw1', usagePage: 1, product: 'Keyboard' },
        { ...DEVICE, path: '/dev/hidraw2', serialNumber: '', product: '' },
      ]),
    HIDAsync: { open: () => Promise.resolve(handle) },
  };
}

/** A reader that packs its protocol into reports without saying how much of each is data. */
async function openedOver(framing: HidFraming, device: string): Promise<{ reader: OpenReader; print: PeerPrint }> {
  const { dialect, template, width, height, dpi } = describeDevice(device);
  const print = { ...drawPrint(), ...(template === 'opaque' ? {} : { template: drawMinutiae() }) };
  const handle = new Handle();
  const peer = ef01.createPeer({ dialect, capabilities: { image: true, template, width, height, dpi } }, systemClock);
  let looks = 0;
  peer.onLook = () => peer.setFinger(looks++ === 0 ? print : null);
  peer.onSend = (bytes) => {
    for (const report of encodeReports(framing, bytes)) handle.emit('data', Buffer.from(report.subarray(1)));
  };
  handle.write = (report) => {
    peer.receive(decodeReport(framing, Uint8Array.from(report).subarray(1)));
    return Promise.resolve(report.length);
  };
  const config = readerConfig({ link: 'hid', framing });
  const link = await hidLinks(() => standIn(handle)).open(attached, config, FOREVER);
  return { reader: await ef01.open(link, { clock: systemClock, settings: { dialect } }, FOREVER), print };
}

const attached = { link: 'hid', path: '/dev/null' } as const;

describe('HID devices', () => {
  test('are listed, but for keyboards and mice', async () => {
    expect(await hidLinks(() => standIn(new Handle())).list([], FOREVER)).toEqual([
      {
        link: 'hid',
        path: '/dev/null',
        vendorId: 0x1209,
        productId: 0x0f01,
        serialNumber: 'SN-1',
        name: 'Collector',
      },
      { link: 'hid', path: '/dev/hidraw2', vendorId: 0x1209, productId: 0x0f01 },
    ]);
  });

  test('carry bytes both ways inside reports, by one listener for good', async () => {
    const handle = new Handle();
    const link = await hidLinks(() => standIn(handle)).open(attached, CONFIG, FOREVER);
    await link.write(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8), FOREVER);
    expect(handle.written).toEqual(['000701020304050607', '000108000000000000']);
    expect(handle.listenerCount('data')).toBe(1);
    handle.emit('data', Buffer.from([2, 0xaa, 0xbb, 0, 0, 0, 0, 0]));
    handle.emit('data', Buffer.from([1, 0xcc, 0, 0, 0, 0, 0, 0]));
    expect(toHex(await link.read(FOREVER))).toBe('aabbcc');
    expect(handle.listenerCount('data')).toBe(1);
    handle.emit('data', Buffer.from([1, 0xdd, 0, 0, 0, 0, 0, 0]));
    link.drain();
    handle.emit('data', Buffer.from([1, 0xee, 0, 0, 0, 0, 0, 0]));
    expect(toHex(await link.read(FOREVER))).toBe('ee');
  });

  test.each([
    ['as608', 0x00],
    ['as608', 0xff],
    ['as608-iso', 0x00],
    ['as608-iso', 0xff],
  ])('carry a whole capture of %s where padding, %i, is told from data by the protocol alone', async (device, pad) => {
    const { reader, print } = await openedOver({ reportId: 0, reportSize: 64, lengthPrefix: 0, pad }, device);
    const { sample, error } = await collect(reader.capture(OPTIONS, FOREVER));
    expect(error).toBeNull();
    expect(sample?.image).toEqual(print.image);
    expect(sample?.template?.bytes).toEqual(print.template);
  });

  test('that are unplugged tell it by an error: reading and writing are READER_REMOVED, closing is quiet', async () => {
    const handle = new Handle();
    const link = await hidLinks(() => standIn(handle)).open(attached, CONFIG, FOREVER);
    const read = link.read(FOREVER);
    handle.failing = new Error('could not read from HID device');
    handle.emit('error', handle.failing);
    await expect(read).rejects.toSatisfy((error) => isAppError(error, 'READER_REMOVED'));
    await expect(link.write(Uint8Array.of(1), FOREVER)).rejects.toSatisfy((error) =>
      isAppError(error, 'READER_REMOVED'),
    );
    await link.close();
  });

  test('that are unplugged while idle tell it by the next write', async () => {
    const handle = new Handle();
    const link = await hidLinks(() => standIn(handle)).open(attached, CONFIG, FOREVER);
    handle.failing = new Error('Cannot write to hid device');
    await expect(link.write(Uint8Array.of(1), FOREVER)).rejects.toSatisfy((error) =>
      isAppError(error, 'READER_REMOVED'),
    );
  });

  test('are open once at a time', async () => {
    const handle = new Handle();
    const links = hidLinks(() => standIn(handle));
    const link = await links.open(attached, CONFIG, FOREVER);
    await expect(links.open(attached, CONFIG, FOREVER)).rejects.toSatisfy((error) =>
      isAppError(error, 'READER_IN_USE'),
    );
    await link.close();
    await link.close();
    expect(handle.closed).toBe(true);
    await (await links.open(attached, CONFIG, FOREVER)).close();
  });

  test('with a report that cannot be are READER_PROTOCOL', async () => {
    const handle = new Handle();
    const link = await hidLinks(() => standIn(handle)).open(attached, CONFIG, FOREVER);
    handle.emit('data', Buffer.from([200, 1, 2]));
    await expect(link.read(FOREVER)).rejects.toSatisfy((error) => isAppError(error, 'READER_PROTOCOL'));
  });

  test.each([
    ['libusb-1.0.so.0', 'libusb-1.0-0'],
    ['libudev.so.1', 'libudev1'],
  ])('without %s say which package brings it', async (library, wanted) => {
    const links = hidLinks(() => ({
      ...standIn(new Handle()),
      // As dlopen says it, through node-hid, when its first function is called.
      devicesAsync: () =>
        Promise.reject(new Error(`${library}: cannot open shared object file: No such file or directory`)),
    }));
    const error: unknown = await links.list([], FOREVER).catch((reason: unknown) => reason);
    expect(isAppError(error, 'READER_LIBRARY_MISSING') && error.detail).toContain(wanted);
  });

  test('where node-hid has no build for the system are READER_LIBRARY_MISSING', async () => {
    const links = hidLinks(() => {
      throw new Error('Failed to find binding for HID');
    });
    await expect(links.list([], FOREVER)).rejects.toSatisfy((error) => isAppError(error, 'READER_LIBRARY_MISSING'));
  });

  test('that are not there are READER_REMOVED, that another holds READER_IN_USE', async () => {
    const refusing: HidModule = {
      ...standIn(new Handle()),
      HIDAsync: { open: () => Promise.reject(new TypeError('cannot open device')) },
    };
    const links = hidLinks(() => refusing);
    const codeAt = async (path: string): Promise<unknown> =>
      links.open({ link: 'hid', path }, CONFIG, FOREVER).then(
        () => null,
        (error: unknown) => isAppError(error) && error.code,
      );
    // Elsewhere than on Linux there is no telling the two apart.
    const absent = process.platform === 'linux' ? 'READER_REMOVED' : 'READER_IN_USE';
    expect(await codeAt('/dev/hidraw-none')).toBe(absent);
    expect(await codeAt('/dev/null')).toBe('READER_IN_USE');
  });
});
