import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../src/errors.ts';
import { openState } from '../src/state.ts';
import type { State } from '../src/state.ts';

let root: string;
let folder: string;
let state: State | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'zhiyin-state-'));
  folder = join(root, 'deep/state');
});
afterEach(() => {
  state?.close();
  state = undefined;
  rmSync(root, { recursive: true, force: true });
});

function reopen(): State {
  state?.close();
  state = undefined;
  state = openState(folder);
  return state;
}

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const addAgreement = (id: string, { database }: State): void => {
  database
    .prepare("INSERT INTO agreement (id, created_at, sha256, bytes, pages, stage) VALUES (?, '', '', 0, '[]', 'open')")
    .run(id);
};
const agreements = ({ database }: State): unknown[] => database.prepare('SELECT id FROM agreement').all();

test('token and sample key are made once and stay', () => {
  const first = reopen();
  const { token, sampleKey } = first;
  expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
  expect(readFileSync(first.tokenFile, 'utf8')).toBe(`${token}\n`);
  expect(sampleKey).toHaveLength(32);
  const second = reopen();
  expect(second.token).toBe(token);
  expect(Buffer.from(second.sampleKey).equals(sampleKey)).toBe(true);
  expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
});

test.skipIf(process.platform === 'win32')('nobody else can read it, even where the folder was open before', () => {
  reopen();
  chmodSync(folder, 0o755);
  const opened = reopen();
  addAgreement('a', opened); // so that the write-ahead log is there
  expect([folder, opened.uploads, opened.cache].map(mode)).toEqual(['700', '700', '700']);
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.map(({ name }) => name).toSorted()).toEqual([
    'sample.key',
    'token',
    'zhiyin.db',
    'zhiyin.db-shm',
    'zhiyin.db-wal',
  ]);
  expect(files.map(({ name }) => mode(join(folder, name)))).toEqual(files.map(() => '600'));
});

describe('a transaction', () => {
  test('is whole', () => {
    const opened = reopen();
    expect(opened.transaction(() => (addAgreement('a', opened), 7))).toBe(7);
    expect(agreements(reopen())).toHaveLength(1);
  });

  test('or not at all', () => {
    const opened = reopen();
    expect(() =>
      opened.transaction(() => {
        addAgreement('a', opened);
        throw new AppError('AGREEMENT_BUSY');
      }),
    ).toThrow('AGREEMENT_BUSY');
    expect(agreements(opened)).toEqual([]);
  });

  test('fails with a code when the database does, quoting no data', () => {
    const opened = reopen();
    addAgreement('MARKED', opened);
    expect(() => opened.transaction(() => addAgreement('MARKED', opened))).toThrow(
      /^STATE_UNUSABLE: the database: constraint/,
    );
    expect(agreements(opened)).toHaveLength(1);
  });
});

test('what is deleted is overwritten in every file once purged', () => {
  const opened = reopen();
  addAgreement('MARKED-AGREEMENT', opened);
  const holds = (): string[] =>
    readdirSync(folder).filter(
      (name) => name.startsWith('zhiyin.db') && readFileSync(join(folder, name)).includes('MARKED-AGREEMENT'),
    );
  expect(holds()).not.toEqual([]);
  opened.transaction(() => opened.database.exec('DELETE FROM agreement'));
  opened.purge();
  expect(holds()).toEqual([]);
});

describe('what cannot be used is said so', () => {
  test.each([
    ['token', 'short', /^STATE_UNUSABLE: .*token: not a token/],
    ['sample.key', 'short', /^STATE_UNUSABLE: .*sample\.key: expected 32 bytes, got 5/],
  ])('a damaged %s', (name, text, message) => {
    reopen().close();
    state = undefined;
    writeFileSync(join(folder, name), text);
    expect(() => openState(folder)).toThrow(message);
  });

  test('a damaged database', () => {
    reopen().close();
    state = undefined;
    writeFileSync(join(folder, 'zhiyin.db'), 'no database at all '.repeat(500));
    expect(() => openState(folder)).toThrow(/^STATE_UNUSABLE: .*not a database/);
  });

  test('a database of a newer version', () => {
    reopen().close();
    state = undefined;
    const database = new DatabaseSync(join(folder, 'zhiyin.db'));
    database.exec('PRAGMA user_version = 99');
    database.close();
    expect(() => openState(folder)).toThrow(/^STATE_UNUSABLE: the database is of version 99/);
  });

  test('a place where no folder can be', () => {
    writeFileSync(join(root, 'file'), '');
    expect(() => openState(join(root, 'file/state'))).toThrow(/^STATE_UNUSABLE: .*ENOTDIR/);
  });
});
