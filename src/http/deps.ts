/** What the HTTP side needs of the rest: the services' faces as its routes use them. */
import type { Clock } from '../clock.ts';
import type { Config } from '../config.ts';
import type { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { VerificationReport } from '../verify/report.ts';
import type {
  Agreement,
  AgreementChange,
  Capture,
  CaptureRequest,
  Reader,
  Placement,
  Seal,
  SealAnswer,
  SealRequest,
  Shape,
} from './schemas.ts';

export type ReaderView = Shape<typeof Reader>;
/** A reader as its service has it. */
export type AttachedReaderView = Omit<ReaderView, 'error'> & { readonly error?: AppError };
export type CaptureView = Shape<typeof Capture>;
export type AgreementView = Shape<typeof Agreement>;
export type SealView = Shape<typeof Seal>;

/** A mark as a service takes it: pictures are bytes. */
export type NewMark =
  | {
      readonly partyId: string;
      readonly kind: 'fingerprint';
      readonly captureId: string;
      readonly placement?: Shape<typeof Placement>;
    }
  | {
      readonly partyId: string;
      readonly kind: 'signature' | 'stamp';
      readonly png: Uint8Array;
      readonly placement?: Shape<typeof Placement>;
    }
  | { readonly partyId: string; readonly kind: 'paper' };

export interface Readers {
  list(): readonly AttachedReaderView[];
  /** READER_NOT_FOUND. */
  get(id: string): AttachedReaderView;
}

export interface Captures {
  start(request: Shape<typeof CaptureRequest>): CaptureView | Promise<CaptureView>;
  /** CAPTURE_NOT_FOUND. */
  get(id: string): CaptureView;
  /** Resolves when the capture has ended or `ms` have passed, whichever is first. */
  wait(id: string, ms: number, signal: AbortSignal): Promise<CaptureView>;
  /** The capture as it is, then at each change, until it ends or the signal aborts. */
  events(id: string, signal: AbortSignal): AsyncIterable<CaptureView>;
  /** PNG. CAPTURE_NOT_DONE, CAPTURE_GONE. */
  image(id: string): Uint8Array | Promise<Uint8Array>;
  /** ISO/IEC 19794-4. SAMPLES_NOT_EXPOSED, CAPTURE_NOT_DONE, CAPTURE_GONE; so does `template`. */
  record(id: string): Uint8Array | Promise<Uint8Array>;
  template(id: string): { readonly bytes: Uint8Array } | Promise<{ readonly bytes: Uint8Array }>;
  cancel(id: string): Promise<void>;
}

export interface Agreements {
  /** Reads the stream to its end, counting; leaves nothing behind when it fails. BODY_TOO_LARGE, PDF_* codes. */
  create(upload: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<AgreementView>;
  get(id: string): AgreementView | Promise<AgreementView>;
  patch(id: string, change: Shape<typeof AgreementChange>): AgreementView | Promise<AgreementView>;
  addMark(id: string, mark: NewMark): AgreementView | Promise<AgreementView>;
  seal(id: string, request: Shape<typeof SealRequest>, idempotencyKey: string): Promise<Shape<typeof SealAnswer>>;
  /** The file as it now is: its first `bytes` bytes do not change any more. */
  document(id: string): Promise<{ readonly path: string; readonly bytes: number }>;
  delete(id: string): Promise<void>;
}

/** The committee's seal. */
export interface SealKeys {
  info(): SealView;
  unlock(passphrase: string): Promise<void>;
  lock(): void;
}

export interface Verifier {
  /** Reads the stream to its end, counting. BODY_TOO_LARGE; what is no PDF is a report, not an error. */
  verify(upload: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<VerificationReport>;
}

export interface HttpDeps {
  readonly config: Pick<Config, 'listen' | 'origins' | 'committee' | 'limits'>;
  /** The product's version. */
  readonly version: string;
  /** The bearer token of the file that only this user can read. */
  readonly token: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly readers: Readers;
  readonly captures: Captures;
  readonly agreements: Agreements;
  readonly seal: SealKeys;
  readonly verifier: Verifier;
}
