/** What all commands have in common. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig, processEnv } from '../config.ts';
import type { Config } from '../config.ts';
import type { OutputOptions } from './output.ts';

export interface CommonOptions extends OutputOptions {
  readonly config?: string;
}

/** Takes the exit code of a command that ended in order; 0 where it is not called. */
export type End = (exitCode: number) => void;

/** A new command under `parent`. Its settings are the parent's: what is wrong with a call is thrown, not printed. */
export function addCommand(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--config <file>', 'configuration file')
    .option('--json', 'one JSON document on stdout');
}

/** The configuration that the call names, or the one that holds anyway. Throws CONFIG_INVALID. */
export function configOf(options: CommonOptions): Config {
  return loadConfig({ env: processEnv(), ...(options.config === undefined ? {} : { file: resolve(options.config) }) });
}
