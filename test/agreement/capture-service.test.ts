import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeFingerImage } from '../../src/biometric/finger-image.ts';
import { decodePng } from '../../src/biometric/raster.ts';
import type { CaptureView } from '../../src/agreement/capture-service.ts';
import { AppError } from '../../src/errors.ts';
import {
  MEDIATOR,
  PARTIES,
  capturePrint,
  consent,
  draft,
  marked,
  never,
  openHouse,
  ridges,
  sampleOf,
} from '../support/agreement-house.ts';
import type { House } from '../support/agreement-house.ts';
import { settle } from '../support/clock.ts';

async function opened(config: Record<string, string> = {}): Promise<{ house: House; agreementId: string }> {
  const house = await openHouse({ config });
  const { id } = await draft(house);
  return { house, agreementId: id };
}

const place = { kind: 'prompt', prompt: 'place' } as const;
const hold = { kind: 'prompt', prompt: 'hold' } as const;
const lift = { kind: 'prompt', prompt: 'lift' } as const;
const again = { kind: 'prompt', prompt: 'again' } as const;
const half = { kind: 'progress', progress: 0.5 } as const;
const sample = { kind: 'sample', sample: sampleOf() } as const;
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('before the reader is touched', () => {
  test.each<[string, string, (house: House, agreementId: string) => Parameters<House['captures']['start']>[0]]>([
    ['no consent', 'CONSENT_REQUIRED', (_, agreementId) => ({ agreementId, partyId: 'jia' })],
    [
      'a consent of tomorrow',
      'CONSENT_REQUIRED: consent.givenAt: expected a time not after',
      (house, agreementId) => ({
        agreementId,
        partyId: 'jia',
        consent: consent(house, { givenAt: '2026-03-03T01:30:00Z' }),
      }),
    ],
    [
      'a consent of no time',
      'BAD_REQUEST: consent.givenAt',
      (house, agreementId) => ({ agreementId, partyId: 'jia', consent: consent(house, { givenAt: 'today' }) }),
    ],
    ['nobody', 'PARTY_NOT_FOUND', (house, agreementId) => ({ agreementId, partyId: 'wu', consent: consent(house) })],
    [
      'the mediator',
      'MARK_NOT_ALLOWED',
      (house, agreementId) => ({ agreementId, partyId: MEDIATOR.id, consent: consent(house) }),
    ],
    ['no agreement', 'AGREEMENT_NOT_FOUND', (house) => ({ agreementId: 'x', partyId: 'jia', consent: consent(house) })],
  ])('%s: %s', async (_, message, request) => {
    const { house, agreementId } = await opened();
    expect(() => house.captures.start(request(house, agreementId))).toThrow(message);
    expect(house.readers.captures).toEqual([]);
  });

  test('a child under 14 needs the consent of a guardian', async () => {
    const { house, agreementId } = await opened();
    await house.agreements.patch(agreementId, { parties: [{ id: 'jia', name: '甲某', minor: true }] });
    expect(() => house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) })).toThrow(
      'GUARDIAN_CONSENT_REQUIRED',
    );
    expect(house.readers.captures).toEqual([]);
    const guarded = consent(house, { guardian: { name: '己某' } });
    expect(house.captures.start({ agreementId, partyId: 'jia', consent: guarded }).state).toBe('waiting');
  });

  test('a reader that cannot be used', async () => {
    const { house, agreementId } = await opened();
    house.readers.unusable = new AppError('READER_ABSENT');
    expect(() => house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) })).toThrow(
      'READER_ABSENT',
    );
  });

  test('a sealed agreement', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    await house.agreements.seal(id, {}, 'key-1');
    const before = house.readers.captures.length;
    expect(() => house.captures.start({ agreementId: id, partyId: 'jia', consent: consent(house) })).toThrow(
      'AGREEMENT_SEALED',
    );
    expect(house.readers.captures).toHaveLength(before);
  });

  test('too many captures at once, or two on one reader', async () => {
    const { house, agreementId } = await opened({ ZHIYIN_LIMITS_CAPTURES: '2' });
    const start = (readerId: string): CaptureView =>
      house.captures.start({ agreementId, partyId: 'jia', readerId, consent: consent(house) });
    start('a');
    expect(() => start('a')).toThrow('READER_BUSY');
    const { id } = start('b');
    expect(() => start('c')).toThrow('TOO_MANY_CAPTURES');
    await house.captures.cancel(id);
    expect(start('c').readerId).toBe('c');
  });

  test('the consent is on record, with the hash of the document', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({
      agreementId,
      partyId: 'jia',
      consent: consent(house, { givenAt: '2026-03-02T09:29:00+08:00', guardian: { name: '己某' } }),
    });
    expect(house.state.database.prepare('SELECT * FROM consent').all()).toEqual([
      expect.objectContaining({
        capture_id: id,
        agreement_id: agreementId,
        party_id: 'jia',
        document_sha256: house.agreements.get(agreementId).sha256,
        purpose: '人民调解协议书按指印',
        retention_days: 1,
        notice_version: '2023-1',
        given_at: '2026-03-02T01:29:00.000Z',
        guardian: '己某',
        recorded_at: '2026-03-02T01:30:00.000Z',
        withdrawn_at: null,
      }),
    ]);
  });
});

