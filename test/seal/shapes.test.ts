/** Every shape of document that a fixture has, through the whole pipeline and before other people's programs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSealed } from '../../scripts/corpus/checks.ts';
import { SealLane } from '../../scripts/corpus/seal-lane.ts';
import { makePki } from '../../scripts/make-pki.ts';
import { judgesFor } from '../support/judges.ts';
import { pdfFixturePath, pdfFixtures, sealFieldOf } from '../support/pdf-files.ts';

const judges = judgesFor('every shape of document');

let folder: string;
let lane: SealLane;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zhiyin-shapes-'));
  await makePki(folder, { committeeName: '示例', passphrase: 'TEST', iterations: 1000 });
  lane = new SealLane({ folder, sealMs: 30_000, verifyMs: 30_000 });
});
afterAll(async () => {
  await lane[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Seals: `whole` where nobody finds fault with it, the code where it is refused, or what is wrong. */
async function outcomeOf(original: string, sealed: string): Promise<unknown> {
  const end = await lane.seal({ input: original, output: sealed, mark: true });
  if (end.kind !== 'sealed') return end.kind === 'refused' ? end.code : end;
  const { faults, notes } = await checkSealed({ original, sealed, end }, judges, folder);
  return faults.length + notes.length === 0 ? 'whole' : { faults, notes };
}

describe('every shape, marked and sealed and sealed again, is whole for everybody and shows what it showed', () => {
  it.each(pdfFixtures('extended'))('%s', async (name) => {
    const [once, twice] = [join(folder, 'once.pdf'), join(folder, 'twice.pdf')];
    expect(await outcomeOf(pdfFixturePath('extended', name), once)).toBe('whole');
    // Where the seal took the only field that earlier signatures leave free, no second one follows.
    const ends = sealFieldOf(name) === null ? ['whole'] : ['whole', 'PDF_SIGNED_LOCKED'];
    expect(ends).toContainEqual(await outcomeOf(once, twice));
  });
});
