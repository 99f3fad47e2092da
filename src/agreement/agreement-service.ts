/** The agreement as a resource: upload, people, marks, seal, download. */
import { trimmed } from '../biometric/ink.ts';
import { decodePngRgba } from '../biometric/png.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { State } from '../state.ts';
import { changed, peopleGone, requireMarkAllowed, requireOpen, viewOf } from './agreement.ts';
import type {
  Agreement,
  AgreementChange,
  AgreementView,
  NewMark,
  PageSize,
  SealAnswer,
  SealRequest,
} from './agreement.ts';
import type { AgreementSealing } from './agreement-sealing.ts';
import type { AgreementStore } from './agreement-store.ts';
import type { CaptureService } from './capture-service.ts';
import type { CaptureStore } from './capture-store.ts';
import type { LevelQueue } from './level-queue.ts';
import type { SampleStore } from './sample-store.ts';
import { agreementNumber } from './numbering.ts';
import type { UploadFolder } from './upload-folder.ts';

/** What is needed to know of a PDF. */
export interface InspectedPdf {
  readonly pages: readonly PageSize[];
  readonly signatures: number;
  /** Names of the empty signature fields that may still be filled. */
  readonly openFields: readonly string[];
}

/** Reads what is needed of a PDF, apart from everything that matters. Throws PDF_* codes. */
export interface PdfInspector {
  inspect(path: string, signal: AbortSignal): Promise<InspectedPdf>;
}

/** A file of which the first `bytes` bytes do not change any more. SHA-256 of those, hexadecimal. */
export interface StoredDocument {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface AgreementServiceOptions {
  readonly state: State;
  readonly agreements: AgreementStore;
  readonly captureStore: CaptureStore;
  readonly captures: Pick<CaptureService, 'requireUsable' | 'cancelFor'>;
  readonly samples: SampleStore;
  readonly uploads: UploadFolder;
  readonly sealing: AgreementSealing;
  readonly queue: Pick<LevelQueue, 'hold'>;
  readonly inspector: PdfInspector;
  readonly config: Pick<Config, 'committee'>;
  readonly clock: Clock;
  readonly log: Log;
}

/** A document may have thousands; who chooses one has seen it. */
const MOST_OPEN_FIELDS = 100;

export class AgreementService {
  readonly #options: AgreementServiceOptions;

  constructor(options: AgreementServiceOptions) {
    this.#options = options;
  }