describe('a capture', () => {
  test('is seen at every step, and ends with what was measured', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({
      agreementId,
      partyId: 'jia',
      readerId: 'window',
      finger: 2,
      timeoutSeconds: 9,
      consent: consent(house),
    });
    const reader = house.readers.last;
    expect(reader).toMatchObject({ readerId: 'window', options: { timeoutMs: 9000 } });
    const seen: unknown[] = [];
    for (const event of [place, hold, half, again, half, sample, lift] as const) {
      await reader.play(event);
      const { state, prompt, progress } = house.captures.get(id);
      seen.push([state, prompt, progress]);
    }
    expect(seen).toEqual([
      ['waiting', 'place', 0],
      ['imaging', 'hold', 0],
      ['imaging', 'hold', 0.5],
      ['waiting', 'again', 0],
      ['imaging', 'again', 0.5],
      ['imaging', 'again', 1],
      ['imaging', 'lift', 1],
    ]);
    await reader.play('end');
    const done = house.captures.get(id);
    const png = house.captures.image(id);
    expect(done).toEqual({
      id,
      readerId: 'window',
      state: 'done',
      progress: 1,
      quality: done.quality,
      image: { width: 96, height: 112, dpi: 500, sha256: sha256(png) },
      template: { format: 'opaque', bytes: 17, sha256: sha256(new TextEncoder().encode('SECRET-TEMPLATE-0')) },
    });
    expect(done.quality).toBeGreaterThan(0);
    expect(decodePng(png)).toEqual(ridges());
  });

  test('outlives a restart once it is done', async () => {
    const { house, agreementId } = await opened();
    const done = await capturePrint(house, agreementId, 'jia');
    const again = await openHouse({ state: house.state });
    expect(again.captures.get(done.id)).toEqual(done);
    expect(sha256(again.captures.image(done.id))).toBe(done.image?.sha256);
  });

  test('fails with the reader’s problem', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(place, half, new AppError('READER_REMOVED'));
    const failed = house.captures.get(id);
    expect(failed).toMatchObject({ state: 'failed', progress: 0.5, error: { code: 'READER_REMOVED', status: 503 } });
    expect(failed).not.toHaveProperty('prompt');
    expect(() => house.captures.image(id)).toThrow('CAPTURE_NOT_DONE');
  });

  test('that fails unforeseen tells nothing of the inside', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(new Error('secret detail'));
    expect(house.captures.get(id)).toMatchObject({ state: 'failed', error: { code: 'INTERNAL', detail: '' } });
    expect(JSON.stringify(house.captures.get(id))).not.toContain('secret');
  });

  test('without a sample has failed, too', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(place, 'end');
    expect(house.captures.get(id)).toMatchObject({ state: 'failed', error: { code: 'INTERNAL' } });
  });

  test('is done where the print was taken and only the lifting went wrong', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(place, sample, lift, new AppError('READER_REMOVED'));
    expect(house.captures.get(id).state).toBe('done');
  });

  test('of a reader without templates has none', async () => {
    const { house, agreementId } = await opened({ ZHIYIN_EXPOSE_SAMPLES: 'true' });
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play({ kind: 'sample', sample: { image: ridges(), template: null } }, 'end');
    expect(house.captures.get(id)).not.toHaveProperty('template');
    expect(() => house.captures.template(id)).toThrow('NOT_FOUND');
  });

  test('that is not there', async () => {
    const { house } = await opened();
    const { captures } = house;
    for (const ask of [
      () => captures.get('x'),
      () => captures.image('x'),
      () => captures.record('x'),
      () => captures.events('x', never),
    ]) {
      expect(ask).toThrow('CAPTURE_NOT_FOUND');
    }
    await expect(captures.wait('x', 1, never)).rejects.toThrow('CAPTURE_NOT_FOUND');
    await expect(captures.cancel('x')).rejects.toThrow('CAPTURE_NOT_FOUND');
  });
});

