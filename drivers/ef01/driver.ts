/** Readers that speak EF01: AS608, ZFM and their many relatives. */
import { decodeFingerMinutiae } from '../../src/biometric/finger-minutiae.ts';
import { toHex } from '../../src/bytes.ts';
import type { Clock } from '../../src/clock.ts';
import { AppError, isAppError } from '../../src/errors.ts';
import type {
  CaptureEvent,
  CaptureOptions,
  Driver,
  DriverContext,
  Link,
  OpenReader,
  ReaderCapabilities,
  ReaderIdentity,
  Sample,
} from '../../src/reader/driver.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { DEFAULT_ADDRESS } from './codec.ts';
import { CONFIRMATION, dialectNamed, refusal } from './dialects.ts';
import type { Dialect } from './dialects.ts';
import { createPeer } from './peer.ts';
import { decodePixels } from './pixels.ts';
import { Session } from './session.ts';

/** The character buffer that a capture uses. */
const BUFFER = 1;
/** Far above any template or picture of the family. */
const TEMPLATE_LIMIT = 8192;
const IMAGE_LIMIT = 262_144;
/** How often a transfer is asked for before its damage counts. */
const TRANSFERS = 3;

export const ef01: Driver = {
  id: 'ef01',
  name: 'EF01 (AS608, ZFM, Synochip)',
  // USB-to-serial bridges that these modules are sold on: CP210x, CH340, PL2303, FT232.
  matches: [
    { transport: 'serial', vendorId: 0x10c4, productId: 0xea60 },
    { transport: 'serial', vendorId: 0x1a86, productId: 0x7523 },
    { transport: 'serial', vendorId: 0x067b, productId: 0x2303 },
    { transport: 'serial', vendorId: 0x0403, productId: 0x6001 },
  ],
  expects: (settings) => capabilitiesOf(dialectNamed(settings.dialect)),
  open: (link, context, signal) => openDevice(link, dialectNamed(context.settings.dialect), context, signal),
  createPeer: (settings, clock) => createPeer(dialectNamed(settings.dialect), settings, clock),
};

/** VfyPwd, ReadSysPara, then what names the device: read-only, whatever may be attached. What arrived before is thrown away. */
export async function openDevice(
  link: Link,
  dialect: Dialect,
  context: DriverContext,
  signal: AbortSignal,
): Promise<OpenReader> {
  const { settings, clock } = context;
  const session = new Session(link, clock, dialect, settings.address ?? DEFAULT_ADDRESS, settings.baud);
  await session.request('vfyPwd', { password: settings.password ?? 0 }, signal, dialect.timing.firstAnswer);
  await session.request('readSysPara', {}, signal);
  const identity = await identify(session, signal);
  const device: Device = { session, clock, occupied: false };
  return {
    capabilities: capabilitiesOf(dialect),
    identity,
    capture: (options, signal) => capture(device, options, signal),
    async ping(signal) {
      await session.request('readSysPara', {}, signal, dialect.timing.firstAnswer);
    },
    close: () => link.close(),
  };
}

function capabilitiesOf(dialect: Dialect): ReaderCapabilities {
  return { image: true, template: dialect.template.format, ...dialect.images[0] };
}

async function identify(session: Session, signal: AbortSignal): Promise<ReaderIdentity> {
  const { identity, instructions } = session.dialect;
  const instruction = identity === null ? undefined : instructions[identity.instruction];
  if (identity === null || instruction === undefined) return {};
  const { fields } = await session.command(instruction, {}, signal);
  // An older firmware of the family may not know the instruction, and then the device has no name.
  if (fields === null) return {};
  const named = (field: string | undefined): string | undefined => {
    const value = field === undefined ? undefined : fields[field];
    if (value === undefined) return undefined;
    if (typeof value === 'number') return String(value);
    const end = value.indexOf(0);
    const text = end === -1 ? value : value.subarray(0, end);
    return text.every((byte) => byte >= 0x20 && byte < 0x7f) ? String.fromCharCode(...text).trim() : toHex(value);
  };
  const model = named(identity.model);
  const serialNumber = named(identity.serialNumber);
  const firmware = named(identity.firmware);
  return {
    ...(model === undefined ? {} : { model }),
    ...(serialNumber === undefined ? {} : { serialNumber }),
    ...(firmware === undefined ? {} : { firmware }),
  };
}