  /** Takes a PDF in. Throws BODY_TOO_LARGE, PDF_*, STATE_UNUSABLE, the signal's reason: nothing stays then. */
  async create(stream: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<AgreementView> {
    const { state, agreements, uploads, inspector, clock, log } = this.#options;
    const id = crypto.randomUUID();
    const inspect = (path: string): ReturnType<PdfInspector['inspect']> => inspector.inspect(path, signal);
    const { sha256, bytes, facts } = await uploads.receive(id, stream, inspect, signal);
    const { signatures } = facts;
    const openFields = facts.openFields.slice(0, MOST_OPEN_FIELDS);
    const pages = facts.pages.map(({ widthMm, heightMm, rotation }) => ({ widthMm, heightMm, rotation }));
    try {
      const now = clock.now();
      const { committee } = this.#options.config;
      state.transaction(() => {
        const year = now.getFullYear();
        // Without a short name only whoever uploads knows the number.
        const number =
          committee.shortName === '' ? null : agreementNumber(committee, year, agreements.takeNumber(year));
        agreements.insert({ id, createdAt: now.toISOString(), sha256, bytes, pages, signatures, openFields, number });
      });
    } catch (error) {
      await uploads.remove(id);
      throw error;
    }
    log.info({ agreementId: id, bytes, pages: pages.length }, 'agreement uploaded');
    return this.get(id);
  }

  /** Throws AGREEMENT_NOT_FOUND. */
  get(id: string): AgreementView {
    return viewOf(this.#require(id));
  }

  /** Throws AGREEMENT_NOT_FOUND, AGREEMENT_SEALED, AGREEMENT_BUSY, BAD_REQUEST. */
  async patch(id: string, change: AgreementChange): Promise<AgreementView> {
    const { state, agreements, captureStore, captures, samples, clock } = this.#options;
    const before = this.#require(id);
    requireOpen(before);
    const after = changed(before, change);
    const gone = peopleGone(before, after);
    const stopped = gone.length === 0 ? Promise.resolve() : captures.cancelFor(id, gone);
    state.transaction(() => {
      for (const { signatoryId, id: markId } of before.marks) if (gone.includes(signatoryId)) samples.destroy(markId);
      for (const capture of captureStore.withSample(id)) {
        if (!gone.includes(capture.partyId)) continue;
        samples.destroy(capture.id);
        captureStore.setDestroyed(capture.id, clock.now());
      }
      agreements.update(after, gone);
    });
    if (gone.length > 0) state.purge();
    await stopped;
    return this.get(id);
  }

  /**
   * Throws AGREEMENT_NOT_FOUND, AGREEMENT_SEALED, AGREEMENT_BUSY, PARTY_NOT_FOUND, MARK_NOT_ALLOWED,
   * COUNTERSEAL_CONTENT_FORBIDDEN, PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE, CAPTURE_NOT_FOUND, CAPTURE_NOT_DONE, CAPTURE_GONE, CONSENT_MISMATCH, PICTURE_NOT_PNG, PICTURE_TOO_LARGE, PICTURE_BLANK.
   */
  addMark(id: string, mark: NewMark): AgreementView {
    const { state, agreements, captures, samples, clock } = this.#options;
    requireMarkAllowed(this.#require(id), mark);
    if (mark.kind === 'fingerprint') captures.requireUsable(mark.captureId, id, mark.partyId);
    else if (mark.kind !== 'paper') requireInk(mark.png);
    const markId = crypto.randomUUID();
    const replaced = state.transaction(() => {
      const before = agreements.putMark(id, {
        id: markId,
        signatoryId: mark.partyId,
        kind: mark.kind,
        madeAt: clock.now().toISOString(),
        ...(mark.kind === 'fingerprint' ? { captureId: mark.captureId } : {}),
        ...(mark.kind === 'paper' || mark.placement === undefined ? {} : { placement: mark.placement }),
      });
      if (before !== null) samples.destroy(before);
      if (mark.kind === 'signature' || mark.kind === 'stamp') {
        samples.put({ agreementId: id, ownerId: markId, kind: 'picture' }, mark.png);
      }
      return before !== null;
    });
    if (replaced) state.purge();
    return this.get(id);
  }

  /** See AgreementSealing.seal. */
  seal(id: string, request: SealRequest, idempotencyKey: string): Promise<SealAnswer> {
    return this.#options.sealing.seal(id, request, idempotencyKey);
  }

  /** The PDF as uploaded, the sealed one once it is sealed. Throws AGREEMENT_NOT_FOUND, STATE_UNUSABLE where it was changed on disk. */
  async document(id: string): Promise<StoredDocument> {
    const { uploads } = this.#options;
    const agreement = this.#require(id);
    const { bytes, sha256 } = agreement.sealed ?? agreement;
    try {
      await uploads.requireContent(id, bytes, sha256);
    } catch (error) {
      this.#require(id); // deleted meanwhile: no wonder
      throw error;
    }
    return { path: uploads.pathOf(id), bytes, sha256 };
  }

  /** Destroys the document and everything that belongs to it but the ledger. Throws AGREEMENT_NOT_FOUND, AGREEMENT_BUSY. */
  async delete(id: string): Promise<void> {
    const { state, agreements, captures, uploads, queue, log } = this.#options;
    this.#requireDeletable(id);
    using _held = await queue.hold(id);
    this.#requireDeletable(id);
    const stopped = captures.cancelFor(id);
    state.transaction(() => agreements.remove(id));
    state.purge();
    await Promise.all([stopped, uploads.remove(id)]);
    log.info({ agreementId: id }, 'agreement deleted');
  }

  #requireDeletable(id: string): void {
    if (this.#require(id).stage === 'sealing') throw new AppError('AGREEMENT_BUSY');
  }

  #require(id: string): Agreement {
    const agreement = this.#options.agreements.find(id);
    if (agreement === null) throw new AppError('AGREEMENT_NOT_FOUND');
    return agreement;
  }
}

/** A picture on which nobody has signed completes nobody. */
function requireInk(png: Uint8Array): void {
  if (trimmed(decodePngRgba(png)) === null) {
    throw new AppError('PICTURE_BLANK', 'every pixel is white or transparent');
  }
}
