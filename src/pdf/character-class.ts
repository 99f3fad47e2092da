/** The classes of characters of ISO 32000-2, 7.2.3, and runs of digits. */

export const REGULAR = 0;
export const SPACE = 1;
export const DELIMITER = 2;

/** By byte. */
export const CHARACTER_CLASS = new Uint8Array(256);
for (const code of [0, 9, 10, 12, 13, 32]) CHARACTER_CLASS[code] = SPACE;
for (const char of '()<>[]{}/%') CHARACTER_CLASS[char.charCodeAt(0)] = DELIMITER;

/** Offset of the first byte from `from` on that is no digit. */
export function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while ((bytes[at] ?? 0) >= 0x30 && (bytes[at] ?? 0) <= 0x39) at++;
  return at;
}

/** The number that the digits from `from` to `to` make; -1 where one is no digit. */
export function decimal(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
