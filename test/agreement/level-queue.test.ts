import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { Level } from '../../src/seal/level.ts';
import { DOCUMENT, OFFLINE, SEALED_SUFFIX, added, marked, openHouse, sha256 } from '../support/agreement-house.ts';
import type { House } from '../support/agreement-house.ts';
import { settle } from '../support/clock.ts';
import { temporaryState } from '../support/state.ts';

const MINUTE = 60_000;
const SEALED = Buffer.concat([DOCUMENT, Buffer.from(SEALED_SUFFIX)]);
const withLevel = (...levels: Level[]): Buffer =>
  Buffer.concat([SEALED, ...levels.map((level) => Buffer.from(added(level)))]);
const stored = ({ state }: House, id: string): Buffer => readFileSync(join(state.uploads, `${id}.pdf`));

function offline(house: House, highest: Level = 'B-B', problem = OFFLINE): void {
  house.sealer.authorities = { up: false, highest, problem };
}

function online(house: House): void {
  house.sealer.authorities = { up: true };
}

/** An agreement that was sealed while nobody could be reached. */
async function sealedOffline(house: House, key: string, level: Level = 'B-T'): Promise<string> {
  offline(house);
  const { id } = await marked(house);
  await house.agreements.seal(id, { level }, key);
  return id;
}

const minutes = async (house: House, count: number): Promise<void> => {
  for (let i = 0; i < count; i++) {
    await house.clock.advance(MINUTE);
    await settled(house);
  }
};

/** The queue's work is files: it is done when it sleeps again, or when nothing is left that it would wake for. */
async function settled({ clock, state }: House): Promise<void> {
  const awake = async (): Promise<number> => {
    await settle();
    const pending = state.database.prepare('SELECT count(*) AS n FROM pending_level').get()?.['n'];
    return (Number(pending) > 0 ? 2 : 1) - clock.sleeping;
  };
  await expect.poll(awake, { interval: 1 }).toBe(0);
}

describe('a level that is reached at once', () => {
  test('is told and on record, and nothing waits', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const answer = await house.agreements.seal(id, { level: 'B-LTA' }, 'key-1');
    expect(answer).toMatchObject({ level: 'B-LTA', warnings: [] });
    expect(house.sealer.jobs[0]).toMatchObject({ level: 'B-LTA' });
    expect(house.ledger.last()).toMatchObject({ outcome: 'sealed', level: 'B-LTA' });
    expect(house.agreements.get(id)).toMatchObject({ state: 'sealed', level: 'B-LTA' });
    expect(house.agreements.get(id)).not.toHaveProperty('pendingLevel');
    await minutes(house, 3);
    expect(house.sealer.extensions).toEqual([]);
  });

  test('is the configured one where nobody asks for another', async () => {
    const house = await openHouse();
    house.sealer.levels = { preset: 'B-T', available: ['B-B', 'B-T'] };
    const [first, second] = [await marked(house), await marked(house)];
    expect(await house.agreements.seal(first.id, {}, 'key-1')).toMatchObject({ level: 'B-T' });
    expect(await house.agreements.seal(second.id, { level: 'B-B' }, 'key-2')).toMatchObject({ level: 'B-B' });
    const third = await marked(house);
    await expect(house.agreements.seal(third.id, { level: 'B-LT' }, 'key-3')).rejects.toMatchObject({
      code: 'SEAL_LEVEL_UNSUPPORTED',
      detail: 'level: expected one of B-B, B-T, got B-LT',
    });
    expect(house.agreements.get(third.id).state).toBe('marked');
  });
});

