/** Samples that nobody sealed in time are destroyed, and the marks made of them go with them. */
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { State } from '../state.ts';
import type { AgreementStore } from './agreement-store.ts';
import type { CaptureStore } from './capture-store.ts';
import type { SampleStore } from './sample-store.ts';

export interface RetentionOptions {
  readonly state: State;
  readonly agreements: AgreementStore;
  readonly captures: CaptureStore;
  readonly samples: SampleStore;
  readonly clock: Clock;
  readonly log: Log;
}

/** The longest sleep: the PC may have been asleep itself, or its clock put right. */
const LONGEST_MS = 10 * 60_000;
/** The shortest: a sample of an agreement that is just being sealed is left to that. */
const SHORTEST_MS = 1_000;

/** Sweeps until the signal aborts; resolves then. */
export async function keepRetention(options: RetentionOptions, signal: AbortSignal): Promise<void> {
  const { captures, clock, log } = options;
  while (!signal.aborted) {
    let waitMs = LONGEST_MS;
    try {
      destroyExpired(options);
      const next = captures.nextExpiry();
      if (next !== null) waitMs = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, next.getTime() - clock.now().getTime()));
    } catch (error) {
      log.error({ error }, 'expired samples could not be destroyed'); // tried again after the longest sleep
    }
    await clock.sleep(waitMs, signal).catch(() => undefined); // aborted: the loop ends
  }
}

function destroyExpired({ state, agreements, captures, samples, clock, log }: RetentionOptions): void {
  const now = clock.now();
  const expired = captures.expired(now);
  if (expired.length === 0) return;
  state.transaction(() => {
    for (const { id } of expired) {
      agreements.removeMarksOfCapture(id);
      samples.destroy(id);
      captures.setDestroyed(id, now);
    }
  });
  state.purge();
  log.info({ count: expired.length }, 'samples expired');
}