describe('samples are handed out', () => {
  test('only where the configuration says so', async () => {
    const { house, agreementId } = await opened();
    const { id } = await capturePrint(house, agreementId, 'jia');
    expect(() => house.captures.record(id)).toThrow('SAMPLES_NOT_EXPOSED');
    expect(() => house.captures.template(id)).toThrow('SAMPLES_NOT_EXPOSED');
  });

  test('then as an ISO/IEC 19794-4 record, and the template as the reader gave it', async () => {
    const { house, agreementId } = await opened({ ZHIYIN_EXPOSE_SAMPLES: 'true' });
    const { id } = house.captures.start({ agreementId, partyId: 'jia', finger: 7, consent: consent(house) });
    await house.readers.last.press();
    const [view] = decodeFingerImage(house.captures.record(id)).views;
    expect(view).toMatchObject({ position: 7, width: 96, height: 112 });
    expect(view?.pixels).toEqual(ridges().pixels);
    expect(house.captures.template(id)).toEqual({
      format: 'opaque',
      bytes: new TextEncoder().encode('SECRET-TEMPLATE-0'),
    });
  });

  test('until the agreement is sealed; the hashes stay', async () => {
    const house = await openHouse({ config: { ZHIYIN_EXPOSE_SAMPLES: 'true' } });
    const { id, marks } = await marked(house);
    const captureId = marks[0]?.captureId ?? '';
    const before = house.captures.get(captureId);
    await house.agreements.seal(id, {}, 'key-1');
    expect(house.captures.get(captureId)).toEqual(before);
    for (const ask of [
      () => house.captures.image(captureId),
      () => house.captures.record(captureId),
      () => house.captures.template(captureId),
    ]) {
      expect(ask).toThrow('CAPTURE_GONE');
    }
  });

  test('but not where the key that encrypted them is gone', async () => {
    const { house, agreementId } = await opened();
    const { id } = await capturePrint(house, agreementId, 'jia');
    const again = await openHouse({ state: { ...house.state, sampleKey: new Uint8Array(32) } });
    expect(() => again.captures.image(id)).toThrow('STATE_KEY_WRONG');
  });
});

describe('waiting', () => {
  test('ends with the capture', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    const waited = house.captures.wait(id, 30_000, never);
    await house.readers.last.press();
    expect((await waited).state).toBe('done');
    expect(house.clock.sleeping).toBe(1); // the retention's, not this one's
    expect((await house.captures.wait(id, 30_000, never)).state).toBe('done');
  });

  test('or after its time, with the capture as it is', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(place);
    const waited = house.captures.wait(id, 30_000, never);
    await house.clock.advance(30_000);
    expect(await waited).toMatchObject({ state: 'waiting', prompt: 'place' });
  });

  test('or when the one who waits leaves', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    const gone = new AbortController();
    const waited = house.captures.wait(id, 30_000, gone.signal);
    gone.abort(new Error('left'));
    await expect(waited).rejects.toThrow('left');
    expect(house.captures.get(id).state).toBe('waiting');
  });
});

describe('watching', () => {
  const states = async (events: AsyncIterable<CaptureView>): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { state, prompt, progress } of events) seen.push([state, prompt ?? '-', progress].join(' '));
    return seen;
  };

  test('gives every watcher the capture as it is and each change, and ends with it', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    const early = states(house.captures.events(id, never));
    await settle();
    await house.readers.last.play(place);
    const late = states(house.captures.events(id, never));
    await settle();
    await house.readers.last.play(half);
    await house.readers.last.play(sample);
    await house.readers.last.play('end');
    expect(await early).toEqual(['waiting - 0', 'waiting place 0', 'imaging place 0.5', 'imaging place 1', 'done - 1']);
    expect(await late).toEqual(['waiting place 0', 'imaging place 0.5', 'imaging place 1', 'done - 1']);
    expect(await states(house.captures.events(id, never))).toEqual(['done - 1']);
  });

  test('what changes nothing is no change', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    const seen = states(house.captures.events(id, never));
    await settle();
    for (const step of [place, place, { kind: 'progress', progress: 1 }, sample, 'end'] as const) {
      await house.readers.last.play(step);
    }
    expect(await seen).toEqual(['waiting - 0', 'waiting place 0', 'imaging place 1', 'done - 1']);
  });

  test('a slow watcher misses what was overtaken', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    const events = house.captures.events(id, never)[Symbol.asyncIterator]();
    await events.next();
    for (let n = 0; n < 100; n++) await house.readers.last.play({ kind: 'progress', progress: n / 100 });
    expect((await events.next()).value).toMatchObject({ progress: 0.99 });
  });

  test('ends when the watcher leaves; the capture goes on', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    const gone = new AbortController();
    const watched = states(house.captures.events(id, gone.signal));
    await settle();
    gone.abort();
    expect(await watched).toEqual(['waiting - 0']);
    await house.readers.last.press();
    expect(house.captures.get(id).state).toBe('done');
  });
});

