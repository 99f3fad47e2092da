/**
 * A daemon's process that seals one agreement and is killed at a step of it: `seal-and-die.ts STATE_FOLDER AGREEMENT STEP`. Prints
 * the answer where it gets so far.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { openAgreements } from '../../src/agreement/open-agreements.ts';
import { loadConfig } from '../../src/config.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { SealUse } from '../../src/ledger/ledger.ts';
import type { SealedFile, SealJob } from '../../src/seal/seal-job.ts';
import { openState } from '../../src/state.ts';
import { VirtualClock } from './clock.ts';

/** At the time at which the agreement was made. */
const clock = new VirtualClock();
const [folder = '', id = '', step = ''] = process.argv.slice(2);

function die(at: string): void {
  if (step === at) process.kill(process.pid, 'SIGKILL');
}

class MortalLedger extends Ledger {
  override record(use: SealUse): { n: number; hash: string } {
    const entry = super.record(use);
    die('recording');
    return entry;
  }
}

function seal(job: SealJob): Promise<SealedFile> {
  die('before');
  const before = readFileSync(job.path);
  appendFileSync(job.path, 'SEA');
  die('half');
  appendFileSync(job.path, 'LED\n');
  const file = openSync(job.path, 'r+');
  fsyncSync(file);
  closeSync(file);
  die('appended');
  const hash = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const after = readFileSync(job.path);
  return Promise.resolve({
    sha256Before: hash(before),
    sha256After: hash(after),
    bytes: after.length,
    sealedAt: clock.now(),
    certificateSha256: hash(new Uint8Array()),
    level: 'B-B',
    warnings: [],
  });
}

const nothing = (): void => {};
const state = openState(folder);
const { agreements, close } = await openAgreements({
  state: {
    ...state,
    purge() {
      die('concluded');
      state.purge();
    },
  },
  ledger: new MortalLedger(state.database),
  sealer: {
    levels: { preset: 'B-B', available: ['B-B'] },
    seal,
    extend: () => Promise.reject(new Error('nothing is extended here')),
  },
  check: () => Promise.resolve(),
  inspector: { inspect: () => Promise.reject(new Error('nothing is uploaded here')) },
  readers: {
    choose: () => ({ id: 'none', simulated: true }),
    capture: () => {
      throw new Error('nothing is captured here');
    },
  },
  config: loadConfig({ file: `${folder}/config.json`, env: {} }),
  clock,
  log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
});
const answer = await agreements.seal(id, {}, 'key-1');
process.stdout.write(JSON.stringify(answer), () => die('answered'));
await close();
state.close();
