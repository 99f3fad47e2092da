/**
 * One size of document in a process of its own, so that its peak of memory is its own: `seal-case.ts FOLDER FILE PLACEMENT`, where
 * PLACEMENT is the JSON of a placement or null for the date; a fourth argument says how many seals. Prints one JSON line.
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { fileChunks } from '../../src/file-chunks.ts';
import { PdfPool } from '../../src/pdf/pdf-pool.ts';
import { KeyStore } from '../../src/seal/key-store.ts';
import type { Placement } from '../../src/seal/seal-job.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import { keepHeapSmall } from '../../src/small-heap.ts';
import { Verifier } from '../../src/verify/verifier.ts';
import { forgetPeak, median, processMemoryMb } from './process-memory.ts';

export interface SealFigures {
  readonly bytes: number;
  /** Milliseconds, medians. */
  readonly limitMs: number;
  readonly sealMs: number;
  /** What bringing it to the disk adds. */
  readonly fsyncMs: number;
  /** The full read before the file is handed out. */
  readonly checkMs: number;
  /** 2^20 bytes. */
  readonly idleMb: number;
  readonly peakMb: number;
  /** After the seals that were not brought to the disk, garbage collected. */
  readonly endMb: number;
}

/** Enough for a median; a small document is so quick that more are needed for it to be one. */
const ROUNDS = 7;
const ROUNDS_SMALL = 41;
/** Until the engine has compiled what it will compile. */
const WARM_ROUNDS = 200;
/** Below it a document counts as small. */
const SMALL_BYTES = 1 << 22;

const [folder = '', file = '', place = 'null', count] = process.argv.slice(2);
const placement = JSON.parse(place) as Placement | null;
keepHeapSmall();
const clock = systemClock;
const pool = new PdfPool({ timeoutMs: 60_000 });
const verifier = new Verifier({ rootFiles: [], clock, timeoutMs: 60_000 });
const keys = new KeyStore({ p12Path: join(folder, 'pki/committee.p12'), committeeName: '', clock, idleLockMinutes: 0 });
/** Whether what is written is brought to the disk itself. */
let durable = false;
const sealer = new SealService({
  pool,
  keys,
  clock,
  committeeName: '',
  diameterMm: 42,
  pagingEdge: 'right',
  rendition: 'display',
  cacheFolder: folder,
  async flush(handle) {
    if (durable) await handle.datasync();
  },
});
await keys.unlock((await readFile(join(folder, 'pki/passphrase.txt'), 'utf8')).trimEnd());
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const output = join(folder, `case-${process.pid}.pdf`);

// Warm: both workers started, everything compiled, the seal drawn.
for (let i = 0; i < WARM_ROUNDS; i++) {
  await sealOnce(join(folder, 'small.pdf'), { page: 1, xMm: 105, yMm: 200 });
  await checkOnce();
}
for (let i = 0; i < WARM_ROUNDS; i++) await limitOnce(join(folder, 'small.pdf'));
globalThis.gc?.();
const idleMb = processMemoryMb('VmRSS');
forgetPeak();

const limit: number[] = [];
const seal: number[] = [];
const synced: number[] = [];
const check: number[] = [];
let bytes = 0;
const usual = (await stat(file)).size < SMALL_BYTES ? ROUNDS_SMALL : ROUNDS;
const rounds = Array.from({ length: count === undefined ? usual : Number(count) });
for (const _ of rounds) limit.push(await limitOnce(file));
for (const _ of rounds) seal.push((await sealOnce(file, placement)).ms);
globalThis.gc?.();
const endMb = processMemoryMb('VmRSS');
durable = true;
for (const _ of rounds) {
  const whole = await sealOnce(file, placement);
  synced.push(whole.ms);
  bytes = whole.bytes;
}
for (const _ of rounds) check.push(await checkOnce());
const peakMb = processMemoryMb('VmHWM');
await rm(output, { force: true });
keys.lock();
await Promise.all([pool.close(), verifier.close()]);
const figures: SealFigures = {
  bytes,
  limitMs: median(limit),
  sealMs: median(seal),
  fsyncMs: median(synced) - median(seal),
  checkMs: median(check),
  idleMb,
  peakMb,
  endMb,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);

/** What cannot be done without: a copy, a hash over it, one signature. */
async function limitOnce(input: string): Promise<number> {
  await rm(output, { force: true });
  const start = performance.now();
  const { hash } = await copyHashed(input);
  sign('sha256', hash.digest(), privateKey);
  return performance.now() - start;
}

/** The whole job: the copy with its hash running, as an upload has it, then everything up to the file whose increment was checked. */
async function sealOnce(input: string, at: Placement | null): Promise<{ ms: number; bytes: number }> {
  await rm(output, { force: true }); // a new file each time: cutting off an old one has its price
  const start = performance.now();
  const copy = await copyHashed(input);
  const job = {
    path: output,
    bytes: copy.bytes,
    midstate: copy.hash,
    marks: [],
    parties: 0,
    seal: at,
    allowReal: true,
  };
  const sealed = await sealer.seal(job, new AbortController().signal);
  return { ms: performance.now() - start, bytes: sealed.bytes };
}

async function checkOnce(): Promise<number> {
  const start = performance.now();
  await verifier.requireIntact(output, new AbortController().signal);
  return performance.now() - start;
}

async function copyHashed(input: string): Promise<{ hash: Hash; bytes: number }> {
  await using source = await open(input, 'r');
  await using target = await open(output, 'w');
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of fileChunks(source)) {
    hash.update(chunk);
    await target.writeFile(chunk);
    bytes += chunk.length;
  }
  return { hash, bytes };
}