/** What captures share. */
interface Device {
  readonly session: Session;
  readonly clock: Clock;
  /** Whether a finger lay on the window when it was last looked at: it isn't the next person's. */
  occupied: boolean;
}

async function* capture(
  device: Device,
  options: CaptureOptions,
  signal: AbortSignal,
): AsyncGenerator<CaptureEvent, void, void> {
  signal.throwIfAborted();
  if (device.occupied) yield* awaitEmptyWindow(device, options.timeoutMs, signal);
  yield { kind: 'prompt', prompt: 'place' };
  yield* awaitFinger(device, options.timeoutMs, signal);
  yield { kind: 'prompt', prompt: 'hold' };
  const image = yield* uploadImage(device, signal);
  const template = await uploadTemplate(device, signal);
  yield { kind: 'sample', sample: { image, template } };
  yield { kind: 'prompt', prompt: 'lift' };
  await awaitLift(device, options.liftTimeoutMs, signal);
}

/** Looks for a finger: the confirmation code of GetImage. */
async function look(device: Device, signal: AbortSignal): Promise<number> {
  const { session } = device;
  const { code } = await session.command(session.dialect.instructions.getImage, {}, signal);
  if (code === CONFIRMATION.ok) device.occupied = true;
  if (code === CONFIRMATION.noFinger) device.occupied = false;
  return code;
}

/** What a look that found no good finger is, where it's the finger's fault; another fault is thrown. */
function complaintOf(dialect: Dialect, code: number): AppError {
  const refused = refusal(dialect, 'getImage', code);
  if (!refused.code.startsWith('FINGER_')) throw refused;
  return refused;
}

