/** The filters of ISO 32000-2, 7.4, that are not zlib's, each under a bound on what comes out. Pure. */
import { AppError } from '../errors.ts';
import { CHARACTER_CLASS, SPACE } from './character-class.ts';

/** Bytes that come out one by one, up to a bound. */
class Output {
  readonly #maxBytes: number;
  #bytes: Uint8Array;
  length = 0;

  constructor(maxBytes: number, expected: number) {
    this.#maxBytes = maxBytes;
    this.#bytes = new Uint8Array(Math.max(64, Math.min(maxBytes, expected)));
  }

  push(byte: number): void {
    this.#grow(1);
    this.#bytes[this.length++] = byte;
  }

  append(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** A view of what came out. */
  done(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #grow(more: number): void {
    const length = this.length + more;
    if (length > this.#maxBytes)
      throw new AppError('PDF_LIMIT', `a stream decodes to more than ${this.#maxBytes} bytes`);
    if (length <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}

function damaged(filter: string): AppError {
  return new AppError('PDF_UNREADABLE', `${filter} data are damaged`);
}

/** 7.4.2: `>` ends the data, and is missed by nobody at their end. */
export function decodeAsciiHex(data: Uint8Array, maxBytes: number): Uint8Array {
  const output = new Output(maxBytes, data.length / 2);
  let high = -1;
  for (const code of data) {
    if (code === 0x3e) break;
    if (CHARACTER_CLASS[code] === SPACE) continue;
    const value = Number.parseInt(String.fromCharCode(code), 16);
    if (Number.isNaN(value)) throw damaged('ASCIIHexDecode');
    if (high < 0) high = value;
    else {
      output.push(high * 16 + value);
      high = -1;
    }
  }
  if (high >= 0) output.push(high * 16);
  return output.done();
}

/** 7.4.3: `~>` ends the data. */
export function decodeAscii85(data: Uint8Array, maxBytes: number): Uint8Array {
  const output = new Output(maxBytes, data.length);
  let [value, digits] = [0, 0];
  const put = (bytes: number): void => {
    if (value > 0xffff_ffff) throw damaged('ASCII85Decode');
    for (let i = 0; i < bytes; i++) output.push((value >>> (24 - 8 * i)) & 0xff);
    [value, digits] = [0, 0];
  };
  for (const code of data) {
    if (code === 0x7e) break;
    if (CHARACTER_CLASS[code] === SPACE) continue;
    if (code === 0x7a && digits === 0) {
      put(4);
      continue;
    }
    if (code < 0x21 || code > 0x75) throw damaged('ASCII85Decode');
    value = value * 85 + code - 0x21;
    if (++digits === 5) put(4);
  }
  if (digits === 1) throw damaged('ASCII85Decode');
  if (digits > 1) {
    const bytes = digits - 1;
    for (; digits < 5; digits++) value = value * 85 + 84;
    put(bytes);
  }
  return output.done();
}

/** 7.4.5. */
export function decodeRunLength(data: Uint8Array, maxBytes: number): Uint8Array {
  const output = new Output(maxBytes, 2 * data.length);
  for (let at = 0; at < data.length;) {
    const length = data[at++] ?? 0;
    if (length === 128) break;
    if (length < 128) {
      output.append(data.subarray(at, at + length + 1));
      at += length + 1;
    } else {
      output.append(new Uint8Array(257 - length).fill(data[at++] ?? 0));
    }
  }
  return output.done();
}

const CLEAR = 256;
const END = 257;
const LZW_CODES = 4096;

/** 7.4.4.2: codes of 9 to 12 bits, the most significant bit first. `early`: /EarlyChange, by which codes become longer one code earlier. */
export function decodeLzw(data: Uint8Array, early: boolean, maxBytes: number): Uint8Array {
  const output = new Output(maxBytes, 3 * data.length);
  /** Where in the output the sequence of a code above 257 begins, and how long it is. */
  const starts = new Int32Array(LZW_CODES);
  const lengths = new Int32Array(LZW_CODES);
  let [next, bits] = [END + 1, 9];
  let [buffer, held] = [0, 0];
  let [start, length] = [0, 0];
  for (let at = 0; ;) {
    while (held < bits && at < data.length) {
      buffer = ((buffer << 8) | (data[at++] ?? 0)) & 0xff_ffff;
      held += 8;
    }
    if (held < bits) break; // no reader misses the end code
    const code = (buffer >>> (held - bits)) & ((1 << bits) - 1);
    held -= bits;
    if (code === END) break;
    if (code === CLEAR) {
      [next, bits, length] = [END + 1, 9, 0];
      continue;
    }
    const from = output.length;
    if (code < CLEAR) output.push(code);
    else {
      if (code > next || length === 0) throw damaged('LZWDecode');
      // The code that is being made: the last sequence and its own first byte.
      const [source, count] = code < next ? [starts[code] ?? 0, lengths[code] ?? 0] : [start, length + 1];
      for (let i = 0; i < count; i++) output.push(output.done()[source + i] ?? 0);
    }
    if (length > 0 && next < LZW_CODES) {
      starts[next] = start;
      lengths[next] = length + 1;
      next++;
    }
    const width = next + (early ? 1 : 0);
    bits = width > 2047 ? 12 : width > 1023 ? 11 : width > 511 ? 10 : 9;
    [start, length] = [from, output.length - from];
  }
  return output.done();
}
