/** Server-sent events (WHATWG HTML, 9.2): each value as it comes, and a comment now and then so that a dead peer is noticed. */
import type { Clock } from '../clock.ts';
import { problemOf } from '../errors.ts';
import { toAppError } from './problem.ts';

export const HEARTBEAT_MS = 15_000;

const OPENING = ': zhiyin\n\n';
const HEARTBEAT = ':\n\n';

export interface EventStreamOptions {
  readonly clock: Clock;
  /** Ends the stream. */
  readonly signal: AbortSignal;
  /** Told what broke the source off; the client gets it as a last event named `error`. */
  readonly onError: (error: unknown) => void;
}

/** The text of the stream. Ends with its source. */
export async function* eventStream(
  source: AsyncIterable<unknown>,
  { clock, signal, onError }: EventStreamOptions,
): AsyncGenerator<string, void, void> {
  const values = source[Symbol.asyncIterator]();
  yield OPENING;
  try {
    for (let next = values.next(); ;) {
      const result = await orHeartbeat(next, clock, signal);
      if (result === 'heartbeat') {
        yield HEARTBEAT;
      } else if (result.done === true) {
        return;
      } else {
        yield `data: ${JSON.stringify(result.value)}\n\n`;
        next = values.next();
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    onError(error);
    yield `event: error\ndata: ${JSON.stringify(problemOf(toAppError(error)))}\n\n`;
  } finally {
    // Not awaited: a source that is waiting ends by the signal, and its last words are of no use to anyone.
    values.return?.().catch(() => undefined);
  }
}

/** The promise's value, or `heartbeat` when that takes long. Rejects when the signal aborts. */
async function orHeartbeat<T>(promise: Promise<T>, clock: Clock, signal: AbortSignal): Promise<T | 'heartbeat'> {
  const settled = new AbortController();
  const pause = clock.sleep(HEARTBEAT_MS, AbortSignal.any([signal, settled.signal])).then(() => 'heartbeat' as const);
  try {
    return await Promise.race([promise, pause]);
  } finally {
    // Whichever lost is left alone: its rejection is no news.
    pause.catch(() => undefined);
    promise.catch(() => undefined);
    settled.abort();
  }
}
