import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { SealUse } from '../../src/ledger/ledger.ts';
import type { State } from '../../src/state.ts';
import { openState } from '../../src/state.ts';
import { temporaryFolder, temporaryState } from '../support/state.ts';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

function use(changes: Partial<SealUse> = {}): SealUse {
  return {
    time: new Date('2026-03-02T01:30:00.000Z'),
    hashBefore: sha('before'),
    hashAfter: sha('after'),
    certificate: sha('certificate'),
    idempotencyKey: 'key-1',
    requestHash: sha('request'),
    via: 'http',
    outcome: 'sealed',
    agreementId: 'a1',
    ...changes,
  };
}

/** A ledger with one record for each of `keys`. */
function ledgerOf(...keys: string[]): { ledger: Ledger; state: State; hashes: string[] } {
  const state = temporaryState();
  const ledger = new Ledger(state.database);
  const hashes = keys.map((idempotencyKey) => state.transaction(() => ledger.record(use({ idempotencyKey }))).hash);
  return { ledger, state, hashes };
}

/** What someone with the file and SQLite can do. */
function tamper(database: DatabaseSync, statements: string): void {
  database.exec(`DROP TRIGGER seal_use_is_not_changed; DROP TRIGGER seal_use_is_not_dropped; ${statements}`);
}

test('records are numbered from 1 and hash as documented', () => {
  const { ledger, state } = ledgerOf();
  expect(ledger.last()).toBeNull();
  const first = state.transaction(() => ledger.record(use()));
  expect(first).toEqual({
    n: 1,
    hash: sha(
      `["zhiyin-seal-use-1",1,"2026-03-02T01:30:00.000Z","${sha('before')}","${sha('after')}","${sha('certificate')}","key-1",` +
        `"${sha('request')}","http","sealed","a1","${'0'.repeat(64)}"]`,
    ),
  });
  const second = state.transaction(() =>
    ledger.record({
      time: new Date(0),
      hashBefore: sha('b'),
      hashAfter: sha('c'),
      certificate: sha('d'),
      via: 'cli',
      outcome: 'sealed',
    }),
  );
  expect(second).toEqual({
    n: 2,
    hash: sha(
      `["zhiyin-seal-use-1",2,"1970-01-01T00:00:00.000Z","${sha('b')}","${sha('c')}","${sha('d')}",null,null,"cli","sealed",null,"${first.hash}"]`,
    ),
  });
  expect(ledger.last()).toMatchObject({ n: 2, hash: second.hash, previousHash: first.hash, via: 'cli' });
  expect(ledger.verifyChain()).toEqual({ ok: true, records: 2 });
});

test('a level is hashed, and so is a document that was extended to it', () => {
  const { ledger, state } = ledgerOf();
  const sealed = state.transaction(() => ledger.record(use({ level: 'B-B' })));
  expect(sealed.hash).toBe(
    sha(
      `["zhiyin-seal-use-2",1,"2026-03-02T01:30:00.000Z","${sha('before')}","${sha('after')}","${sha('certificate')}","key-1",` +
        `"${sha('request')}","http","sealed","a1","${'0'.repeat(64)}","B-B"]`,
    ),
  );
  const extension = { time: new Date(0), hashBefore: sha('after'), hashAfter: sha('later'), via: 'queue' } as const;
  const extended = state.transaction(() =>
    ledger.record({ ...extension, outcome: 'extended', agreementId: 'a1', level: 'B-T' }),
  );
  expect(ledger.last()).toEqual({
    ...extension,
    n: 2,
    outcome: 'extended',
    agreementId: 'a1',
    level: 'B-T',
    previousHash: sealed.hash,
    hash: extended.hash,
  });
  expect(ledger.verifyChain()).toEqual({ ok: true, records: 2 });
  expect([sha('before'), sha('after'), sha('later')].map((hash) => ledger.knows(hash))).toEqual([false, true, true]);
  const nowhere = { ...extension, outcome: 'extended' } as const;
  expect(() => state.transaction(() => ledger.record(nowhere))).toThrow('STATE_UNUSABLE');
});

