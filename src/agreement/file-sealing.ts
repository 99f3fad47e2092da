/** Sealing a PDF that is no agreement of the daemon's: the command line's way, with the same record of the seal's use. */
import { lstat, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { AppError } from '../errors.ts';
import type { Ledger, SealUse } from '../ledger/ledger.ts';
import type { Level } from '../seal/level.ts';
import type { ExpectedSeal, Notice, PagingEdge, Placement, Sealer } from '../seal/seal-job.ts';
import type { State } from '../state.ts';
import { copyHashed } from './file-copy.ts';
import { levelNotReached, requireAvailable } from './level.ts';

export interface FileSealingRequest {
  /** Absolute paths. The output is written as a draft and moved to its place whole. */
  readonly input: string;
  readonly output: string;
  /** A folder for the draft, on the output's file system; absent: beside the output. */
  readonly drafts?: string;
  /** Null: astride the year and month of the date, or where a signed document keeps a field for this seal. */
  readonly placement: Placement | null;
  /** A paging seal too, at this edge; true: at the configured one. */
  readonly paging?: PagingEdge | true;
  /** Nothing may follow but timestamps and what proves the signature later. */
  readonly final?: boolean;
  readonly expect?: readonly ExpectedSeal[];
  readonly reason?: string;
  /** Absent: the sealer's preset. */
  readonly level?: Level;
}

export interface FileSealingAnswer {
  readonly output: string;
  readonly sha256: string;
  readonly bytes: number;
  /** RFC 3339. */
  readonly sealedAt: string;
  readonly level: Level;
  readonly ledger: { readonly n: number; readonly hash: string };
  readonly warnings: readonly Notice[];
}

export interface FileSealingOptions {
  readonly sealer: Sealer;
  readonly ledger: Ledger;
  readonly state: State;
  readonly clock: Clock;
  /** Reads a sealed file from its first byte to its last. Throws SEAL_SELF_CHECK. */
  readonly check: (path: string, signal: AbortSignal) => Promise<void>;
}

export class FileSealing {
  readonly #options: FileSealingOptions;

  constructor(options: FileSealingOptions) {
    this.#options = options;
  }

  /**
   * Throws what the sealer throws, SEAL_LEVEL_UNSUPPORTED, FILE_UNREADABLE, FILE_UNWRITABLE and the signal's reason; the output exists only
   * when all went well, and where the key signed all the same, the ledger tells of it, as it does of a sealed file that could not be moved to its place.
   */
  async seal(request: FileSealingRequest, signal: AbortSignal): Promise<FileSealingAnswer> {
    const { sealer, clock, check } = this.#options;
    const { levels } = sealer;
    const { level: wanted = levels.preset } = request;
    requireAvailable(wanted, levels);
    await requirePlace(request);
    const draft =
      request.drafts === undefined
        ? `${request.output}.${crypto.randomUUID()}.part`
        : join(request.drafts, `${crypto.randomUUID()}.part`);
    let hashBefore: string | null = null;
    let isUnrecorded = false;
    try {
      const { bytes, midstate } = await copyHashed(request.input, draft, signal);
      hashBefore = midstate.copy().digest('hex');
      const sealed = await sealer.seal(
        {
          path: draft,
          bytes,
          midstate,
          marks: [],
          parties: 0,
          seal: request.placement,
          checkOverlap: true,
          allowReal: true,
          level: wanted,
          onKeyUse: () => {
            isUnrecorded = true;
          },
          ...(request.paging === undefined ? {} : { paging: request.paging }),
          ...(request.final === undefined ? {} : { final: request.final }),
          ...(request.expect === undefined ? {} : { expect: request.expect }),
          ...(request.reason === undefined ? {} : { reason: request.reason }),
        },
        signal,
      );
      const { level, shortfall } = sealed;
      await check(draft, signal);
      const ledger = this.#record({
        time: sealed.sealedAt,
        hashBefore: sealed.sha256Before,
        hashAfter: sealed.sha256After,
        certificate: sealed.certificateSha256,
        via: 'cli',
        outcome: 'sealed',
        level: sealed.level,
      });
      isUnrecorded = false;
      await rename(draft, request.output).catch((cause: unknown) => {
        throw new AppError('FILE_UNWRITABLE', request.output, { cause });
      });
      return {
        output: request.output,
        sha256: sealed.sha256After,
        bytes: sealed.bytes,
        sealedAt: sealed.sealedAt.toISOString(),
        level,
        ledger,
        warnings:
          shortfall === undefined
            ? sealed.warnings
            : [...sealed.warnings, levelNotReached({ wanted, level, problem: shortfall, later: 'extend' })],
      };
    } catch (error) {
      // A draft that cannot be removed must not hide why it is none.
      await rm(draft, { force: true }).catch(() => undefined);
      if (hashBefore !== null && isUnrecorded) {
        this.#record({ time: clock.now(), hashBefore, via: 'cli', outcome: 'failed' });
      }
      throw error;
    }
  }

  #record(use: SealUse): { readonly n: number; readonly hash: string } {
    const { ledger, state } = this.#options;
    return state.transaction(() => ledger.record(use));
  }
}

/** An earlier output may be replaced, the original and what is no plain file (a device, a folder, a link) may not. */
async function requirePlace({ input, output }: FileSealingRequest): Promise<void> {
  const there = await lstat(output).catch(() => null);
  if (there === null) return;
  if (!there.isFile()) throw new AppError('FILE_UNWRITABLE', `${output} is no plain file`);
  const source = await stat(input).catch(() => null);
  if (source?.dev === there.dev && source.ino === there.ino) {
    throw new AppError('FILE_UNWRITABLE', `${output} is the file to seal; give the sealed one a name of its own`);
  }
}
