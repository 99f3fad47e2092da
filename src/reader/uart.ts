/** What a UART makes of bytes that were sent at another rate. Pure. */

/**
 * `bytes` sent back to back at `sentAt` baud, 8N1, as a receiver set to `readAt` baud sees them: a start edge, then samples in the middle
 * of its own bits. A frame whose stop bit is not there is read as 0, as Linux does without PARMRK.
 */
export function resample(bytes: Uint8Array, sentAt: number, readAt: number): Uint8Array {
  const bit = sentAt / readAt;
  const end = bytes.length * 10;
  const level = (time: number): boolean => {
    const at = Math.floor(time);
    if (at < 0 || at >= end) return true;
    const inFrame = at % 10;
    if (inFrame === 0) return false;
    if (inFrame === 9) return true;
    return (((bytes[Math.floor(at / 10)] ?? 0) >> (inFrame - 1)) & 1) === 1;
  };
  const seen: number[] = [];
  let time = 0;
  while (time < end) {
    if (level(time)) {
      time = Math.floor(time) + 1;
      continue;
    }
    let value = 0;
    for (let index = 0; index < 8; index++) {
      if (level(time + (index + 1.5) * bit)) value |= 1 << index;
    }
    time += 9.5 * bit;
    const stopped = level(time);
    seen.push(stopped ? value : 0);
    if (!stopped) while (!level(time)) time = Math.floor(time) + 1;
  }
  return Uint8Array.from(seen);
}
