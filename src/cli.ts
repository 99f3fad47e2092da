/** The command line: text for people or one JSON document for programs. It decides nothing that a service decides. */
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import { encodePng } from './biometric/raster.ts';
import type { DaemonReader } from './daemon-client.ts';
import { readersOfDaemon } from './daemon-client.ts';
import { describeConfig, loadConfig, processEnv } from './config.ts';
import type { Config } from './config.ts';
import { AppError, isAppError, problemOf } from './errors.ts';
import type { Problem } from './errors.ts';
import type { CaptureEvent, Sample } from './reader/driver.ts';
import type { ReaderInfo } from './reader/reader-service.ts';
import type { Placement } from './seal/seal-job.ts';
import { askPassphrase, readPassphrase } from './passphrase.ts';
import { checkConfig, compose, composeReaders, composeVerifier, startDaemon, version } from './main.ts';
import type { Daemon } from './main.ts';
import { reportText } from './verify/report.ts';
import type { Verdict } from './verify/report.ts';

/** sysexits.h: the command was used wrongly; the input was no good. */
const EX_USAGE = 64;
const EX_DATAERR = 65;

const VERIFY_EXIT: Readonly<Record<Verdict, number>> = {
  VALID: 0,
  INVALID: 1,
  INDETERMINATE: 2,
  NO_SIGNATURE: 3,
  UNREADABLE: EX_DATAERR,
};

/** How often it is seen whether npm's shell is still there. */
const PARENT_WATCH_MS = 250;

interface Common {
  readonly config?: string;
  readonly json?: boolean;
}

/** Runs one command; resolves to the exit code. Never throws, never prints a stack. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const program = new Command('zhiyin')
    .description('指印: fingerprints and the seal onto agreements, and proof of it afterwards')
    .version(version)
    .exitOverride()
    // What is wrong is told by `fail`, in one line; commands under this one inherit the silence.
    .configureOutput({ writeErr: () => undefined });
  const command = (name: string, description: string, under = program): Command =>
    under
      .command(name)
      .description(description)
      .option('--config <file>', 'configuration file')
      .option('--json', 'one JSON document on stdout');

  command('serve', 'run the daemon · 启动服务').action(async (options: Common) => {
    exitCode = await serve(configOf(options), options.json === true);
  });

  command('seal', 'seal one PDF · 对一份 PDF 用印')
    .argument('<in>', 'PDF to seal')
    .argument('<out>', 'where the sealed PDF goes')
    .requiredOption('--p12 <file>', 'PKCS#12 file of the seal')
    .requiredOption('--passphrase-file <file>', 'file whose first line is the passphrase')
    .option('--picture <file>', 'PNG of the seal, instead of the drawn one')
    .option('--at <page,xMm,yMm>', "centre of the seal, from the page's top left as seen")
    .option('--keyword <text>', 'centre of the seal on these words')
    .option('--occurrence <n>', 'which one, where the words stand more than once, from 1')
    .option('--reason <text>', 'reason, written into the signature')
    .action(async (input: string, output: string, options: SealOptions) => {
      await seal(input, output, options);
    });

  command('verify', 'check a sealed PDF · 验证已用印的 PDF')
    .argument('[file]', 'PDF to check')
    .option('--trust <root...>', 'root certificates, PEM or DER')
    .action(async (named: string | undefined, options: Common & { readonly trust?: readonly string[] }) => {
      const { trust = [] } = options;
      // `--trust ROOT FILE`: a list of roots takes in the file that follows it.
      const file = named ?? (trust.length > 1 ? trust.at(-1) : undefined);
      if (file === undefined) throw new AppError('USAGE', "missing required argument 'file'");
      exitCode = await verify(file, named === undefined ? trust.slice(0, -1) : trust, options);
    });

  command('readers', 'list the fingerprint readers · 列出指纹采集器').action(async (options: Common) => {
    await readers(options);
  });

  command('capture', 'capture from a simulated reader · 用模拟采集器采集')
    .requiredOption('--out <dir>', 'folder for picture, record and template')
    .option('--reader <id>', 'which reader')
    .action(async (options: Common & { readonly out: string; readonly reader?: string }) => {
      await capture(options);
    });

  const config = program.command('config').description('the configuration · 配置');
  command('check', 'read the configuration and show what holds · 检查配置', config).action(async (options: Common) => {
    const settings = configOf(options);
    await checkConfig(settings);
    print(options, describeConfig(settings), (checked) => `OK · 配置无误\n${JSON.stringify(checked, null, 2)}\n`);
  });

  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return fail(error, args);
  }
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

/** Aborts at the first SIGINT or SIGTERM. */
function stopSignal(): AbortSignal {
  const stopped = new AbortController();
  // The handlers stay: a signal that comes twice, to a group and by a launcher, must not cut off what the first one ends in order.
  const stop = (): void => stopped.abort(new AppError('INTERRUPTED'));
  process.on('SIGINT', stop).on('SIGTERM', stop);
  if (processEnv()['npm_lifecycle_event'] !== undefined) stopWithParent(stop);
  return stopped.signal;
}

