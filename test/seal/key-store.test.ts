import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePki, PKI_VARIANTS } from '../../scripts/make-pki.ts';
import type { PkiFiles, PkiVariant } from '../../scripts/make-pki.ts';
import { buildChain } from '../../src/cms/chain.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { isAppError } from '../../src/errors.ts';
import { KeyStore } from '../../src/seal/key-store.ts';
import type { KeyStoreOptions } from '../../src/seal/key-store.ts';
import { VirtualClock } from '../support/clock.ts';

const NAME = '示例市示范区人民调解委员会';
const PASSPHRASE = '印章口令 TEST';
const AT = new Date('2026-03-02T01:30:00Z');
const DAY_MS = 86_400_000;

let folder = '';
let pki: PkiFiles;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'zhiyin-keys-'));
  pki = await makePki(folder, {
    committeeName: NAME,
    passphrase: PASSPHRASE,
    at: AT,
    variants: PKI_VARIANTS,
    iterations: 1000,
  });
});
afterAll(() => rmSync(folder, { recursive: true }));

function store(change: Partial<KeyStoreOptions> = {}): { readonly keys: KeyStore; readonly clock: VirtualClock } {
  const clock = new VirtualClock(AT);
  return { clock, keys: new KeyStore({ p12Path: pki.p12, committeeName: NAME, clock, idleLockMinutes: 0, ...change }) };
}

const variant = (name: PkiVariant): string => pki.variants[name] ?? '';
const codes = (keys: KeyStore): string[] => keys.info().warnings.map(({ code }) => code);

