import { readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { SealRequest } from '../../src/agreement/agreement.ts';
import {
  DOCUMENT,
  SEALED_SUFFIX,
  capturePrint,
  consent,
  draft,
  marked,
  openHouse,
  pictureOf,
  ridges,
  sha256,
} from '../support/agreement-house.ts';
import type { House } from '../support/agreement-house.ts';
import { temporaryState } from '../support/state.ts';

const SEALED = new Uint8Array(Buffer.concat([DOCUMENT, Buffer.from(SEALED_SUFFIX)]));
const stored = ({ state }: House, id: string): Buffer => readFileSync(join(state.uploads, `${id}.pdf`));
const records = ({ state }: House): number =>
  Number(state.database.prepare('SELECT count(*) AS n FROM seal_use').get()?.['n']);

describe('sealing', () => {
  test('answers with what was sealed, when it takes effect, and until when a court may confirm it', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const answer = await house.agreements.seal(id, {}, 'key-1');
    expect(answer).toEqual({
      agreementId: id,
      sha256: sha256(SEALED),
      bytes: SEALED.length,
      sealedAt: '2026-03-02T01:30:00.000Z',
      level: 'B-B',
      ledger: { n: 1, hash: house.ledger.last()?.hash },
      effectiveAt: '2026-03-02T01:30:00.000Z',
      judicialConfirmationDeadline: '2026-04-01T01:30:00.000Z',
      warnings: [],
    });
    expect(house.agreements.get(id)).toMatchObject({
      state: 'sealed',
      sha256: sha256(SEALED),
      bytes: SEALED.length,
      missing: [],
    });
    const document = await house.agreements.document(id);
    expect(document).toMatchObject({ bytes: SEALED.length, sha256: sha256(SEALED) });
    expect(readFileSync(document.path).equals(SEALED)).toBe(true);
  });

  test('is on record in the ledger', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    await house.agreements.seal(id, {}, 'key-1');
    expect(house.ledger.last()).toMatchObject({
      n: 1,
      hashBefore: sha256(DOCUMENT),
      hashAfter: sha256(SEALED),
      idempotencyKey: 'key-1',
      via: 'http',
      outcome: 'sealed',
      agreementId: id,
    });
    expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 1 });
  });

  test('gives the sealer everyone’s marks in the order of the people, and the running hash', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    house.agreements.addMark(id, {
      partyId: 'ding',
      kind: 'signature',
      png: pictureOf(9),
      placement: { keyword: '人民调解员' },
    });
    const { id: captureId } = await capturePrint(house, id, 'yi', 3);
    house.agreements.addMark(id, { partyId: 'yi', kind: 'fingerprint', captureId });
    house.agreements.addMark(id, { partyId: 'jia', kind: 'paper' });
    house.agreements.addMark(id, { partyId: 'jia', kind: 'stamp', png: pictureOf(5) });
    await house.agreements.seal(id, { placement: { page: 1, xMm: 100, yMm: 200 }, reason: '人民调解' }, 'key-1');
    const [{ midstate, hurry, onKeyUse: _, ...job } = { midstate: undefined, hurry: undefined }] = house.sealer.jobs;
    expect(job).toEqual({
      path: join(house.state.uploads, `${id}.pdf`),
      bytes: DOCUMENT.length,
      parties: 2,
      seal: { page: 1, xMm: 100, yMm: 200 },
      reason: '人民调解',
      checkOverlap: true,
      allowReal: true,
      level: 'B-B',
      marks: [
        { who: { role: 'party', index: 0 }, picture: { kind: 'stamp', png: pictureOf(5) } },
        {
          who: { role: 'party', index: 1 },
          picture: { kind: 'fingerprint', raster: ridges(3), inscription: sha256(DOCUMENT).slice(0, 16) },
        },
        {
          who: { role: 'mediator' },
          picture: { kind: 'signature', png: pictureOf(9) },
          placement: { keyword: '人民调解员' },
        },
      ],
    });
    expect(midstate?.copy().digest('hex')).toBe(sha256(DOCUMENT));
    expect(hurry?.aborted).toBe(false);
  });

  test('gives the sealer what may follow, and the seals that are expected', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const expected = [{ name: '第二委员会', placement: { page: 1, xMm: 60, yMm: 200 } }];
    await house.agreements.seal(id, { expect: expected, final: false }, 'key-1');
    expect(house.sealer.jobs[0]).toMatchObject({ expect: expected, final: false, seal: null });
    // Another wish is another request.
    const other = house.agreements.seal(id, { expect: [], final: false }, 'key-1');
    await expect(other).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
    await expect(house.agreements.seal(id, { expect: expected }, 'key-1')).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
  });

  test('has the agreement’s number written across fingerprints where there is one', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    await house.agreements.patch(id, { number: '（2023）示人调字第12号' });
    const { id: captureId } = await capturePrint(house, id, 'yi', 3);
    house.agreements.addMark(id, { partyId: 'yi', kind: 'fingerprint', captureId });
    for (const partyId of ['jia', 'ding']) house.agreements.addMark(id, { partyId, kind: 'paper' });
    await house.agreements.seal(id, {}, 'key-1');
    expect(house.sealer.jobs[0]?.marks).toMatchObject([{ picture: { inscription: '（2023）示人调字第12号' } }]);
  });

  test('allows only a TEST seal where a print is simulated', async () => {
    const house = await openHouse();
    house.readers.simulated = true;
    const { id } = await marked(house);
    await house.agreements.seal(id, {}, 'key-1');
    expect(house.sealer.jobs[0]).toMatchObject({ allowReal: false, seal: null });
  });

  test('destroys every sample, in the log of the database, too', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const box = house.state.database
      .prepare('SELECT sealed_box FROM sample')
      .all()
      .map((row) => Buffer.from(row['sealed_box'] as Uint8Array));
    const files = (): Buffer[] =>
      readdirSync(house.state.folder)
        .filter((name) => name.startsWith('zhiyin.db'))
        .map((name) => readFileSync(join(house.state.folder, name)));
    const found = (): boolean[] => box.map((bytes) => files().some((file) => file.includes(bytes.subarray(0, 32))));
    expect(found()).toEqual([true, true, true]);
    await house.agreements.seal(id, {}, 'key-1');
    expect(house.state.database.prepare('SELECT * FROM sample').all()).toEqual([]);
    expect(found()).toEqual([false, false, false]);
  });

  test('stops a capture that still runs', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const capture = house.captures.start({ agreementId: id, partyId: 'yi', consent: consent(house) });
    await house.agreements.seal(id, {}, 'key-1');
    expect(house.captures.get(capture.id).state).toBe('cancelled');
  });

  test('ends everything else', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    await house.agreements.seal(id, {}, 'key-1');
    await expect(house.agreements.patch(id, { number: '1' })).rejects.toThrow('AGREEMENT_SEALED');
    expect(() => house.agreements.addMark(id, { partyId: 'yi', kind: 'paper' })).toThrow('AGREEMENT_SEALED');
    await expect(house.agreements.seal(id, {}, 'key-2')).rejects.toThrow('AGREEMENT_SEALED');
    expect(house.sealer.jobs).toHaveLength(1);
  });
});

