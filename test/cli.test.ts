import { copyFile, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePki } from '../scripts/make-pki.ts';
import type { PkiFiles } from '../scripts/make-pki.ts';
import { openCommandHome } from './support/command.ts';
import type { CommandHome, Ended } from './support/command.ts';
import { COMMITTEE, fixture } from './support/sealing.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');

let home: CommandHome;
let pki: PkiFiles;
beforeAll(async () => {
  home = await openCommandHome({ committee: { name: COMMITTEE } });
  pki = await makePki(join(home.folder, 'pki'), {
    committeeName: COMMITTEE,
    passphrase: '测试口令 TEST',
    variants: ['foreign', 'ec', 'expired', 'mismatched', 'wrong-usage'],
  });
});
afterAll(() => home[Symbol.asyncDispose]());

function at(name: string): string {
  return join(home.folder, name);
}

function seal(output: string, ...args: readonly string[]): Promise<Ended> {
  return home.run('seal', AGREEMENT, at(output), '--p12', pki.p12, '--passphrase-file', pki.passphraseFile, ...args);
}

/** One line on stderr that starts with the code; never a stack. */
function expectRefused({ stderr }: Ended, code: string): void {
  expect(stderr).toMatch(new RegExp(`^${code}: [^\\n]+ · [^\\n]+\\n$`));
  expect(stderr).not.toMatch(/^\s+at /m);
}

