/** Real documents with damage done to them: sealed and whole all the same, or refused by name; never a crash, a hang or harm. */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { runCorpus } from '../../scripts/corpus/run.ts';
import type { FileVerdict } from '../../scripts/corpus/run.ts';
import { judgesFor } from '../support/judges.ts';
import { mutations, overwrites } from '../support/mutations.ts';
import { describeShared } from '../support/shared.ts';

/** The same damage in each run. */
const SEED = 20_230_615;
const DOCUMENTS = 100;

describeShared('damaged documents', (shared) => {
  const folder = mkdtempSync(join(tmpdir(), 'zhiyin-hostile-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('of every kind', { timeout: 300_000 }, async () => {
    const wild = join(shared, 'data/pdf/wild');
    const files = readdirSync(wild)
      .toSorted()
      .slice(0, DOCUMENTS)
      .map((name, i) => {
        const path = join(folder, name);
        const whole = fc.constant(readFileSync(join(wild, name)));
        // Damage that moves all that follows it, and damage that leaves it in place.
        const damage = i % 2 === 0 ? mutations(whole) : overwrites(whole);
        const [damaged] = fc.sample(damage, { seed: SEED + i, numRuns: 1 });
        writeFileSync(path, damaged ?? '');
        return { name, path };
      });
    const verdicts: FileVerdict[] = [];
    const judges = judgesFor('damaged documents');
    for await (const verdict of runCorpus(files, { judges, mark: true, lanes: 2 })) verdicts.push(verdict);
    expect(verdicts).toHaveLength(DOCUMENTS);
    expect(verdicts.filter(({ outcome }) => outcome !== 'sealed' && outcome !== 'refused')).toEqual([]);
    // Damage that refuses everything, or nothing, would test little.
    for (const outcome of ['sealed', 'refused']) expect(verdicts.map((verdict) => verdict.outcome)).toContain(outcome);
  });
});
