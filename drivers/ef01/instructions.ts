/**
 * Instructions of the EF01 protocol: a row says what travels, and one codec takes every row both ways. Pure.
 * Codes and fields: ZFM-20 user manual, chapter "Module instruction system", which every dialect shares.
 */
import { ByteReader, ByteWriter } from '../../src/bytes.ts';
import { AppError } from '../../src/errors.ts';

/** Big-endian numbers, or so many bytes. */
export type FieldType = 'u8' | 'u16' | 'u32' | { readonly bytes: number };
/** In the order of the wire. */
export type Fields = Readonly<Record<string, FieldType>>;
type Value<T extends FieldType> = T extends { readonly bytes: number } ? Uint8Array : number;
export type Values<F extends Fields> = { readonly [K in keyof F]: Value<F[K]> };

export interface Instruction<A extends Fields = Fields, R extends Fields = Fields> {
  readonly code: number;
  readonly args: A;
  /** What follows the confirmation code where it is 0. */
  readonly reply: R;
  /** Data packets that follow the acknowledgement. */
  readonly data: 'none' | 'to-host' | 'to-device';
  /** Whether sending it again, when the answer was lost, does no more than sending it once. */
  readonly repeatable: boolean;
}

export type Instructions = Readonly<Record<string, Instruction>>;

const NONE = {} as const;

function reads<A extends Fields, R extends Fields>(code: number, args: A, reply: R): Instruction<A, R> {
  return { code, args, reply, data: 'none', repeatable: true };
}

function writes<A extends Fields>(code: number, args: A): Instruction<A, typeof NONE> {
  return { code, args, reply: NONE, data: 'none', repeatable: false };
}

function uploads<A extends Fields>(code: number, args: A): Instruction<A, typeof NONE> {
  return { code, args, reply: NONE, data: 'to-host', repeatable: true };
}

function downloads<A extends Fields>(code: number, args: A): Instruction<A, typeof NONE> {
  return { code, args, reply: NONE, data: 'to-device', repeatable: false };
}

const FOUND = { page: 'u16', score: 'u16' } as const;
const SEARCHED = { buffer: 'u8', start: 'u16', count: 'u16' } as const;

export const SHARED_INSTRUCTIONS = {
  /** Looks for a finger; its picture goes to the image buffer. */
  getImage: reads(0x01, NONE, NONE),
  /** Image buffer -> features in character buffer 1 or 2. */
  genChar: reads(0x02, { buffer: 'u8' }, NONE),
  match: reads(0x03, NONE, { score: 'u16' }),
  search: reads(0x04, SEARCHED, FOUND),
  /** Both character buffers -> one template in both. */
  regModel: writes(0x05, NONE),
  store: writes(0x06, { buffer: 'u8', page: 'u16' }),
  load: reads(0x07, { buffer: 'u8', page: 'u16' }, NONE),
  upChar: uploads(0x08, { buffer: 'u8' }),
  downChar: downloads(0x09, { buffer: 'u8' }),
  upImage: uploads(0x0a, NONE),
  downImage: downloads(0x0b, NONE),
  delete: writes(0x0c, { page: 'u16', count: 'u16' }),
  empty: writes(0x0d, NONE),
  writeReg: writes(0x0e, { register: 'u8', value: 'u8' }),
  readSysPara: reads(0x0f, NONE, {
    status: 'u16',
    systemId: 'u16',
    capacity: 'u16',
    level: 'u16',
    address: 'u32',
    packetCode: 'u16',
    baudFactor: 'u16',
  }),
  setPwd: writes(0x12, { password: 'u32' }),
  vfyPwd: reads(0x13, { password: 'u32' }, NONE),
  random: reads(0x14, NONE, { value: 'u32' }),
  setAddr: writes(0x15, { address: 'u32' }),
  readInfPage: uploads(0x16, NONE),
  writeNotepad: writes(0x18, { page: 'u8', content: { bytes: 32 } }),
  readNotepad: reads(0x19, { page: 'u8' }, { content: { bytes: 32 } }),
  fastSearch: reads(0x1b, SEARCHED, FOUND),
  templateCount: reads(0x1d, NONE, { count: 'u16' }),
  /** One bit a page of the library, least significant first. */
  templateIndex: reads(0x1f, { page: 'u8' }, { bitmap: { bytes: 32 } }),
} as const satisfies Instructions;