/** Ends once the finger of an earlier capture is gone, and says so only to one that is still there. */
async function* awaitEmptyWindow(
  device: Device,
  timeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<CaptureEvent, void, void> {
  const { clock } = device;
  const { dialect } = device.session;
  const deadline = clock.monotonicMs() + timeoutMs;
  for (let prompted = false; ; prompted = true) {
    const code = await look(device, signal);
    if (code === CONFIRMATION.noFinger) return;
    if (code !== CONFIRMATION.ok) complaintOf(dialect, code);
    if (!prompted) yield { kind: 'prompt', prompt: 'lift' };
    if (clock.monotonicMs() >= deadline) {
      throw new AppError('FINGER_RESIDUAL', `the last finger was not lifted in ${timeoutMs} ms`);
    }
    await clock.sleep(dialect.timing.look, signal);
  }
}

/** Ends once a picture of a finger is in the image buffer. A finger that lies badly is asked for again until the time is over. */
async function* awaitFinger(
  device: Device,
  timeoutMs: number,
  signal: AbortSignal,
): AsyncGenerator<CaptureEvent, void, void> {
  const { clock } = device;
  const { dialect } = device.session;
  const deadline = clock.monotonicMs() + timeoutMs;
  let complaint: AppError | null = null;
  for (;;) {
    const code = await look(device, signal);
    if (code === CONFIRMATION.ok) return;
    if (code !== CONFIRMATION.noFinger) {
      const refused = complaintOf(dialect, code);
      if (complaint?.code !== refused.code) yield { kind: 'prompt', prompt: 'again' };
      complaint = refused;
    }
    if (clock.monotonicMs() >= deadline) {
      throw complaint ?? new AppError('FINGER_TIMEOUT', `no finger in ${timeoutMs} ms`);
    }
    await clock.sleep(dialect.timing.look, signal);
  }
}

async function* uploadImage(device: Device, signal: AbortSignal): AsyncGenerator<CaptureEvent, Raster, void> {
  const { session } = device;
  const { images } = session.dialect;
  const uploading = upload(device, signal, {
    ask: (answerMs) => session.request('upImage', {}, signal, answerMs),
    sizes: images.map(packedBytes),
    limit: IMAGE_LIMIT,
    read(packed) {
      const size = images.find((candidate) => packedBytes(candidate) === packed.length);
      if (size === undefined) throw new AppError('READER_PROTOCOL', `a picture of ${packed.length} bytes`);
      return { ...size, pixels: decodePixels(packed) };
    },
  });
  const expected = packedBytes(images[0]);
  let shown = 0;
  yield { kind: 'progress', progress: 0 };
  for (;;) {
    const { done, value } = await uploading.next();
    if (done === true) {
      yield { kind: 'progress', progress: 1 };
      return value;
    }
    // Whole percent, and 1 only when all is well: the size of the picture is known at its end alone.
    const percent = Math.min(99, Math.floor((100 * value) / expected));
    if (percent > shown) {
      shown = percent;
      yield { kind: 'progress', progress: percent / 100 };
    }
  }
}

async function uploadTemplate(device: Device, signal: AbortSignal): Promise<NonNullable<Sample['template']>> {
  const { session } = device;
  const { template, id } = session.dialect;
  await session.request('genChar', { buffer: BUFFER }, signal);
  const uploading = upload(device, signal, {
    ask: (answerMs) => session.request('upChar', { buffer: BUFFER }, signal, answerMs),
    sizes: template.bytes === null ? null : [template.bytes],
    limit: TEMPLATE_LIMIT,
    read(bytes) {
      checkTemplate(template, bytes);
      return { format: template.format, dialect: id, bytes };
    },
  });
  for (;;) {
    const { done, value } = await uploading.next();
    if (done === true) return value;
  }
}

interface Upload<T> {
  /** Has the device send. */
  readonly ask: (answerMs?: number) => Promise<unknown>;
  /** In bytes, where they are known. */
  readonly sizes: readonly number[] | null;
  readonly limit: number;
  /** READER_PROTOCOL where the bytes cannot be what was asked for. */
  readonly read: (bytes: Uint8Array) => T;
}

/**
 * Yields how many bytes have arrived. The data stays in the device's buffer, so what comes damaged is asked for again, and what breaks off once:
 * the end that a line lost looks like a device that stopped. All of it has one deadline.
 */
async function* upload<T>(
  { session, clock }: Device,
  signal: AbortSignal,
  { ask, sizes, limit, read }: Upload<T>,
): AsyncGenerator<number, T, void> {
  const deadline = clock.monotonicMs() + session.uploadMs;
  let stalled: AppError | null = null;
  for (let attempt = 1; ; attempt++) {
    try {
      await ask(stalled === null ? undefined : session.dialect.timing.firstAnswer);
    } catch (error) {
      if (stalled !== null && isAppError(error, 'READER_SILENT')) throw stalled;
      throw error;
    }
    const transfer = session.transfer(sizes, limit, deadline, signal);
    try {
      while (await transfer.next()) yield transfer.received;
      return read(transfer.bytes());
    } catch (error) {
      const again = isAppError(error, 'READER_PROTOCOL') || (stalled === null && isAppError(error, 'READER_STALLED'));
      if (!again || !transfer.ended || attempt >= TRANSFERS) throw error;
      if (error.code === 'READER_STALLED') stalled = error;
    }
  }
}

/** READER_PROTOCOL where `bytes` are no template of the dialect: packets carry no number, so one that was lost or came twice shows here alone. */
function checkTemplate({ format, bytes: size }: Dialect['template'], bytes: Uint8Array): void {
  if (bytes.length === 0 || (size !== null && bytes.length !== size)) {
    throw new AppError('READER_PROTOCOL', `a template of ${bytes.length} bytes`);
  }
  if (format !== 'iso-19794-2') return;
  try {
    decodeFingerMinutiae(bytes);
  } catch (error) {
    if (!isAppError(error, 'RECORD_LENGTH', 'RECORD_FORMAT', 'RECORD_INVALID')) throw error;
    throw new AppError('READER_PROTOCOL', `a template that is no ISO/IEC 19794-2 record: ${error.detail}`, {
      cause: error,
    });
  }
}

async function awaitLift(device: Device, timeoutMs: number, signal: AbortSignal): Promise<void> {
  const { clock, session } = device;
  const deadline = clock.monotonicMs() + timeoutMs;
  try {
    while (clock.monotonicMs() < deadline) {
      if ((await look(device, signal)) === CONFIRMATION.noFinger) return;
      await clock.sleep(session.dialect.timing.look, signal);
    }
  } catch (error) {
    // The sample is handed over: a device that fails from here on fails the next capture, not this one.
    if (!isAppError(error, 'READER_REMOVED', 'READER_SILENT', 'READER_PROTOCOL')) throw error;
  }
}

function packedBytes(size: { readonly width: number; readonly height: number }): number {
  return (size.width * size.height) / 2;
}
