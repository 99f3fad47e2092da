/** Who listens on a loopback port: for the one line that a second start prints. */
import { execFile } from 'node:child_process';
import { readFile, readdir, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Names the program that holds `port`, for people: "Zhiyin 0.1.0, process 4711" or "node, process 4711".
 * Null where neither the program itself nor the operating system tells.
 */
export async function portHolder(port: number): Promise<string | null> {
  const [product, process] = await Promise.all([askHealth(port), listeningProcess(port).catch(() => null)]);
  const name = product ?? process?.name;
  if (name === undefined) return process === null ? null : `process ${process.pid}`;
  return process === null ? name : `${name}, process ${process.pid}`;
}

async function askHealth(port: number): Promise<string | null> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1000) });
    const health = (await answer.json()) as { status?: unknown; version?: unknown };
    return health.status === 'ok' && typeof health.version === 'string' ? `Zhiyin ${health.version}` : null;
  } catch {
    return null; // something else holds the port, and need not speak HTTP
  }
}

interface ListeningProcess {
  readonly pid: number;
  readonly name: string | undefined;
}

function listeningProcess(port: number): Promise<ListeningProcess | null> {
  if (process.platform === 'linux') return fromProc(port);
  if (process.platform === 'win32') return fromNetstat(port);
  return Promise.resolve(null);
}

/** proc(5): /proc/net/tcp names the socket's inode, /proc/PID/fd the process that has it open. */
async function fromProc(port: number): Promise<ListeningProcess | null> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  );
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const line of tables.join('\n').split('\n')) {
    const columns = line.trim().split(/\s+/);
    const [, local, , state] = columns;
    const inode = columns[9];
    if (state === '0A' && local?.endsWith(`:${hexPort}`) && inode !== undefined) inodes.add(`socket:[${inode}]`);
  }
  if (inodes.size === 0) return null;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const handles = await readdir(`/proc/${pid}/fd`).catch(() => []); // another user's process
    for (const handle of handles) {
      const target = await readlink(`/proc/${pid}/fd/${handle}`).catch(() => '');
      if (inodes.has(target)) {
        const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => undefined);
        return { pid: Number(pid), name: name?.trim() };
      }
    }
  }
  return null;
}

async function fromNetstat(port: number): Promise<ListeningProcess | null> {
  const { stdout } = await run('netstat', ['-ano', '-p', 'TCP'], { windowsHide: true, timeout: 5000 });
  for (const line of stdout.split('\n')) {
    const [, local, , , pid] = line.trim().split(/\s+/);
    if (!local?.endsWith(`:${port}`) || pid === undefined || !line.includes('LISTENING')) continue;
    const list = await run('tasklist', ['/FI', `PID eq ${pid}`, '/FO', 'CSV', '/NH'], {
      windowsHide: true,
      timeout: 5000,
    });
    return { pid: Number(pid), name: /^"([^"]+)"/.exec(list.stdout.trim())?.[1] };
  }
  return null;
}
