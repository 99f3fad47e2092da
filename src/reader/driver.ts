/** What a reader driver is and what it is given: types only, the one thing of `reader/` that `drivers/` may import. */
import type { Raster } from '../biometric/raster.ts';
import type { Clock } from '../clock.ts';

export type LinkKind = 'serial' | 'hid' | 'simulated';

/**
 * A two-way byte stream to a device. Framing of the transport (HID reports) is already taken off.
 * Once the device is gone, `read` and `write` reject with READER_REMOVED, for ever.
 */
export interface Link {
  readonly kind: LinkKind;
  /** The bytes that arrived since the last read, at least one; waits for them. Rejects with the signal's reason when it aborts. */
  read(signal: AbortSignal): Promise<Uint8Array>;
  /** Resolves once the bytes are on their way. After an abort some of them may have gone all the same. */
  write(bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Throws away what arrived unread. */
  drain(): void;
  close(): Promise<void>;
}

export interface ReaderCapabilities {
  readonly image: boolean;
  readonly template: 'iso-19794-2' | 'opaque' | null;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
}

export interface ReaderIdentity {
  readonly model?: string;
  readonly serialNumber?: string;
  readonly firmware?: string;
}

/** One press as the device gave it. `template.bytes` is never interpreted unless its format says that it may be. */
export interface Sample {
  readonly image: Raster;
  readonly template: {
    readonly format: 'iso-19794-2' | 'opaque';
    readonly dialect: string;
    readonly bytes: Uint8Array;
  } | null;
}

export type CapturePrompt = 'place' | 'hold' | 'lift' | 'again';

/**
 * What happens during a capture, in order; `sample` comes once, last but for the `lift` prompt that may follow it. `lift` comes first, too,
 * where a finger still lies there from the capture before.
 */
export type CaptureEvent =
  | { readonly kind: 'prompt'; readonly prompt: CapturePrompt }
  | { readonly kind: 'progress'; readonly progress: number }
  | { readonly kind: 'sample'; readonly sample: Sample };

export interface CaptureOptions {
  /** How long to wait for a finger, milliseconds; then FINGER_TIMEOUT. So long, too, for the last one to go; then FINGER_RESIDUAL. */
  readonly timeoutMs: number;
  /** How long to wait for it to be lifted again; then the capture ends all the same. */
  readonly liftTimeoutMs: number;
}

/** An opened device. One capture at a time: the caller holds the lock. */
export interface OpenReader {
  readonly capabilities: ReaderCapabilities;
  readonly identity: ReaderIdentity;
  /** Ends after the finger is lifted. Throws FINGER_*, READER_* codes, or the signal's reason when it aborts. */
  capture(options: CaptureOptions, signal: AbortSignal): AsyncGenerator<CaptureEvent, void, void>;
  /** Whether the device still answers; cheap, read-only. */
  ping(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export interface DriverContext {
  readonly clock: Clock;
  /** The reader's section of the configuration that concerns the driver. */
  readonly settings: DriverSettings;
}

export interface DriverSettings {
  /** Bits a second of the link, where it has a rate: what is slow may take longer. */
  readonly baud?: number;
  readonly dialect?: string;
  readonly password?: number;
  readonly address?: number;
}

/** The device's end of the protocol, for the simulated link: bytes in, bytes out, and a finger that comes and goes. */
export interface Peer {
  /** Bytes a second of the device's wire are this / 10. It changes at power-up at the earliest. */
  readonly baudRate: number;
  /** Bytes from the host. */
  receive(bytes: Uint8Array): void;
  /** Called with every burst that the device sends. */
  onSend: (bytes: Uint8Array) => void;
  /** Called just before the device looks for a finger: where a simulated person reacts. */
  onLook: () => void;
  /** Puts a finger on the window, or takes it off. */
  setFinger(print: PeerPrint | null): void;
  /** Plugged in, or reset: what is volatile is lost, stored settings take effect. */
  powerUp(): void;
}

/** What is wrong with a finger, where something is; the device's dialect knows how it says so. */
export type FingerCondition = 'dry' | 'wet' | 'smudged' | 'partial' | 'lifted' | 'residual';

export interface PeerPrint {
  /** Of the window's size. */
  readonly image: Raster;
  /** What the device's extractor would make of it. */
  readonly template: Uint8Array;
  readonly condition?: FingerCondition;
}

export interface PeerSettings {
  readonly dialect: string;
  readonly password?: number;
  readonly baudRate?: number;
  readonly capabilities: ReaderCapabilities;
}

/** A protocol this program speaks. Data only: no side effect at import. */
export interface Driver {
  readonly id: string;
  readonly name: string;
  /** USB ids known to speak it; more may be given in the configuration. */
  readonly matches: readonly UsbMatch[];
  /** What a device of these settings is expected to give, before one was opened. Throws CONFIG_INVALID for an unknown dialect. */
  expects(settings: DriverSettings): ReaderCapabilities;
  /** Finds out whether a device answers on the link, by commands that only read. The link stays the caller's to close where this fails. */
  open(link: Link, context: DriverContext, signal: AbortSignal): Promise<OpenReader>;
  createPeer(settings: PeerSettings, clock: Clock): Peer;
}

export interface UsbMatch {
  readonly transport: 'serial' | 'hid';
  readonly vendorId: number;
  readonly productId: number;
}
