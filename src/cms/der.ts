/**
 * Bounded reading of DER (ITU-T X.690), byte-exact: a signature is checked over the bytes that came, so every node is a view of them.
 * forge.asn1 writes what this project signs but does not read what it is sent: it keeps no byte ranges, takes multi-byte tags for
 * something else and cuts object identifiers to 32 bits. Pure.
 */
import { concatBytes, toHex } from '../bytes.ts';
import { AppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';

/** Identifier octets (X.690, 8.1.2): class, constructed bit and tag number in one byte. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  octetStringInParts: 0x24,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Identifier octet of the context-specific tag `[n]`, constructed. */
export const contextTag = (n: number): number => 0xa0 | n;
/** Identifier octet of the context-specific tag `[n]` over a primitive type, IMPLICIT. */
export const contextPrimitive = (n: number): number => 0x80 | n;

/** Not what was expected; public decoders turn it into an AppError of their own code (`decoding`). */
export class DerError extends Error {
  override readonly name = 'DerError';
}

/** Runs a decoder; what is wrong with the bytes becomes an AppError with `code`. */
export function decoding<T>(code: ErrorCode, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DerError) throw new AppError(code, error.message, { cause: error });
    throw error;
  }
}

export interface DerNode {
  /** Identifier octet. */
  readonly tag: number;
  /** The whole encoding, as it came. */
  readonly bytes: Uint8Array;
  /** The contents octets. */
  readonly body: Uint8Array;
  /** In order; empty for a primitive, and below `DerLimits.readDepth`. */
  readonly children: readonly DerNode[];
}

export interface DerLimits {
  readonly maxBytes: number;
  /** Levels of nesting. */
  readonly maxDepth?: number;
  /** Nodes in all. */
  readonly maxNodes?: number;
  /** Levels of which nodes are made; the last ones' contents are left for another reading. Not for indefinite lengths. */
  readonly readDepth?: number;
  /** Whether indefinite and longer-than-needed lengths pass: BER, which CMS (RFC 5652, 1) and PKCS#12 allow. */
  readonly ber?: boolean;
  /** Whether zero bytes may follow: the padding of a PDF's Contents. */
  readonly zeroPadded?: boolean;
}

/** Deepest nesting that is read: a certificate in a CMS uses some 12 levels. */
const MAX_DEPTH = 32;
/** Nodes that are read: a CMS with four certificates has some 600. */
const MAX_NODES = 50_000;

/** Reads exactly one value. Throws DerError. */
export function readDer(bytes: Uint8Array, limits: DerLimits): DerNode {
  if (bytes.length > limits.maxBytes) fail(`${bytes.length} bytes, at most ${limits.maxBytes} are read`);
  const { maxDepth = MAX_DEPTH, maxNodes = MAX_NODES, readDepth = Infinity, ber = false } = limits;
  let nodes = 0;

  const readNode = (at: number, end: number, depth: number): { node: DerNode; next: number } => {
    if (depth > maxDepth) fail(`byte ${at}: nested deeper than ${maxDepth}`);
    if (++nodes > maxNodes) fail(`byte ${at}: more than ${maxNodes} values`);
    const tag = byteAt(bytes, at, end);
    if ((tag & 0x1f) === 0x1f) fail(`byte ${at}: multi-byte tag`);
    const constructed = (tag & 0x20) !== 0;
    const { length, start } = readLength(bytes, at + 1, end, ber);
    if (length === null) {
      if (!constructed) fail(`byte ${at}: indefinite length of a primitive`);
      const { children, next } = readUntilEnd(start, end, depth);
      return { node: { tag, bytes: bytes.subarray(at, next), body: bytes.subarray(start, next - 2), children }, next };
    }
    const next = start + length;
    if (next > end) fail(`byte ${at}: expected ${length} bytes, got ${end - start}`);
    const children: DerNode[] = [];
    let child = constructed && depth < readDepth ? start : next;
    while (child < next) {
      const read = readNode(child, next, depth + 1);
      children.push(read.node);
      child = read.next;
    }
    return { node: { tag, bytes: bytes.subarray(at, next), body: bytes.subarray(start, next), children }, next };
  };

  // Contents of indefinite length end at two zero bytes (X.690, 8.1.5).
  const readUntilEnd = (start: number, end: number, depth: number): { children: DerNode[]; next: number } => {
    const children: DerNode[] = [];
    for (let at = start; ;) {
      if (byteAt(bytes, at, end) === 0 && byteAt(bytes, at + 1, end) === 0) return { children, next: at + 2 };
      const read = readNode(at, end, depth + 1);
      children.push(read.node);
      at = read.next;
    }
  };

  const { node, next } = readNode(0, bytes.length, 1);
  const rest = bytes.subarray(next);
  if (limits.zeroPadded === true ? rest.some((byte) => byte !== 0) : rest.length > 0) {
    fail(`byte ${next}: ${rest.length} bytes after the end`);
  }
  return node;
}

