import { once } from 'node:events';
import { copyFile, cp, mkdir, readFile, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import type { PkiFiles } from '../../scripts/make-pki.ts';
import { openState } from '../../src/state.ts';
import { Ledger } from '../../src/ledger/ledger.ts';
import { openCommandHome } from '../support/command.ts';
import type { CommandHome, Ended, Running } from '../support/command.ts';
import { pdfFixturePath } from '../support/pdf-files.ts';
import { COMMITTEE, fixture } from '../support/sealing.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');

interface Report {
  readonly total: number;
  readonly sealed: number;
  readonly skipped: number;
  readonly refused: number;
  readonly left: number;
  readonly files: readonly { readonly name: string; readonly outcome: string; readonly error?: { code: string } }[];
}

let home: CommandHome;
let pki: PkiFiles;
let count = 0;
/** A folder for each test. */
let folder: string;
beforeAll(async () => {
  home = await openCommandHome({ committee: { name: COMMITTEE } });
  pki = await makePki(join(home.folder, 'pki'), { committeeName: COMMITTEE, passphrase: 'TEST' });
});
beforeEach(async () => {
  folder = join(home.folder, `test-${++count}`);
  await mkdir(join(folder, 'in/sub'), { recursive: true });
});
afterAll(() => home[Symbol.asyncDispose]());

function command(...more: readonly string[]): string[] {
  const [input, output] = [join(folder, 'in'), join(folder, 'out')];
  return ['seal', input, output, '--p12', pki.p12, '--passphrase-file', pki.passphraseFile, ...more];
}

function seal(...more: readonly string[]): Promise<Ended> {
  return home.run(...command(...more));
}

async function report(...more: readonly string[]): Promise<Report> {
  return JSON.parse((await seal('--json', ...more)).stdout) as Report;
}

