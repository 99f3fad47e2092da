/** `zhiyin config check`: what holds, or what is wrong and where. */
import type { Command } from 'commander';
import { describeConfig } from '../config.ts';
import { checkConfig } from '../main.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions } from './command.ts';
import { print } from './output.ts';

export function addConfig(program: Command): void {
  const config = program.command('config').description('the configuration · 配置');
  addCommand(config, 'check', 'read the configuration and show what holds · 检查配置').action(check);
}

async function check(options: CommonOptions): Promise<void> {
  const settings = configOf(options);
  await checkConfig(settings);
  print(options, describeConfig(settings), (checked) => `OK · 配置无误\n${JSON.stringify(checked, null, 2)}\n`);
}
