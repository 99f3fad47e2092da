/** The folder that a run of sealings writes into: its own while the run lasts, and free of what an interrupted one left. */
import { lstat, mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.ts';
import { lockFile } from '../file-lock.ts';

export interface OutputFolder extends AsyncDisposable {
  /** For drafts: a hidden folder within, gone at the end. */
  readonly drafts: string;
}

const DRAFT = /^[0-9a-f-]{36}\.part$/;

/** Takes the folder, which must be there. Throws OUTPUT_IN_USE where another run has it; FILE_UNWRITABLE. */
export async function takeOutputFolder(folder: string): Promise<OutputFolder> {
  const drafts = join(folder, '.zhiyin');
  const lockPath = join(drafts, 'lock');
  let lock: Disposable | null;
  try {
    await mkdir(drafts, { recursive: true });
    if (!(await lstat(drafts)).isDirectory()) throw new AppError('FILE_UNWRITABLE', `${drafts} is no folder`);
    lock = lockFile(lockPath);
    if (lock === null) throw new AppError('OUTPUT_IN_USE', folder);
    await removeDrafts(drafts);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('FILE_UNWRITABLE', drafts, { cause });
  }
  return {
    drafts,
    async [Symbol.asyncDispose]() {
      // Who waits for a file that is gone, but open, would hold a lock that nobody else sees; Windows lets no file go that is open.
      if (process.platform === 'win32') lock[Symbol.dispose]();
      await rm(lockPath, { force: true }).catch(() => undefined);
      if (process.platform !== 'win32') lock[Symbol.dispose]();
      await rmdir(drafts).catch(() => undefined); // another run may have come, or somebody keeps things in it
    },
  };
}

async function removeDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (DRAFT.test(name)) await rm(join(folder, name));
}
