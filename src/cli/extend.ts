/** `zhiyin extend`: makes a sealed PDF verifiable for the years to come, or renews that. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { compose } from '../main.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions, End } from './command.ts';
import { print, printable } from './output.ts';
import { stopSignal } from './stop-signal.ts';

const EXIT_CODES = `
Adds what proves the certificates of all its signatures and a timestamp over all of it (PAdES B-LTA). Run again before the newest
timestamp's authority expires, it renews that. Needs \`timestamp\` and \`revocation\` in the configuration, and no key.
· 补入证书、吊销信息与文档时间戳，使印章长期可验；到期前再次运行即续期。无需印章密钥。

Exit codes: 0 it is B-LTA · 已达 B-LTA
            1 nothing was added · 未补入任何内容
            2 something was added, and something is missing still · 部分补入
           64 the command line is not valid · 命令用法有误
           65 the document carries no seal, or one that does not hold · 文档无印章或印章已失效`;

/** Something was reached, not all. */
const INCOMPLETE = 2;

export function addExtend(program: Command, end: End): void {
  addCommand(program, 'extend', 'make a sealed PDF verifiable for years to come · 延长印章的可验证期限')
    .argument('<file>', 'the sealed PDF')
    .argument('[out]', 'where the extended PDF goes; absent: in its place')
    .addHelpText('after', EXIT_CODES)
    .action(async (file: string, out: string | undefined, options: CommonOptions) => {
      end(await extend(file, out ?? file, options));
    });
}

async function extend(input: string, output: string, options: CommonOptions): Promise<number> {
  const settings = configOf(options);
  const stopped = stopSignal();
  const house = compose({ ...settings, reader: [] });
  try {
    const extended = await house.extending.extend({ input: resolve(input), output: resolve(output) }, stopped);
    print(options, extended, () => {
      const { level, bytes, sha256, warnings } = extended;
      const lines = [`extended · 已延长  ${printable(output)}  (${level}, ${bytes} bytes, sha256 ${sha256})`];
      for (const { message, messageZh } of warnings) lines.push(`note · 提示  ${message} · ${messageZh}`);
      return `${lines.join('\n')}\n`;
    });
    return extended.level === 'B-LTA' ? 0 : INCOMPLETE;
  } finally {
    await house.close();
  }
}