export type SharedInstructions = typeof SHARED_INSTRUCTIONS;

/** The registers of `writeReg`. */
export const REGISTERS = { baud: 4, security: 5, packet: 6 } as const;
/** Data bytes a packet, by the packet register's value. */
export const PACKET_BYTES = [32, 64, 128, 256] as const;
/** The baud register counts in these. */
export const BAUD_UNIT = 9600;
/** Bits of the status word. */
export const STATUS = { busy: 1, pass: 2, passwordVerified: 4, imageValid: 8 } as const;

export function encodeCommand<A extends Fields>(instruction: Instruction<A>, args: Values<A>): Uint8Array {
  const writer = new ByteWriter().u8(instruction.code);
  writeFields(writer, instruction.args, args);
  return writer.finish();
}

export interface DecodedCommand {
  readonly name: string;
  readonly args: Values<Fields>;
}

/** Which of `instructions` a command's payload is; null where it is none of them. READER_PROTOCOL where its arguments do not fit. */
export function decodeCommand(instructions: Instructions, payload: Uint8Array): DecodedCommand | null {
  const reader = new ByteReader(payload, 'READER_PROTOCOL');
  const code = reader.u8('instruction');
  const found = Object.entries(instructions).find(([, instruction]) => instruction.code === code);
  if (found === undefined) return null;
  const [name, instruction] = found;
  const args = readFields(reader, instruction.args);
  if (reader.remaining > 0) {
    throw new AppError('READER_PROTOCOL', `${name}: ${reader.remaining} bytes more than its arguments`);
  }
  return { name, args };
}

/** `fields`: of the answer, present exactly where the confirmation code is 0. */
export type Reply<R extends Fields> =
  { readonly code: 0; readonly fields: Values<R> } | { readonly code: number; readonly fields: null };

export function encodeReply<R extends Fields>(instruction: Instruction<Fields, R>, reply: Reply<R>): Uint8Array {
  const writer = new ByteWriter().u8(reply.code);
  if (reply.fields !== null) writeFields(writer, instruction.reply, reply.fields);
  return writer.finish();
}

/** READER_PROTOCOL where the answer is too short. Bytes behind the fields are left alone: clones append some. */
export function decodeReply<R extends Fields>(instruction: Instruction<Fields, R>, payload: Uint8Array): Reply<R> {
  const reader = new ByteReader(payload, 'READER_PROTOCOL');
  const code = reader.u8('confirmation code');
  return code === 0 ? { code: 0, fields: readFields(reader, instruction.reply) } : { code, fields: null };
}

function writeFields<F extends Fields>(writer: ByteWriter, fields: F, values: Values<F>): void {
  for (const [name, type] of Object.entries(fields)) {
    const value: number | Uint8Array | undefined = values[name];
    if (typeof type === 'object') {
      if (!(value instanceof Uint8Array) || value.length !== type.bytes) {
        throw new RangeError(`${name}: expected ${type.bytes} bytes`);
      }
      writer.raw(value);
    } else {
      if (typeof value !== 'number') throw new RangeError(`${name}: expected a number`);
      writer[type](value);
    }
  }
}

function readFields<F extends Fields>(reader: ByteReader, fields: F): Values<F> {
  const values: Record<string, number | Uint8Array> = {};
  for (const [name, type] of Object.entries(fields)) {
    values[name] = typeof type === 'object' ? reader.take(type.bytes, name).slice() : reader[type](name);
  }
  return values as Values<F>;
}