describe('the gate', () => {
  test('names who is missing', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    house.agreements.addMark(id, { partyId: 'yi', kind: 'paper' });
    const refused: unknown = await house.agreements.seal(id, {}, 'key-1').catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: 'AGREEMENT_INCOMPLETE', extras: { missing: ['jia', 'ding'] } });
    expect(house.sealer.jobs).toEqual([]);
    expect(records(house)).toBe(0);
  });

  test('has the pages sealed where the request asks for it, and all marks looked at', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    await house.agreements.seal(id, { paging: true }, 'key-1');
    expect(house.sealer.jobs[0]).toMatchObject({ paging: true, checkOverlap: true });
  });

  test.each<[SealRequest, string]>([
    [{ level: 'B-T' }, 'SEAL_LEVEL_UNSUPPORTED: level: expected one of B-B, got B-T'],
    [{ placement: { page: 9, xMm: 1, yMm: 1 } }, 'PAGE_OUT_OF_RANGE: placement.page: expected 1 to 1, got 9'],
    [
      { expect: [{ name: 'B', placement: { page: 1, xMm: 1, yMm: 300 } }] },
      'POSITION_OFF_PAGE: expect[0].placement.yMm: expected 0 to 297.0, got 300',
    ],
    [{ final: true, expect: [{ name: 'B', placement: { keyword: '印章' } }] }, 'BAD_REQUEST: expect:'],
  ])('refuses %j', async (request, message) => {
    const house = await openHouse();
    house.sealer.levels = { preset: 'B-B', available: ['B-B'] };
    const { id } = await marked(house);
    await expect(house.agreements.seal(id, request, 'key-1')).rejects.toThrow(message);
    expect(house.agreements.get(id).state).toBe('marked');
  });

  test.each(['', ' ', '密钥', 'x'.repeat(256)])('refuses the key "%s"', async (key) => {
    const house = await openHouse();
    const { id } = await marked(house);
    await expect(house.agreements.seal(id, {}, key)).rejects.toThrow('IDEMPOTENCY_KEY_REQUIRED');
  });
});

