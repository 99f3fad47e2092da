/**
 * What sealing, capturing and starting cost, beside what they must cost, in one run: `npm run bench`, `-- --json` for programs.
 * Ratios hold from machine to machine; milliseconds do not.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { drivers } from '../drivers/index.ts';
import { systemClock } from '../src/clock.ts';
import { loadConfig } from '../src/config.ts';
import { packagePath } from '../src/package.ts';
import type { Link } from '../src/reader/driver.ts';
import type { LinkSource } from '../src/reader/link-source.ts';
import { ReaderService } from '../src/reader/reader-service.ts';
import { simulatedLinks } from '../src/reader/simulated-link.ts';
import { simulatorFixtures } from '../src/reader/simulator-fixtures.ts';
import type { SealFigures } from './bench/seal-case.ts';
import { openHttpCase } from './bench/http-case.ts';
import { makeLargePdf, makeLongPdf } from './bench/make-large-pdf.ts';
import { makePki } from './make-pki.ts';

interface Row {
  readonly what: string;
  readonly limitMs?: number;
  readonly ms: number;
  readonly ratio?: number;
  readonly fsyncMs?: number;
  readonly checkMs?: number;
  readonly overIdleMb?: number;
  readonly note?: string;
}

const folder = packagePath('.bench');
const run = promisify(execFile);
const AGREEMENT = packagePath('fixtures/agreements/three-parties.pdf');
const json = process.argv.includes('--json');

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await makePki(join(folder, 'pki'), { committeeName: '示例市示例镇示例村人民调解委员会', passphrase: 'TEST' });
await copyFile(AGREEMENT, join(folder, 'small.pdf'));
await makeLargePdf(join(folder, '20.pdf'), 20);
await makeLargePdf(join(folder, '100.pdf'), 100);
const PAGES = [1, 10, 100, 1000];
const REVISIONS = [5, 20];
for (const pages of PAGES) await makeLongPdf(join(folder, `pages-${pages}.pdf`), pages, 1);
for (const revisions of REVISIONS) await makeLongPdf(join(folder, `revisions-${revisions}.pdf`), 3, revisions);

const rows: Row[] = [];
try {
  const coordinates = { page: 1, xMm: 105, yMm: 200 };
  rows.push(await sealing('seal at coordinates, 3 pages', 'small.pdf', coordinates));
  rows.push(await sealing('seal at coordinates, 20 MB', '20.pdf', coordinates));
  rows.push(await sealing('seal at coordinates, 100 MB', '100.pdf', coordinates));
  for (const pages of PAGES) {
    rows.push(await sealing(`seal at coordinates, ${pages} pages of text`, `pages-${pages}.pdf`, coordinates));
  }
  for (const revisions of REVISIONS) {
    rows.push(await sealing(`seal at coordinates, ${revisions} revisions`, `revisions-${revisions}.pdf`, coordinates));
  }
  rows.push(await sealing('seal astride the date (keyword search), 3 pages', 'small.pdf', null));
  rows.push(await enduring());
  rows.push(...(await serving()));
  for (const baud of [57600, 115200]) rows.push(await capturing(baud));
  rows.push(...(await starting()));
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.stdout.write(json ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));

async function sealCase(file: string, placement: unknown, rounds?: number): Promise<SealFigures> {
  const script = packagePath('scripts/bench/seal-case.ts');
  const more = rounds === undefined ? [] : [String(rounds)];
  const args = ['--expose-gc', script, folder, join(folder, file), JSON.stringify(placement), ...more];
  const { stdout } = await run(process.execPath, args);
  return JSON.parse(stdout) as SealFigures;
}

async function sealing(what: string, file: string, placement: unknown): Promise<Row> {
  const { limitMs, sealMs, fsyncMs, checkMs, idleMb, peakMb } = await sealCase(file, placement);
  return {
    what,
    limitMs,
    ms: sealMs,
    ratio: sealMs / limitMs,
    fsyncMs,
    checkMs,
    overIdleMb: Math.max(0, peakMb - idleMb),
    note: `idle ${idleMb.toFixed(0)} MB`,
  };
}

/** Whether anything gathers. */
async function enduring(): Promise<Row> {
  const { sealMs, idleMb, endMb, peakMb } = await sealCase('small.pdf', { page: 1, xMm: 105, yMm: 200 }, 1000);
  const grown = endMb - idleMb;
  return {
    what: '1,000 seals in a row, 3 pages',
    ms: sealMs,
    overIdleMb: Math.max(0, peakMb - idleMb),
    note: `${grown.toFixed(0)} MB more after them than before`,
  };
}