test('a record needs the transaction of what it records, and goes with it', () => {
  const { ledger, state } = ledgerOf();
  expect(() => ledger.record(use())).toThrow('transaction');
  expect(() =>
    state.transaction(() => {
      ledger.record(use());
      throw new Error('undone');
    }),
  ).toThrow('undone');
  expect(ledger.last()).toBeNull();
  expect(ledger.verifyChain()).toEqual({ ok: true, records: 0 });
});

describe('idempotency keys', () => {
  test('find the sealing that was done under them', () => {
    const { ledger } = ledgerOf('key-1', 'key-2');
    expect(ledger.byIdempotencyKey('key-2')).toMatchObject({ n: 2, requestHash: sha('request'), agreementId: 'a1' });
    expect(ledger.byIdempotencyKey('key-3')).toBeNull();
  });

  test('seal once only', () => {
    const { ledger, state } = ledgerOf('key-1');
    expect(() => state.transaction(() => ledger.record(use()))).toThrow('STATE_UNUSABLE');
    expect(ledger.verifyChain()).toEqual({ ok: true, records: 1 });
  });

  test('may have failed before', () => {
    const { ledger, state } = ledgerOf();
    state.transaction(() =>
      ledger.record({
        time: new Date(),
        hashBefore: sha('b'),
        idempotencyKey: 'key-1',
        via: 'http',
        outcome: 'failed',
      }),
    );
    expect(ledger.byIdempotencyKey('key-1')).toBeNull();
    state.transaction(() => ledger.record(use()));
    expect(ledger.byIdempotencyKey('key-1')?.n).toBe(2);
  });
});

