/** Verification as a service: of a file, of an upload, and of what was just sealed. */
import { open, rm } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Clock } from '../clock.ts';
import { CertificateFiles } from '../cms/certificate-files.ts';
import type { Certificate } from '../cms/certificate.ts';
import { AppError, isAppError, problemOf } from '../errors.ts';
import { gathered } from '../file-chunks.ts';
import { TaskPool } from '../task-pool.ts';
import { unreadable } from './report.ts';
import type { VerificationReport } from './report.ts';
import type { VerifyTasks } from './verify-worker.ts';

export interface VerifierOptions {
  /** Files of root certificates, PEM or DER. */
  readonly rootFiles: readonly string[];
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

  constructor(options: VerifierOptions) {
    this.#options = options;
    this.#roots = new CertificateFiles(options.rootFiles);
    const worker = new URL(`./verify-worker${extname(import.meta.filename)}`, import.meta.url);
    this.#pool = new TaskPool<VerifyTasks>({ worker, timeoutMs: options.timeoutMs });
  }

  /**
   * The report on a file. What is wrong with the file is in the report, even that it is none.
   * @throws AppError CERTIFICATE_INVALID and FILE_UNREADABLE for the configured roots; the signal's reason.
   */
  async verifyFile(path: string, signal: AbortSignal): Promise<VerificationReport> {
    const roots = await this.roots();
    try {
      const task = { path, roots: roots.map(({ der }) => der), now: this.#options.clock.now() };
      return await this.#pool.run('verify', task, signal);
    } catch (error) {
      if (!isAppError(error, 'FILE_UNREADABLE', 'PDF_TIMEOUT', 'PDF_LIMIT')) throw error;
      const { code, title, titleZh } = problemOf(error);
      return unreadable({ code, message: `${title}.`, messageZh: `${titleZh}。` });
    }
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

  /** @throws AppError SEAL_SELF_CHECK unless every signature is intact and the newest covers the whole file. */
  async requireIntact(path: string, signal: AbortSignal): Promise<void> {
    const { integrity, signatures, reasons } = await this.verifyFile(path, signal);
    if (integrity !== 'INTACT' || !signatures.some(({ coversWholeFile }) => coversWholeFile)) {
      throw new AppError('SEAL_SELF_CHECK', `${integrity}: ${reasons.map(({ code }) => code).join(', ')}`);
    }
  }

  /** The configured roots, read once. */
  roots(): Promise<readonly Certificate[]> {
    return this.#roots.read();
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
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
