/**
 * The serial ports of USB devices on Linux, read from /sys: SerialPort.list() starts a udevadm process for each look, and fails where there is
 * no udev.
 */
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { AttachedDevice } from './match.ts';

/** How many folders above a port its USB device is at most: port, interface, device, with one to spare. */
const CLIMB = 4;

/** `root`: where /sys and /dev are found. */
export async function listUsbPorts(root = '/'): Promise<AttachedDevice[]> {
  const folder = join(root, 'sys/class/tty');
  const names = await entries(folder);
  const byId = await namesById(root);
  const ports = await Promise.all(
    names.map(async (name) => {
      const usb = await usbDevice(join(folder, name, 'device'));
      const path = join(root, 'dev', name);
      return usb === null ? null : { link: 'serial' as const, path, aliases: byId.get(path) ?? [], ...usb };
    }),
  );
  return ports.filter((port) => port !== null);
}

/** Whether there is something at a path that the configuration names, by whatever name the kernel gave it. */
export async function portAt(path: string): Promise<AttachedDevice | null> {
  try {
    const real = await realpath(path);
    return (await stat(real)).isCharacterDevice() ? { link: 'serial', path: real, aliases: [path] } : null;
  } catch {
    return null; // Not plugged in.
  }
}

async function usbDevice(
  link: string,
): Promise<Pick<AttachedDevice, 'vendorId' | 'productId' | 'serialNumber' | 'name'> | null> {
  let folder: string;
  try {
    folder = await realpath(link);
  } catch {
    return null; // A port without a device: a console.
  }
  for (let climb = 0; climb < CLIMB; climb++) {
    const vendor = await text(join(folder, 'idVendor'));
    const product = await text(join(folder, 'idProduct'));
    if (vendor !== null && product !== null) {
      const serialNumber = await text(join(folder, 'serial'));
      const name = await text(join(folder, 'product'));
      return {
        vendorId: Number.parseInt(vendor, 16),
        productId: Number.parseInt(product, 16),
        ...(serialNumber === null ? {} : { serialNumber }),
        ...(name === null ? {} : { name }),
      };
    }
    folder = dirname(folder);
  }
  return null;
}

/** Names under /dev/serial/by-id, by the port they stand for. */
async function namesById(root: string): Promise<Map<string, string[]>> {
  const folder = join(root, 'dev/serial/by-id');
  const names = new Map<string, string[]>();
  for (const entry of await entries(folder)) {
    const name = join(folder, entry);
    const path = await realpath(name).catch(() => null);
    if (path !== null) names.set(path, [...(names.get(path) ?? []), name]);
  }
  return names;
}

async function entries(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return []; // A container without /sys, or no serial device at all.
  }
}

async function text(path: string): Promise<string | null> {
  try {
    return (await readFile(path, 'latin1')).trim();
  } catch {
    return null;
  }
}