describe('what was done to the table shows', () => {
  test('rows are only added', () => {
    const { state } = ledgerOf('a');
    expect(() => state.database.exec('UPDATE seal_use SET n = 5')).toThrow('append-only');
    expect(() => state.database.exec('DELETE FROM seal_use')).toThrow('append-only');
  });

  test.each([
    ['time', `'2026-03-02T01:30:00Z'`],
    ['time', `'never'`],
    ['hash_before', `'${sha('other')}'`],
    ['hash_after', `'${sha('other')}'`],
    ['certificate', `'${sha('other')}'`],
    ['idempotency_key', 'NULL'],
    ['request_hash', `'null'`],
    ['via', `'cli'`],
    ['agreement_id', `'a2'`],
    ['level', `'B-LTA'`],
    ['hash', `'${sha('other')}'`],
  ])('%s changed to %s', (column, value) => {
    const { ledger, state } = ledgerOf('a', 'b', 'c');
    tamper(state.database, `UPDATE seal_use SET ${column} = ${value} WHERE n = 2`);
    expect(ledger.verifyChain()).toEqual({ ok: false, n: 2, fault: 'changed' });
  });

  test.each([1, 2, 3])('record %i of three dropped', (n) => {
    const { ledger, state } = ledgerOf('a', 'b', 'c');
    tamper(state.database, `DELETE FROM seal_use WHERE n = ${n}`);
    expect(ledger.verifyChain()).toEqual({ ok: false, n, fault: 'missing' });
  });

  test('a record dropped and the rest renumbered', () => {
    const { ledger, state } = ledgerOf('a', 'b', 'c');
    tamper(state.database, 'DELETE FROM seal_use WHERE n = 2; UPDATE seal_use SET n = 2 WHERE n = 3');
    expect(ledger.verifyChain()).toEqual({ ok: false, n: 2, fault: 'misplaced' });
  });

  test('two records exchanged', () => {
    const { ledger, state } = ledgerOf('a', 'b', 'c');
    tamper(
      state.database,
      'UPDATE seal_use SET n = 9 WHERE n = 2; UPDATE seal_use SET n = 2 WHERE n = 3; UPDATE seal_use SET n = 3 WHERE n = 9',
    );
    expect(ledger.verifyChain()).toEqual({ ok: false, n: 2, fault: 'misplaced' });
  });

  test('the newest record dropped together with its number shows against an answer that was given', () => {
    const { ledger, state, hashes } = ledgerOf('a', 'b');
    tamper(state.database, 'DELETE FROM seal_use WHERE n = 2; UPDATE sqlite_sequence SET seq = 1');
    expect(ledger.verifyChain()).toEqual({ ok: true, records: 1 });
    expect(ledger.verifyChain({ n: 2, hash: hashes[1] ?? '' })).toEqual({ ok: false, n: 2, fault: 'missing' });
  });

  test('a chain made anew shows against an answer that was given', () => {
    const { ledger, state, hashes } = ledgerOf('a', 'b');
    tamper(state.database, 'DELETE FROM seal_use WHERE n = 2; UPDATE sqlite_sequence SET seq = 1');
    state.transaction(() => ledger.record(use({ idempotencyKey: 'forged' })));
    expect(ledger.verifyChain()).toEqual({ ok: true, records: 2 });
    expect(ledger.verifyChain({ n: 2, hash: hashes[1] ?? '' })).toEqual({ ok: false, n: 2, fault: 'changed' });
  });

  test.each([`'B-T'`, `'B-LTA'`, 'NULL'])('a level changed to %s', (level) => {
    const { ledger, state } = ledgerOf();
    for (const n of [1, 2]) state.transaction(() => ledger.record(use({ idempotencyKey: `${n}`, level: 'B-LT' })));
    tamper(state.database, `UPDATE seal_use SET level = ${level} WHERE n = 1`);
    expect(ledger.verifyChain()).toEqual({ ok: false, n: 1, fault: 'changed' });
  });

  test('any single change of any text in any record', () => {
    const columns = [
      'time',
      'hash_before',
      'hash_after',
      'certificate',
      'idempotency_key',
      'request_hash',
      'agreement_id',
      'previous_hash',
      'hash',
    ];
    const { ledger, state } = ledgerOf('a', 'b', 'c', 'd', 'e');
    tamper(state.database, '');
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(...columns),
        fc.string({ minLength: 1 }),
        (n, column, text) => {
          state.database.exec('BEGIN');
          try {
            const changed = state.database
              .prepare(`UPDATE OR IGNORE seal_use SET ${column} = ? WHERE n = ? AND ${column} IS NOT ?`)
              .run(text, n, text).changes;
            fc.pre(changed === 1);
            expect(ledger.verifyChain().ok).toBe(false);
          } finally {
            state.database.exec('ROLLBACK');
          }
        },
      ),
    );
    expect(ledger.verifyChain()).toEqual({ ok: true, records: 5 });
  });
});

/** The ledger's table as version 1 had it, with the three records that are found in `seal_use`. */
const VERSION_1 = `
  CREATE TABLE agreement (
    id TEXT PRIMARY KEY, created_at TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, pages TEXT NOT NULL,
    stage TEXT NOT NULL, number TEXT, kind TEXT, paper_original INTEGER NOT NULL DEFAULT 0, sealed_sha256 TEXT,
    sealed_bytes INTEGER, seal_answer TEXT
  ) STRICT;
  INSERT INTO agreement (id, created_at, sha256, bytes, pages, stage) VALUES ('a1', '', '', 1, '[]', 'sealed'), ('a2', '', '', 1, '[]', 'open');
  CREATE TABLE seal_use (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    hash_before TEXT NOT NULL,
    hash_after TEXT,
    certificate TEXT,
    idempotency_key TEXT,
    request_hash TEXT,
    via TEXT NOT NULL CHECK (via IN ('http', 'cli')),
    outcome TEXT NOT NULL CHECK (outcome IN ('sealed', 'failed')),
    agreement_id TEXT,
    previous_hash TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    CHECK ((outcome = 'sealed') = (hash_after IS NOT NULL AND certificate IS NOT NULL))
  ) STRICT;
  CREATE UNIQUE INDEX seal_use_once ON seal_use (idempotency_key) WHERE outcome = 'sealed';
  CREATE TRIGGER seal_use_is_not_changed BEFORE UPDATE ON seal_use BEGIN SELECT RAISE(ABORT, 'append-only'); END;
  CREATE TRIGGER seal_use_is_not_dropped BEFORE DELETE ON seal_use BEGIN SELECT RAISE(ABORT, 'append-only'); END;
  PRAGMA user_version = 1;
`;

