/** The command line's way to a daemon that is running already: it holds the readers, and only it can say how they are. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Problem } from '../errors.ts';

/** Of GET /v1/readers what is shown to people; the rest passes through. */
export interface DaemonReader {
  readonly id: string;
  readonly name: string;
  readonly link: string;
  readonly state: string;
  /** Why it cannot be used. */
  readonly error?: Problem;
}

/** The readers of the daemon of this state folder; null where none answers. */
export async function readersOfDaemon(folder: string): Promise<readonly DaemonReader[] | null> {
  try {
    const { url } = JSON.parse(await readFile(join(folder, 'daemon.json'), 'utf8')) as { url: string };
    const token = (await readFile(join(folder, 'token'), 'utf8')).trim();
    const answer = await fetch(`${url}/v1/readers`, {
      headers: { Authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(3000),
    });
    return answer.ok ? ((await answer.json()) as DaemonReader[]) : null;
  } catch {
    return null; // no daemon, or one that was killed and left its note behind
  }
}
