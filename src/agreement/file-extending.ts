/**
 * Extending a sealed PDF that is no agreement of the daemon's: what proves its seals, and a timestamp over all of it, so that they can be
 * verified when the certificates have expired and the authorities are gone. Done again before the newest timestamp's authority is no longer
 * believed, it renews that. Nothing is sealed, and no key is needed.
 */
import { chmod, lstat, rename, rm } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Level } from '../seal/level.ts';
import type { ExtendedFile, Notice, Sealer } from '../seal/seal-job.ts';
import type { State } from '../state.ts';
import type { VerificationReport } from '../verify/report.ts';
import { copyHashed } from './file-copy.ts';
import { levelNotReached } from './level.ts';

export interface FileExtendingRequest {
  /** Absolute paths; they may be one. The output is written beside its place and moved there whole. */
  readonly input: string;
  readonly output: string;
}

export interface FileExtendingAnswer {
  readonly output: string;
  readonly sha256: string;
  readonly bytes: number;
  /** RFC 3339. */
  readonly extendedAt: string;
  readonly level: Level;
  /** Null for a file of which the ledger knows no use of the seal. */
  readonly ledger: { readonly n: number; readonly hash: string } | null;
  readonly warnings: readonly Notice[];
}

export interface FileExtendingOptions {
  readonly sealer: Pick<Sealer, 'extend'>;
  readonly ledger: Ledger;
  readonly state: State;
  readonly verify: (path: string, signal: AbortSignal) => Promise<VerificationReport>;
  /** Reads an extended file from its first byte to its last. Throws SEAL_SELF_CHECK. */
  readonly check: (path: string, signal: AbortSignal) => Promise<void>;
}

const WANTED: Level = 'B-LTA';

export class FileExtending {
  readonly #options: FileExtendingOptions;

  constructor(options: FileExtendingOptions) {
    this.#options = options;
  }

  /**
   * A file that this house sealed is on record in the ledger under its new hash, too, so that it is found there as it is now; of others the
   * ledger says nothing, since no seal of this house was used.
   * @throws AppError SIGNATURE_ABSENT, SIGNATURE_BROKEN, PDF_*, FILE_*, why no higher level was reached, the signal's reason; the output is
   * what it was then.
   */
  async extend({ input, output }: FileExtendingRequest, signal: AbortSignal): Promise<FileExtendingAnswer> {
    const { sealer, check } = this.#options;
    const there = await lstat(output).catch(() => null);
    if (there !== null && !there.isFile()) throw new AppError('FILE_UNWRITABLE', `${output} is no plain file`);
    const draft = `${output}.${crypto.randomUUID()}.part`;
    try {
      const { bytes, midstate } = await copyHashed(input, draft, signal);
      requireSound(await this.#options.verify(draft, signal));
      const sha256 = midstate.digest('hex');
      const extended = await sealer.extend({ path: draft, bytes, sha256, to: WANTED }, signal);
      await check(draft, signal);
      if (there !== null) await chmod(draft, there.mode & 0o777);
      const ledger = this.#record(sha256, extended);
      await rename(draft, output).catch((cause: unknown) => {
        throw new AppError('FILE_UNWRITABLE', output, { cause });
      });
      const { level, shortfall } = extended;
      return {
        output,
        sha256: extended.sha256,
        bytes: extended.bytes,
        extendedAt: extended.extendedAt.toISOString(),
        level,
        ledger,
        warnings:
          shortfall === undefined
            ? []
            : [levelNotReached({ wanted: WANTED, level, problem: shortfall, later: 'extend' })],
      };
    } catch (error) {
      // A draft that cannot be removed must not hide why it is none.
      await rm(draft, { force: true }).catch(() => undefined);
      throw error;
    }
  }

  #record(hashBefore: string, extended: ExtendedFile): FileExtendingAnswer['ledger'] {
    const { ledger, state } = this.#options;
    const { sha256: hashAfter, level, extendedAt: time } = extended;
    return state.transaction(() =>
      ledger.knows(hashBefore)
        ? ledger.record({ time, hashBefore, hashAfter, via: 'cli', outcome: 'extended', level })
        : null,
    );
  }
}

/** A timestamp over a document that was changed would vouch for the change. */
function requireSound({ verdict, integrity, reasons }: VerificationReport): void {
  const why = reasons.map(({ code }) => code).join(', ');
  if (verdict === 'UNREADABLE') throw new AppError('PDF_UNREADABLE', why);
  if (verdict === 'NO_SIGNATURE') throw new AppError('SIGNATURE_ABSENT');
  if (integrity !== 'INTACT') throw new AppError('SIGNATURE_BROKEN', why);
}
