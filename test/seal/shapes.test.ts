/** Every shape of document that a fixture has, through the whole pipeline and before other people's programs. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSealed } from '../../scripts/corpus/checks.ts';
import { SealLane } from '../../scripts/corpus/seal-lane.ts';
import { makePki } from '../../scripts/make-pki.ts';
import { judgesFor } from '../support/judges.ts';
import { pdfFixturePath, pdfFixtures } from '../support/pdf-files.ts';

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

/** Seals, and gives what everybody finds wrong with it. */
async function faultsOf(original: string, sealed: string): Promise<unknown> {
  const end = await lane.seal({ input: original, output: sealed, mark: true });
  return end.kind === 'sealed' ? checkSealed({ original, sealed, end }, judges, folder) : end;
}

describe('every shape, marked and sealed and sealed again, is whole for everybody and shows what it showed', () => {
  it.each(pdfFixtures('extended'))('%s', async (name) => {
    const [once, twice] = [join(folder, 'once.pdf'), join(folder, 'twice.pdf')];
    expect(await faultsOf(pdfFixturePath('extended', name), once)).toEqual({ faults: [], notes: [] });
    expect(await faultsOf(once, twice)).toEqual({ faults: [], notes: [] });
  });
});