/** Over the port: the upload was hashed as it came in, so that the seal's answer takes as long at every size. */
async function serving(): Promise<Row[]> {
  const config = { storage: { folder: 'http-state' }, limits: { requestsPerMinute: 1_000_000 } };
  await writeFile(join(folder, 'http.json'), JSON.stringify(config));
  const rows: Row[] = [];
  for (const [what, file] of [
    ['3 pages', 'small.pdf'],
    ['20 MB', '20.pdf'],
    ['100 MB', '100.pdf'],
  ] as const) {
    await using daemon = await openHttpCase(folder);
    const { sealMs, fsyncMs, downloadMs, idleMb, peakMb } = await daemon.measure(join(folder, file));
    rows.push({
      what: `POST .../seal, ${what}`,
      ms: sealMs,
      fsyncMs,
      checkMs: downloadMs,
      overIdleMb: Math.max(0, peakMb - idleMb),
      note: `full read with the first download; upload, seal and download over idle ${idleMb.toFixed(0)} MB`,
    });
  }
  return rows;
}

/** One capture over the paced simulated link; its limit is the time that the bytes themselves take, both ways, at 8N1. */
async function capturing(baud: number): Promise<Row> {
  const file = join(folder, 'reader.json');
  await writeFile(file, JSON.stringify({ reader: { baud, simulated: { device: 'as608', paced: true } } }));
  const { reader: readers } = loadConfig({ file, env: {} });
  const clock = systemClock;
  const fixtures = simulatorFixtures(packagePath('fixtures'));
  const describe: typeof fixtures.describe = (device) => ({ ...fixtures.describe(device), baud });
  const simulated = simulatedLinks({ readers, drivers, clock, ...fixtures, describe });
  const { source, crossed } = counting(simulated);
  const log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
  const links = { serial: source, hid: source, simulated: source };
  const service = new ReaderService({ drivers, readers, clock, links, log });
  await service.refresh();
  const before = crossed();
  const start = performance.now();
  const options = { timeoutMs: 10_000, liftTimeoutMs: 5_000 };
  for await (const _ of service.capture(undefined, options, new AbortController().signal));
  const ms = performance.now() - start;
  const limitMs = ((crossed() - before) * 10_000) / baud;
  await service.close();
  return { what: `capture at ${baud} baud`, limitMs, ms, ratio: ms / limitMs, note: 'image, template, finger lifted' };
}

function counting(source: LinkSource): { source: LinkSource; crossed: () => number } {
  let bytes = 0;
  const counted = (link: Link): Link => ({
    kind: link.kind,
    async read(signal) {
      const chunk = await link.read(signal);
      bytes += chunk.length;
      return chunk;
    },
    async write(chunk, signal) {
      bytes += chunk.length;
      await link.write(chunk, signal);
    },
    drain: () => link.drain(),
    close: () => link.close(),
  });
  return {
    source: {
      list: (paths, signal) => source.list(paths, signal),
      open: async (device, config, signal) => counted(await source.open(device, config, signal)),
      close: () => source.close(),
    },
    crossed: () => bytes,
  };
}

async function starting(): Promise<Row[]> {
  const config = join(folder, 'daemon.json');
  await writeFile(config, JSON.stringify({ listen: { port: 0 }, storage: { folder: 'state' } }));
  const times: number[] = [];
  let idleMb = Number.NaN;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    const child = spawn(process.execPath, [packagePath('src/bin.ts'), 'serve', '--config', config, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    await (await fetch(`${(JSON.parse(line) as { url: string }).url}/health`)).text();
    if (i > 0) times.push(performance.now() - start);
    if (process.platform === 'linux') {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      idleMb = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024;
    }
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  const ms = times.toSorted((a, b) => a - b)[1] ?? Number.NaN;
  return [{ what: 'start to first answer', ms, note: `daemon’s RSS ${idleMb.toFixed(0)} MB` }];
}

function table(lines: readonly Row[]): string {
  const head = ['', 'limit ms', 'ms', 'ratio', '+ fsync', '+ full read', 'peak over idle', ''];
  const cell = (value: number | undefined, digits: number, unit = ''): string =>
    value === undefined ? '' : `${value.toFixed(digits)}${unit}`;
  const body = lines.map((row) => [
    row.what,
    cell(row.limitMs, 1),
    cell(row.ms, 1),
    cell(row.ratio, 2),
    cell(row.fsyncMs, 1),
    cell(row.checkMs, 1),
    cell(row.overIdleMb, 0, ' MB'),
    row.note ?? '',
  ]);
  const widths = head.map((_, column) => Math.max(...[head, ...body].map((cells) => (cells[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0)))
      .join('  ');
  return `${[head, ...body].map(line).join('\n')}\n`;
}
