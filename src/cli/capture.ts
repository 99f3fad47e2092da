/** `zhiyin capture`: a picture, a record and a template of a simulated finger, for who tries readers out. */
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { encodePng } from '../biometric/raster.ts';
import { AppError } from '../errors.ts';
import { composeReaders } from '../main.ts';
import type { CaptureEvent, Sample } from '../reader/driver.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions } from './command.ts';
import { print } from './output.ts';

interface CaptureOptions extends CommonOptions {
  readonly out: string;
  readonly reader?: string;
}

export function addCapture(program: Command): void {
  addCommand(program, 'capture', 'capture from a simulated reader · 用模拟采集器采集')
    .requiredOption('--out <dir>', 'folder for picture, record and template')
    .option('--reader <id>', 'which reader')
    .action(capture);
}

async function capture(options: CaptureOptions): Promise<void> {
  const readers = composeReaders(configOf(options));
  try {
    const folder = await makeFolder(resolve(options.out));
    await readers.refresh();
    const reader = readers.choose(options.reader);
    if (reader.link !== 'simulated') throw new AppError('READER_NOT_SIMULATED', `reader ${reader.id} is real hardware`);
    const sample = await lastSample(
      readers.capture(reader.id, { timeoutMs: 30_000, liftTimeoutMs: 5_000 }, new AbortController().signal),
    );
    const files = await writeSample(sample, folder);
    print(options, { reader: reader.id, files }, () => `${files.join('\n')}\n`);
  } finally {
    await readers.close();
  }
}

/** One folder deep: where its parent is missing, somebody has mistyped. */
async function makeFolder(path: string): Promise<string> {
  try {
    await mkdir(path);
  } catch (cause) {
    const there = await stat(path).catch(() => null);
    if (there?.isDirectory() !== true) throw new AppError('FILE_UNWRITABLE', path, { cause });
  }
  return path;
}

async function writeSample({ image, template }: Sample, folder: string): Promise<string[]> {
  const parts = [{ path: join(folder, 'print.png'), bytes: encodePng(image) }];
  if (template !== null) {
    const name = template.format === 'iso-19794-2' ? 'template.fmr' : 'template.bin';
    parts.push({ path: join(folder, name), bytes: template.bytes });
  }
  for (const { path, bytes } of parts) {
    await writeFile(path, bytes).catch((cause: unknown) => {
      throw new AppError('FILE_UNWRITABLE', path, { cause });
    });
  }
  return parts.map(({ path }) => path);
}

async function lastSample(events: AsyncIterable<CaptureEvent>): Promise<Sample> {
  let sample: Sample | undefined;
  for await (const event of events) if (event.kind === 'sample') sample = event.sample;
  if (sample === undefined) throw new AppError('INTERNAL', 'the capture ended without a sample');
  return sample;
}
