import { expect, test } from 'vitest';
import { PARTIES, capturePrint, consent, draft, marked, openHouse } from '../support/agreement-house.ts';
import type { House } from '../support/agreement-house.ts';
import { settle } from '../support/clock.ts';

const HOUR = 3_600_000;
const samples = ({ state }: House): number =>
  Number(state.database.prepare(`SELECT count(*) AS n FROM sample WHERE kind <> 'picture'`).get()?.['n']);

test('a sample not sealed in its time is destroyed, and the party is missing again', async () => {
  const house = await openHouse();
  const { id, marks } = await marked(house);
  const captureId = marks[0]?.captureId ?? '';
  await house.clock.advance(24 * HOUR - 1);
  expect(samples(house)).toBe(2);
  await house.clock.advance(10 * 60_000);
  expect(samples(house)).toBe(0);
  expect(house.agreements.get(id)).toMatchObject({ state: 'draft', missing: ['jia'] });
  expect(house.captures.get(captureId).state).toBe('done');
  expect(() => house.captures.image(captureId)).toThrow('CAPTURE_GONE');
  expect(() => house.agreements.addMark(id, { partyId: 'jia', kind: 'fingerprint', captureId })).toThrow(
    'CAPTURE_GONE',
  );
});

test('each in its own time, the shorter of configuration and consent', async () => {
  const house = await openHouse({ config: { ZHIYIN_RETENTION_SAMPLES_HOURS: '36' } });
  const { id } = await draft(house);
  const press = async (partyId: string, retentionDays: number): Promise<void> => {
    house.captures.start({ agreementId: id, partyId, consent: consent(house, { retentionDays }) });
    await house.readers.last.press();
  };
  await press('jia', 1);
  await press('yi', 7);
  await house.clock.advance(24.5 * HOUR);
  expect(samples(house)).toBe(2);
  await house.clock.advance(12 * HOUR);
  expect(samples(house)).toBe(0);
});

test('what expired while the daemon was off goes at its start', async () => {
  const house = await openHouse();
  const { id } = await draft(house);
  await capturePrint(house, id, 'jia');
  await house.close();
  house.clock.set('2026-03-04T00:00:00Z');
  await openHouse({ state: house.state, clock: house.clock });
  expect(samples(house)).toBe(0);
});

test('an agreement that is just being sealed is left to its sealing', async () => {
  const house = await openHouse();
  const { id } = await marked(house);
  const gate = Promise.withResolvers<void>();
  house.sealer.afterwards = () => gate.promise;
  const sealing = house.agreements.seal(id, {}, 'key-1');
  await settle();
  await house.clock.advance(25 * HOUR);
  expect(samples(house)).toBe(2);
  gate.resolve();
  await sealing;
  expect(samples(house)).toBe(0);
  expect(house.agreements.get(id).marks.map(({ kind }) => kind)).toEqual(['fingerprint', 'signature', 'paper']);
});

test('marks that need no sample stay', async () => {
  const house = await openHouse();
  const { id } = await draft(house);
  for (const { id: partyId } of PARTIES) house.agreements.addMark(id, { partyId, kind: 'paper' });
  await house.clock.advance(100 * HOUR);
  expect(house.agreements.get(id).missing).toEqual(['ding']);
});

test('closing ends it at once', async () => {
  const house = await openHouse();
  await settle();
  expect(house.clock.sleeping).toBe(1);
  await house.close();
  expect(house.clock.sleeping).toBe(0);
});
