/**
 * Frames of the EF01 protocol, both ways. Pure.
 * `EF 01 | address u32 | kind u8 | length u16 | payload | sum u16`, big-endian; length = payload + 2; sum = of kind, length and payload
 * (ZFM-20 user manual, "Communication protocol: data package format"; R503 manual V1.2, chapter 3).
 */
import { ByteReader, ByteWriter, concatBytes, sum16 } from '../../src/bytes.ts';
import { AppError } from '../../src/errors.ts';

/** Package identifiers. */
const KIND_CODES = { command: 0x01, data: 0x02, acknowledge: 0x07, 'end-of-data': 0x08 } as const;

export type FrameKind = keyof typeof KIND_CODES;

export interface Frame {
  readonly kind: FrameKind;
  readonly address: number;
  /** At most MAX_PAYLOAD bytes. */
  readonly payload: Uint8Array;
}

/** The address of a module that nobody gave another. */
export const DEFAULT_ADDRESS = 0xffff_ffff;

/** Manuals allow a length of 256, but a data package of 256 bytes, which they allow too, has 258. */
export const MAX_PAYLOAD = 256;

const MAGIC = 0xef01;
const MAGIC_FIRST = 0xef;
const MAGIC_SECOND = 0x01;
const MAGIC_BYTES = 2;
const HEADER_BYTES = 9;
const SUM_BYTES = 2;

export function encodeFrame(frame: Frame): Uint8Array {
  const { length } = frame.payload;
  if (length > MAX_PAYLOAD) throw new RangeError(`a payload of ${length} bytes; at most ${MAX_PAYLOAD}`);
  const code = KIND_CODES[frame.kind];
  return new ByteWriter(HEADER_BYTES + length + SUM_BYTES)
    .u16(MAGIC)
    .u32(frame.address)
    .u8(code)
    .u16(length + SUM_BYTES)
    .raw(frame.payload)
    .u16(sumOf(code, frame.payload))
    .finish();
}

/** `bytes` must be exactly one frame, else READER_PROTOCOL. */
export function decodeFrame(bytes: Uint8Array): Frame {
  const reader = new ByteReader(bytes, 'READER_PROTOCOL');
  const magic = reader.u16('magic');
  const address = reader.u32('address');
  const code = reader.u8('kind');
  const length = reader.u16('length');
  const expected = HEADER_BYTES + length;
  if (length < SUM_BYTES || length > MAX_PAYLOAD + SUM_BYTES || bytes.length !== expected) {
    throw new AppError('READER_PROTOCOL', `frame of ${bytes.length} bytes whose length field is ${length}`);
  }
  if (magic !== MAGIC) throw new AppError('READER_PROTOCOL', `frame begins ${magic.toString(16)}, expected ef01`);
  const kind = kindOf(code);
  if (kind === null) throw new AppError('READER_PROTOCOL', `frame of kind ${code}, expected 1, 2, 7 or 8`);
  const payload = reader.take(length - SUM_BYTES, 'payload').slice();
  const sum = reader.u16('sum');
  const counted = sumOf(code, payload);
  if (sum !== counted) throw new AppError('READER_PROTOCOL', `frame sum ${sum}, expected ${counted}`);
  return { kind, address, payload };
}

/** `bytes` as data frames of at most `packetBytes` each, the last one marked and short: never padded. */
export function encodeData(address: number, bytes: Uint8Array, packetBytes: number): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let at = 0;
  do {
    const payload = bytes.subarray(at, at + packetBytes);
    at += packetBytes;
    frames.push(encodeFrame({ kind: at < bytes.length ? 'data' : 'end-of-data', address, payload }));
  } while (at < bytes.length);
  return frames;
}

/** What stood in the stream instead of a frame. */
export type Fault = 'noise' | 'address' | 'kind' | 'length' | 'sum' | 'cut';

export type ParsedItem =
  | { readonly kind: 'frame'; readonly frame: Frame }
  /** `noise`: bytes between frames; `cut`: a frame whose end never came; the others: what was wrong with the beginning of one. */
  | { readonly kind: 'fault'; readonly fault: Fault };

