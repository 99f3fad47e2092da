/** `zhiyin seal`: one PDF, or every PDF of a folder, here and now, without a daemon. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { compose } from '../main.ts';
import type { House } from '../main.ts';
import { readPassphrase } from '../passphrase.ts';
import type { PagingEdge, Placement } from '../seal/seal-job.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions, End } from './command.ts';
import { print, printable } from './output.ts';
import { stopSignal } from './stop-signal.ts';

const EXIT_CODES = `
Of a folder every PDF in it, at any depth, is sealed into the other folder, under the same names. What is sealed there already with
this seal is skipped, so that a run that was interrupted can be run again; Ctrl-C ends it after the document under way.
· 目录：逐份用印，保持相对路径；已用印的自动跳过，可中断后重新运行；按 Ctrl-C 在当前文件完成后停止。

Exit codes: 0 all are sealed · 全部已用印
            1 it is refused, or one of a folder is, or the run was interrupted · 有文件未用印或已中断
           64 the command line is not valid · 命令用法有误`;

export function addSeal(program: Command, end: End): void {
  addCommand(program, 'seal', 'seal one PDF, or all of a folder · 对一份 PDF 或整个目录用印')
    .argument('<in>', 'PDF to seal, or a folder of them')
    .argument('<out>', 'where the sealed PDF goes; for a folder, the folder for the sealed ones')
    .requiredOption('--p12 <file>', 'PKCS#12 file of the seal')
    .requiredOption('--passphrase-file <file>', 'file whose first line is the passphrase')
    .option('--picture <file>', 'PNG of the seal, instead of the drawn one')
    .option('--at <page,xMm,yMm>', "centre of the seal, from the page's top left as seen")
    .option('--keyword <text>', 'centre of the seal on these words')
    .option('--occurrence <n>', 'which one, where the words stand more than once, from 1')
    .addOption(
      new Option('--paging [edge]', 'a paging seal across the edges of the pages, too').choices(['right', 'left']),
    )
    .option('--reason <text>', 'reason, written into the signature')
    .option('--replace', 'in a folder, replace other sealed documents of the same name, too')
    .addHelpText('after', EXIT_CODES)
    .action(async (input: string, output: string, options: SealOptions) => {
      end(await seal(input, output, options));
    });
}

interface SealOptions extends CommonOptions {
  readonly p12: string;
  readonly passphraseFile: string;
  readonly picture?: string;
  readonly at?: string;
  readonly keyword?: string;
  readonly occurrence?: string;
  readonly paging?: PagingEdge | true;
  readonly reason?: string;
  readonly replace?: boolean;
}

async function seal(input: string, output: string, options: SealOptions): Promise<number> {
  const placement = placementOf(options);
  const isFolder = (await stat(input).catch(() => null))?.isDirectory() === true;
  if (options.replace === true && !isFolder) throw new AppError('USAGE', '--replace goes with a folder');
  // Nothing half-written is left behind by who is interrupted.
  const stopped = stopSignal();
  const house = await openSeal(options);
  try {
    const { paging, reason } = options;
    const request = {
      input: resolve(input),
      output: resolve(output),
      placement,
      ...(paging === undefined ? {} : { paging }),
      ...(reason === undefined ? {} : { reason }),
    };
    if (isFolder) {
      // Only a folder has a progress bar, and every command would load it.
      const { sealFolder } = await import('./seal-folder.ts');
      const replace = options.replace === true;
      return await sealFolder(house.folders, { ...request, replace }, options, stopped);
    }
    const sealed = await house.files.seal(request, stopped);
    print(options, sealed, () => {
      const lines = [`sealed · 已用印  ${printable(output)}  (${sealed.bytes} bytes, sha256 ${sealed.sha256})`];
      for (const warning of sealed.warnings) lines.push(`note · 提示  ${warning.message} · ${warning.messageZh}`);
      return `${lines.join('\n')}\n`;
    });
    return 0;
  } finally {
    await house.close();
  }
}

/** A house without readers and with the seal of the call, unlocked. */
async function openSeal(options: SealOptions): Promise<House> {
  const settings = configOf(options);
  const passphrase = await readPassphrase(options.passphraseFile);
  const house = compose({
    ...settings,
    reader: [],
    seal: {
      ...settings.seal,
      p12: resolve(options.p12),
      ...(options.picture === undefined ? {} : { picture: resolve(options.picture) }),
    },
  });
  try {
    await house.keys.unlock(passphrase);
    return house;
  } catch (error) {
    await house.close();
    throw error;
  }
}

function placementOf(options: SealOptions): Placement | null {
  if (options.at !== undefined && options.keyword !== undefined) {
    throw new AppError('USAGE', '--at and --keyword exclude each other');
  }
  if (options.keyword !== undefined) {
    if (options.occurrence === undefined) return { keyword: options.keyword };
    const occurrence = Number(options.occurrence);
    if (!Number.isInteger(occurrence) || occurrence < 1) {
      throw new AppError('USAGE', `--occurrence: expected 1, 2, ..., got ${options.occurrence}`);
    }
    return { keyword: options.keyword, occurrence };
  }
  if (options.occurrence !== undefined) throw new AppError('USAGE', '--occurrence goes with --keyword');
  if (options.at === undefined) return null;
  const numbers = /^(\d{1,6}),(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(options.at)?.slice(1).map(Number);
  const [page, xMm, yMm] = numbers ?? [];
  if (page === undefined || xMm === undefined || yMm === undefined) {
    throw new AppError('USAGE', `--at: expected page,xMm,yMm such as 3,150,220, got ${options.at}`);
  }
  return { page, xMm, yMm };
}
