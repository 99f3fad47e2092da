/** Every shape of document that a fixture has, through the whole pipeline and before other people's programs. */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkSealed } from '../../scripts/corpus/checks.ts';
import type { SealTask } from '../../scripts/corpus/seal-child.ts';
import { SealLane } from '../../scripts/corpus/seal-lane.ts';
import { makePki } from '../../scripts/make-pki.ts';
import { judgesFor } from '../support/judges.ts';
import { pdfFixturePath, pdfFixtures, sealFieldOf } from '../support/pdf-files.ts';
import { REFUSALS } from '../support/refusals.ts';
import { describeShared } from '../support/shared.ts';

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
async function outcomeOf(
  original: string,
  sealed: string,
  wish: Pick<SealTask, 'field' | 'expect'> = {},
): Promise<unknown> {
  const task = { input: original, output: sealed, mark: true, ...wish };
  const end = await lane.seal(task);
  if (end.kind !== 'sealed') return end.kind === 'refused' ? end.code : end;
  const { faults, notes } = await checkSealed({ original, sealed, end }, judges, folder);
  return faults.length + notes.length === 0 ? 'whole' : { faults, notes };
}

describe('every shape, marked and sealed and sealed again, is whole for everybody and shows what it showed', () => {
  it.each(pdfFixtures('extended'))('%s', async (name) => {
    const [once, twice] = [join(folder, 'once.pdf'), join(folder, 'twice.pdf')];
    const isFree = sealFieldOf(name) === null;
    const wish = isFree ? { expect: 'To come' } : {};
    expect(await outcomeOf(pdfFixturePath('extended', name), once, wish)).toBe('whole');
    // Where the seal took the only field that earlier signatures leave free, no second one follows.
    const ends = isFree ? ['whole'] : ['whole', 'PDF_SIGNED_LOCKED'];
    expect(ends).toContainEqual(await outcomeOf(once, twice));
  });
});

describe('every shape whose cross-reference is put together anew is whole for everybody', () => {
  /** poppler needs a trailer, and finds no objects in streams without a cross-reference; then there is nothing to compare with. */
  const unreadBefore = { faults: [], notes: [{ check: 'pdfsig', detail: 'cannot read the original' }] };

  it.each(pdfFixtures('repaired'))('%s', async (name) => {
    const outcome = await outcomeOf(pdfFixturePath('repaired', name), join(folder, 'repaired.pdf'));
    expect(['whole', unreadBefore]).toContainEqual(outcome);
  });
});

describe('what cannot be sealed safely is refused by its code', () => {
  it.each(Object.entries(REFUSALS))('%s', async (name, [code]) => {
    const output = join(folder, 'refused.pdf');
    const field = sealFieldOf(name);
    const wish = field === null ? {} : { field };
    expect(await outcomeOf(pdfFixturePath('refused', name), output, wish)).toBe(code);
  });
});

describeShared('what other software wrote', (shared) => {
  const agreements = join(shared, 'data/agreements');

  it.each(readdirSync(agreements).filter((name) => name.endsWith('.pdf')))('%s', async (name) => {
    const end = name === 'qpdf-aes256-locked.pdf' ? 'PDF_ENCRYPTED' : 'whole';
    expect(await outcomeOf(join(agreements, name), join(folder, 'agreement.pdf'))).toBe(end);
  });

  it('a document that others have signed', async () => {
    const signed = join(shared, 'data/pdf/wild/bug854315.pdf');
    expect(await outcomeOf(signed, join(folder, 'signed.pdf'))).toBe('whole');
  });
});