describe('a level that cannot be reached', () => {
  test('does not keep the seal off: it is sealed as high as it goes, says so, and waits', async () => {
    const house = await openHouse();
    offline(house);
    const { id } = await marked(house);
    const answer = await house.agreements.seal(id, { level: 'B-LTA' }, 'key-1');
    expect(answer).toMatchObject({
      level: 'B-B',
      sha256: sha256(SEALED),
      warnings: [
        {
          code: 'LEVEL_NOT_REACHED',
          message: expect.stringContaining(
            'Sealed as B-B, not B-LTA: the timestamp authority cannot be reached',
          ) as string,
          messageZh: expect.stringContaining('已按 B-B 用印，未达到 B-LTA：无法连接时间戳服务') as string,
        },
      ],
    });
    expect(house.ledger.last()).toMatchObject({ outcome: 'sealed', level: 'B-B' });
    expect(house.agreements.get(id)).toMatchObject({
      state: 'sealed',
      level: 'B-B',
      pendingLevel: {
        level: 'B-LTA',
        since: '2026-03-02T01:30:00.000Z',
        attempts: 1,
        nextAttemptAt: '2026-03-02T01:31:00.000Z',
        problem: { code: 'TIMESTAMP_UNREACHABLE', status: 503, detail: '' },
      },
    });
  });

  test('is reached when the network is back: the document grows, and the ledger tells of it', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    online(house);
    await minutes(house, 1);
    const extended = withLevel('B-T');
    expect(house.agreements.get(id)).toMatchObject({ level: 'B-T', sha256: sha256(extended), bytes: extended.length });
    expect(house.agreements.get(id)).not.toHaveProperty('pendingLevel');
    expect(house.ledger.last()).toMatchObject({
      n: 2,
      outcome: 'extended',
      via: 'queue',
      level: 'B-T',
      hashBefore: sha256(SEALED),
      hashAfter: sha256(extended),
      agreementId: id,
    });
    expect(house.ledger.last()).not.toHaveProperty('certificate');
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 2 });
    const document = await house.agreements.document(id);
    expect(document).toMatchObject({ bytes: extended.length, sha256: sha256(extended) });
    expect(readFileSync(document.path).equals(extended)).toBe(true);
  });

  test('does not change the answer to the request that sealed, whose bytes are the beginning of the document', async () => {
    const house = await openHouse();
    offline(house);
    const { id } = await marked(house);
    const first = await house.agreements.seal(id, { level: 'B-T' }, 'key-1');
    online(house);
    await minutes(house, 1);
    expect(house.agreements.get(id).level).toBe('B-T');
    expect(JSON.stringify(await house.agreements.seal(id, { level: 'B-T' }, 'key-1'))).toBe(JSON.stringify(first));
    expect(sha256(stored(house, id).subarray(0, first.bytes))).toBe(first.sha256);
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 2 });
  });

  test('is not tried over and over while nothing can be written down', async () => {
    const state = temporaryState();
    let full = false;
    const house = await openHouse({
      state: {
        ...state,
        transaction(work) {
          if (full) throw new AppError('STATE_UNUSABLE', 'the database: database or disk is full');
          return state.transaction(work);
        },
      },
    });
    const id = await sealedOffline(house, 'key-1');
    online(house);
    full = true;
    await minutes(house, 9);
    expect(house.sealer.extensions).toHaveLength(1);
    expect(stored(house, id).equals(SEALED)).toBe(true);
    full = false;
    await minutes(house, 2);
    expect(house.agreements.get(id).level).toBe('B-T');
  });

  test('is tried again with growing waits, for as long as it takes', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    const tries: number[] = [];
    for (let minute = 1; minute <= 200; minute++) {
      const before = house.sealer.extensions.length;
      await minutes(house, 1);
      if (house.sealer.extensions.length > before) tries.push(minute);
    }
    expect(tries).toEqual([1, 2, 4, 8, 16, 32, 64, 124, 184]);
    expect(house.agreements.get(id).pendingLevel).toMatchObject({ attempts: 10, since: '2026-03-02T01:30:00.000Z' });
    expect(house.agreements.get(id).level).toBe('B-B');
    expect(stored(house, id).equals(SEALED)).toBe(true);
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 1 });
  });

  test('is reached in part where only one of the authorities answers', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1', 'B-LTA');
    const silent = new AppError('REVOCATION_UNREACHABLE', 'http://ca.example: ECONNREFUSED');
    offline(house, 'B-T', silent);
    await minutes(house, 1);
    expect(house.agreements.get(id)).toMatchObject({
      level: 'B-T',
      pendingLevel: { level: 'B-LTA', problem: { code: 'REVOCATION_UNREACHABLE' } },
    });
    expect(house.ledger.last()).toMatchObject({ n: 2, level: 'B-T' });
    online(house);
    await minutes(house, 3);
    expect(house.sealer.extensions.at(-1)).toMatchObject({
      from: 'B-T',
      to: 'B-LTA',
      sha256: sha256(withLevel('B-T')),
    });
    expect(house.agreements.get(id)).toMatchObject({ level: 'B-LTA', sha256: sha256(withLevel('B-T', 'B-LTA')) });
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 3 });
  });
});

