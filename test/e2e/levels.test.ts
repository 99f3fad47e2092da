/** Levels over HTTP, by a daemon of its own: sealed without a network, raised when there is one, over kills and restarts. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import type { PkiFiles } from '../../scripts/make-pki.ts';
import { openAuthorities } from '../support/authorities.ts';
import type { Authorities } from '../support/authorities.ts';
import { openCommandHome } from '../support/command.ts';
import type { CommandHome, Served } from '../support/command.ts';
import { levelByOpenssl, sha256 } from '../support/levels.ts';
import { ORIGIN, Page } from '../support/page.ts';
import { COMMITTEE, fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');
const PARTIES = [{ id: 'a', name: '标记姓名甲' }];

describeTool(['openssl', 'qpdf'], 'levels over HTTP', () => {
  let pkiHome: CommandHome;
  let pki: PkiFiles;
  let authorities: Authorities;
  let home: CommandHome;
  let daemon: Served;
  let page: Page;
  beforeAll(async () => {
    pkiHome = await openCommandHome();
    const options = { committeeName: COMMITTEE, passphrase: 'TEST 标记口令', authorities: true };
    pki = await makePki(join(pkiHome.folder, 'pki'), options);
    authorities = await openAuthorities(pki.authorities);
  });
  afterAll(async () => {
    await authorities[Symbol.asyncDispose]();
    await pkiHome[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    Object.assign(authorities.faults, { timestamp: null, ocsp: null, crl: null });
    home = await openCommandHome({
      origins: [ORIGIN],
      committee: { name: COMMITTEE },
      seal: { p12: pki.p12, passphraseFile: pki.passphraseFile, level: 'B-LTA' },
      trust: { roots: [pki.rootPem] },
      timestamp: { url: authorities.timestampUrl, username: 'MARKED-USER', password: 'MARKED-PASSWORD' },
      revocation: { ocsp: authorities.ocspUrl },
      log: { level: 'debug' },
    });
    await start();
  });
  afterEach(() => home[Symbol.asyncDispose]());

  async function start(): Promise<void> {
    daemon = await home.serve();
    page = new Page(daemon);
  }

  /** Everyone has signed on paper. */
  async function complete(): Promise<string> {
    const agreement = await page.upload(AGREEMENT, PARTIES);
    for (const partyId of ['a', 'mediator']) await page.mark(agreement, { partyId, kind: 'paper' });
    return agreement;
  }

  const view = async (agreement: string): Promise<Record<string, unknown>> => (await page.call('GET', agreement)).body;
  const level = async (agreement: string): Promise<string> =>
    levelByOpenssl(Buffer.from(await page.bytes(`${agreement}/pdf`)), { folder: home.folder, pki });

  it('seals at the configured level, or at the one that is asked for', async () => {
    const [first, second] = [await complete(), await complete()];
    expect(await page.seal(first, 'k1')).toMatchObject({ status: 200, body: { level: 'B-LTA', warnings: [] } });
    expect(await level(first)).toBe('B-LTA');
    expect(await view(first)).toMatchObject({ state: 'sealed', level: 'B-LTA' });
    expect(await page.seal(second, 'k2', { level: 'B-T' })).toMatchObject({ status: 200, body: { level: 'B-T' } });
    expect(await level(second)).toBe('B-T');
  });

  it('seals offline, and raises it after a restart, with the seal locked and the same answer to the same request', async () => {
    authorities.faults.timestamp = 'closed';
    const agreement = await complete();
    const sealed = await page.seal(agreement, 'k1');
    expect(sealed).toMatchObject({ body: { level: 'B-B', warnings: [{ code: 'LEVEL_NOT_REACHED' }] } });
    expect(await view(agreement)).toMatchObject({
      level: 'B-B',
      pendingLevel: {
        level: 'B-LTA',
        attempts: 1,
        problem: { code: 'TIMESTAMP_UNREACHABLE', remedyZh: expect.any(String) as string },
      },
    });
    expect(await level(agreement)).toBe('B-B');
    const before = Buffer.from(await page.bytes(`${agreement}/pdf`));
    await daemon.stop('SIGKILL');

    authorities.faults.timestamp = null;
    const settings = JSON.parse(await readFile(home.configFile, 'utf8')) as { seal: Record<string, unknown> };
    delete settings.seal['passphraseFile'];
    await writeFile(home.configFile, JSON.stringify(settings));
    await start();
    await expect.poll(async () => (await view(agreement))['level'], { timeout: 10_000 }).toBe('B-LTA');
    expect(await view(agreement)).not.toHaveProperty('pendingLevel');
    expect((await page.call('GET', '/v1/seal')).body).toMatchObject({ state: 'locked' });
    expect(await level(agreement)).toBe('B-LTA');
    const after = Buffer.from(await page.bytes(`${agreement}/pdf`));
    expect(after.subarray(0, before.length).equals(before)).toBe(true);
    expect(await view(agreement)).toMatchObject({ bytes: after.length, sha256: sha256(after) });
    await writeFile(join(home.folder, 'after.pdf'), after);
    expect(runTool('qpdf', ['--check', join(home.folder, 'after.pdf')])).toMatchObject({ status: 0, stderr: '' });
    expect(await page.seal(agreement, 'k1')).toEqual(sealed);
  });

  it('is killed while it waits for an authority, and deleted what waits', async () => {
    authorities.faults.timestamp = 'closed';
    const [kept, deleted] = [await complete(), await complete()];
    await page.seal(kept, 'k1');
    await page.seal(deleted, 'k2');
    await daemon.stop('SIGTERM');
    authorities.faults.timestamp = 'silent';
    const asked = authorities.questions.length;
    await start();
    await expect.poll(() => authorities.questions.length).toBeGreaterThan(asked);
    expect((await page.call('DELETE', deleted)).status).toBe(204);
    await daemon.stop('SIGKILL');
    authorities.faults.timestamp = null;
    await start();
    await expect.poll(async () => (await view(kept))['level'], { timeout: 10_000 }).toBe('B-LTA');
    expect(await level(kept)).toBe('B-LTA');
    expect((await page.call('GET', deleted)).status).toBe(404);
    // Who is told to end does not wait for an authority.
    authorities.faults.timestamp = 'silent';
    const waiting = await complete();
    const sealing = page.seal(waiting, 'k3');
    const before = authorities.questions.length;
    await expect.poll(() => authorities.questions.length).toBeGreaterThan(before);
    const { stderr, code } = await daemon.stop('SIGTERM');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(await sealing).toMatchObject({ status: 200, body: { level: 'B-B' } });
  });

  it('writes no name or password of an authority down', async () => {
    authorities.faults.timestamp = 'refused';
    const agreement = await complete();
    const { body } = await page.seal(agreement, 'k1');
    const shown = [JSON.stringify(body), JSON.stringify(await view(agreement))];
    const { stderr } = await daemon.stop('SIGTERM');
    const log = await readFile(join(home.folder, 'state/log/zhiyin.1.log'), 'utf8').catch(() => '');
    for (const text of [...shown, stderr, log]) expect(text).not.toContain('MARKED');
    expect(runTool('grep', ['-rl', 'MARKED', join(home.folder, 'state')]).stdout).toBe('');
  });
});
