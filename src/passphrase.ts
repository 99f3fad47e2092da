/** Passphrases come from files or from people, never from arguments, which every user of the PC can list. */
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
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

/** Asks the person at a terminal; what is typed is not shown. Null at Ctrl-D. Rejects with the signal's reason when it aborts. */
export async function askPassphrase(
  question: string,
  terminal: { readonly input: ReadStream; readonly output: NodeJS.WritableStream },
  signal: AbortSignal,
): Promise<string | null> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: terminal.input, output: nowhere, terminal: true });
  // In this mode the terminal hands Ctrl-C over as a character. Told to this process by itself, since Windows kills whom a signal is sent.
  lines.on('SIGINT', () => process.emit('SIGINT', 'SIGINT'));
  try {
    terminal.output.write(question);
    return await lines.question('', { signal });
  } catch (error) {
    signal.throwIfAborted();
    // Nothing else makes readline reject.
    if (error instanceof Error && error.name === 'AbortError') return null;
    throw error;
  } finally {
    terminal.output.write('\n');
    lines.close();
  }
}
