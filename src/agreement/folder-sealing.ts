/** Sealing every PDF of a folder into another one: what is sealed already is left alone, and what is refused stops no other. */
import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { AppError, isAppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { fileChunks } from '../file-chunks.ts';
import type { Level } from '../seal/level.ts';
import type { ExpectedSeal, PagingEdge, Placement } from '../seal/seal-job.ts';
import type { State } from '../state.ts';
import type { VerificationReport } from '../verify/report.ts';
import type { FileSealing, FileSealingAnswer } from './file-sealing.ts';
import { takeOutputFolder } from './output-folder.ts';
import { fileId, listPdfs } from './pdf-listing.ts';
import type { ListedPdf } from './pdf-listing.ts';

export interface FolderSealingRequest {
  /** Absolute paths of folders; the output is made where only it is missing. It may lie in the input, not the other way round. */
  readonly input: string;
  readonly output: string;
  /** For every document; null: astride the year and month of its date. */
  readonly placement: Placement | null;
  /** Paging seals too, at this edge; true: at the configured one. */
  readonly paging?: PagingEdge | true;
  /** Of every seal, as of one file's (file-sealing.ts). */
  readonly final?: boolean;
  readonly expect?: readonly ExpectedSeal[];
  readonly reason?: string;
  /** Absent: the sealer's preset. */
  readonly level?: Level;
  /** Whether another sealed document that stands in an output's place gives way. */
  readonly replace: boolean;
}

export type FileResult = { readonly name: string } & (
  | { readonly outcome: 'sealed'; readonly answer: FileSealingAnswer }
  /** It was sealed with this seal before, and is whole. */
  | { readonly outcome: 'skipped'; readonly output: string }
  | { readonly outcome: 'refused'; readonly error: AppError }
);

/** How a run goes on; each `result` but those of what cannot be read follows its `begin`. */
export type FolderEvent =
  | { readonly kind: 'found'; readonly total: number }
  | { readonly kind: 'begin'; readonly name: string }
  | { readonly kind: 'result'; readonly result: FileResult };

export interface FolderSealingOptions {
  readonly files: Pick<FileSealing, 'seal'>;
  readonly state: Pick<State, 'folder'>;
  /** Whose seal it is: the SHA-256 of its certificate, hexadecimal. Throws as KeyStore.use. */
  readonly signer: () => string;
  readonly verify: (path: string, signal: AbortSignal) => Promise<VerificationReport>;
}

/** What the next document would meet as well. */
const OF_ALL: readonly ErrorCode[] = [
  'SEAL_ABSENT',
  'SEAL_LOCKED',
  'SEAL_FOREIGN',
  'SEAL_USAGE',
  'SEAL_NOT_YET_VALID',
  'SEAL_EXPIRED',
  'SEAL_REVOKED',
  'SEAL_LEVEL_UNSUPPORTED',
  'SEAL_GLYPH_MISSING',
  'PICTURE_NOT_PNG',
  'PICTURE_TOO_LARGE',
  'PICTURE_BLANK',
  'PICTURE_RESOLUTION',
  'PICTURE_SVG_UNSUPPORTED',
  'STATE_UNUSABLE',
  'SHUTTING_DOWN',
];

/** Files that no output may replace, by their identity: the inputs, and what this run wrote. */
type Kept = Set<string>;

export class FolderSealing {
  readonly #options: FolderSealingOptions;

  constructor(options: FolderSealingOptions) {
    this.#options = options;
  }

  /**
   * Seals one document after the other, in the order of their names. `stop` ends the run before the next one; the one under way is
   * finished. Documents of the same relative path are taken for the same, whatever options they were sealed with.
   * @throws AppError USAGE, FILE_UNREADABLE, FILE_UNWRITABLE and OUTPUT_IN_USE for the folders; what concerns the seal or the state.
   */
  async *seal(request: FolderSealingRequest, stop: AbortSignal): AsyncGenerator<FolderEvent, void, void> {
    const signer = this.#options.signer();
    await requireApart(request);
    await makeFolder(request.output);
    await using output = await takeOutputFolder(request.output);
    const { files, faults } = await listPdfs(request.input, await this.#exceptions(request.output));
    yield { kind: 'found', total: files.length + faults.length };
    for (const { name, error } of faults) yield { kind: 'result', result: { name, outcome: 'refused', error } };
    const kept: Kept = new Set(files.map(({ id }) => id));
    for (const file of files) {
      if (stop.aborted) return;
      yield { kind: 'begin', name: file.name };
      yield { kind: 'result', result: await this.#one(file, request, { drafts: output.drafts, signer, kept }) };
    }
  }

  /** The daemon's own uploads are no documents to seal, and outputs none to seal again. */
  async #exceptions(output: string): Promise<Set<string>> {
    const found = await Promise.all([output, this.#options.state.folder].map((path) => fileId(path)));
    return new Set(found.flatMap((folder) => (folder === null ? [] : [folder.id])));
  }

  async #one(
    { name, path }: ListedPdf,
    { output: folder, replace, ...wanted }: FolderSealingRequest,
    { drafts, signer, kept }: { readonly drafts: string; readonly signer: string; readonly kept: Kept },
  ): Promise<FileResult> {
    const output = join(folder, name);
    try {
      const there = await fileId(output);
      if (there !== null && kept.has(there.id)) {
        throw new AppError('OUTPUT_TAKEN', `${output} is one of the documents of this run`);
      }
      const standing = await this.#standing(path, output, signer);
      if (standing === 'sealed') {
        if (there !== null) kept.add(there.id);
        return { name, outcome: 'skipped', output };
      }
      if (standing === 'other' && !replace) throw new AppError('OUTPUT_TAKEN', output);
      await makeFolders(dirname(output));
      const request = { ...wanted, input: path, output, drafts };
      const answer = await this.#options.files.seal(request, new AbortController().signal);
      const made = await fileId(output);
      if (made !== null) kept.add(made.id);
      return { name, outcome: 'sealed', answer };
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      const error = isAppError(cause) ? cause : new AppError('INTERNAL', message, { cause });
      if (isAppError(error, ...OF_ALL)) throw error;
      return { name, outcome: 'refused', error };
    }
  }

  /**
   * What is in an output's place: the input sealed with this seal, another document that somebody signed, or nothing that would be lost,
   * as what an accident left is.
   */
  async #standing(input: string, output: string, signer: string): Promise<'free' | 'sealed' | 'other'> {
    const there = await lstat(output).catch(() => null);
    if (there?.isFile() !== true) return 'free'; // what is no plain file the sealing refuses
    const { beginAlike, inputBytes } = await compareBeginnings(input, output);
    if (beginAlike && there.size <= inputBytes) return 'free';
    const { signatures, revisions } = await this.#options.verify(output, new AbortController().signal);
    // Of the input's own earlier signatures nothing is lost.
    const inputEnd = beginAlike ? inputBytes : 0;
    const intact = signatures.filter(
      ({ field, integrity }) =>
        integrity === 'INTACT' && revisions.some(({ signedBy, bytes }) => signedBy === field && bytes > inputEnd),
    );
    if (beginAlike && intact.some(({ certificateSha256 }) => certificateSha256 === signer)) return 'sealed';
    return intact.length > 0 ? 'other' : 'free';
  }
}

/** Throws USAGE where the two are one, or the input lies in the output: there a document's output could be another one's input. */
async function requireApart({ input, output }: FolderSealingRequest): Promise<void> {
  const from = await realpath(input).catch((cause: unknown) => {
    throw new AppError('FILE_UNREADABLE', input, { cause });
  });
  const to = await realpath(output).catch(async () => {
    // Not there yet: then its parent must be.
    const parent = await realpath(dirname(output)).catch((cause: unknown) => {
      throw new AppError('FILE_UNWRITABLE', output, { cause });
    });
    return join(parent, basename(output));
  });
  if (from === to) throw new AppError('USAGE', 'the output folder is the folder to seal');
  if (`${from}${sep}`.startsWith(to.endsWith(sep) ? to : `${to}${sep}`)) {
    throw new AppError('USAGE', 'the folder to seal lies in the output folder');
  }
}

/** One folder deep: where its parent is missing, somebody has mistyped. */
async function makeFolder(path: string): Promise<void> {
  await mkdir(path).catch(async (cause: unknown) => {
    if ((await fileId(path))?.kind !== 'folder') throw new AppError('FILE_UNWRITABLE', path, { cause });
  });
}

async function makeFolders(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch((cause: unknown) => {
    throw new AppError('FILE_UNWRITABLE', path, { cause });
  });
}

/** Whether the shorter of two files is the beginning of the other, and how long the input is. */
async function compareBeginnings(input: string, output: string): Promise<{ beginAlike: boolean; inputBytes: number }> {
  await using source = await openToRead(input);
  await using target = await openToRead(output);
  const { size: inputBytes } = await source.stat();
  const theirs = fileChunks(target, { bytes: inputBytes });
  for await (const chunk of fileChunks(source)) {
    const { value: other } = await theirs.next();
    if (other === undefined) break;
    const common = Math.min(chunk.length, other.length);
    if (Buffer.compare(chunk.subarray(0, common), other.subarray(0, common)) !== 0) {
      return { beginAlike: false, inputBytes };
    }
    if (other.length < chunk.length) break;
  }
  return { beginAlike: true, inputBytes };
}

async function openToRead(path: string): ReturnType<typeof open> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', path, { cause });
  }
}
