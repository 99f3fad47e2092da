/** What the engine may keep for itself in a process that waits for most of its life. */
import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the space for new objects at its first size, 1 MB a thread, instead of letting it grow to 16: sealing and uploading take as
 * long (`npm run bench`), and the process some 60 MB less. V8 reads this flag whenever it would grow, so it may be set while running.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