describe('the same request again', () => {
  test('is answered with the same bytes and sealed once, after a restart, too', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const request = { reason: '人民调解', placement: { page: 1, xMm: 1, yMm: 2 } };
    const first = JSON.stringify(await house.agreements.seal(id, request, 'key-1'));
    await house.clock.advance(60_000);
    const reordered = { placement: { yMm: 2, xMm: 1, page: 1 }, reason: '人民调解' };
    expect(JSON.stringify(await house.agreements.seal(id, reordered, 'key-1'))).toBe(first);
    const again = await openHouse({ state: house.state });
    expect(JSON.stringify(await again.agreements.seal(id, request, 'key-1'))).toBe(first);
    expect(house.sealer.jobs).toHaveLength(1);
    expect(again.sealer.jobs).toHaveLength(0);
    expect(records(house)).toBe(1);
    expect(stored(again, id).equals(SEALED)).toBe(true);
  });

  test('waits for the first where that is under way', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const gate = Promise.withResolvers<void>();
    house.sealer.afterwards = () => gate.promise;
    const first = house.agreements.seal(id, {}, 'key-1');
    const second = house.agreements.seal(id, {}, 'key-1');
    gate.resolve();
    expect(await second).toEqual(await first);
    expect(records(house)).toBe(1);
  });

  test('is another request where anything differs', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const other = await marked(house);
    const gate = Promise.withResolvers<void>();
    house.sealer.afterwards = () => gate.promise;
    const first = house.agreements.seal(id, {}, 'key-1');
    await expect(house.agreements.seal(id, { reason: 'x' }, 'key-1')).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
    await expect(house.agreements.seal(other.id, {}, 'key-1')).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
    gate.resolve();
    await first;
    await expect(house.agreements.seal(id, { reason: 'x' }, 'key-1')).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
    await expect(house.agreements.seal(other.id, {}, 'key-1')).rejects.toThrow('IDEMPOTENCY_KEY_REUSED');
    expect(house.agreements.get(other.id).state).toBe('marked');
  });

  test('may succeed where the first was refused', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toThrow('AGREEMENT_INCOMPLETE');
    for (const partyId of ['jia', 'yi', 'ding']) house.agreements.addMark(id, { partyId, kind: 'paper' });
    expect((await house.agreements.seal(id, {}, 'key-1')).ledger.n).toBe(1);
  });
});

test('while a sealing is under way nothing else gets in', async () => {
  const house = await openHouse();
  const { id, marks } = await marked(house);
  const gate = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  house.sealer.afterwards = () => {
    entered.resolve();
    return gate.promise;
  };
  const sealing = house.agreements.seal(id, {}, 'key-1');
  await entered.promise;
  await expect(house.agreements.seal(id, {}, 'key-2')).rejects.toThrow('AGREEMENT_BUSY');
  await expect(house.agreements.patch(id, { number: '1' })).rejects.toThrow('AGREEMENT_BUSY');
  await expect(house.agreements.delete(id)).rejects.toThrow('AGREEMENT_BUSY');
  await expect(house.captures.cancel(marks[0]?.captureId ?? '')).rejects.toThrow('AGREEMENT_BUSY');
  expect(() => house.agreements.addMark(id, { partyId: 'yi', kind: 'paper' })).toThrow('AGREEMENT_BUSY');
  expect(() => house.captures.start({ agreementId: id, partyId: 'yi', consent: consent(house) })).toThrow(
    'AGREEMENT_BUSY',
  );
  expect(house.agreements.get(id).state).toBe('marked');
  // The document is the uploaded one still, whatever is being appended to it.
  const document = await house.agreements.document(id);
  expect(readFileSync(document.path).subarray(0, document.bytes).equals(DOCUMENT)).toBe(true);
  // Closing waits for it.
  const closed = house.close();
  gate.resolve();
  await closed;
  expect((await sealing).bytes).toBe(SEALED.length);
  await expect(house.agreements.seal(id, {}, 'key-3')).rejects.toThrow('AGREEMENT_SEALED');
});

