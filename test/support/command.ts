/** The command `zhiyin` as people run it: a process of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

const PROGRAM = join(import.meta.dirname, '../../src/bin.ts');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandHome extends AsyncDisposable {
  readonly folder: string;
  readonly configFile: string;
  run(...args: readonly string[]): Promise<Ended>;
  /** Starts a command that is to be met while it runs. */
  start(...args: readonly string[]): Running;
  /** Starts `serve --json` and waits until it listens. */
  serve(...args: readonly string[]): Promise<Served>;
}

export interface Running {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  readonly ended: Promise<Ended>;
}

export interface Served {
  readonly url: string;
  readonly token: string;
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Sends the signal and waits for the end. */
  stop(signal: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): Promise<Ended>;
}

/** A folder of its own with a configuration and a state folder in it; whatever still runs is killed at the end. */
export async function openCommandHome(config: Readonly<Record<string, unknown>> = {}): Promise<CommandHome> {
  const folder = await mkdtemp(join(tmpdir(), 'zhiyin-command-'));
  const configFile = join(folder, 'config.json');
  await writeFile(configFile, JSON.stringify({ listen: { port: 0 }, storage: { folder: 'state' }, ...config }));
  const running = new Set<ChildProcessByStdio<null, Readable, Readable>>();

  const start = (args: readonly string[]): ChildProcessByStdio<null, Readable, Readable> => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ZHIYIN_')));
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...env, ZHIYIN_CONFIG: configFile },
    });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };
  const ended = async (child: ChildProcessByStdio<null, Readable, Readable>): Promise<Ended> => {
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { code, stdout, stderr };
  };
  return {
    folder,
    configFile,
    run: (...args) => ended(start(args)),
    start(...args) {
      const child = start(args);
      return { process: child, ended: ended(child) };
    },
    async serve(...args) {
      const child = start(['serve', '--json', ...args]);
      const lines = createInterface({ input: child.stdout });
      const exit = once(child, 'exit').then(async ([code]) => {
        throw new Error(`serve ended with ${String(code)}: ${await text(child.stderr)}`);
      });
      exit.catch(() => undefined);
      const [line] = (await Promise.race([once(lines, 'line'), exit])) as [string];
      const { url, tokenFile } = JSON.parse(line) as { url: string; tokenFile: string };
      return {
        url,
        token: (await readFile(tokenFile, 'utf8')).trim(),
        process: child,
        async stop(signal) {
          const end = Promise.all([text(child.stderr), once(child, 'close') as Promise<[number | null]>]);
          child.kill(signal);
          const [stderr, [code]] = await end;
          return { code, stdout: '', stderr };
        },
      };
    },
    async [Symbol.asyncDispose]() {
      const ends = [...running].map((child) => once(child, 'exit'));
      for (const child of running) child.kill('SIGKILL');
      await Promise.all(ends);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