/**
 * npm passes its signals to the shell between us, which dies of them and tells nobody. What remains to be seen is that the parent is
 * another one.
 */
function stopWithParent(stop: () => void): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_WATCH_MS).unref();
}

interface SealOptions extends Common {
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

async function verify(file: string, trust: readonly string[], options: Common): Promise<number> {
  const settings = configOf(options);
  const roots = [...settings.trust.roots, ...trust.map((path) => resolve(path))];
  const verifier = composeVerifier({ ...settings, trust: { roots } });
  try {
    const report = await verifier.verifyFile(resolve(file), new AbortController().signal);
    print(options, report, reportText);
    return VERIFY_EXIT[report.verdict];
  } finally {
    await verifier.close();
  }
}

async function readers(options: Common): Promise<void> {
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

function viewOfReader({ error, ...reader }: ReaderInfo): DaemonReader {
  return error === undefined ? reader : { ...reader, error: problemOf(error) };
}

function readerLine({ id, name, link, state, error }: DaemonReader): string {
  const why = error === undefined ? '' : `  ${problemText(error)}`;
  return `${id}  ${name}  (${link}, ${state})${why}`;
}

async function capture(options: Common & { readonly out: string; readonly reader?: string }): Promise<void> {
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

function configOf(options: Common): Config {
  return loadConfig({ env: processEnv(), ...(options.config === undefined ? {} : { file: resolve(options.config) }) });
}

function print<T>(options: Common, value: T, text: (value: T) => string): void {
  process.stdout.write(options.json === true ? `${JSON.stringify(value, null, 2)}\n` : text(value));
}

/** One line on stderr, with --json the problem on stdout too; gives the exit code. */
function fail(error: unknown, args: readonly string[]): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
  const known =
    error instanceof CommanderError
      ? new AppError(
          'USAGE',
          error.code === 'commander.help' ? 'expected a command' : error.message.replace(/^error: /, ''),
        )
      : isAppError(error)
        ? error
        : new AppError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
  process.stderr.write(problemLine(known));
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify(problemOf(known), null, 2)}\n`);
  // `verify` speaks of the document by its exit codes; everything else that goes wrong with it is the call's fault.
  return known.code === 'USAGE' || args[0] === 'verify' ? EX_USAGE : 1;
}

/** All of a failure in one line, in both languages. */
function problemLine(error: AppError): string {
  return `${problemText(problemOf(error))}\n`;
}

function problemText({ code, title, titleZh, detail, remedy, remedyZh }: Problem): string {
  const more = detail === '' ? '' : ` (${detail.replaceAll(/\s+/g, ' ')})`;
  return `${code}: ${title} · ${titleZh}${more} — ${remedy} · ${remedyZh}`;
}