/** A state folder whose database a program of version 1 left, with `records` in its ledger; `change` is done to it afterwards. */
function ofVersion1(records: number, change = ''): { ledger: Ledger; state: State; hashes: string[] } {
  const folder = join(temporaryFolder(), 'state');
  mkdirSync(folder);
  const database = new DatabaseSync(join(folder, 'zhiyin.db'));
  database.exec(VERSION_1);
  const hashes: string[] = [];
  for (let n = 1; n <= records; n++) {
    const values = [
      n,
      '2025-01-01T00:00:00.000Z',
      sha('b'),
      sha('a'),
      sha('c'),
      `key-${n}`,
      sha('r'),
      'http',
      'sealed',
      'a1',
    ];
    const all = [...values, hashes.at(-1) ?? '0'.repeat(64)];
    hashes.push(sha(JSON.stringify(['zhiyin-seal-use-1', ...all])));
    database.prepare(`INSERT INTO seal_use VALUES (${'?, '.repeat(11)}?)`).run(...all, hashes.at(-1) ?? '');
  }
  if (change !== '') tamper(database, change);
  database.close();
  const state = openState(folder);
  onTestFinished(() => state.close());
  return { ledger: new Ledger(state.database), state, hashes };
}

describe('a ledger of before there were levels', () => {
  test('verifies as it did, and goes on', () => {
    const { ledger, state, hashes } = ofVersion1(3);
    expect(ledger.verifyChain({ n: 3, hash: hashes[2] ?? '' })).toEqual({ ok: true, records: 3 });
    expect(ledger.last()).not.toHaveProperty('level');
    const next = state.transaction(() => ledger.record(use({ idempotencyKey: 'key-4', level: 'B-T' })));
    expect(next.n).toBe(4);
    expect(ledger.last()?.previousHash).toBe(hashes[2]);
    expect(ledger.byIdempotencyKey('key-2')?.n).toBe(2);
    expect(ledger.verifyChain()).toEqual({ ok: true, records: 4 });
    expect(() => state.database.exec('DELETE FROM seal_use')).toThrow('append-only');
    expect(() => state.database.exec('UPDATE seal_use SET n = 5')).toThrow('append-only');
    expect(state.database.prepare('SELECT id, level FROM agreement ORDER BY id').all()).toEqual([
      { id: 'a1', level: 'B-B' },
      { id: 'a2', level: null },
    ]);
  });

  test('keeps its count where it is empty, and where its newest record was dropped', () => {
    const empty = ofVersion1(0);
    expect(empty.state.transaction(() => empty.ledger.record(use({ level: 'B-B' }))).n).toBe(1);
    expect(ofVersion1(2, 'DELETE FROM seal_use WHERE n = 2').ledger.verifyChain()).toEqual({
      ok: false,
      n: 2,
      fault: 'missing',
    });
    expect(ofVersion1(2, 'DELETE FROM seal_use').ledger.verifyChain()).toEqual({ ok: false, n: 1, fault: 'missing' });
  });

  test('does not pass for one with levels', () => {
    const { ledger, state } = ofVersion1(2);
    tamper(state.database, `UPDATE seal_use SET level = 'B-LTA' WHERE n = 1`);
    expect(ledger.verifyChain()).toEqual({ ok: false, n: 1, fault: 'changed' });
  });
});
