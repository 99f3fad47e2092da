/** The gap that a planned increment leaves for a signature or a timestamp: what is signed around it, and what goes in. */
import type { Hash } from 'node:crypto';
import type { PlannedIncrement } from '../pdf/increment.ts';

/** SHA-256 of what the ByteRange covers: the file before, of which `before` is the running hash, and the increment but for Contents. */
export function coveredDigest({ bytes, originalBytes, contents }: PlannedIncrement, before: Hash): Uint8Array {
  const open = contents.offset - originalBytes;
  return before
    .copy()
    .update(bytes.subarray(0, open - 1)) // up to the `<`
    .update(bytes.subarray(open + contents.length + 1)) // from after the `>`
    .digest();
}

/** How many bytes fit. */
export function roomOf({ contents }: PlannedIncrement): number {
  return contents.length / 2;
}

/** Writes `value` into the increment: hexadecimal, padded with zeros as ISO 32000-2, 12.8.1 has it. It must fit. */
export function fillContents(plan: PlannedIncrement, value: Uint8Array): void {
  const { bytes, originalBytes, contents } = plan;
  if (value.length > roomOf(plan)) throw new RangeError(`${value.length} bytes in a room of ${roomOf(plan)}`);
  const digits = Buffer.from(value).toString('hex').padEnd(contents.length, '0');
  bytes.set(Buffer.from(digits, 'latin1'), contents.offset - originalBytes);
}

/** What is in the gap of an increment as it was read back, padding included. */
export function contentsIn(back: Buffer, { originalBytes, contents }: PlannedIncrement): Uint8Array {
  const open = contents.offset - originalBytes;
  return Buffer.from(back.toString('latin1', open, open + contents.length), 'hex');
}