/** The code that `attempt` fails with; `done` where it does not. */
async function outcome(attempt: () => unknown): Promise<string> {
  try {
    await attempt();
    return 'done';
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

describe('a seal', () => {
  it('is absent where none is configured', async () => {
    const keys = new KeyStore({ committeeName: NAME, clock: new VirtualClock(AT), idleLockMinutes: 0 });
    expect(keys.info()).toEqual({ state: 'absent', committee: NAME, warnings: [] });
    expect(await outcome(() => keys.use())).toBe('SEAL_ABSENT');
    expect(await outcome(() => keys.unlock(PASSPHRASE))).toBe('SEAL_ABSENT');
  });

  it('is used only between unlock and lock', async () => {
    const { keys } = store();
    expect(keys.state()).toBe('locked');
    expect(await outcome(() => keys.use())).toBe('SEAL_LOCKED');
    await keys.unlock(PASSPHRASE);
    expect(keys.state()).toBe('unlocked');
    expect(keys.use().sign(new Uint8Array(3))).toHaveLength(256);
    keys.lock();
    expect(keys.state()).toBe('locked');
    expect(await outcome(() => keys.use())).toBe('SEAL_LOCKED');
  });

  it('brings its chain up to the root', async () => {
    const { keys } = store();
    await keys.unlock(PASSPHRASE);
    const { chain, certificate } = keys.use();
    const root = parseCertificate(readFileSync(pki.rootPem));
    expect(chain.map(({ sha256 }) => sha256).at(-1)).toBe(root.sha256);
    expect(buildChain(certificate, chain, [root], AT).trusted).toBe(true);
  });

  it('shows its certificate from the first unlock on, and that it is a TEST seal', async () => {
    const { keys } = store();
    expect(keys.info()).toEqual({ state: 'locked', committee: NAME, warnings: [] });
    await keys.unlock(PASSPHRASE);
    keys.lock();
    const certificate = parseCertificate(readFileSync(pki.committeePem));
    expect(keys.info()).toMatchObject({
      state: 'locked',
      certificate: {
        subject: `CN=${NAME}（测试 TEST）,OU=测试 TEST,O=${NAME},C=CN`,
        issuer: 'CN=知印测试中间证书 TEST,O=测试机构 TEST,C=CN',
        serial: certificate.serialHex,
        notBefore: '2026-03-01T01:30:00.000Z',
        notAfter: '2029-03-01T01:30:00.000Z',
        sha256: certificate.sha256,
      },
    });
    expect(codes(keys)).toEqual(['SEAL_TEST']);
  });

  it('warns for thirty days before it expires', async () => {
    const { keys, clock } = store({ p12Path: variant('expires-soon') });
    await keys.unlock(PASSPHRASE);
    expect(codes(keys)).toEqual(['SEAL_EXPIRES_SOON', 'SEAL_TEST']);
    expect(keys.info().warnings[0]?.messageZh).toContain('10 天');
    clock.set(new Date(AT.getTime() - 21 * DAY_MS));
    expect(codes(keys)).not.toContain('SEAL_EXPIRES_SOON');
  });
});

describe('a seal that may not be used', () => {
  it.each([
    ['expired', 'SEAL_EXPIRED'],
    ['not-yet-valid', 'SEAL_NOT_YET_VALID'],
    ['wrong-usage', 'SEAL_USAGE'],
    ['foreign', 'SEAL_FOREIGN'],
  ] as const)('%s: unlocking and using it say %s, and the key is not kept', async (name, code) => {
    const { keys } = store({ p12Path: variant(name) });
    expect(await outcome(() => keys.unlock(PASSPHRASE))).toBe(code);
    expect(keys.state()).toBe('locked');
    expect(await outcome(() => keys.use())).toBe(code);
    expect(codes(keys)).toContain(code);
  });

  it.each([
    ['mismatched', 'SEAL_KEY_MISMATCH'],
    ['ec', 'SEAL_KEY_UNSUPPORTED'],
    ['short-key', 'SEAL_KEY_UNSUPPORTED'],
  ] as const)('%s: unlocking says %s', async (name, code) => {
    const { keys } = store({ p12Path: variant(name) });
    expect(await outcome(() => keys.unlock(PASSPHRASE))).toBe(code);
    expect(await outcome(() => keys.use())).toBe('SEAL_LOCKED');
  });

  it('is noticed when it expires while it is unlocked', async () => {
    const { keys, clock } = store();
    await keys.unlock(PASSPHRASE);
    keys.use();
    clock.set('2029-03-01T01:30:01Z');
    expect(await outcome(() => keys.use())).toBe('SEAL_EXPIRED');
    clock.set('2026-01-01T00:00:00Z');
    expect(await outcome(() => keys.use())).toBe('SEAL_NOT_YET_VALID');
    clock.set(AT);
    expect(await outcome(() => keys.use())).toBe('done');
  });

  it('is another’s unless its certificate is the one that is configured', async () => {
    const own = parseCertificate(readFileSync(pki.committeePem)).sha256;
    const pinned = store({ committeeName: '别的名称', certificateSha256: own.toUpperCase() });
    expect(await outcome(() => pinned.keys.unlock(PASSPHRASE))).toBe('done');
    const other = store({ certificateSha256: '0'.repeat(64) });
    expect(await outcome(() => other.keys.unlock(PASSPHRASE))).toBe('SEAL_FOREIGN');
    const anybody = store({ committeeName: '' });
    expect(await outcome(() => anybody.keys.unlock(PASSPHRASE))).toBe('done');
  });

  it('is a file that is missing or no P12', async () => {
    const broken = join(folder, 'broken.p12');
    writeFileSync(broken, 'not a seal');
    for (const [p12Path, code] of [
      [broken, 'SEAL_FILE_INVALID'],
      [join(folder, 'missing.p12'), 'FILE_UNREADABLE'],
      [folder, 'FILE_UNREADABLE'],
    ] as const) {
      expect(await outcome(() => store({ p12Path }).keys.unlock(PASSPHRASE))).toBe(code);
    }
  });
});

describe('wrong passphrases', () => {
  it('say nothing of what was typed', async () => {
    const { keys } = store();
    const error: unknown = await keys.unlock('marked-passphrase').catch((thrown: unknown) => thrown);
    expect(isAppError(error, 'SEAL_PASSPHRASE_WRONG')).toBe(true);
    expect(JSON.stringify([error, (error as Error).stack, keys.info()])).not.toContain('marked');
  });

  it('cost more and more time from the fifth on, and the right one ends that', async () => {
    const { keys, clock } = store({ p12Path: variant('expires-soon') });
    for (let i = 0; i < 5; i++) expect(await outcome(() => keys.unlock('wrong'))).toBe('SEAL_PASSPHRASE_WRONG');
    const refused: unknown = await keys.unlock(PASSPHRASE).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code: 'TOO_MANY_REQUESTS', extras: { retryAfterSeconds: 5 } });
    await clock.advance(5000);
    expect(await outcome(() => keys.unlock('wrong'))).toBe('SEAL_PASSPHRASE_WRONG');
    await clock.advance(5000);
    expect(await outcome(() => keys.unlock(PASSPHRASE))).toBe('TOO_MANY_REQUESTS');
    await clock.advance(5000);
    expect(await outcome(() => keys.unlock(PASSPHRASE))).toBe('done');
    expect(await outcome(() => keys.unlock('wrong'))).toBe('SEAL_PASSPHRASE_WRONG');
    expect(await outcome(() => keys.unlock(PASSPHRASE))).toBe('done');
  });

  it('are counted when they come all at once', async () => {
    const { keys } = store();
    const attempts = await Promise.all(Array.from({ length: 8 }, () => outcome(() => keys.unlock('wrong'))));
    expect(attempts.filter((code) => code === 'SEAL_PASSPHRASE_WRONG')).toHaveLength(5);
    expect(attempts.filter((code) => code === 'TOO_MANY_REQUESTS')).toHaveLength(3);
  });
});

