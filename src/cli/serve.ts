/** `zhiyin serve`: the daemon, until it is told to end. */
import { once } from 'node:events';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { isAppError, problemOf } from '../errors.ts';
import { startDaemon, version } from '../main.ts';
import type { Daemon } from '../main.ts';
import { askPassphrase } from '../passphrase.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions, End } from './command.ts';
import { problemLine, problemText } from './output.ts';
import { readerLine, viewOfReader } from './readers.ts';
import { stopSignal } from './stop-signal.ts';

export function addServe(program: Command, end: End): void {
  addCommand(program, 'serve', 'run the daemon · 启动服务').action(async (options: CommonOptions) => {
    end(await serve(configOf(options), options.json === true));
  });
}

async function serve(config: Config, json: boolean): Promise<number> {
  // Before the port is open: whoever sees it may want the daemon gone.
  const stopped = stopSignal();
  const daemon = await startDaemon(config, json || !process.stderr.isTTY ? null : process.stderr);
  const { url, tokenFile, readers: attached, seal: state } = daemon;
  if (json) {
    process.stdout.write(`${JSON.stringify({ url, tokenFile, readers: attached.map(viewOfReader), seal: state })}\n`);
  } else {
    process.stdout.write(
      [
        `Zhiyin ${version} · 指印`,
        `  address · 地址  ${url}`,
        ...attached.map((reader) => `  reader · 采集器  ${readerLine(viewOfReader(reader))}`),
        ...(attached.length === 0 ? ['  reader · 采集器  none · 无'] : []),
        `  seal · 印章    ${state}${daemon.sealError === undefined ? '' : `  ${problemText(problemOf(daemon.sealError))}`}`,
        `  token · 令牌   ${tokenFile}`,
        '',
      ].join('\n'),
    );
  }
  try {
    if (config.seal.prompt && daemon.seal === 'locked' && process.stdin.isTTY) await unlockByHand(daemon, stopped);
    if (!stopped.aborted) await once(stopped, 'abort');
  } finally {
    await daemon.close();
  }
  return 0;
}

/** Asks until the passphrase is right, or nobody gives one; the daemon serves meanwhile. */
async function unlockByHand(daemon: Daemon, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const terminal = { input: process.stdin, output: process.stderr };
      const passphrase = await askPassphrase('passphrase of the seal · 印章口令: ', terminal, signal);
      if (passphrase === null) return;
      await daemon.unlock(passphrase);
      process.stderr.write('the seal is unlocked · 印章已解锁\n');
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!isAppError(error)) throw error;
      process.stderr.write(problemLine(error));
      if (error.code !== 'SEAL_PASSPHRASE_WRONG') return;
    }
  }
}
