/** Everything is run with marked values, then all that was written is searched for them. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { isAppError, problemOf } from '../../src/errors.ts';
import { createLog } from '../../src/log.ts';
import { MEDIATOR, consent, inPieces, never, openHouse, pictureOf, sampleOf } from '../support/agreement-house.ts';
import { temporaryFolder } from '../support/state.ts';

const NAME = 'MARKED-NAME-甲某某';
const GUARDIAN = 'MARKED-GUARDIAN-己某某';
const TEXT = 'MARKED-PDF-TEXT';
const KEY = 'MARKED-IDEMPOTENCY-KEY';

test('neither log nor problem holds a name, a print, a template, PDF text or a key', async () => {
  const folder = join(temporaryFolder(), 'log');
  const { log, close } = await createLog({ folder, terminal: null, level: 'debug', maxMegabytes: 5, files: 2 });
  onTestFinished(close);
  const house = await openHouse({ log });
  const problems: string[] = [];
  const refused = async (work: () => unknown): Promise<void> => {
    try {
      await work();
    } catch (error) {
      problems.push(JSON.stringify(isAppError(error) ? problemOf(error) : 'foreign'));
      log.error({ error }, 'refused');
    }
  };

  const document = new TextEncoder().encode(`%PDF-1.7 ${TEXT}`);
  const { id } = await house.agreements.create(inPieces(document), never);
  const party = { id: 'jia', name: NAME, minor: true };
  await house.agreements.patch(id, { number: NAME, parties: [party], mediator: MEDIATOR });
  await refused(() => house.agreements.create(inPieces(new TextEncoder().encode(`no PDF ${TEXT}`)), never));
  await refused(() => house.agreements.patch(id, { parties: [party, party] }));
  await refused(() => house.agreements.seal(id, {}, KEY));
  await refused(() => house.captures.start({ agreementId: id, partyId: 'jia', consent: consent(house) }));
  await refused(() => house.captures.start({ agreementId: id, partyId: NAME, consent: consent(house) }));
  await refused(() => house.agreements.addMark(id, { partyId: 'jia', kind: 'signature', png: document }));

  const guarded = consent(house, { guardian: { name: GUARDIAN }, purpose: NAME });
  const failed = house.captures.start({ agreementId: id, partyId: 'jia', consent: guarded });
  await house.readers.last.play(new Error(`${NAME} ${TEXT}`));
  problems.push(JSON.stringify(house.captures.get(failed.id)));
  const capture = house.captures.start({ agreementId: id, partyId: 'jia', consent: guarded });
  await house.readers.last.press();
  await refused(() => house.captures.record(capture.id));
  house.agreements.addMark(id, { partyId: 'jia', kind: 'fingerprint', captureId: capture.id });
  house.agreements.addMark(id, { partyId: 'jia', kind: 'stamp', png: pictureOf() });
  house.agreements.addMark(id, { partyId: MEDIATOR.id, kind: 'paper' });
  house.sealer.afterwards = () => {
    throw new Error(`${NAME} ${TEXT}`);
  };
  await refused(() => house.agreements.seal(id, {}, KEY));
  house.sealer.afterwards = () => {};
  await house.agreements.seal(id, {}, KEY);
  await refused(() => house.agreements.seal(id, { reason: NAME }, KEY));
  await house.agreements.delete(id);

  const written = readdirSync(folder)
    .map((name) => readFileSync(join(folder, name)))
    .concat(Buffer.from(problems.join('\n')));
  const all = Buffer.concat(written);
  const raw = Buffer.from(house.state.sampleKey);
  const secrets = [
    NAME,
    GUARDIAN,
    TEXT,
    KEY,
    '甲某',
    house.state.token,
    raw.toString('hex'),
    raw.toString('base64'),
    'SECRET-TEMPLATE',
  ];
  const prints = [sampleOf().image.pixels.subarray(0, 64), pictureOf().subarray(60, 124)].map((bytes) =>
    Buffer.from(bytes),
  );
  expect(all.toString('utf8').split('\n').length).toBeGreaterThan(12);
  expect(problems.length).toBeGreaterThan(8);
  expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
  expect(prints.filter((print) => all.includes(print) || all.includes(print.toString('base64')))).toEqual([]);

  // What the ledger keeps names nobody, and of the prints nothing is left in the folder.
  const state = readdirSync(house.state.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)));
  for (const gone of [NAME, GUARDIAN, TEXT, 'SECRET-TEMPLATE'])
    expect(state.filter((file) => file.includes(gone))).toEqual([]);
});