describe('cancelling', () => {
  test('a running capture stops it down to the read', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(place, half);
    await house.captures.cancel(id);
    expect(house.readers.last.signal.aborted).toBe(true);
    expect(house.captures.get(id)).toEqual({ id, readerId: 'window', state: 'cancelled', progress: 0.5 });
    await house.captures.cancel(id);
    // The same consent still holds: the party did not withdraw it.
    expect(house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) }).state).toBe('waiting');
  });

  test('a capture that has the print already keeps nothing of it', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    await house.readers.last.play(sample, lift);
    await house.captures.cancel(id);
    expect(house.captures.get(id).state).toBe('cancelled');
    expect(house.state.database.prepare('SELECT * FROM sample').all()).toEqual([]);
  });

  test('a capture whose reader finishes all the same keeps nothing', async () => {
    const { house, agreementId } = await opened();
    const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
    house.readers.last.deaf = true;
    const cancelled = house.captures.cancel(id);
    await house.readers.last.press();
    await cancelled;
    expect(house.captures.get(id).state).toBe('cancelled');
    expect(house.state.database.prepare('SELECT * FROM sample').all()).toEqual([]);
  });

  test('a done capture destroys the sample and takes the mark off: the consent is withdrawn', async () => {
    const { house, agreementId } = await opened();
    const given = consent(house);
    const { id: captureId } = await capturePrint(house, agreementId, 'jia');
    house.agreements.addMark(agreementId, { partyId: 'jia', kind: 'fingerprint', captureId });
    await house.clock.advance(60_000);
    await house.captures.cancel(captureId);
    expect(house.captures.get(captureId)).toEqual({
      id: captureId,
      readerId: 'window',
      state: 'cancelled',
      progress: 1,
    });
    expect(() => house.captures.image(captureId)).toThrow('CAPTURE_GONE');
    expect(house.agreements.get(agreementId)).toMatchObject({ marks: [], missing: ['jia', 'yi', 'ding'] });
    expect(house.state.database.prepare('SELECT * FROM sample').all()).toEqual([]);

    // What was withdrawn allows nothing any more, of this party; another consent does.
    const start = (partyId: string, consent: typeof given): string =>
      house.captures.start({ agreementId, partyId, consent }).state;
    expect(() => start('jia', given)).toThrow('CONSENT_REQUIRED');
    expect(start('jia', consent(house))).toBe('waiting');
  });

  test('of a page whose clock runs ahead withdraws that very consent', async () => {
    const { house, agreementId } = await opened();
    const ahead = consent(house, { givenAt: new Date(house.clock.now().getTime() + 120_000).toISOString() });
    const start = (): string => house.captures.start({ agreementId, partyId: 'jia', consent: ahead }).id;
    const captureId = start();
    await house.readers.last.press();
    await house.captures.cancel(captureId);
    expect(start).toThrow('CONSENT_REQUIRED');
  });

  test('after sealing leaves the sealed agreement as it is', async () => {
    const house = await openHouse();
    const { id, marks } = await marked(house);
    await house.agreements.seal(id, {}, 'key-1');
    const sealed = house.agreements.get(id);
    await house.captures.cancel(marks[0]?.captureId ?? '');
    expect(house.agreements.get(id)).toEqual(sealed);
  });

  test('closing the house stops all captures', async () => {
    const { house, agreementId } = await opened();
    const ids = PARTIES.map(
      ({ id: partyId }) =>
        house.captures.start({ agreementId, partyId, readerId: partyId, consent: consent(house) }).id,
    );
    await house.close();
    expect(ids.map((id) => house.captures.get(id).state)).toEqual(['cancelled', 'cancelled']);
  });

  test('attempts that ended are remembered for a while, not for ever', async () => {
    const { house, agreementId } = await opened();
    const ids: string[] = [];
    for (let n = 0; n < 250; n++) {
      const { id } = house.captures.start({ agreementId, partyId: 'jia', consent: consent(house) });
      await house.captures.cancel(id);
      ids.push(id);
    }
    expect(() => house.captures.get(ids[0] ?? '')).toThrow('CAPTURE_NOT_FOUND');
    expect(house.captures.get(ids[249] ?? '').state).toBe('cancelled');
  });
});
