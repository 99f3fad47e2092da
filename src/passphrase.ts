/** Passphrases come from files or from people, never from arguments, which every user of the PC can list. */
import { readFile } from 'node:fs/promises';
import { AppError } from './errors.ts';

/** The first line of the file. Throws FILE_UNREADABLE. */
export async function readPassphrase(path: string): Promise<string> {
  try {
    const [line = ''] = (await readFile(path, 'utf8')).replace(/^\ufeff/, '').split(/\r?\n/);
    return line;
  } catch (cause) {
    throw new AppError('FILE_UNREADABLE', path, { cause });
  }
}