describe('zhiyin seal', () => {
  it('seals astride the date, and verify believes it with the root', async () => {
    const sealed = await seal('dated.pdf', '--json');
    expect(sealed).toMatchObject({ code: 0, stderr: '' });
    const answer = JSON.parse(sealed.stdout) as Record<string, unknown>;
    const { size } = await stat(at('dated.pdf'));
    expect(answer).toMatchObject({ level: 'B-B', bytes: size, ledger: { n: 1 } });
    const original = await readFile(AGREEMENT);
    expect((await readFile(at('dated.pdf'))).subarray(0, original.length).equals(original)).toBe(true);

    const verified = await home.run('verify', at('dated.pdf'), '--trust', pki.rootPem, '--json');
    expect(verified).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(verified.stdout)).toMatchObject({ verdict: 'VALID' });
  });

  it('seals at coordinates and at a keyword, and counts every use in the ledger', async () => {
    const uses: number[] = [];
    for (const place of [
      ['--at', '1,150,240'],
      ['--keyword', '2023年6月15日'],
    ]) {
      const { stdout, code } = await seal(`placed-${uses.length}.pdf`, '--json', ...place);
      expect(code).toBe(0);
      uses.push((JSON.parse(stdout) as { ledger: { n: number } }).ledger.n);
    }
    expect(uses[1]).toBe((uses[0] ?? 0) + 1);
  });

  it('seals the edges of the pages, too, where it is told', async () => {
    expect(await seal('paged.pdf', '--paging', '--json')).toMatchObject({ code: 0, stderr: '' });
    const left = await seal('left.pdf', '--paging', 'left', '--at', '1,150,240');
    expect(left).toMatchObject({ code: 0, stderr: '' });
    const ended = await seal('refused.pdf', '--paging', 'top');
    expect(ended.code).toBe(64);
    expectRefused(ended, 'USAGE');
  });

  it('tells what a seal at coordinates lies over', async () => {
    const sealed = await seal('over-text.pdf', '--at', '1,100,60');
    expect(sealed.stdout).toMatch(
      /^note · 提示 {2}The seal lies over text outside its line, on page 1\. · 印章压住了/m,
    );
  });

  it.each([
    ['SEAL_FOREIGN', 'foreign'],
    ['SEAL_KEY_UNSUPPORTED', 'ec'],
    ['SEAL_EXPIRED', 'expired'],
    ['SEAL_KEY_MISMATCH', 'mismatched'],
    ['SEAL_USAGE', 'wrong-usage'],
  ] as const)('refuses with %s the seal that is %s', async (code, variant) => {
    const p12 = pki.variants[variant] ?? '';
    const args = ['--p12', p12, '--passphrase-file', pki.passphraseFile];
    const ended = await home.run('seal', AGREEMENT, at('refused.pdf'), ...args);
    expect(ended.code).toBe(1);
    expectRefused(ended, code);
  });

  it.each([
    ['PAGE_OUT_OF_RANGE', ['--at', '9,100,100']],
    ['POSITION_OFF_PAGE', ['--at', '1,5,5']],
    ['KEYWORD_ABSENT', ['--keyword', '不在其中']],
    ['KEYWORD_AMBIGUOUS', ['--keyword', '当事人']],
    ['PICTURE_NOT_PNG', ['--picture', AGREEMENT]],
  ])('refuses with %s', async (code, args) => {
    const ended = await seal('refused.pdf', ...args);
    expect(ended).toMatchObject({ code: 1, stdout: '' });
    expectRefused(ended, code);
  });

  it('says a wrong passphrase with --json on stdout, too, as one document', async () => {
    await writeFile(at('wrong.txt'), 'not it\n');
    const args = ['--p12', pki.p12, '--passphrase-file', at('wrong.txt'), '--json'];
    const ended = await home.run('seal', AGREEMENT, at('refused.pdf'), ...args);
    expectRefused(ended, 'SEAL_PASSPHRASE_WRONG');
    expect(JSON.parse(ended.stdout)).toMatchObject({ code: 'SEAL_PASSPHRASE_WRONG', titleZh: '印章口令错误' });
    expect(ended.stdout + ended.stderr).not.toContain('not it');
  });

  it('takes one of several places by its number', async () => {
    expect(await seal('second.pdf', '--keyword', '当事人', '--occurrence', '2')).toMatchObject({ code: 0 });
    expectRefused(await seal('refused.pdf', '--keyword', '当事人', '--occurrence', '0'), 'USAGE');
  });

  it('moves from the words by millimetres', async () => {
    expect(await seal('moved.pdf', '--keyword', '（印章）', '--dx', '-40', '--dy', '12.5')).toMatchObject({ code: 0 });
    expectRefused(await seal('refused.pdf', '--keyword', '（印章）', '--dx', 'left'), 'USAGE');
    expectRefused(await seal('refused.pdf', '--dy', '4'), 'USAGE');
  });

  it('keeps a field for a seal that is expected, and fills it with another one', async () => {
    const expecting = ['--at', '1,150,240', '--expect', '第二=1,60,240', '--expect', 'a=b=1,60,190', '--json'];
    const once = await seal('once.pdf', ...expecting);
    expect(once).toMatchObject({ code: 0, stderr: '' });
    const args = ['--p12', pki.p12, '--passphrase-file', pki.passphraseFile];
    const twice = await home.run('seal', at('once.pdf'), at('twice.pdf'), ...args, '--field', '第二', '--json');
    expect(twice).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(twice.stdout)).toMatchObject({ warnings: [] });
    // Without a word where, of two that were kept: its own to choose.
    expectRefused(await home.run('seal', at('once.pdf'), at('refused.pdf'), ...args), 'FIELD_AMBIGUOUS');
    expectRefused(
      await home.run('seal', at('once.pdf'), at('refused.pdf'), ...args, '--field', '无'),
      'FIELD_NOT_FOUND',
    );
    expect(await home.run('seal', at('twice.pdf'), at('thrice.pdf'), ...args)).toMatchObject({ code: 0 });
  });

  it('lets no other seal follow a final one', async () => {
    expect(await seal('final.pdf', '--at', '1,150,240', '--final')).toMatchObject({ code: 0 });
    const args = ['--p12', pki.p12, '--passphrase-file', pki.passphraseFile, '--at', '1,60,240'];
    expectRefused(await home.run('seal', at('final.pdf'), at('refused.pdf'), ...args), 'PDF_SIGNED_LOCKED');
    for (const wrong of [
      ['--expect', 'B=1,60,240'],
      ['--field', 'B', '--at', '1,1,1'],
    ]) {
      expectRefused(await seal('refused.pdf', '--final', ...wrong), 'USAGE');
    }
    expectRefused(await seal('refused.pdf', '--expect', '1,60,240'), 'USAGE');
  });

  it('replaces neither the original nor what is no plain file', async () => {
    const own = at('own.pdf');
    await copyFile(AGREEMENT, own);
    const args = ['--p12', pki.p12, '--passphrase-file', pki.passphraseFile];
    expectRefused(await home.run('seal', own, own, ...args), 'FILE_UNWRITABLE');
    expect(await readFile(own)).toEqual(await readFile(AGREEMENT));
    await symlink(own, at('link.pdf'));
    expectRefused(await home.run('seal', AGREEMENT, at('link.pdf'), ...args), 'FILE_UNWRITABLE');
    expectRefused(await home.run('seal', AGREEMENT, home.folder, ...args), 'FILE_UNWRITABLE');
  });

  it('leaves nothing behind when it refuses', async () => {
    await seal('refused.pdf', '--keyword', '不在其中');
    expect((await readdir(home.folder)).filter((name) => name.includes('refused'))).toEqual([]);
  });

  it('takes bad usage for what it is', async () => {
    const ended = await home.run('seal', AGREEMENT);
    expect(ended.code).toBe(64);
    expectRefused(ended, 'USAGE');
    expectRefused(await seal('refused.pdf', '--at', 'here'), 'USAGE');
  });
});

