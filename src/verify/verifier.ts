/** Verification as a service: of a file, of an upload, and of what was just sealed. */
import { open, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { CertificateFiles } from '../cms/certificate-files.ts';
import type { Certificate } from '../cms/certificate.ts';
import { AppError, isAppError, problemOf } from '../errors.ts';
import { gathered } from '../file-chunks.ts';
import { TaskPool } from '../task-pool.ts';
import { finding } from './finding.ts';
import type { FindingCode } from './finding.ts';
import { unreadable } from './report.ts';
import type { Finding, VerificationReport } from './report.ts';
import type { VerifyTasks } from './verify-worker.ts';

export interface VerifierOptions {
  /** Files of root certificates, PEM or DER. */
  readonly rootFiles: readonly string[];
  /** The same for timestamp authorities alone, beside those. */
  readonly timestampRootFiles?: readonly string[];
  readonly clock: Clock;
  /** Longest that one document may take. */
  readonly timeoutMs: number;
}

export interface UploadOptions {
  /** Where the upload lies while it is verified; nothing of it stays. */
  readonly folder: string;
  readonly maxBytes: number;
}

export class Verifier {
  readonly #pool: TaskPool<VerifyTasks>;
  readonly #options: VerifierOptions;
  readonly #roots: CertificateFiles;
  readonly #timestampRoots: CertificateFiles;

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#roots = new CertificateFiles(options.rootFiles);
    this.#timestampRoots = new CertificateFiles(options.timestampRootFiles ?? []);
    const worker = new URL(`./verify-worker${extname(import.meta.filename)}`, import.meta.url);
    this.#pool = new TaskPool<VerifyTasks>({ worker, timeoutMs: options.timeoutMs });
  }

  /**
   * The report on a file. What is wrong with the file is in the report, even that it is none.
   * @throws AppError CERTIFICATE_INVALID and FILE_UNREADABLE for the configured roots; the signal's reason.
   */
  async verifyFile(path: string, signal: AbortSignal): Promise<VerificationReport> {
    try {
      return await this.#report(path, signal);
    } catch (error) {
      if (!isAppError(error, 'FILE_UNREADABLE', 'PDF_TIMEOUT', 'PDF_LIMIT')) throw error;
      const { code, title, titleZh } = problemOf(error);
      return unreadable({ code, message: `${title}.`, messageZh: `${titleZh}。` });
    }
  }

  /** Throws FILE_UNREADABLE, PDF_TIMEOUT and PDF_LIMIT too, where nobody could look: that tells nothing of the file. */
  async #report(path: string, signal: AbortSignal): Promise<VerificationReport> {
    const [roots, timestampRoots] = await Promise.all([this.roots(), this.#timestampRoots.read()]);
    const task = {
      path,
      roots: roots.map(({ der }) => der),
      timestampRoots: timestampRoots.map(({ der }) => der),
      now: this.#options.clock.now(),
    };
    return this.#pool.run('verify', task, signal);
  }

  /**
   * The report on a document that arrives as a stream. BODY_TOO_LARGE, FILE_UNWRITABLE, what the stream throws, and as `verifyFile`.
   */
  async verifyUpload(
    stream: AsyncIterable<Uint8Array>,
    { folder, maxBytes }: UploadOptions,
    signal: AbortSignal,
  ): Promise<VerificationReport> {
    const path = join(folder, `${crypto.randomUUID()}.verify`);
    try {
      await spool(stream, path, maxBytes, signal);
      return await this.verifyFile(path, signal);
    } finally {
      // Windows keeps a file that a killed thread had open; the next start clears it away.
      await rm(path, { force: true }).catch(() => undefined);
    }
  }

  /**
   * @throws AppError SEAL_SELF_CHECK unless the newest signature is intact over the whole file but for proof of its validity, and no earlier
   * one is harmed; FILE_UNREADABLE, PDF_TIMEOUT, PDF_LIMIT where nobody could look.
   */
  async requireIntact(path: string, signal: AbortSignal): Promise<void> {
    const report = await this.#report(path, signal);
    const isWhole = report.signatures.some(
      ({ integrity, changesAfter }) => integrity === 'INTACT' && changesAfter.every(({ code }) => PROOF.has(code)),
    );
    if (isWhole && harmIn(report).length === 0) return;
    throw new AppError('SEAL_SELF_CHECK', `${report.integrity}: ${codesOf(report.reasons)}`);
  }

  /**
   * For who is to sign a document that is signed: that it is what was signed. A signature of a kind that nobody here can check stands in
   * no one's way, and is told of.
   * @throws AppError EARLIER_SIGNATURE_BROKEN; FILE_UNREADABLE, PDF_TIMEOUT, PDF_LIMIT where nobody could look; what `verifyFile` throws.
   */
  async requireUnharmed(path: string, signal: AbortSignal): Promise<readonly Finding[]> {
    const report = await this.#report(path, signal);
    const harm = harmIn(report);
    if (harm.length > 0) throw new AppError('EARLIER_SIGNATURE_BROKEN', codesOf(harm));
    return report.integrity === 'INTACT' ? [] : [finding('EARLIER_SIGNATURE_UNCHECKED')];
  }

  /** The configured roots, read once. */
  roots(): Promise<readonly Certificate[]> {
    return this.#roots.read();
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

/** What may be put behind the newest signature to prove it. */
const PROOF: ReadonlySet<string> = new Set<FindingCode>(['VALIDATION_DATA_ADDED', 'TIMESTAMP_ADDED']);

/** What tells that a signature is not over what it was made for. All else that breaks one only tells that it cannot be believed. */
const HARM: ReadonlySet<string> = new Set([
  'DIGEST_WRONG',
  'SIGNATURE_WRONG',
  'BYTE_RANGE_INVALID',
  'CONTENTS_INVALID',
  'TIMESTAMP_IMPRINT_WRONG',
]);

function harmIn({ verdict, reasons, signatures }: VerificationReport): Finding[] {
  const changes = signatures.flatMap(({ changesAfter }) => changesAfter.filter(({ allowed }) => !allowed));
  const harm = [...reasons.filter(({ code }) => HARM.has(code)), ...changes];
  return harm.length === 0 && verdict === 'UNREADABLE' ? [...reasons] : harm;
}

function codesOf(findings: readonly Finding[]): string {
  return [...new Set(findings.map(({ code }) => code))].join(', ');
}

async function spool(
  stream: AsyncIterable<Uint8Array>,
  path: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<void> {
  await using file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw new AppError('FILE_UNWRITABLE', 'the state folder', { cause });
  });
  for await (const piece of gathered(stream, maxBytes)) {
    signal.throwIfAborted();
    await file.writeFile(piece).catch((cause: unknown) => {
      throw new AppError('FILE_UNWRITABLE', 'the state folder', { cause });
    });
  }
}