/** Paths within the output folder, hidden ones too. */
async function outputs(): Promise<string[]> {
  const entries = await readdir(join(folder, 'out'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

/** As many documents as keep a run busy while a signal is under way to it. */
async function fill(documents: number): Promise<void> {
  for (let i = 0; i < documents; i++) await copyFile(AGREEMENT, join(folder, `in/${String(i).padStart(3, '0')}.pdf`));
}

/** Waits until a document was sealed. */
async function oneIsSealed({ process: child }: Running): Promise<void> {
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  while (!said.includes('\n')) await once(child.stderr, 'data');
}

describe('zhiyin seal of a folder', () => {
  it('seals what it can, tells what not and why, and skips the sealed ones the next time', async () => {
    await cp(AGREEMENT, join(folder, 'in/sub/agreement.pdf'));
    await cp(AGREEMENT, join(folder, 'in/协议 1.PDF'));
    await cp(pdfFixturePath('refused', 'cut-in-object'), join(folder, 'in/truncated.pdf'));
    const first = await seal();
    expect(first.code).toBe(1);
    expect(first.stdout).toMatch(/sealed · 已用印 +2\n.*skipped .* 0\n.*refused .* 1\n/);
    expect(first.stdout).toMatch(/PDF_TRUNCATED: .* · .* — .* · .*\n {2}truncated\.pdf/);
    expect(first.stderr.split('\n')).toHaveLength(4);
    expect((await outputs()).toSorted()).toEqual(['agreement.pdf', '协议 1.PDF']);

    const verified = await home.run('verify', join(folder, 'out/sub/agreement.pdf'), '--trust', pki.rootPem);
    expect(verified).toMatchObject({ code: 0 });
    const original = await readFile(AGREEMENT);
    const sealed = await readFile(join(folder, 'out/协议 1.PDF'));
    expect(sealed.subarray(0, original.length).equals(original)).toBe(true);

    await rm(join(folder, 'in/truncated.pdf'));
    const second = await seal('--json');
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(second.stdout)).toMatchObject({
      total: 2,
      sealed: 0,
      skipped: 2,
      refused: 0,
      left: 0,
      files: [
        { name: 'sub/agreement.pdf', outcome: 'skipped', output: join(folder, 'out/sub/agreement.pdf') },
        { name: '协议 1.PDF', outcome: 'skipped' },
      ],
    });
    expect((await readFile(join(folder, 'out/协议 1.PDF'))).equals(sealed)).toBe(true);
  });

  it('tells of each file as of a single one, and records each use of the seal', async () => {
    await fill(2);
    const { files } = await report('--at', '1,150,240', '--reason', 'why');
    const { size } = await stat(join(folder, 'out/000.pdf'));
    expect(files[0]).toMatchObject({ outcome: 'sealed', bytes: size, level: 'B-B', warnings: [] });
    const uses = files.map((file) => (file as unknown as { ledger: { n: number } }).ledger.n);
    expect(uses[1]).toBe((uses[0] ?? 0) + 1);
    const state = openState(join(home.folder, 'state'));
    expect(new Ledger(state.database).verifyChain()).toMatchObject({ ok: true, records: uses[1] });
    state.close();
  });

  it('seals anew what was cut off or changed, and gives up another document only when told', async () => {
    await fill(3);
    await report();
    const { size } = await stat(AGREEMENT);
    await truncate(join(folder, 'out/000.pdf'), size + 100);
    const changed = await readFile(join(folder, 'out/001.pdf'));
    changed[size - 300] = (changed[size - 300] ?? 0) ^ 1;
    await writeFile(join(folder, 'out/001.pdf'), changed);
    await cp(fixture('agreements', 'two-parties.pdf'), join(folder, 'in/002.pdf'));
    const outcomes = ({ files }: Report): string[] => files.map(({ outcome, error }) => error?.code ?? outcome);
    expect(outcomes(await report())).toEqual(['sealed', 'sealed', 'OUTPUT_TAKEN']);
    expect(outcomes(await report('--replace'))).toEqual(['skipped', 'skipped', 'sealed']);
  });

  it('shows names for what they are', async () => {
    const name = 'red\u001b[31m\u202efdp.pdf';
    await cp(pdfFixturePath('refused', 'cut-in-object'), join(folder, 'in', name));
    const { stdout, stderr } = await seal();
    expect(stdout).toContain('  red\\u{1b}[31m\\u{202e}fdp.pdf  (');
    for (const odd of '\u001b\u202e') expect(stdout + stderr).not.toContain(odd);
    expect((await report()).files).toMatchObject([{ name, outcome: 'refused' }]);
  });

  it('ends at SIGINT after the document under way, and goes on from there the next time', async () => {
    await fill(24);
    const running = home.start(...command());
    await oneIsSealed(running);
    running.process.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^stopping after this file · .*$/m);
    expect(stderr).toMatch(/^INTERRUPTED: .*\n$/m);
    const [sealed = 0, left = 0] = [/^sealed \D*(\d+)$/m, /^left \D*(\d+)$/m].map((count) =>
      Number(count.exec(stdout)?.[1]),
    );
    expect(left).toBeGreaterThan(0);
    expect(await outputs()).toHaveLength(sealed);
    expect(await report()).toMatchObject({ total: 24, sealed: left, skipped: sealed, refused: 0, left: 0 });
  });

  it('goes on after it was killed, and leaves nothing of what that left', async () => {
    await fill(12);
    const running = home.start(...command());
    await oneIsSealed(running);
    running.process.kill('SIGKILL');
    await running.ended;
    const done = (await outputs()).filter((name) => name.endsWith('.pdf')).length;
    await writeFile(join(folder, 'out/.zhiyin', `${crypto.randomUUID()}.part`), 'half');
    expect(await report()).toMatchObject({ total: 12, sealed: 12 - done, skipped: done });
    expect(await outputs()).toHaveLength(12);
  });

  it.each([
    ['USAGE', 64, ['--at', 'here']],
    ['SEAL_PASSPHRASE_WRONG', 1, ['--passphrase-file', AGREEMENT]],
    ['PICTURE_NOT_PNG', 1, ['--picture', AGREEMENT]],
  ])('says %s once, and not for each document', async (code, exit, args) => {
    await fill(2);
    const ended = await seal(...args);
    expect(ended.code).toBe(exit);
    expect(ended.stderr).toMatch(new RegExp(`^${code}: [^\\n]+\\n$`));
  });

  it('says that there is nothing to seal', async () => {
    expect(await seal()).toMatchObject({ code: 0, stdout: expect.stringContaining('no PDF') as string });
  });

  it('keeps --replace for folders', async () => {
    const args = ['--p12', pki.p12, '--passphrase-file', pki.passphraseFile, '--replace'];
    expect(await home.run('seal', AGREEMENT, join(folder, 'out.pdf'), ...args)).toMatchObject({ code: 64 });
  });
});