describe('unlocking at the same time', () => {
  it('ends unlocked, whatever the others typed', async () => {
    const { keys } = store();
    const typed = ['wrong', PASSPHRASE, PASSPHRASE, 'wrong'];
    const all = await Promise.all(typed.map((passphrase) => outcome(() => keys.unlock(passphrase))));
    expect(all).toEqual(['SEAL_PASSPHRASE_WRONG', 'done', 'done', 'SEAL_PASSPHRASE_WRONG']);
    expect(keys.state()).toBe('unlocked');
  });

  it('does not undo a lock that came in between', async () => {
    const { keys } = store();
    const unlocking = keys.unlock(PASSPHRASE);
    keys.lock();
    await unlocking;
    expect(keys.state()).toBe('locked');
  });
});

describe('an unlocked seal that is not used', () => {
  const MINUTE_MS = 60_000;

  it('is locked after its time, though nobody asks', async () => {
    const { keys, clock } = store({ idleLockMinutes: 10 });
    await keys.unlock(PASSPHRASE);
    expect(clock.sleeping).toBe(1);
    await clock.advance(10 * MINUTE_MS);
    expect(clock.sleeping).toBe(0);
    expect(keys.state()).toBe('locked');
  });

  it('stays as long as it is used, looked at or not', async () => {
    const { keys, clock } = store({ idleLockMinutes: 10 });
    await keys.unlock(PASSPHRASE);
    for (let i = 0; i < 5; i++) {
      await clock.advance(9 * MINUTE_MS);
      keys.use();
    }
    await clock.advance(9 * MINUTE_MS);
    expect(keys.state()).toBe('unlocked');
    await clock.advance(MINUTE_MS);
    expect(await outcome(() => keys.use())).toBe('SEAL_LOCKED');
  });

  it('is locked on waking from a sleep that the monotonic clock does not know of', async () => {
    const { keys, clock } = store({ idleLockMinutes: 10 });
    await keys.unlock(PASSPHRASE);
    clock.set(new Date(AT.getTime() + 10 * MINUTE_MS));
    expect(await outcome(() => keys.use())).toBe('SEAL_LOCKED');
    expect(clock.sleeping).toBe(0);
  });

  it('leaves no timer behind when it is locked by hand', async () => {
    const { keys, clock } = store({ idleLockMinutes: 10 });
    await keys.unlock(PASSPHRASE);
    await keys.unlock(PASSPHRASE);
    expect(clock.sleeping).toBe(1);
    keys.lock();
    expect(clock.sleeping).toBe(0);
  });
});

describe('the test authority', () => {
  it('writes what it says, for its owner only', () => {
    expect(readFileSync(pki.passphraseFile, 'utf8')).toBe(`${PASSPHRASE}\n`);
    for (const path of [pki.rootPem, pki.intermediatePem, pki.committeePem]) {
      expect(parseCertificate(readFileSync(path)).isTest).toBe(true);
    }
  });
});
