import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import { ORIGIN, Page } from '../support/page.ts';
import { COMMITTEE, fixture } from '../support/sealing.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

let folder: string;
let installed: string;

/** Packed as for publishing, and laid out as npm would, with nothing but what the manifest declares. Needs no network. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zhiyin-pack-'));
  const { stdout } = await run(npm, ['pack', '--ignore-scripts=false', '--json', '--pack-destination', folder], {
    cwd: root,
    shell: process.platform === 'win32',
  });
  const [packed] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string }[];
  const modules = join(folder, 'node_modules');
  installed = join(modules, 'zhiyin');
  await mkdir(installed, { recursive: true });
  await run('tar', ['-xzf', join(folder, packed?.filename ?? ''), '-C', installed, '--strip-components=1']);
  const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Manifest;
  for (const name of Object.keys(dependencies)) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it('serves on the simulator where it is installed', async () => {
  const config = join(folder, 'config.json');
  await writeFile(config, JSON.stringify({ listen: { port: 0 }, origins: [ORIGIN], storage: { folder: 'state' } }));
  const program = join(installed, 'scripts/zhiyin.mjs');
  const child = spawn(process.execPath, [program, 'serve', '--config', config, '--json'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    const { url, tokenFile } = JSON.parse(line) as { url: string; tokenFile: string };
    const page = new Page({ url, token: (await readFile(tokenFile, 'utf8')).trim() });
    const agreement = await page.upload(fixture('agreements', 'one-page.pdf'), [{ id: 'a', name: '甲某' }]);
    const { body } = await page.capture(agreement, 'a');
    expect(body).toMatchObject({ state: 'done' });
    await page.mark(agreement, { partyId: 'a', kind: 'fingerprint', captureId: body['id'] });
    const placed = await page.seal(agreement, 'k');
    expect(placed.body).toMatchObject({ code: 'AGREEMENT_INCOMPLETE' });
    expect(
      (await page.call('POST', '/v1/verifications', await readFile(fixture('agreements', 'one-page.pdf')))).body,
    ).toMatchObject({ verdict: 'NO_SIGNATURE' });
  } finally {
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
  }
});

it('can be imported', async () => {
  const script = `import { startDaemon, loadConfig, version } from 'zhiyin';
    console.log(typeof startDaemon, typeof loadConfig, version);`;
  await writeFile(join(folder, 'import.mjs'), script);
  const { stdout } = await run(process.execPath, ['import.mjs'], { cwd: folder });
  expect(stdout.trim()).toBe('function function 0.1.0');
});

it('brings its types', async () => {
  const program = `import { loadConfig, startDaemon } from 'zhiyin';
    const { port }: { readonly port: number } = loadConfig({ env: {} }).listen;
    // @ts-expect-error -- a port is a number: types that say nothing would let this pass
    const text: string = port;
    export const daemon = await startDaemon(loadConfig({ env: {} }), null).then(({ url }) => url.length);`;
  await writeFile(join(folder, 'use.mts'), program);
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--skipLibCheck'];
  const { stdout } = await run(process.execPath, [compiler, ...options, ...types, 'use.mts'], { cwd: folder });
  expect(stdout).toBe('');
});

it('draws and applies a seal', async () => {
  const pki = await makePki(join(folder, 'pki'), { committeeName: COMMITTEE, passphrase: 'TEST' });
  const sealed = join(folder, 'sealed.pdf');
  const program = join(installed, 'scripts/zhiyin.mjs');
  const input = fixture('agreements', 'one-page.pdf');
  const args = ['--p12', pki.p12, '--passphrase-file', pki.passphraseFile, '--config', join(folder, 'config.json')];
  await run(process.execPath, [program, 'seal', input, sealed, ...args], { cwd: folder });
  const { stdout } = await run(process.execPath, [program, 'verify', sealed, '--trust', pki.rootPem], { cwd: folder });
  expect(stdout).toMatch(/^VALID/);
});
