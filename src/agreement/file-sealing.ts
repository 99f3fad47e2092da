/** Sealing a PDF that is no agreement of the daemon's: the command line's way, with the same record of the seal's use. */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { AppError, isAppError } from '../errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Notice, Placement, Sealer } from '../seal/seal-job.ts';
import type { State } from '../state.ts';

export interface FileSealingRequest {
  /** Absolute paths. The output is written beside its place and moved there whole. */
  readonly input: string;
  readonly output: string;
  /** Null: astride the year and month of the date. */
  readonly placement: Placement | null;
  readonly reason?: string;
}

export interface FileSealingAnswer {
  readonly output: string;
  readonly sha256: string;
  readonly bytes: number;
  /** RFC 3339. */
  readonly sealedAt: string;
  readonly level: 'B-B';
  readonly ledger: { readonly n: number; readonly hash: string };
  readonly warnings: readonly Notice[];
}

export interface FileSealingOptions {
  readonly sealer: Sealer;
  readonly ledger: Ledger;
  readonly state: State;
  /** Reads a sealed file from its first byte to its last. Throws SEAL_SELF_CHECK. */
  readonly check: (path: string, signal: AbortSignal) => Promise<void>;
}

const CHUNK = 1 << 20;

export class FileSealing {
  readonly #sealer: Sealer;
  readonly #ledger: Ledger;
  readonly #state: State;
  readonly #check: FileSealingOptions['check'];

  constructor(services: FileSealingOptions) {
    this.#sealer = services.sealer;
    this.#ledger = services.ledger;
    this.#state = services.state;
    this.#check = services.check;
  }

  /** Throws what the sealer throws, FILE_UNREADABLE and FILE_UNWRITABLE; the output exists only when all went well. */
  async seal(request: FileSealingRequest, signal: AbortSignal): Promise<FileSealingAnswer> {
    const draft = `${request.output}.${crypto.randomUUID()}.part`;
    try {
      const { bytes, midstate } = await copyHashed(request.input, draft);
      const sealed = await this.#sealer.seal(
        {
          path: draft,
          bytes,
          midstate,
          marks: [],
          parties: 0,
          seal: request.placement,
          allowReal: true,
          ...(request.reason === undefined ? {} : { reason: request.reason }),
        },
        signal,
      );
      await this.#check(draft, signal);
      const ledger = this.#state.transaction(() =>
        this.#ledger.record({
          time: sealed.sealedAt,
          hashBefore: sealed.sha256Before,
          hashAfter: sealed.sha256After,
          certificate: sealed.certificateSha256,
          via: 'cli',
          outcome: 'sealed',
        }),
      );
      await rename(draft, request.output).catch((cause: unknown) => {
        throw new AppError('FILE_UNWRITABLE', request.output, { cause });
      });
      return {
        output: request.output,
        sha256: sealed.sha256After,
        bytes: sealed.bytes,
        sealedAt: sealed.sealedAt.toISOString(),
        level: 'B-B',
        ledger,
        warnings: sealed.warnings,
      };
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
  }
}

/** One pass over the input: the copy and its SHA-256 in the making. */
async function copyHashed(input: string, output: string): Promise<{ bytes: number; midstate: Hash }> {
  await using source = await openOr(input, 'r', 'FILE_UNREADABLE');
  await using target = await openOr(output, 'wx', 'FILE_UNWRITABLE');
  const midstate = createHash('sha256');
  const buffer = new Uint8Array(CHUNK);
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await source.read(buffer, 0, CHUNK, bytes).catch((cause: unknown) => {
      throw new AppError('FILE_UNREADABLE', input, { cause });
    });
    if (bytesRead === 0) return { bytes, midstate };
    const chunk = buffer.subarray(0, bytesRead);
    midstate.update(chunk);
    await writeAll(target, chunk, bytes, output);
    bytes += bytesRead;
  }
}

async function writeAll(target: FileHandle, chunk: Uint8Array, at: number, path: string): Promise<void> {
  try {
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await target.write(chunk, done, chunk.length - done, at + done);
      done += bytesWritten;
    }
  } catch (cause) {
    throw isAppError(cause) ? cause : new AppError('FILE_UNWRITABLE', path, { cause });
  }
}

async function openOr(path: string, flags: string, code: 'FILE_UNREADABLE' | 'FILE_UNWRITABLE'): Promise<FileHandle> {
  try {
    return await open(path, flags, 0o600);
  } catch (cause) {
    throw new AppError(code, path, { cause });
  }
}