it.each([[[]], [['config']], [['nothing']]])('wants a command that there is, not %j', async (args) => {
  const ended = await home.run(...args);
  expect(ended).toMatchObject({ code: 64, stdout: '' });
  expectRefused(ended, 'USAGE');
});

it('shows its help to who asks for it', async () => {
  const ended = await home.run('config', '--help');
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(ended.stdout).toContain('check');
});

describe('zhiyin verify', () => {
  it.each([
    [3, 'NO_SIGNATURE', (): string => AGREEMENT],
    [65, 'UNREADABLE', (): string => fixture('PROVENANCE.md')],
    [65, 'UNREADABLE', (): string => at('absent.pdf')],
  ])('exits %i for %s', async (code, verdict, file) => {
    const ended = await home.run('verify', file(), '--json');
    expect(ended).toMatchObject({ code, stderr: '' });
    expect(JSON.parse(ended.stdout)).toMatchObject({ verdict });
  });

  it('exits 2 without the root and 1 for a changed file', async () => {
    await seal('changed.pdf');
    expect((await home.run('verify', at('changed.pdf'))).code).toBe(2);
    const bytes = await readFile(at('changed.pdf'));
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await writeFile(at('changed.pdf'), bytes);
    const ended = await home.run('verify', at('changed.pdf'), '--trust', pki.rootPem);
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/^INVALID: .* · 无效/);
  });

  it('takes the file after the roots, too', async () => {
    await seal('after.pdf');
    expect((await home.run('verify', '--trust', pki.rootPem, at('after.pdf'))).code).toBe(0);
  });

  it('exits 64 when the roots are no certificates, with one document all the same', async () => {
    await copyFile(AGREEMENT, at('root.pem'));
    const ended = await home.run('verify', AGREEMENT, '--trust', at('root.pem'), '--json');
    expect(ended.code).toBe(64);
    expect(JSON.parse(ended.stdout)).toMatchObject({ code: 'CERTIFICATE_INVALID' });
  });
});

describe('zhiyin readers, capture, config', () => {
  it('lists the simulated reader', async () => {
    const ended = await home.run('readers', '--json');
    expect(JSON.parse(ended.stdout)).toMatchObject([{ link: 'simulated', state: 'ready', driver: 'ef01' }]);
  });

  it('asks the daemon that runs, since that one has the readers', async () => {
    const daemon = await home.serve();
    const ended = await home.run('readers', '--json');
    expect(JSON.parse(ended.stdout)).toMatchObject([{ link: 'simulated', state: 'ready' }]);
    expect(await readdir(join(home.folder, 'state'))).toContain('daemon.json');
    await daemon.stop('SIGTERM');
    expect(await readdir(join(home.folder, 'state'))).not.toContain('daemon.json');
  });

  it('captures from the simulated reader into a folder', async () => {
    const ended = await home.run('capture', '--out', at('prints'), '--json');
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    const { files } = JSON.parse(ended.stdout) as { files: string[] };
    expect(files.map((file) => basename(file))).toContain('print.png');
    expect((await readFile(files[0] ?? '')).subarray(1, 4).toString()).toBe('PNG');
  });

  it('makes one folder and no way to it', async () => {
    expectRefused(await home.run('capture', '--out', at('no/such/place')), 'FILE_UNWRITABLE');
    expectRefused(await home.run('capture', '--out', home.configFile), 'FILE_UNWRITABLE');
  });

  it.each([
    ['CONFIG_INVALID', { reader: { simulated: { device: 'nope' } } }],
    ['READER_DRIVER_UNKNOWN', { reader: { driver: 'nope' } }],
    ['FILE_UNREADABLE', { seal: { p12: 'nope.p12' } }],
  ])('checks beyond the form of a configuration: %s', async (code, settings) => {
    await writeFile(at('odd.json'), JSON.stringify(settings));
    const ended = await home.run('config', 'check', '--config', at('odd.json'));
    expect(ended.code).toBe(1);
    expectRefused(ended, code);
  });

  it('checks the configuration, naming the place of what is wrong', async () => {
    const good = await home.run('config', 'check', '--json');
    expect(JSON.parse(good.stdout)).toMatchObject({ committee: { name: COMMITTEE } });
    await writeFile(at('bad.json'), '{\n  // a comment\n  "listen": { "prot": 1 }\n}');
    const bad = await home.run('config', 'check', '--config', at('bad.json'));
    expect(bad.code).toBe(1);
    expectRefused(bad, 'CONFIG_INVALID');
    expect(bad.stderr).toContain('listen.prot');
  });
});