/** Where one value's contents lie. */
export interface DerSpan {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** The value that starts at `at` and ends by `end`, without a node for it: for lists that are too long for nodes. Throws DerError. */
export function spanAt(bytes: Uint8Array, at: number, end: number): DerSpan {
  const tag = byteAt(bytes, at, end);
  if ((tag & 0x1f) === 0x1f) fail(`byte ${at}: multi-byte tag`);
  const { length, start } = readLength(bytes, at + 1, end, false);
  const next = start + (length ?? 0);
  if (next > end) fail(`byte ${at}: expected ${length} bytes, got ${end - start}`);
  return { tag, start, end: next };
}

function readLength(
  bytes: Uint8Array,
  at: number,
  end: number,
  ber: boolean,
): { readonly length: number | null; readonly start: number } {
  const first = byteAt(bytes, at, end);
  if (first < 0x80) return { length: first, start: at + 1 };
  if (first === 0x80 && ber) return { length: null, start: at + 1 };
  const octets = first & 0x7f;
  if (octets === 0 || octets > 4) fail(`byte ${at}: length of ${octets} octets`);
  let length = 0;
  for (let i = 1; i <= octets; i++) length = length * 256 + byteAt(bytes, at + i, end);
  const shortest = length < 0x80 ? 0 : Math.ceil((32 - Math.clz32(length)) / 8);
  if (!ber && octets !== shortest) fail(`byte ${at}: length in ${octets} octets, not the fewest`);
  return { length, start: at + 1 + octets };
}

function byteAt(bytes: Uint8Array, at: number, end: number): number {
  const byte = at < end ? bytes[at] : undefined;
  return byte ?? fail(`byte ${at}: cut off`);
}

/** The distinguished encoding of what may have come as BER: fewest length octets. Order of SET OF members stays (`setOfDer`). */
function canonical({ tag, body, children }: DerNode): Uint8Array {
  return (tag & 0x20) === 0 ? encodeValue(tag, body) : encodeValue(tag, ...children.map(canonical));
}

/** DER of a SET OF these members: each in its distinguished encoding, in the order of their bytes (X.690, 11.6). */
export function setOfDer(members: readonly DerNode[], tag: number = TAG.set): Uint8Array {
  // Hexadecimal digits sort as the bytes do.
  const keyed = members.map(canonical).map((bytes) => ({ bytes, key: toHex(bytes) }));
  return encodeValue(tag, ...keyed.toSorted((a, b) => (a.key < b.key ? -1 : 1)).map(({ bytes }) => bytes));
}

/** One value: its identifier octet, its length in the fewest octets, its contents. */
export function encodeValue(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest & 0xff);
  const head = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  return concatBytes(Uint8Array.from(head), ...contents);
}

/** Throws DerError. */
export function fail(message: string): never {
  throw new DerError(message);
}

/** `node` itself, if it has this tag. Throws DerError naming `field`. */
export function expectTag(node: DerNode | undefined, tag: number, field: string): DerNode {
  if (node === undefined) return fail(`${field}: absent`);
  if (node.tag !== tag) fail(`${field}: expected tag ${hex(tag)}, got ${hex(node.tag)}`);
  return node;
}

const hex = (tag: number): string => `0x${tag.toString(16).padStart(2, '0')}`;

/** Walks the children of a SEQUENCE in order. */
export class DerFields {
  readonly #children: readonly DerNode[];
  readonly #path: string;
  #at = 0;

  /** Throws DerError if `node` is not of tag `tag`. */
  constructor(node: DerNode | undefined, path: string, tag: number = TAG.sequence) {
    this.#children = expectTag(node, tag, path).children;
    this.#path = path;
  }

  /** The next child, which must have `tag`; without `tag` any child will do. */
  next(field: string, tag?: number): DerNode {
    const node = this.#children[this.#at];
    const path = `${this.#path}.${field}`;
    if (node === undefined) return fail(`${path}: absent`);
    this.#at += 1;
    return tag === undefined ? node : expectTag(node, tag, path);
  }

  /** The next child if it has `tag`; without `tag` whatever comes. */
  optional(tag?: number): DerNode | undefined {
    const node = this.#children[this.#at];
    if (node === undefined || (tag !== undefined && node.tag !== tag)) return undefined;
    this.#at += 1;
    return node;
  }

  /** What `[n] EXPLICIT` holds, if that comes next. */
  optionalExplicit(n: number, field: string): DerNode | undefined {
    const wrapper = this.optional(contextTag(n));
    if (wrapper === undefined) return undefined;
    if (wrapper.children.length !== 1)
      fail(`${this.#path}.${field}: expected one value, got ${wrapper.children.length}`);
    return wrapper.children[0];
  }

  /** Nothing may be left. */
  end(): void {
    if (this.#at < this.#children.length) fail(`${this.#path}: ${this.#children.length - this.#at} members too many`);
  }
}
