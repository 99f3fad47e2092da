/**
 * A daemon's process that extends one sealed agreement, which waits for a higher level, and is killed at a step of it:
 * `extend-and-die.ts STATE_FOLDER AGREEMENT STEP`. Ends by itself once nothing waits any more.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { openAgreements } from '../../src/agreement/open-agreements.ts';
import { loadConfig } from '../../src/config.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import type { SealUse } from '../../src/ledger/ledger.ts';
import type { ExtendedFile, ExtensionJob } from '../../src/seal/seal-job.ts';
import { openState } from '../../src/state.ts';
import { VirtualClock, settle } from './clock.ts';

const clock = new VirtualClock();
const [folder = '', id = '', step = ''] = process.argv.slice(2);

function die(at: string): void {
  if (step === at) process.kill(process.pid, 'SIGKILL');
}

let recorded = false;

class MortalLedger extends Ledger {
  override record(use: SealUse): { n: number; hash: string } {
    const entry = super.record(use);
    recorded = true;
    die('recording');
    return entry;
  }
}

function extend(job: ExtensionJob): Promise<ExtendedFile> {
  die('before');
  appendFileSync(job.path, 'TO ');
  die('half');
  appendFileSync(job.path, `${job.to}\n`);
  const file = openSync(job.path, 'r+');
  fsyncSync(file);
  closeSync(file);
  die('appended');
  const after = readFileSync(job.path);
  const sha256 = createHash('sha256').update(after).digest('hex');
  return Promise.resolve({ sha256, bytes: after.length, extendedAt: clock.now(), level: job.to });
}

const nothing = (): void => {};
const state = openState(folder);
const { agreements, close } = await openAgreements({
  state: {
    ...state,
    transaction(work) {
      const result = state.transaction(work);
      if (recorded) die('concluded');
      return result;
    },
  },
  ledger: new MortalLedger(state.database),
  sealer: {
    levels: { preset: 'B-B', available: ['B-B', 'B-T'] },
    seal: () => Promise.reject(new Error('nothing is sealed here')),
    extend,
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
while (agreements.get(id).pendingLevel !== undefined) await settle();
await close();
state.close();
