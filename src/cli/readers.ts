/** `zhiyin readers`: the readers of the daemon where one runs, else those that are found here. */
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { readersOfDaemon } from './daemon-client.ts';
import type { DaemonReader } from './daemon-client.ts';
import { problemOf } from '../errors.ts';
import { composeReaders } from '../main.ts';
import type { ReaderInfo } from '../reader/reader-service.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions } from './command.ts';
import { print, problemText } from './output.ts';

export function addReaders(program: Command): void {
  addCommand(program, 'readers', 'list the fingerprint readers · 列出指纹采集器').action(readers);
}

async function readers(options: CommonOptions): Promise<void> {
  const settings = configOf(options);
  const list = (await readersOfDaemon(settings.storage.folder)) ?? (await readersHere(settings));
  print(options, list, () => (list.length === 0 ? 'none · 无\n' : `${list.map(readerLine).join('\n')}\n`));
}

async function readersHere(settings: Config): Promise<readonly DaemonReader[]> {
  const service = composeReaders(settings);
  try {
    await service.refresh();
    return service.list().map(viewOfReader);
  } finally {
    await service.close();
  }
}

/** A reader as the API tells of it. */
export function viewOfReader({ error, ...reader }: ReaderInfo): DaemonReader {
  return error === undefined ? reader : { ...reader, error: problemOf(error) };
}

export function readerLine({ id, name, link, state, error }: DaemonReader): string {
  const why = error === undefined ? '' : `  ${problemText(error)}`;
  return `${id}  ${name}  (${link}, ${state})${why}`;
}
