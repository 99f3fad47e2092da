/** A sealing pipeline with a TEST seal in a folder of its own, without daemon, ledger or readers. */
import { copyFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePki } from '../../scripts/make-pki.ts';
import type { PkiFiles } from '../../scripts/make-pki.ts';
import { systemClock } from '../../src/clock.ts';
import type { Clock } from '../../src/clock.ts';
import { PdfPool } from '../../src/pdf/pdf-pool.ts';
import { KeyStore } from '../../src/seal/key-store.ts';
import type { SealJob, SealedFile } from '../../src/seal/seal-job.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import { Verifier } from '../../src/verify/verifier.ts';

export const COMMITTEE = '示例市示例镇示例村人民调解委员会';
const PASSPHRASE = 'TEST 测试口令';

export function fixture(...parts: readonly string[]): string {
  return join(import.meta.dirname, '../../fixtures', ...parts);
}

export interface SealingHouse extends AsyncDisposable {
  readonly folder: string;
  readonly pki: PkiFiles;
  readonly keys: KeyStore;
  readonly pool: PdfPool;
  readonly sealer: SealService;
  readonly verifier: Verifier;
  /** Again, after a lock. */
  unlock(): Promise<void>;
  /** Copies `original` and seals the copy; gives its path. */
  seal(original: string, job?: Partial<SealJob>): Promise<{ path: string; bytes: Uint8Array; sealed: SealedFile }>;
}

export interface SealingOptions {
  readonly clock?: Clock;
  readonly committeeName?: string;
  /** Whether the PKI has timestamp and revocation authorities (support/levels.ts). */
  readonly authorities?: boolean;
  /** The seal's own picture. */
  readonly picturePath?: string;
}

export async function openSealing(options: SealingOptions = {}): Promise<SealingHouse> {
  const { clock = systemClock, committeeName = COMMITTEE, authorities = false, picturePath } = options;
  const folder = await mkdtemp(join(tmpdir(), 'zhiyin-sealing-'));
  const pki = await makePki(join(folder, 'pki'), { committeeName, passphrase: PASSPHRASE, authorities });
  const pool = new PdfPool({ timeoutMs: 10_000 });
  const keys = new KeyStore({ p12Path: pki.p12, committeeName, clock, idleLockMinutes: 0 });
  await keys.unlock(PASSPHRASE);
  const verifier = new Verifier({ rootFiles: [pki.rootPem], clock, timeoutMs: 10_000 });
  const sealer = new SealService({
    pool,
    keys,
    clock,
    committeeName,
    diameterMm: 42,
    pagingEdge: 'right',
    rendition: 'display',
    cacheFolder: folder,
    ...(picturePath === undefined ? {} : { picturePath }),
  });
  let count = 0;
  return {
    folder,
    pki,
    keys,
    pool,
    sealer,
    verifier,
    unlock: () => keys.unlock(PASSPHRASE),
    async seal(original, job = {}) {
      const path = join(folder, `${++count}.pdf`);
      await copyFile(original, path);
      const { size } = await stat(path);
      const whole = { path, bytes: size, marks: [], parties: 0, seal: null, allowReal: true, ...job };
      const sealed = await sealer.seal(whole, new AbortController().signal);
      return { path, bytes: await readFile(path), sealed };
    },
    async [Symbol.asyncDispose]() {
      keys.lock();
      await Promise.all([pool.close(), verifier.close()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
