import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileExtending } from '../../src/agreement/file-extending.ts';
import type { FileExtendingAnswer, FileExtendingOptions } from '../../src/agreement/file-extending.ts';
import { AppError } from '../../src/errors.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { DOCUMENT, OFFLINE, PlayedSealer, added, never, sha256 } from '../support/agreement-house.ts';
import { VirtualClock } from '../support/clock.ts';
import { temporaryFolder, temporaryState } from '../support/state.ts';

const SOUND: VerificationReport = {
  verdict: 'INDETERMINATE',
  integrity: 'INTACT',
  trust: 'UNTRUSTED',
  reasons: [],
  signatures: [],
  revisions: [],
};
const EXTENDED = Buffer.concat([DOCUMENT, Buffer.from(added('B-LTA'))]);

interface Bench {
  readonly folder: string;
  readonly ledger: Ledger;
  readonly sealer: PlayedSealer;
  readonly state: ReturnType<typeof temporaryState>;
  readonly extend: (output?: string, signal?: AbortSignal) => Promise<FileExtendingAnswer>;
}

function bench(change: Partial<FileExtendingOptions> = {}): Bench {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'in.pdf'), DOCUMENT, { mode: 0o640 });
  const state = temporaryState();
  const ledger = new Ledger(state.database);
  const sealer = new PlayedSealer(new VirtualClock());
  const verify = (): Promise<VerificationReport> => Promise.resolve(SOUND);
  const check = (): Promise<void> => Promise.resolve();
  const files = new FileExtending({ sealer, ledger, state, verify, check, ...change });
  return {
    folder,
    ledger,
    sealer,
    state,
    extend: (output = 'in.pdf', signal = never) =>
      files.extend({ input: join(folder, 'in.pdf'), output: join(folder, output) }, signal),
  };
}

test('the sealed file is the beginning of the extended one, which takes its place or another', async () => {
  const { folder, sealer, extend } = bench();
  const apart = await extend('out.pdf');
  expect(apart).toEqual({
    output: join(folder, 'out.pdf'),
    sha256: sha256(EXTENDED),
    bytes: EXTENDED.length,
    extendedAt: '2026-03-02T01:30:00.000Z',
    level: 'B-LTA',
    ledger: null,
    warnings: [],
  });
  expect(readFileSync(join(folder, 'out.pdf')).equals(EXTENDED)).toBe(true);
  expect(readFileSync(join(folder, 'in.pdf')).equals(DOCUMENT)).toBe(true);
  expect(sealer.extensions[0]).toMatchObject({ sha256: sha256(DOCUMENT), bytes: DOCUMENT.length, to: 'B-LTA' });
  expect(sealer.extensions[0]).not.toHaveProperty('from');
  await extend();
  expect(readFileSync(join(folder, 'in.pdf')).equals(EXTENDED)).toBe(true);
  expect(readdirSync(folder).toSorted()).toEqual(['in.pdf', 'out.pdf']);
});

test.skipIf(process.platform === 'win32')(
  'a file that is extended in its place stays readable to whom it was',
  async () => {
    const { folder, extend } = bench();
    chmodSync(join(folder, 'in.pdf'), 0o644);
    await extend();
    expect((statSync(join(folder, 'in.pdf')).mode & 0o777).toString(8)).toBe('644');
  },
);

describe('the ledger', () => {
  test('finds a document of ours under its new hash', async () => {
    const { ledger, state, extend } = bench();
    state.transaction(() =>
      ledger.record({
        time: new Date(0),
        hashBefore: sha256(new Uint8Array()),
        hashAfter: sha256(DOCUMENT),
        certificate: sha256(new Uint8Array(1)),
        via: 'cli',
        outcome: 'sealed',
        level: 'B-B',
      }),
    );
    expect((await extend()).ledger).toEqual({ n: 2, hash: ledger.last()?.hash });
    expect(ledger.last()).toMatchObject({
      via: 'cli',
      outcome: 'extended',
      hashBefore: sha256(DOCUMENT),
      hashAfter: sha256(EXTENDED),
      level: 'B-LTA',
    });
    expect(ledger.verifyChain()).toEqual({ ok: true, records: 2 });
  });

  test('says nothing of others’ documents, on which no seal of ours was used', async () => {
    const { ledger, extend } = bench();
    expect((await extend()).ledger).toBeNull();
    expect(ledger.last()).toBeNull();
  });
});

test('what was reached in part is written, and said', async () => {
  const { folder, sealer, extend } = bench();
  const problem = new AppError('REVOCATION_UNREACHABLE');
  sealer.authorities = { up: false, highest: 'B-T', problem };
  const answer = await extend();
  expect(answer).toMatchObject({ level: 'B-T', warnings: [{ code: 'LEVEL_NOT_REACHED' }] });
  expect(answer.warnings[0]?.message).toContain('`zhiyin extend`');
  expect(readFileSync(join(folder, 'in.pdf')).length).toBeGreaterThan(DOCUMENT.length);
});

describe('nothing is written', () => {
  const report = (change: Partial<VerificationReport>): (() => Promise<VerificationReport>) => {
    const finding = { code: 'DIGEST_WRONG', message: '', messageZh: '' };
    return () => Promise.resolve({ ...SOUND, reasons: [finding], ...change });
  };
  test.each<[string, string, Partial<FileExtendingOptions>]>([
    ['where a seal does not hold', 'SIGNATURE_BROKEN', { verify: report({ verdict: 'INVALID', integrity: 'BROKEN' }) }],
    ['where there is no seal', 'SIGNATURE_ABSENT', { verify: report({ verdict: 'NO_SIGNATURE', integrity: 'NONE' }) }],
    ['where it is no PDF', 'PDF_UNREADABLE', { verify: report({ verdict: 'UNREADABLE', integrity: 'NONE' }) }],
    [
      'where it fails its own check',
      'SEAL_SELF_CHECK',
      { check: () => Promise.reject(new AppError('SEAL_SELF_CHECK')) },
    ],
  ])('%s', async (_, code, change) => {
    const { folder, ledger, extend } = bench(change);
    await expect(extend()).rejects.toMatchObject({ code });
    expect(readFileSync(join(folder, 'in.pdf')).equals(DOCUMENT)).toBe(true);
    expect(readdirSync(folder)).toEqual(['in.pdf']);
    expect(ledger.last()).toBeNull();
  });

  test('where nobody answers, where it is interrupted, and where the output is no plain file', async () => {
    const { folder, sealer, extend } = bench();
    sealer.authorities = { up: false, highest: 'B-B', problem: OFFLINE };
    await expect(extend()).rejects.toBe(OFFLINE);
    const interrupted = new AppError('INTERRUPTED');
    await expect(extend('in.pdf', AbortSignal.abort(interrupted))).rejects.toBe(interrupted);
    await expect(extend('.')).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    await expect(extend('absent/out.pdf')).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    expect(readdirSync(folder)).toEqual(['in.pdf']);
    expect(readFileSync(join(folder, 'in.pdf')).equals(DOCUMENT)).toBe(true);
  });
});
