/**
 * The daemon's sealing path behind its port, in a process of its own so that its memory is its own: `http-server.ts FOLDER`. Tells its
 * parent `{url}`; the messages `durable` and `fast` say whether what is sealed and recorded is brought to the disk itself, `collect`
 * has the garbage collected.
 */
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAgreements } from '../../src/agreement/open-agreements.ts';
import { systemClock } from '../../src/clock.ts';
import { loadConfig } from '../../src/config.ts';
import { createApp } from '../../src/http/app.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { version } from '../../src/package.ts';
import { PdfPool } from '../../src/pdf/pdf-pool.ts';
import { KeyStore } from '../../src/seal/key-store.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import { keepHeapSmall } from '../../src/small-heap.ts';
import { openState } from '../../src/state.ts';

const [folder = ''] = process.argv.slice(2);
keepHeapSmall();
const clock = systemClock;
const nothing = (): void => {};
const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
const config = loadConfig({ file: join(folder, 'http.json'), env: {} });
mkdirSync(config.storage.folder, { recursive: true });
const state = openState(config.storage.folder);
const pool = new PdfPool({ timeoutMs: config.limits.pdfTimeoutMs });
const keys = new KeyStore({ p12Path: join(folder, 'pki/committee.p12'), committeeName: '', clock, idleLockMinutes: 0 });
await keys.unlock((await readFile(join(folder, 'pki/passphrase.txt'), 'utf8')).trimEnd());
let durable = false;
const sealer = new SealService({
  pool,
  keys,
  clock,
  committeeName: '',
  diameterMm: 42,
  pagingEdge: 'right',
  rendition: 'display',
  cacheFolder: state.cache,
  async flush(file) {
    if (durable) await file.datasync();
  },
});
const unused = (): never => {
  throw new Error('nothing is captured or verified here');
};
const { agreements, captures, close } = await openAgreements({
  state,
  ledger: new Ledger(state.database),
  sealer,
  inspector: pool,
  check: () => Promise.reject(new Error('nothing is extended here')),
  readers: { choose: unused, capture: unused },
  config,
  clock,
  log,
});
const app = createApp({
  config,
  version,
  token: state.token,
  clock,
  log,
  readers: { list: () => [], get: unused },
  captures,
  agreements,
  seal: keys,
  verifier: { verify: unused },
});
const url = await app.listen({ host: '127.0.0.1', port: 0 });
await pool.warm();
process.on('message', (message) => {
  if (message === 'collect') globalThis.gc?.();
  else {
    durable = message === 'durable';
    state.database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'}`);
  }
  process.send?.({ done: message });
});
process.on('disconnect', () => void stop());
process.send?.({ url, token: state.token });

async function stop(): Promise<void> {
  await app.close();
  await close();
  keys.lock();
  await pool.close();
  state.close();
}
