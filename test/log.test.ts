import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../src/errors.ts';
import { createLog } from '../src/log.ts';
import type { LogFields, LogOptions, OpenLog } from '../src/log.ts';

let folder: string;
let opened: OpenLog[];
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'zhiyin-log-')), 'log');
  opened = [];
});
afterEach(async () => {
  await Promise.all(opened.map(({ close }) => close()));
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

async function openLog(options: Partial<LogOptions> = {}): Promise<OpenLog> {
  const log = await createLog({ folder, terminal: null, level: 'info', maxMegabytes: 1, files: 2, ...options });
  opened.push(log);
  return log;
}

function written(): string {
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
}

function lines(): Record<string, unknown>[] {
  return written()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a line is JSON with time, level, message and the fields', async () => {
  const { log } = await openLog();
  log.info({ method: 'GET', route: '/v1/captures/:id', status: 200, ms: 1.5, requestId: 'req-1' }, 'request');
  const [line] = lines();
  expect(line).toMatchObject({
    level: 'info',
    msg: 'request',
    method: 'GET',
    route: '/v1/captures/:id',
    status: 200,
    ms: 1.5,
    requestId: 'req-1',
  });
  expect(new Date(String(line?.['time'])).getTime()).toBeLessThanOrEqual(Date.now());
});

describe('what is not on the list does not get in', () => {
  test('members that the list does not have, whatever the caller believes', async () => {
    const { log } = await openLog();
    const careless = {
      agreementId: 'a1',
      name: 'MARKED-NAME',
      names: ['MARKED-NAME'],
      headers: { authorization: 'Bearer MARKED-TOKEN' },
      passphrase: 'MARKED-PASSPHRASE',
      png: 'MARKED-PNG',
      msg: 'MARKED-MESSAGE',
      err: new Error('MARKED-ERROR'),
      body: new TextEncoder().encode('MARKED-BODY'),
    } as LogFields;
    log.info(careless, 'careless');
    expect(lines()[0]).toMatchObject({ agreementId: 'a1', msg: 'careless' });
    expect(written()).not.toContain('MARKED');
  });

  test('values that do not look like what the member holds', async () => {
    const { log } = await openLog();
    log.info({ readerId: '甲某', route: '/v1/x?token=MARKED-TOKEN', code: 'MARKED NAME' }, 'x');
    log.info({ status: 'MARKED-NAME' } as unknown as LogFields, 'x');
    expect(lines()[0]).toMatchObject({ readerId: '[withheld]', route: '[withheld]', code: '[withheld]' });
    expect(written()).not.toMatch(/MARKED|甲/);
  });

  test('the message of a foreign error, which may quote what it was given; its place stays', async () => {
    const { log } = await openLog();
    const parse = (): unknown => JSON.parse('{"name": "MARKED-NAME') as unknown;
    let caught: unknown;
    try {
      parse();
    } catch (error) {
      caught = error;
    }
    log.error({ error: caught }, 'failed');
    log.error({ error: new TypeError('MARKED-NAME\n    at MARKED-NAME (x:1:1)') }, 'failed');
    log.error({ error: 'MARKED-NAME' }, 'failed');
    log.error({ error: Object.assign(new Error('x'), { name: 'MARKED NAME', code: 'MARKED CODE' }) }, 'failed');
    log.error(caught as LogFields, 'failed');
    const [line] = lines();
    expect(line?.['error']).toMatchObject({ name: 'SyntaxError' });
    expect(JSON.stringify(line)).toContain('log.test.ts');
    expect(written()).not.toContain('MARKED');
  });

  test('of our own errors code and detail are told, and of their causes the code', async () => {
    const { log } = await openLog();
    const cause = Object.assign(new Error('ENOSPC: no space, write MARKED-TEXT'), { code: 'ENOSPC' });
    log.warn({ error: new AppError('STATE_UNUSABLE', 'writing', { cause }) }, 'failed');
    expect(lines()[0]?.['error']).toMatchObject({
      name: 'AppError',
      code: 'STATE_UNUSABLE',
      detail: 'writing',
      cause: { name: 'Error', code: 'ENOSPC' },
    });
    expect(written()).not.toContain('MARKED');
  });
});

test('the level decides', async () => {
  const { log } = await openLog({ level: 'warn' });
  log.info({}, 'quiet');
  log.warn({}, 'loud');
  expect(lines().map(({ msg }) => msg)).toEqual(['loud']);
});

test('files roll over at their size, and the oldest go', async () => {
  const { log } = await openLog();
  const filler = 'x'.repeat(80);
  for (let n = 0; n < 20_000; n++) {
    log.info({ ledgerN: n, agreementId: filler, requestId: filler }, 'filling');
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(opened.map(({ close }) => close()));
  opened = [];
  const files = readdirSync(folder);
  expect(files.length).toBeGreaterThan(1);
  expect(files.length).toBeLessThanOrEqual(3);
  expect(lines().some(({ ledgerN }) => ledgerN === 0)).toBe(false);
  expect(lines().some(({ ledgerN }) => ledgerN === 19_999)).toBe(true);
});

test.skipIf(process.platform === 'win32')('no other user can read it', async () => {
  const { log } = await openLog();
  log.info({}, 'x');
  expect(readdirSync(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([0o600]);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test('a terminal gets readable lines', async () => {
  const terminal = new PassThrough();
  const { log } = await openLog({ folder: null, terminal });
  log.info({ readerId: 'window', error: new AppError('READER_REMOVED') }, 'reader gone');
  await new Promise((resolve) => setImmediate(resolve));
  const text = String(terminal.read());
  expect(text).toContain('reader gone');
  expect(text).toContain('window');
  expect(text).toContain('READER_REMOVED');
});

test('after closing lines are dropped, not thrown', async () => {
  const { log, close } = await openLog();
  await close();
  opened = [];
  log.info({}, 'late');
  expect(written()).toBe('');
});

test.each(['process.exit(3)', 'process.kill(process.pid, "SIGKILL")', 'throw new Error("down")'])(
  'the last line before %s is in the file',
  (end) => {
    const module = pathToFileURL(join(import.meta.dirname, '../src/log.ts')).href;
    const options = JSON.stringify({ folder, terminal: null, level: 'info', maxMegabytes: 1, files: 2 });
    const script = `const { createLog } = await import(${JSON.stringify(module)});
      const { log } = await createLog(${options});
      log.error({ code: 'INTERNAL' }, 'last words');
      ${end};`;
    spawnSync(process.execPath, ['--input-type=module', '-e', script]);
    expect(lines().map(({ msg }) => msg)).toEqual(['last words']);
  },
);
