/** Agreements and captures, put together: what the daemon opens at its start and closes at its end. */
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Log } from '../log.ts';
import type { Sealer } from '../seal/seal-job.ts';
import type { State } from '../state.ts';
import { AgreementSealing } from './agreement-sealing.ts';
import { AgreementService } from './agreement-service.ts';
import type { PdfInspector } from './agreement-service.ts';
import { AgreementStore } from './agreement-store.ts';
import { CaptureService } from './capture-service.ts';
import type { CaptureReaders } from './capture-service.ts';
import { CaptureStore } from './capture-store.ts';
import { LevelQueue } from './level-queue.ts';
import { keepRetention } from './retention.ts';
import { SampleStore } from './sample-store.ts';
import { UploadFolder } from './upload-folder.ts';

export interface AgreementsOptions {
  readonly state: State;
  readonly ledger: Ledger;
  readonly sealer: Sealer;
  readonly inspector: PdfInspector;
  /** See LevelQueueOptions. */
  readonly check: (path: string, signal: AbortSignal) => Promise<void>;
  readonly readers: CaptureReaders;
  readonly config: Pick<Config, 'committee' | 'limits' | 'retention' | 'exposeSamples'>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface OpenAgreements {
  readonly agreements: AgreementService;
  readonly captures: CaptureService;
  /** Cancels captures, lets sealings end. The state stays open. */
  readonly close: () => Promise<void>;
}

/** Undoes what a crash cut off, clears what belongs to nothing, and begins to keep the retention. Throws STATE_UNUSABLE. */
export async function openAgreements(options: AgreementsOptions): Promise<OpenAgreements> {
  const { state, ledger, sealer, inspector, check, readers, config, clock, log } = options;
  const store = new AgreementStore(state.database);
  const captureStore = new CaptureStore(state.database);
  const samples = new SampleStore(state.database, state.sampleKey);
  const uploads = new UploadFolder(state.uploads, config.limits.uploadBytes);
  const captures = new CaptureService({
    state,
    agreements: store,
    captures: captureStore,
    samples,
    readers,
    config,
    clock,
    log,
  });
  const shared = { state, agreements: store, captureStore, captures, samples, uploads, clock, log };
  const queue = new LevelQueue({ state, agreements: store, uploads, ledger, sealer, check, clock, log });
  const sealing = new AgreementSealing({ ...shared, ledger, sealer, queue });
  const agreements = new AgreementService({ ...shared, sealing, queue, inspector, config });

  await sealing.recover();
  await queue.recover();
  await uploads.removeOthers(store.ids());
  const stop = new AbortController();
  const retention = keepRetention(
    { state, agreements: store, captures: captureStore, samples, clock, log },
    stop.signal,
  );
  const raising = queue.run(stop.signal);
  return {
    agreements,
    captures,
    async close() {
      stop.abort();
      await Promise.all([captures.close(), sealing.close(), retention, raising]);
    },
  };
}
