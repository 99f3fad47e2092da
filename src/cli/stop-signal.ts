/** How a command that runs learns that it is to end. */
import { processEnv } from '../config.ts';
import { AppError } from '../errors.ts';

/** How often it is seen whether npm's shell is still there. */
const PARENT_WATCH_MS = 250;

/** Aborts at the first SIGINT or SIGTERM. */
export function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  // The handlers stay: a signal that comes twice, to a group and by a launcher, must not cut off what the first one ends in order.
  const stop = (): void => stopped.abort(new AppError('INTERRUPTED'));
  process.on('SIGINT', stop).on('SIGTERM', stop);
  if (processEnv()['npm_lifecycle_event'] !== undefined) stopWithParent(stop);
  return stopped.signal;
}

/**
 * npm passes its signals to the shell between us, which dies of them and tells nobody. What remains to be seen is that the parent is
 * another one.
 */
function stopWithParent(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_WATCH_MS).unref();
}