test('deletion waits for an extension that cannot stop any more', async () => {
  const house = await openHouse();
  const id = await sealedOffline(house, 'key-1');
  online(house);
  const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  house.sealer.beforeExtended = () => {
    entered.resolve();
    return gate.promise;
  };
  const advanced = house.clock.advance(MINUTE);
  await entered.promise;
  const deleting = house.agreements.delete(id);
  await settle();
  expect(house.agreements.get(id).state).toBe('sealed');
  gate.resolve();
  await deleting;
  await advanced;
  expect(() => house.agreements.get(id)).toThrow('AGREEMENT_NOT_FOUND');
  expect(() => stored(house, id)).toThrow('ENOENT');
  expect(house.ledger.verifyChain().ok).toBe(true);
});

test.each([
  ['the document takes no more', 'PDF_SIGNED_LOCKED'],
  ['the seal was revoked', 'SEAL_REVOKED'],
] as const)('a level that will never be reached, since %s, is not waited for', async (_, code) => {
  const house = await openHouse();
  offline(house, 'B-B', new AppError(code));
  const { id } = await marked(house);
  const answer = await house.agreements.seal(id, { level: 'B-LT' }, 'key-1');
  expect(answer.warnings[0]?.message).toContain('this document cannot have more');
  expect(house.agreements.get(id)).not.toHaveProperty('pendingLevel');

  const later = await sealedOffline(house, 'key-2', 'B-LT');
  offline(house, 'B-B', new AppError(code));
  await minutes(house, 1);
  expect(house.sealer.extensions).toHaveLength(1);
  expect(house.agreements.get(later).level).toBe('B-B');
  expect(house.agreements.get(later)).not.toHaveProperty('pendingLevel');
});

describe('several that wait', () => {
  test('are tried one at a time, and not each for itself while nobody answers', async () => {
    const house = await openHouse();
    const ids = [];
    for (const key of ['a', 'b', 'c']) ids.push(await sealedOffline(house, key));
    await minutes(house, 7);
    expect(house.sealer.extensions).toHaveLength(3); // after 1, 2 and 4 minutes
    online(house);
    let running = 0;
    house.sealer.beforeExtended = async () => {
      running += 1;
      await settle();
      expect(running).toBe(1);
      running -= 1;
    };
    await minutes(house, 1);
    expect(ids.map((id) => house.agreements.get(id).level)).toEqual(['B-T', 'B-T', 'B-T']);
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 6 });
  });

  test('are tried as soon as another seal is stamped', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    await minutes(house, 5);
    online(house);
    const { id: other } = await marked(house);
    await house.agreements.seal(other, { level: 'B-T' }, 'key-2');
    await settled(house);
    expect(house.agreements.get(id).level).toBe('B-T');
  });

  test('do not wait for one whose document is at fault', async () => {
    const house = await openHouse();
    const [bad, good] = [await sealedOffline(house, 'key-1'), await sealedOffline(house, 'key-2')];
    const path = join(house.state.uploads, `${bad}.pdf`);
    const bytes = readFileSync(path);
    bytes[0] = 0x58;
    writeFileSync(path, bytes);
    online(house);
    await minutes(house, 2);
    expect(house.agreements.get(good).level).toBe('B-T');
    expect(house.agreements.get(bad)).toMatchObject({
      level: 'B-B',
      pendingLevel: { problem: { code: 'STATE_UNUSABLE' } },
    });
  });
});

describe('a restart', () => {
  test('loses nothing that waits, and tries it at once', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1', 'B-LT');
    await minutes(house, 50);
    await house.close();
    const again = await openHouse({ state: house.state, clock: house.clock });
    await settled(again);
    expect(again.sealer.extensions).toMatchObject([{ from: 'B-B', to: 'B-LT' }]);
    expect(again.agreements.get(id).level).toBe('B-LT');
  });

  test('cuts back what a crash left half-written', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    await house.close();
    appendFileSync(join(house.state.uploads, `${id}.pdf`), 'TO B');
    const again = await openHouse({ state: house.state, clock: house.clock });
    await settled(again);
    expect(stored(again, id).equals(withLevel('B-T'))).toBe(true);
  });

  test('is not held up by an authority that is slow: a daemon that stops does not wait for it', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    online(house);
    const entered = Promise.withResolvers<void>();
    house.sealer.beforeExtended = (signal) => {
      entered.resolve();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    const advanced = house.clock.advance(MINUTE);
    await entered.promise;
    await house.close();
    await advanced;
    expect(stored(house, id).equals(SEALED)).toBe(true);
    expect(house.agreements.get(id)).toMatchObject({ level: 'B-B', pendingLevel: { attempts: 1 } });
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 1 });
  });

  test('keeps a clock that was set back from making it wait for days', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    await house.close();
    house.clock.set('2020-01-01T00:00:00Z');
    const again = await openHouse({ state: house.state, clock: house.clock });
    await settled(again);
    expect(again.agreements.get(id).level).toBe('B-T');
  });
});

