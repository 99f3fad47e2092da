/** The classes of characters of ISO 32000-2, 7.2.3. */

export const REGULAR = 0;
export const SPACE = 1;
export const DELIMITER = 2;

/** By byte. */
export const CHARACTER_CLASS = new Uint8Array(256);
for (const code of [0, 9, 10, 12, 13, 32]) CHARACTER_CLASS[code] = SPACE;
for (const char of '()<>[]{}/%') CHARACTER_CLASS[char.charCodeAt(0)] = DELIMITER;
