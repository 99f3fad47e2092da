/** `zhiyin seal`: one PDF, or every PDF of a folder, here and now, without a daemon. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option } from 'commander';
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { compose } from '../main.ts';
import type { House } from '../main.ts';
import { readPassphrase } from '../passphrase.ts';
import type { Level } from '../seal/level.ts';
import type { ExpectedSeal, PagingEdge, Placement } from '../seal/seal-job.ts';
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
    .option('--picture <file>', 'PNG or SVG of the seal, instead of the drawn one')
    .option('--at <page,xMm,yMm>', "centre of the seal, from the page's top left as seen")
    .option('--keyword <text>', 'centre of the seal on these words')
    .option('--occurrence <n>', 'which one, where the words stand more than once, from 1')
    .option('--dx <mm>', 'so much to the right of the words')
    .option('--dy <mm>', 'so much below the words')
    .option('--field <name>', 'into this empty signature field')
    .option('--final', 'nothing may follow this seal but timestamps and proof of it')
    .option(
      '--expect <name=page,xMm,yMm>',
      'keep a signature field for a seal that is to follow; may be repeated',
      more,
    )
    .addOption(
      new Option('--paging [edge]', 'a paging seal across the edges of the pages, too').choices(['right', 'left']),
    )
    .option('--reason <text>', 'reason, written into the signature')
    .addOption(
      new Option('--level <level>', 'PAdES level; absent: as configured').choices(['B-B', 'B-T', 'B-LT', 'B-LTA']),
    )
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
  readonly dx?: string;
  readonly dy?: string;
  readonly field?: string;
  readonly final?: boolean;
  readonly expect?: readonly string[];
  readonly paging?: PagingEdge | true;
  readonly reason?: string;
  readonly level?: Level;
  readonly replace?: boolean;
}

async function seal(input: string, output: string, options: SealOptions): Promise<number> {
  const placement = placementOf(options);
  const expect = (options.expect ?? []).map(expectedOf);
  if (options.final === true && expect.length > 0)
    throw new AppError('USAGE', '--final and --expect exclude each other');
  const isFolder = (await stat(input).catch(() => null))?.isDirectory() === true;
  if (options.replace === true && !isFolder) throw new AppError('USAGE', '--replace goes with a folder');
  // Nothing half-written is left behind by who is interrupted.
  const stopped = stopSignal();
  const house = await openSeal(options);
  try {
    const { paging, reason, level } = options;
    const request = {
      input: resolve(input),
      output: resolve(output),
      placement,
      ...(paging === undefined ? {} : { paging }),
      ...(options.final === true ? { final: true } : {}),
      ...(expect.length === 0 ? {} : { expect }),
      ...(reason === undefined ? {} : { reason }),
      ...(level === undefined ? {} : { level }),
    };
    if (isFolder) {
      // Only a folder has a progress bar, and every command would load it.
      const { sealFolder } = await import('./seal-folder.ts');
      const replace = options.replace === true;
      return await sealFolder(house.folders, { ...request, replace }, options, stopped);
    }
    const sealed = await house.files.seal(request, stopped);
    print(options, sealed, () => {
      const { level: reached, bytes, sha256 } = sealed;
      const lines = [`sealed · 已用印  ${printable(output)}  (${reached}, ${bytes} bytes, sha256 ${sha256})`];
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

/** An option that may be given more than once. */
function more(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function placementOf(options: SealOptions): Placement | null {
  const { at, keyword, field, occurrence, dx, dy } = options;
  const given = Object.entries({ '--at': at, '--keyword': keyword, '--field': field });
  const [first, second] = given.filter(([, value]) => value !== undefined).map(([name]) => name);
  if (second !== undefined) throw new AppError('USAGE', `${first} and ${second} exclude each other`);
  for (const [name, value] of Object.entries({ '--occurrence': occurrence, '--dx': dx, '--dy': dy })) {
    if (value !== undefined && keyword === undefined) throw new AppError('USAGE', `${name} goes with --keyword`);
  }
  if (field !== undefined) return { field };
  if (at !== undefined) return spotOf('--at', at);
  if (keyword === undefined) return null;
  return {
    keyword,
    ...(occurrence === undefined ? {} : { occurrence: ordinalOf('--occurrence', occurrence) }),
    ...(dx === undefined ? {} : { dxMm: millimetresOf('--dx', dx) }),
    ...(dy === undefined ? {} : { dyMm: millimetresOf('--dy', dy) }),
  };
}

/** `NAME=page,xMm,yMm`; the name may hold further equals signs. */
function expectedOf(text: string): ExpectedSeal {
  const at = text.lastIndexOf('=');
  if (at < 1) throw new AppError('USAGE', `--expect: expected NAME=page,xMm,yMm, got ${text}`);
  return { name: text.slice(0, at), placement: spotOf('--expect', text.slice(at + 1)) };
}

function spotOf(option: string, text: string): { page: number; xMm: number; yMm: number } {
  const numbers = /^(\d{1,6}),(-?\d+(?:\.\d+)?),(-?\d+(?:\.\d+)?)$/.exec(text)?.slice(1).map(Number);
  const [page, xMm, yMm] = numbers ?? [];
  if (page === undefined || xMm === undefined || yMm === undefined) {
    throw new AppError('USAGE', `${option}: expected page,xMm,yMm such as 3,150,220, got ${text}`);
  }
  return { page, xMm, yMm };
}

function ordinalOf(option: string, text: string): number {
  const ordinal = Number(text);
  if (Number.isInteger(ordinal) && ordinal >= 1) return ordinal;
  throw new AppError('USAGE', `${option}: expected 1, 2, ..., got ${text}`);
}

function millimetresOf(option: string, text: string): number {
  if (/^-?\d{1,4}(?:\.\d+)?$/.test(text)) return Number(text);
  throw new AppError('USAGE', `${option}: expected millimetres such as -12.5, got ${text}`);
}