describe('deletion', () => {
  test('takes what waits with it', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    await house.agreements.delete(id);
    online(house);
    await minutes(house, 3);
    expect(house.sealer.extensions).toEqual([]);
    expect(house.state.database.prepare('SELECT * FROM pending_level').all()).toEqual([]);
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 1 });
  });

  test('ends an extension that is under way, and nothing of it stays', async () => {
    const house = await openHouse();
    const id = await sealedOffline(house, 'key-1');
    await house.clock.advance(1000);
    const other = await sealedOffline(house, 'key-2');
    online(house);
    const entered = Promise.withResolvers<void>();
    house.sealer.beforeExtended = (signal) => {
      house.sealer.beforeExtended = () => {};
      entered.resolve();
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      });
    };
    const advanced = house.clock.advance(MINUTE);
    await entered.promise;
    await house.agreements.delete(id);
    await advanced;
    await minutes(house, 1);
    expect(() => house.agreements.get(id)).toThrow('AGREEMENT_NOT_FOUND');
    expect(() => stored(house, id)).toThrow('ENOENT');
    expect(house.agreements.get(other).level).toBe('B-T');
    expect(house.ledger.last()).toMatchObject({ n: 3, outcome: 'extended', agreementId: other });
  });
});

test('what cannot be written down is not handed out, and is tried again', async () => {
  const state = temporaryState();
  let full = false;
  const house = await openHouse({
    state: {
      ...state,
      transaction(work) {
        if (full) throw new AppError('STATE_UNUSABLE', 'the database: database or disk is full');
        return state.transaction(work);
      },
    },
  });
  const id = await sealedOffline(house, 'key-1');
  online(house);
  house.sealer.beforeExtended = () => {
    full = true;
  };
  await minutes(house, 1);
  expect(stored(house, id).equals(SEALED)).toBe(true);
  expect(house.agreements.get(id).level).toBe('B-B');
  expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 1 });
  full = false;
  house.sealer.beforeExtended = () => {};
  await minutes(house, 10);
  expect(house.agreements.get(id).level).toBe('B-T');
  expect(stored(house, id).equals(withLevel('B-T'))).toBe(true);
});

test('an extended document that fails its check does not take the sealed one’s place', async () => {
  let fails = true;
  const house = await openHouse({
    check: (path) => {
      expect(readFileSync(path).equals(withLevel('B-T'))).toBe(true);
      return fails ? Promise.reject(new AppError('SEAL_SELF_CHECK')) : Promise.resolve();
    },
  });
  const id = await sealedOffline(house, 'key-1');
  online(house);
  await minutes(house, 1);
  expect(stored(house, id).equals(SEALED)).toBe(true);
  expect(house.agreements.get(id)).toMatchObject({
    level: 'B-B',
    pendingLevel: { problem: { code: 'SEAL_SELF_CHECK' } },
  });
  fails = false;
  await minutes(house, 2);
  expect(house.agreements.get(id).level).toBe('B-T');
});

test('while a document grows, what is handed out is what it was', async () => {
  const house = await openHouse();
  const id = await sealedOffline(house, 'key-1');
  online(house);
  const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  house.sealer.beforeExtended = () => {
    entered.resolve();
    return gate.promise;
  };
  const advanced = house.clock.advance(MINUTE);
  await entered.promise;
  const document = await house.agreements.document(id);
  expect(document).toMatchObject({ bytes: SEALED.length, sha256: sha256(SEALED) });
  gate.resolve();
  await advanced;
  await settled(house);
  expect((await house.agreements.document(id)).bytes).toBe(withLevel('B-T').length);
});
