import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FileSealing } from '../../src/agreement/file-sealing.ts';
import type { FileSealingAnswer, FileSealingOptions } from '../../src/agreement/file-sealing.ts';
import { AppError } from '../../src/errors.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { DOCUMENT, PlayedSealer, SEALED_SUFFIX, never, sha256 } from '../support/agreement-house.ts';
import { VirtualClock } from '../support/clock.ts';
import { temporaryFolder, temporaryState } from '../support/state.ts';

interface Bench {
  readonly folder: string;
  readonly ledger: Ledger;
  readonly sealer: PlayedSealer;
  readonly seal: (signal?: AbortSignal) => Promise<FileSealingAnswer>;
}

function bench(check: FileSealingOptions['check'] = () => Promise.resolve(), output = 'out.pdf'): Bench {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'in.pdf'), DOCUMENT);
  const clock = new VirtualClock();
  const state = temporaryState();
  const ledger = new Ledger(state.database);
  const sealer = new PlayedSealer(clock);
  const files = new FileSealing({ sealer, ledger, state, clock, check });
  const request = { input: join(folder, 'in.pdf'), output: join(folder, output), placement: null };
  return { folder, ledger, sealer, seal: (signal = never) => files.seal(request, signal) };
}

test('the original is the beginning of what is sealed, and its use is recorded', async () => {
  const { folder, ledger, seal } = bench();
  const answer = await seal();
  const sealed = readFileSync(join(folder, 'out.pdf'));
  expect(sealed.equals(Buffer.concat([DOCUMENT, Buffer.from(SEALED_SUFFIX)]))).toBe(true);
  expect(answer).toMatchObject({ sha256: sha256(sealed), bytes: sealed.length, ledger: { n: 1 } });
  expect(ledger.last()).toMatchObject({ via: 'cli', outcome: 'sealed', hashBefore: sha256(DOCUMENT) });
  expect(readdirSync(folder).toSorted()).toEqual(['in.pdf', 'out.pdf']);
});

test('a failure after signing leaves no file, and a record of it', async () => {
  const { folder, ledger, seal } = bench(() => Promise.reject(new AppError('SEAL_SELF_CHECK')));
  await expect(seal()).rejects.toMatchObject({ code: 'SEAL_SELF_CHECK' });
  expect(readdirSync(folder)).toEqual(['in.pdf']);
  expect(ledger.last()).toMatchObject({ n: 1, via: 'cli', outcome: 'failed', hashBefore: sha256(DOCUMENT) });
});

test('a refusal before signing is no use of the seal', async () => {
  const { folder, ledger, sealer, seal } = bench();
  sealer.beforehand = () => {
    throw new AppError('KEYWORD_ABSENT');
  };
  await expect(seal()).rejects.toMatchObject({ code: 'KEYWORD_ABSENT' });
  expect(readdirSync(folder)).toEqual(['in.pdf']);
  expect(ledger.last()).toBeNull();
});

test('a failure after signing is on record whatever its code', async () => {
  const { ledger, sealer, seal } = bench();
  sealer.afterwards = () => {
    throw new AppError('PDF_TIMEOUT');
  };
  await expect(seal()).rejects.toMatchObject({ code: 'PDF_TIMEOUT' });
  expect(ledger.last()).toMatchObject({ n: 1, outcome: 'failed' });
});

test('a sealed file that cannot be moved to its place is one use, on record once', async () => {
  const { folder, ledger, seal } = bench(async () => {
    mkdirSync(join(folder, 'out.pdf'));
  });
  await expect(seal()).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  expect(ledger.last()).toMatchObject({ n: 1, outcome: 'sealed' });
  expect(readdirSync(folder).toSorted()).toEqual(['in.pdf', 'out.pdf']);
});

test('who is interrupted leaves no file; a record only where the key may have signed', async () => {
  const before = bench();
  await expect(before.seal(AbortSignal.abort(new AppError('INTERRUPTED')))).rejects.toMatchObject({
    code: 'INTERRUPTED',
  });
  expect(readdirSync(before.folder)).toEqual(['in.pdf']);
  expect(before.ledger.last()).toBeNull();

  const interrupted = new AbortController();
  const after = bench((_path, signal) => {
    interrupted.abort(new AppError('INTERRUPTED'));
    return Promise.reject(signal.reason as Error);
  });
  await expect(after.seal(interrupted.signal)).rejects.toMatchObject({ code: 'INTERRUPTED' });
  expect(readdirSync(after.folder)).toEqual(['in.pdf']);
  expect(after.ledger.last()).toMatchObject({ outcome: 'failed' });
});

test('a place that cannot be written is said before anything is signed', async () => {
  const { ledger, sealer, seal } = bench(undefined, 'absent/out.pdf');
  await expect(seal()).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  expect(sealer.jobs).toEqual([]);
  expect(ledger.last()).toBeNull();
});
