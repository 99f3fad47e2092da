/**
 * What differs between the families that speak EF01: data, no code. A new dialect is a new constant and its line in DIALECTS.
 * Sources: ZFM-20 user manual; AS608 communication manual; R503 manual V1.2 and Synochip SY manuals for what the shape must hold.
 */
import { AppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { FingerCondition } from '../../src/reader/driver.ts';
import { SHARED_INSTRUCTIONS } from './instructions.ts';
import type { Instruction, Instructions, SharedInstructions } from './instructions.ts';

/** What a confirmation code means, and the failure it is to the person at the reader. */
export interface Confirmation {
  readonly cause: string;
  readonly error: ErrorCode;
}

export interface ImageSize {
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
}

export interface Dialect {
  readonly id: string;
  readonly name: string;
  readonly instructions: SharedInstructions & Instructions;
  /** By code; where dialects give a code different meanings, this is where they do. */
  readonly confirmations: Readonly<Record<number, Confirmation>>;
  /** Windows that the family is built with, the usual one first; a picture is known by its byte count. */
  readonly images: readonly [ImageSize, ...ImageSize[]];
  readonly template: {
    readonly format: 'opaque' | 'iso-19794-2';
    /** Where it is always the same; a template of another size is damage. */
    readonly bytes: number | null;
  };
  /** Templates that the library holds. */
  readonly capacity: number;
  readonly systemId: number;
  /** The instruction whose reply fields, text padded with 0, name the device; null where none is documented. */
  readonly identity: {
    readonly instruction: string;
    readonly model?: string;
    readonly serialNumber?: string;
    readonly firmware?: string;
  } | null;
  /** When a written register takes effect. */
  readonly registersApply: 'power-up' | 'at-once';
  /** Sent by itself once the device has started. */
  readonly greeting: { readonly byte: number; readonly afterMs: number } | null;
  /** How a bad finger shows: which instruction refuses, with which code. */
  readonly symptoms: Readonly<
    Record<FingerCondition, { readonly instruction: 'getImage' | 'genChar'; readonly code: number }>
  >;
  /** Milliseconds. */
  readonly timing: {
    /** Longest until a command is answered. */
    readonly answer: number;
    /** The same while nobody knows whether a device is there. */
    readonly firstAnswer: number;
    /** Longest silence inside a transfer. */
    readonly gap: number;
    /** Longest upload with all that is asked for again, at 57600 baud; a slower link is given longer in proportion. */
    readonly upload: number;
    /** Between two looks for a finger. */
    readonly look: number;
  };
}

/** Confirmation codes that mean the same everywhere and steer the exchange. */
export const CONFIRMATION = {
  ok: 0x00,
  packetError: 0x01,
  noFinger: 0x02,
  noMatch: 0x08,
  notFound: 0x09,
  mergeFailed: 0x0a,
  pageRange: 0x0b,
  templateRead: 0x0c,
  featureUpload: 0x0d,
  imageUpload: 0x0f,
  deleteFailed: 0x10,
  wrongPassword: 0x13,
  noImage: 0x15,
  badRegister: 0x1a,
  badValue: 0x1b,
  notepadPage: 0x1c,
  passwordFirst: 0x21,
  unsupported: 0xfc,
  /** Sent unasked by some modules when a finger touches. */
  touch: 0xff,
} as const;

const device = (cause: string): Confirmation => ({ cause, error: 'READER_CODE' });

const CONFIRMATIONS: Readonly<Record<number, Confirmation>> = {
  0x01: device('packet error'),
  0x02: { cause: 'no finger', error: 'FINGER_LIFTED' },
  0x03: { cause: 'capture failed', error: 'FINGER_LIFTED' },
  0x04: { cause: 'too dry', error: 'FINGER_TOO_DRY' },
  0x05: { cause: 'too wet', error: 'FINGER_TOO_WET' },
  0x06: { cause: 'too messy', error: 'FINGER_SMUDGED' },
  0x07: { cause: 'too few features', error: 'FINGER_FEW_FEATURES' },
  0x08: device('no match'),
  0x09: device('not found'),
  0x0a: device('merge failed'),
  0x0b: device('page out of range'),
  0x0c: device('template cannot be read'),
  0x0d: device('features cannot be uploaded'),
  0x0e: device('cannot receive data'),
  0x0f: device('image cannot be uploaded'),
  0x10: device('delete failed'),
  0x11: device('empty failed'),
  0x13: { cause: 'wrong password', error: 'READER_PASSWORD' },
  0x14: device('reset'),
  0x15: device('no valid image'),
  0x17: { cause: 'residual finger', error: 'FINGER_RESIDUAL' },
  0x18: device('flash failed'),
  0x1a: device('bad register'),
  0x1b: device('bad value'),
  0x1c: device('bad notepad page'),
  0x1d: device('port failed'),
  0x1e: device('enrol failed'),
  0x1f: device('library full'),
  0x20: device('wrong address'),
  0x21: { cause: 'password not verified', error: 'READER_PASSWORD' },
  0x22: device('template empty'),
  0x23: device('empty'),
  0x24: device('library empty'),
  0x26: { cause: 'timeout', error: 'FINGER_TIMEOUT' },
  0x27: device('duplicate'),
  0x28: { cause: 'overlap too small', error: 'FINGER_POOR' },
  0x29: device('sensor failed'),
  0x33: { cause: 'area too small', error: 'FINGER_FEW_FEATURES' },
  0x34: { cause: 'foreign object', error: 'FINGER_SMUDGED' },
  0x35: device('illegal data'),
  0x3b: { cause: 'poor template', error: 'FINGER_POOR' },
  0xfc: device('unsupported'),
  0xfd: device('hardware or parameter'),
  0xfe: device('failure'),
};

const plain = (code: number): Instruction => ({ code, args: {}, reply: {}, data: 'none', repeatable: true });

const AS608: Dialect = {
  id: 'as608',
  name: 'AS608 / ZFM',
  instructions: {
    ...SHARED_INSTRUCTIONS,
    standby: plain(0x33),
    ledOn: plain(0x50),
    ledOff: plain(0x51),
    getImageDark: plain(0x52),
  },
  confirmations: CONFIRMATIONS,
  images: [{ width: 256, height: 288, dpi: 500 }],
  template: { format: 'opaque', bytes: 512 },
  capacity: 300,
  systemId: 0x0009,
  identity: null,
  registersApply: 'power-up',
  greeting: null,
  symptoms: {
    lifted: { instruction: 'getImage', code: 0x03 },
    residual: { instruction: 'getImage', code: 0x17 },
    dry: { instruction: 'genChar', code: 0x04 },
    wet: { instruction: 'genChar', code: 0x05 },
    smudged: { instruction: 'genChar', code: 0x06 },
    partial: { instruction: 'genChar', code: 0x07 },
  },
  timing: { answer: 3000, firstAnswer: 1000, gap: 500, upload: 60_000, look: 40 },
};

/** Firmware that packs its features as an ISO/IEC 19794-2 record before it hands them out. */
const AS608_ISO: Dialect = {
  ...AS608,
  id: 'as608-iso',
  name: 'AS608 with ISO templates',
  template: { format: 'iso-19794-2', bytes: null },
};

/** The first is what a reader speaks whose configuration says nothing. */
export const DIALECTS: readonly [Dialect, ...Dialect[]] = [AS608, AS608_ISO];

export function dialectNamed(id: string | undefined): Dialect {
  if (id === undefined) return DIALECTS[0];
  const found = DIALECTS.find((dialect) => dialect.id === id);
  if (found === undefined) {
    const known = DIALECTS.map((dialect) => dialect.id).join(', ');
    throw new AppError('CONFIG_INVALID', `reader.dialect: expected one of ${known}, got ${id}`);
  }
  return found;
}

/** The failure that a confirmation code other than 0 is, with the code beside its meaning. */
export function refusal(dialect: Dialect, instruction: string, code: number): AppError {
  const { cause, error } = dialect.confirmations[code] ?? device('unknown');
  const hex = code.toString(16).padStart(2, '0');
  return new AppError(error, `${instruction}: code ${hex} (${cause})`, {
    extras: { instruction, deviceCode: code, deviceCause: cause },
  });
}
