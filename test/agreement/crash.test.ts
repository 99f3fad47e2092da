/** The daemon's process is killed at every step of a sealing, and of an extension; what is found after is as if it had never begun, or as if it was answered. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { openState } from '../../src/state.ts';
import {
  DOCUMENT,
  OFFLINE,
  SEALED_SUFFIX,
  added,
  capturePrint,
  marked,
  openHouse,
  sha256,
} from '../support/agreement-house.ts';
import { settle } from '../support/clock.ts';
import { temporaryFolder } from '../support/state.ts';

/** Runs the sealing in a process of its own, which kills itself at `step`; with no step it prints the answer. */
function sealElsewhere(folder: string, id: string, step: string): Promise<{ signal: string | null; output: string }> {
  return runElsewhere('seal-and-die.ts', folder, id, step);
}

async function runElsewhere(
  name: string,
  folder: string,
  id: string,
  step: string,
): Promise<{ signal: string | null; output: string }> {
  writeFileSync(join(folder, 'config.json'), '{}');
  const script = join(import.meta.dirname, '../support', name);
  const child = spawn(process.execPath, [script, folder, id, step], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [, signal] = (await once(child, 'close')) as [number | null, string | null];
  return { signal, output };
}

describe.skipIf(process.platform === 'win32')('kill -9', () => {
  test.each([
    ['before the file is touched', 'before', 'undone'],
    ['with half of the increment written', 'half', 'undone'],
    ['with the whole increment on disk', 'appended', 'undone'],
    ['in the middle of the last transaction', 'recording', 'undone'],
    ['after the last transaction, before the answer', 'concluded', 'sealed'],
    ['after the answer', 'answered', 'sealed'],
  ])('%s', async (_, step, outcome) => {
    const folder = join(temporaryFolder(), 'state');
    const state = openState(folder);
    const house = await openHouse({ state });
    const { id, marks } = await marked(house);
    const captureId = marks[0]?.captureId ?? '';
    await house.close();
    state.close();

    const died = await sealElsewhere(folder, id, step);
    expect(died.signal).toBe('SIGKILL');

    const found = openState(folder);
    onTestFinished(() => found.close());
    const next = await openHouse({ state: found });
    const path = join(found.uploads, `${id}.pdf`);
    const sealed = Buffer.concat([DOCUMENT, Buffer.from(SEALED_SUFFIX)]);
    expect(next.agreements.get(id).state).toBe(outcome === 'sealed' ? 'sealed' : 'marked');
    expect(readFileSync(path).equals(outcome === 'sealed' ? sealed : DOCUMENT)).toBe(true);
    expect(found.database.prepare('SELECT n FROM seal_use').all()).toHaveLength(outcome === 'sealed' ? 1 : 0);
    expect(found.database.prepare('SELECT kind FROM sample').all()).toHaveLength(outcome === 'sealed' ? 0 : 3);

    const answer = await next.agreements.seal(id, {}, 'key-1');
    expect(answer).toMatchObject({ agreementId: id, sha256: sha256(sealed), bytes: sealed.length, ledger: { n: 1 } });
    expect(next.sealer.jobs).toHaveLength(outcome === 'sealed' ? 0 : 1);
    expect(died.output === '' || died.output === JSON.stringify(answer)).toBe(true);
    expect(readFileSync(path).equals(sealed)).toBe(true);
    expect(next.ledger.verifyChain()).toEqual({ ok: true, records: 1 });
    expect(() => next.captures.image(captureId)).toThrow('CAPTURE_GONE');
  });
});

describe.skipIf(process.platform === 'win32')('kill -9 while a sealed document is extended', () => {
  const SEALED = Buffer.concat([DOCUMENT, Buffer.from(SEALED_SUFFIX)]);
  const EXTENDED = Buffer.concat([SEALED, Buffer.from(added('B-T'))]);

  test.each([
    ['before the file is touched', 'before', 'undone'],
    ['with half of the increment written', 'half', 'undone'],
    ['with the whole increment on disk', 'appended', 'undone'],
    ['in the middle of the last transaction', 'recording', 'undone'],
    ['after the last transaction', 'concluded', 'extended'],
    ['never', 'never', 'extended'],
  ])('%s', async (_, step, outcome) => {
    const folder = join(temporaryFolder(), 'state');
    const state = openState(folder);
    const house = await openHouse({ state });
    house.sealer.authorities = { up: false, highest: 'B-B', problem: OFFLINE };
    const { id } = await marked(house);
    const answer = await house.agreements.seal(id, { level: 'B-T' }, 'key-1');
    await house.close();
    state.close();

    expect((await runElsewhere('extend-and-die.ts', folder, id, step)).signal).toBe(
      step === 'never' ? null : 'SIGKILL',
    );

    const found = openState(folder);
    onTestFinished(() => found.close());
    const path = join(found.uploads, `${id}.pdf`);
    const offline = await openHouse({ state: found, authorities: { up: false, highest: 'B-B', problem: OFFLINE } });
    const expected = outcome === 'extended' ? EXTENDED : SEALED;
    const { level, pendingLevel } = offline.agreements.get(id);
    expect({ level, waits: pendingLevel !== undefined }).toEqual(
      outcome === 'extended' ? { level: 'B-T', waits: false } : { level: 'B-B', waits: true },
    );
    const document = await offline.agreements.document(id);
    expect(document).toMatchObject({ bytes: expected.length, sha256: sha256(expected) });
    expect(readFileSync(path).equals(expected)).toBe(true);
    expect(offline.ledger.verifyChain()).toEqual({ ok: true, records: outcome === 'extended' ? 2 : 1 });
    expect(await offline.agreements.seal(id, { level: 'B-T' }, 'key-1')).toEqual(answer);
    await offline.close();

    const online = await openHouse({ state: found });
    await expect.poll(async () => (await settle(), online.agreements.get(id).level), { interval: 1 }).toBe('B-T');
    expect(readFileSync(path).equals(EXTENDED)).toBe(true);
    expect(online.ledger.verifyChain()).toEqual({ ok: true, records: 2 });
    expect(online.ledger.last()).toMatchObject({ outcome: 'extended', hashAfter: sha256(EXTENDED) });
  });
});

test('a process that was told to go on seals, so the kills above are what stopped it', async () => {
  const folder = join(temporaryFolder(), 'state');
  const state = openState(folder);
  const house = await openHouse({ state });
  const { id } = await marked(house);
  await capturePrint(house, id, 'yi');
  await house.close();
  state.close();
  const { signal, output } = await sealElsewhere(folder, id, 'never');
  expect(signal).toBeNull();
  expect(JSON.parse(output)).toMatchObject({ agreementId: id, ledger: { n: 1 } });
});
