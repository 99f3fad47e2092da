import { describe, expect, test } from 'vitest';
import { drivers } from '../../drivers/index.ts';
import type { ReaderConfig } from '../../src/config.ts';
import { matchDevices, sectionsOf } from '../../src/reader/match.ts';
import type { AttachedDevice } from '../../src/reader/match.ts';
import { readerConfig } from './simulator.ts';

const CP2102 = { vendorId: 0x10c4, productId: 0xea60 };
const usb0: AttachedDevice = { link: 'serial', path: '/dev/ttyUSB0', ...CP2102, serialNumber: 'A' };
const usb1: AttachedDevice = { link: 'serial', path: '/dev/ttyUSB1', ...CP2102, serialNumber: 'B' };
const other: AttachedDevice = { link: 'serial', path: '/dev/ttyACM0', vendorId: 0x2341, productId: 0x0043 };
const hid: AttachedDevice = { link: 'hid', path: '/dev/hidraw0', vendorId: 0x1209, productId: 0x0f01 };

/** Section numbers and paths, in order. */
function matched(readers: readonly ReaderConfig[], devices: readonly AttachedDevice[]): (readonly [number, string])[] {
  return matchDevices(devices, sectionsOf(readers, drivers)).map(({ section, device }) => [section.index, device.path]);
}

describe('a section of the configuration', () => {
  test('without ids takes what its driver is known to be sold on', () => {
    expect(matched([readerConfig({ link: 'serial' })], [usb0, other, hid])).toEqual([[0, '/dev/ttyUSB0']]);
  });

  test('takes every device that fits it: two readers of a kind', () => {
    expect(matched([readerConfig({ link: 'serial' })], [usb0, usb1])).toEqual([
      [0, '/dev/ttyUSB0'],
      [0, '/dev/ttyUSB1'],
    ]);
  });

  test('with ids takes those and no others', () => {
    const section = readerConfig({ link: 'serial', vendorId: 0x2341, productId: 0x0043 });
    expect(matched([section], [usb0, other])).toEqual([[0, '/dev/ttyACM0']]);
  });

  test('with a path takes that, by whatever name', () => {
    const named = { ...other, aliases: ['/dev/serial/by-id/usb-x'] };
    expect(matched([readerConfig({ link: 'serial', path: '/dev/ttyACM0' })], [usb0, named])).toEqual([
      [0, '/dev/ttyACM0'],
    ]);
    expect(matched([readerConfig({ link: 'serial', path: '/dev/serial/by-id/usb-x' })], [usb0, named])).toEqual([
      [0, '/dev/ttyACM0'],
    ]);
  });

  test('that names one device chooses before one that describes a kind', () => {
    const sections = [readerConfig({ link: 'serial' }), readerConfig({ link: 'serial', serialNumber: 'B' })];
    expect(matched(sections, [usb0, usb1])).toEqual([
      [1, '/dev/ttyUSB1'],
      [0, '/dev/ttyUSB0'],
    ]);
  });

  test('for HID takes nothing without ids: none are known', () => {
    expect(matched([readerConfig({ link: 'hid' })], [hid])).toEqual([]);
    expect(matched([readerConfig({ link: 'hid', vendorId: 0x1209 })], [hid, usb0])).toEqual([[0, '/dev/hidraw0']]);
  });

  test('that is simulated takes its own device', () => {
    const device: AttachedDevice = { link: 'simulated', path: 'simulated:1' };
    expect(matched([readerConfig(), readerConfig()], [device])).toEqual([[1, 'simulated:1']]);
  });

  test('of an unknown driver is READER_DRIVER_UNKNOWN, naming those there are', () => {
    expect(() => sectionsOf([readerConfig(), readerConfig({ driver: 'zkteco' })], drivers)).toThrow(
      'READER_DRIVER_UNKNOWN: reader[1].driver: expected one of ef01',
    );
  });
});