describe('a sealing that fails', () => {
  const failing = async (at: 'beforehand' | 'afterwards', error: Error): Promise<{ house: House; id: string }> => {
    const house = await openHouse();
    const { id } = await marked(house);
    house.sealer[at] = () => {
      throw error;
    };
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toBe(error);
    house.sealer[at] = () => {};
    return { house, id };
  };

  test('leaves the agreement as it was, and the same key may seal it', async () => {
    const { house, id } = await failing('beforehand', new AppError('KEYWORD_ABSENT'));
    expect(stored(house, id).equals(DOCUMENT)).toBe(true);
    expect(house.agreements.get(id).state).toBe('marked');
    expect(house.captures.image(house.agreements.get(id).marks[0]?.captureId ?? '').length).toBeGreaterThan(0);
    expect(records(house)).toBe(0);
    await house.agreements.seal(id, {}, 'key-1');
    expect(stored(house, id).equals(SEALED)).toBe(true);
  });

  test.each([new AppError('SEAL_SELF_CHECK'), new AppError('PDF_TIMEOUT'), new Error('unforeseen')])(
    'is on record where the key has signed: %s',
    async (error) => {
      const { house, id } = await failing('afterwards', error);
      expect(house.ledger.last()).toMatchObject({
        n: 1,
        outcome: 'failed',
        hashBefore: sha256(DOCUMENT),
        agreementId: id,
      });
      expect(house.ledger.last()).not.toHaveProperty('hashAfter');
      expect((await house.agreements.seal(id, {}, 'key-1')).ledger.n).toBe(2);
      expect(house.ledger.verifyChain()).toEqual({ ok: true, records: 2 });
    },
  );

  test('is undone as soon as that can be written down, as on a disk that was full for a while', async () => {
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
    const { id } = await marked(house);
    house.sealer.afterwards = () => {
      full = true;
    };
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toThrow('STATE_UNUSABLE');
    house.sealer.afterwards = () => {};
    await house.clock.advance(60_000);
    await expect(house.agreements.delete(id)).rejects.toThrow('AGREEMENT_BUSY');

    full = false;
    const latest = async (): Promise<unknown> => {
      await house.clock.advance(5_000);
      return house.ledger.last();
    };
    await expect.poll(latest).toMatchObject({ n: 1, outcome: 'failed' });
    expect(stored(house, id).equals(DOCUMENT)).toBe(true);
    expect(await house.agreements.seal(id, {}, 'key-1')).toMatchObject({ ledger: { n: 2 } });
  });

  test('because the upload is gone, without staying busy, now or after a restart', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    house.sealer.afterwards = () => {
      rmSync(join(house.state.uploads, `${id}.pdf`));
      throw new AppError('FILE_UNREADABLE');
    };
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toThrow('FILE_UNREADABLE');
    expect(house.agreements.get(id).state).toBe('marked');

    house.state.database.exec(`UPDATE agreement SET stage = 'sealing'`);
    const again = await openHouse({ state: house.state });
    expect(again.agreements.get(id).state).toBe('marked');
    await again.agreements.delete(id);
  });

  test('because the stored upload is not what was uploaded', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const path = join(house.state.uploads, `${id}.pdf`);
    writeFileSync(path, DOCUMENT.toReversed());
    utimesSync(path, 1, 1);
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toThrow('STATE_UNUSABLE');
    expect(house.sealer.jobs[0]).not.toHaveProperty('midstate');
    expect(house.agreements.get(id).state).toBe('marked');
  });
});

test('what is sealed stays sealed where the log cannot be cleared after it', async () => {
  const house = await openHouse();
  const { id } = await marked(house);
  // The log belongs to a reader in the same process, so that its checkpoint is an error and not only put off.
  const rows = house.state.database.prepare('SELECT * FROM signatory').iterate();
  rows.next();
  const answer = await house.agreements.seal(id, {}, 'key-1');
  rows.return?.();
  expect(house.agreements.get(id).state).toBe('sealed');
  expect(stored(house, id).equals(SEALED)).toBe(true);
  expect(await house.agreements.seal(id, {}, 'key-1')).toEqual(answer);
});

test('a file that was touched, or a restart, has it hashed again', async () => {
  const house = await openHouse();
  const { id } = await marked(house);
  utimesSync(join(house.state.uploads, `${id}.pdf`), 1, 1);
  expect((await house.agreements.seal(id, {}, 'key-1')).sha256).toBe(sha256(SEALED));
  const { id: second } = await marked(house);
  const again = await openHouse({ state: house.state });
  expect((await again.agreements.seal(second, {}, 'key-2')).sha256).toBe(sha256(SEALED));
  expect([...house.sealer.jobs, ...again.sealer.jobs].map(({ midstate }) => midstate)).toEqual([undefined, undefined]);
});

test('the file grows by what was appended, and nothing is copied', async () => {
  const house = await openHouse();
  const { id } = await marked(house);
  const path = join(house.state.uploads, `${id}.pdf`);
  const { ino } = statSync(path);
  await house.agreements.seal(id, {}, 'key-1');
  expect(statSync(path)).toMatchObject({ ino, size: SEALED.length });
  expect(readdirSync(house.state.uploads)).toEqual([`${id}.pdf`]);
});