const NOTHING = new Uint8Array(0);

/**
 * Finds frames in a stream that comes in any pieces and may be damaged. Holds back less than one frame; a length is checked
 * before anything waits for it.
 */
export class FrameParser {
  readonly #address: number | null;
  #rest: Uint8Array = NOTHING;

  /** `address`: the one that frames must carry; null takes any. */
  constructor(address: number | null) {
    this.#address = address;
  }

  /** Whether the beginning of a frame is waiting for its end. */
  get pending(): boolean {
    return this.#rest.length > 0;
  }

  push(chunk: Uint8Array): ParsedItem[] {
    const bytes = this.#rest.length === 0 ? chunk : concatBytes(this.#rest, chunk);
    const items: ParsedItem[] = [];
    let at = 0;
    let noisy = false;
    const endNoise = (): void => {
      if (noisy) items.push({ kind: 'fault', fault: 'noise' });
      noisy = false;
    };
    for (;;) {
      const start = bytes.indexOf(MAGIC_FIRST, at);
      if (start !== at && at < bytes.length) noisy = true;
      if (start === -1) {
        at = bytes.length;
        break;
      }
      at = start;
      const found = this.#frameAt(bytes, at);
      if (found === 'incomplete') break;
      if (found === 'no-magic') {
        noisy = true;
        at += 1;
      } else if (typeof found === 'string') {
        endNoise();
        items.push({ kind: 'fault', fault: found });
        at += MAGIC_BYTES;
      } else {
        endNoise();
        items.push({ kind: 'frame', frame: found });
        at += HEADER_BYTES + found.payload.length + SUM_BYTES;
      }
    }
    endNoise();
    this.#rest = bytes.slice(at);
    return items;
  }

  /** Gives up waiting for the frame that has begun, and looks behind its first bytes: a damaged length can hide whole frames. */
  abandon(): ParsedItem[] {
    if (!this.pending) return [];
    const behind = this.#rest.subarray(1);
    this.#rest = NOTHING;
    return [{ kind: 'fault', fault: 'cut' }, ...this.push(behind)];
  }

  reset(): void {
    this.#rest = NOTHING;
  }

  #frameAt(bytes: Uint8Array, at: number): Frame | Exclude<Fault, 'noise' | 'cut'> | 'no-magic' | 'incomplete' {
    const available = bytes.length - at;
    if (available >= MAGIC_BYTES && bytes[at + 1] !== MAGIC_SECOND) return 'no-magic';
    if (available < HEADER_BYTES) return 'incomplete';
    const header = new ByteReader(bytes.subarray(at + MAGIC_BYTES, at + HEADER_BYTES), 'READER_PROTOCOL');
    const address = header.u32('address');
    if (this.#address !== null && address !== this.#address) return 'address';
    const code = header.u8('kind');
    const kind = kindOf(code);
    if (kind === null) return 'kind';
    const length = header.u16('length');
    if (length < SUM_BYTES || length > MAX_PAYLOAD + SUM_BYTES) return 'length';
    if (available < HEADER_BYTES + length) return 'incomplete';
    const from = at + HEADER_BYTES;
    const payload = bytes.slice(from, from + length - SUM_BYTES);
    const sum = new ByteReader(bytes.subarray(from + payload.length, from + length), 'READER_PROTOCOL').u16('sum');
    return sum === sumOf(code, payload) ? { kind, address, payload } : 'sum';
  }
}

function sumOf(code: number, payload: Uint8Array): number {
  const length = payload.length + SUM_BYTES;
  return (code + (length >> 8) + (length & 0xff) + sum16(payload)) & 0xffff;
}

function kindOf(code: number): FrameKind | null {
  switch (code) {
    case KIND_CODES.command:
      return 'command';
    case KIND_CODES.data:
      return 'data';
    case KIND_CODES.acknowledge:
      return 'acknowledge';
    case KIND_CODES['end-of-data']:
      return 'end-of-data';
    default:
      return null;
  }
}
