/** A serial port without hardware: one end is a terminal that serialport opens, the other is this process, or a program that echoes. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface PseudoTerminal {
  readonly path: string;
  /** What comes out of it, where its other end is this process. */
  readonly socat: ChildProcess;
  /** As an unplugged device: the terminal hangs up. */
  hangUp(): void;
  remove(): void;
}

/** Needs socat. `end`: `STDIO` for this process, `EXEC:cat` for an echo. */
export async function pseudoTerminal(end: 'STDIO' | 'EXEC:cat'): Promise<PseudoTerminal> {
  const folder = mkdtempSync(join(tmpdir(), 'zhiyin-pty-'));
  const path = join(folder, 'tty');
  const socat = spawn('socat', ['-d', '-d', `PTY,raw,echo=0,link=${path}`, end], { stdio: 'pipe' });
  for await (const line of createInterface(socat.stderr)) if (line.includes('data transfer loop')) break;
  socat.stderr.resume();
  return {
    path,
    socat,
    hangUp: () => socat.kill('SIGKILL'),
    remove() {
      socat.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
