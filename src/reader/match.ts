/** Which attached device is which configured reader, and which driver speaks to it. Pure. */
import { AppError } from '../errors.ts';
import type { ReaderConfig } from '../config.ts';
import type { Driver, LinkKind } from './driver.ts';

/** One device as the operating system, or the simulator, shows it. */
export interface AttachedDevice {
  readonly link: LinkKind;
  /** What opens it; changes when it's plugged in elsewhere. */
  readonly path: string;
  /** Other names of the same path. */
  readonly aliases?: readonly string[];
  readonly name?: string;
  readonly vendorId?: number;
  readonly productId?: number;
  readonly serialNumber?: string;
  /** What the device is known to speak, where the configuration doesn't say. */
  readonly dialect?: string;
}

/** One section of the configuration with its driver, and its place in it. */
export interface Section {
  readonly index: number;
  readonly config: ReaderConfig;
  readonly driver: Driver;
}

export interface Match {
  readonly section: Section;
  readonly device: AttachedDevice;
}

/** READER_DRIVER_UNKNOWN where a section names a driver that is not there. */
export function sectionsOf(readers: readonly ReaderConfig[], drivers: readonly Driver[]): Section[] {
  return readers.map((config, index) => {
    const driver = drivers.find((candidate) => candidate.id === config.driver);
    if (driver === undefined) {
      const known = drivers.map((candidate) => candidate.id).join(', ');
      throw new AppError('READER_DRIVER_UNKNOWN', `reader[${index}].driver: expected one of ${known}`);
    }
    return { index, config, driver };
  });
}

/**
 * Every device goes to at most one section; one section may have several, as when two readers of a kind are plugged in.
 * Sections that name one device choose before those that describe a kind.
 */
export function matchDevices(devices: readonly AttachedDevice[], sections: readonly Section[]): Match[] {
  const taken = new Set<AttachedDevice>();
  const matches: Match[] = [];
  for (const section of sections.toSorted((a, b) => narrowness(b.config) - narrowness(a.config))) {
    for (const device of devices) {
      if (taken.has(device) || !fits(device, section)) continue;
      taken.add(device);
      matches.push({ section, device });
    }
  }
  return matches;
}

function narrowness(config: ReaderConfig): number {
  if (config.path !== undefined) return 3;
  if (config.serialNumber !== undefined) return 2;
  return config.vendorId !== undefined || config.productId !== undefined ? 1 : 0;
}

function fits(device: AttachedDevice, { index, config, driver }: Section): boolean {
  if (device.link !== config.link) return false;
  if (device.link === 'simulated') return device.path === simulatedPath(index);
  if (config.path !== undefined) return device.path === config.path || (device.aliases ?? []).includes(config.path);
  if (narrowness(config) > 0) {
    return (
      (config.vendorId === undefined || config.vendorId === device.vendorId) &&
      (config.productId === undefined || config.productId === device.productId) &&
      (config.serialNumber === undefined || config.serialNumber === device.serialNumber)
    );
  }
  return driver.matches.some(
    (match) =>
      match.transport === device.link && match.vendorId === device.vendorId && match.productId === device.productId,
  );
}

/** The path of the device that a simulated section brings with it. */
export function simulatedPath(index: number): string {
  return `simulated:${index}`;
}
