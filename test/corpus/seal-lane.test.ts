import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SealLane } from '../../scripts/corpus/seal-lane.ts';
import type { SealEnd } from '../../scripts/corpus/seal-lane.ts';

const program = join(import.meta.dirname, '../support/mortal-sealer.ts');

it.each([
  ['that exits', 'die.pdf', 'crashed', /exit code 7/],
  ['that is killed', 'kill.pdf', 'crashed', /SIGKILL/],
  ['that hangs', 'hang.pdf', 'hung', /in time/],
])('a sealing process %s is told of, and replaced for the next document', async (_, name, kind, detail) => {
  await using lane = new SealLane({ folder: '', sealMs: 2000, verifyMs: 2000, program });
  const seal = (input: string): Promise<SealEnd> => lane.seal({ input, output: '', mark: false });
  const first = await seal('fine.pdf');
  const again = await seal('fine.pdf');
  expect(first).toMatchObject({ kind: 'refused' });
  expect(again).toEqual(first); // the same process
  expect(await seal(name)).toMatchObject({ kind, detail: expect.stringMatching(detail) as string });
  const next = await seal('fine.pdf');
  expect(next).toMatchObject({ kind: 'refused' });
  expect(next).not.toEqual(first);
});
