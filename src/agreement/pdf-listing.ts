/** The PDFs of a folder and of all folders in it. */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../errors.ts';

export interface PdfListing {
  /** By name. */
  readonly files: readonly ListedPdf[];
  /** What looked like a PDF or a folder and cannot be read; a folder's name ends in a slash. */
  readonly faults: readonly { readonly name: string; readonly error: AppError }[];
}

export interface ListedPdf {
  /** Its path within the folder, with slashes. */
  readonly name: string;
  readonly path: string;
  /** As `fileId`. */
  readonly id: string;
}

/** More at once is a mistyped folder, or work that is better done in parts. */
const MOST_FILES = 100_000;

/**
 * What ends in `.pdf`, in any case. Names that begin with a dot are left out: they are hidden, and on disks that a Mac wrote to each
 * `a.pdf` has a `._a.pdf` beside it that is none. Links to files are followed, links to folders are not, and are among the faults.
 * @param except identities (`fileId`) of folders that are not gone into
 * @throws AppError FILE_UNREADABLE where the folder itself cannot be listed; USAGE for more than 100,000 PDFs.
 */
export async function listPdfs(root: string, except: ReadonlySet<string>): Promise<PdfListing> {
  const files: ListedPdf[] = [];
  const faults: { name: string; error: AppError }[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch((cause: unknown) => {
      const error = new AppError('FILE_UNREADABLE', join(root, folder), { cause });
      if (folder === '') throw error;
      faults.push({ name: folder, error });
      return [];
    });
    for (const entry of entries) {
      const name = `${folder}${entry.name}`;
      const path = join(root, name);
      if (entry.name.startsWith('.')) continue;
      if (!entry.isDirectory() && !/\.pdf$/i.test(entry.name) && !entry.isSymbolicLink()) continue;
      const found = await fileId(path);
      if (entry.isDirectory()) {
        if (!except.has(found?.id ?? '')) folders.push(`${name}/`);
      } else if (found?.kind === 'folder') {
        faults.push({ name: `${name}/`, error: new AppError('FILE_UNREADABLE', `${path}: a link to a folder`) });
      } else if (/\.pdf$/i.test(entry.name)) {
        if (found?.kind === 'file') files.push({ name, path, id: found.id });
        else faults.push({ name, error: new AppError('FILE_UNREADABLE', path) });
        if (files.length > MOST_FILES) throw new AppError('USAGE', `more than ${MOST_FILES} PDFs in ${root}`);
      }
    }
  }
  return { files: files.toSorted(byName), faults: faults.toSorted(byName) };
}

/** What is at a path, links followed, by an identity that two names of one file share; null where there is nothing to be seen. */
export async function fileId(
  path: string,
): Promise<{ readonly id: string; readonly kind: 'file' | 'folder' | 'other' } | null> {
  // Numbers of files on Windows go beyond what a JavaScript number holds.
  const found = await stat(path, { bigint: true }).catch(() => null);
  if (found === null) return null;
  const kind = found.isFile() ? 'file' : found.isDirectory() ? 'folder' : 'other';
  return { id: `${found.dev}:${found.ino}`, kind };
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
