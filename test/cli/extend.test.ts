import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import type { PkiFiles } from '../../scripts/make-pki.ts';
import { openAuthorities } from '../support/authorities.ts';
import type { Authorities } from '../support/authorities.ts';
import { openCommandHome } from '../support/command.ts';
import type { CommandHome, Ended } from '../support/command.ts';
import { levelByOpenssl } from '../support/levels.ts';
import { COMMITTEE, fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');

describeTool(['openssl', 'qpdf'], 'zhiyin extend, and zhiyin seal --level', () => {
  let home: CommandHome;
  let pki: PkiFiles;
  let authorities: Authorities;
  beforeAll(async () => {
    home = await openCommandHome();
    pki = await makePki(join(home.folder, 'pki'), {
      committeeName: COMMITTEE,
      passphrase: 'TEST 口令',
      authorities: true,
    });
    authorities = await openAuthorities(pki.authorities);
    const settings = {
      storage: { folder: 'state' },
      committee: { name: COMMITTEE },
      trust: { roots: [pki.rootPem] },
      timestamp: { url: authorities.timestampUrl },
      revocation: { ocsp: authorities.ocspUrl, crls: Object.values(authorities.crlUrls) },
    };
    await writeFile(home.configFile, JSON.stringify(settings));
  });
  afterAll(async () => {
    await authorities[Symbol.asyncDispose]();
    await home[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    Object.assign(authorities.faults, { timestamp: null, ocsp: null, crl: null });
  });

  const at = (name: string): string => join(home.folder, name);
  const seal = (name: string, ...args: readonly string[]): Promise<Ended> =>
    home.run('seal', AGREEMENT, at(name), '--p12', pki.p12, '--passphrase-file', pki.passphraseFile, '--json', ...args);
  const answerOf = ({ stdout }: Ended): Record<string, unknown> => JSON.parse(stdout) as Record<string, unknown>;
  const level = async (name: string): Promise<string> =>
    levelByOpenssl(await readFile(at(name)), { folder: home.folder, pki });

  it.each(['B-T', 'B-LT', 'B-LTA'])('seals as %s, which verify believes', async (wanted) => {
    const sealed = await seal(`${wanted}.pdf`, '--level', wanted);
    expect(sealed).toMatchObject({ code: 0, stderr: '' });
    expect(answerOf(sealed)).toMatchObject({ level: wanted, warnings: [] });
    expect(await level(`${wanted}.pdf`)).toBe(wanted);
    expect(await home.run('verify', at(`${wanted}.pdf`), '--json')).toMatchObject({ code: 0 });
  });

  it('refuses a level that there is not', async () => {
    expect(await seal('none.pdf', '--level', 'B-X')).toMatchObject({ code: 64 });
  });

  it('seals offline, and extends once there is a network: in its place, on record', async () => {
    authorities.faults.timestamp = 'closed';
    const sealed = answerOf(await seal('later.pdf', '--level', 'B-LTA'));
    expect(sealed).toMatchObject({ level: 'B-B', warnings: [{ code: 'LEVEL_NOT_REACHED' }] });
    expect(await home.run('extend', at('later.pdf'), '--json')).toMatchObject({ code: 1 });
    authorities.faults.timestamp = null;
    const extended = await home.run('extend', at('later.pdf'), '--json');
    expect(extended).toMatchObject({ code: 0, stderr: '' });
    expect(answerOf(extended)).toMatchObject({
      level: 'B-LTA',
      warnings: [],
      ledger: { hash: expect.any(String) as string },
    });
    expect(await level('later.pdf')).toBe('B-LTA');
    expect(runTool('qpdf', ['--check', at('later.pdf')])).toMatchObject({ status: 0, stderr: '' });
    expect(await home.run('verify', at('later.pdf'))).toMatchObject({ code: 0 });
  });

  it('renews to another place, and says for people what it came to', async () => {
    await seal('old.pdf', '--level', 'B-LTA');
    const before = await readFile(at('old.pdf'));
    const { code, stdout } = await home.run('extend', at('old.pdf'), at('new.pdf'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^extended · 已延长 {2}.*new\.pdf {2}\(B-LTA, \d+ bytes, sha256 [0-9a-f]{64}\)\n$/);
    expect((await readFile(at('new.pdf'))).subarray(0, before.length).equals(before)).toBe(true);
    expect((await readFile(at('old.pdf'))).equals(before)).toBe(true);
    expect(await home.run('verify', at('new.pdf'))).toMatchObject({ code: 0 });
  });

  it('exits 2 where only a timestamp could be had, and 65 where there is no seal that holds', async () => {
    await seal('half.pdf');
    Object.assign(authorities.faults, { ocsp: 'closed', crl: 'closed' });
    const half = await home.run('extend', at('half.pdf'), '--json');
    expect(half).toMatchObject({ code: 2, stderr: '' });
    expect(answerOf(half)).toMatchObject({ level: 'B-T', warnings: [{ code: 'LEVEL_NOT_REACHED' }] });
    await copyFile(AGREEMENT, at('unsealed.pdf'));
    const unsealed = await home.run('extend', at('unsealed.pdf'), '--json');
    expect(unsealed).toMatchObject({ code: 65 });
    expect(answerOf(unsealed)).toMatchObject({ code: 'SIGNATURE_ABSENT' });
    const changed = await readFile(at('half.pdf'));
    changed[200] = (changed[200] ?? 0) ^ 1;
    await writeFile(at('changed.pdf'), changed);
    expect(await home.run('extend', at('changed.pdf'))).toMatchObject({ code: 65 });
    expect((await readFile(at('changed.pdf'))).equals(changed)).toBe(true);
    expect(await home.run('extend')).toMatchObject({ code: 64 });
  });
});
