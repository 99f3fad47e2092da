/** `zhiyin seal`: one PDF, here and now, without a daemon. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { compose } from '../main.ts';
import { readPassphrase } from '../passphrase.ts';
import type { Placement } from '../seal/seal-job.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions } from './command.ts';
import { print } from './output.ts';
import { stopSignal } from './stop-signal.ts';

export function addSeal(program: Command): void {
  addCommand(program, 'seal', 'seal one PDF · 对一份 PDF 用印')
    .argument('<in>', 'PDF to seal')
    .argument('<out>', 'where the sealed PDF goes')
    .requiredOption('--p12 <file>', 'PKCS#12 file of the seal')
    .requiredOption('--passphrase-file <file>', 'file whose first line is the passphrase')
    .option('--picture <file>', 'PNG of the seal, instead of the drawn one')
    .option('--at <page,xMm,yMm>', "centre of the seal, from the page's top left as seen")
    .option('--keyword <text>', 'centre of the seal on these words')
    .option('--occurrence <n>', 'which one, where the words stand more than once, from 1')
    .option('--reason <text>', 'reason, written into the signature')
    .action(seal);
}

interface SealOptions extends CommonOptions {
  readonly p12: string;
  readonly passphraseFile: string;
  readonly picture?: string;
  readonly at?: string;
  readonly keyword?: string;
  readonly occurrence?: string;
  readonly reason?: string;
}

async function seal(input: string, output: string, options: SealOptions): Promise<void> {
  const placement = placementOf(options);
  const settings = configOf(options);
  const passphrase = await readPassphrase(options.passphraseFile);
  // A half-written copy is not left behind by who is interrupted.
  const stopped = stopSignal();
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
    const sealed = await house.files.seal(
      {
        input: resolve(input),
        output: resolve(output),
        placement,
        ...(options.reason === undefined ? {} : { reason: options.reason }),
      },
      stopped,
    );
    print(options, sealed, () => {
      const lines = [`sealed · 已用印  ${output}  (${sealed.bytes} bytes, sha256 ${sealed.sha256})`];
      for (const warning of sealed.warnings) lines.push(`note · 提示  ${warning.message} · ${warning.messageZh}`);
      return `${lines.join('\n')}\n`;
    });
  } finally {
    await house.close();
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
