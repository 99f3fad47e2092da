import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import { openCommandHome } from '../support/command.ts';
import type { CommandHome, Served } from '../support/command.ts';
import { ORIGIN, Page, signaturePng } from '../support/page.ts';
import { COMMITTEE, fixture } from '../support/sealing.ts';
import { describeTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'three-parties.pdf');
const PASSPHRASE = 'TEST 标记口令 8c1f';
const PARTIES = [
  { id: 'a', name: '标记姓名甲' },
  { id: 'b', name: '标记姓名乙' },
  { id: 'c', name: '标记姓名丙' },
];
const CONFIG = {
  origins: [ORIGIN],
  committee: { name: COMMITTEE, shortName: '示' },
  seal: { p12: 'pki/committee.p12' },
  trust: { roots: ['pki/root.pem'] },
  log: { level: 'debug' },
};

/** One PKI for all homes: keys take their time. */
let pkiHome: CommandHome;
beforeAll(async () => {
  pkiHome = await openCommandHome();
  await makePki(join(pkiHome.folder, 'pki'), { committeeName: COMMITTEE, passphrase: PASSPHRASE });
});
afterAll(() => pkiHome[Symbol.asyncDispose]());

async function openHome(config: Readonly<Record<string, unknown>> = CONFIG): Promise<CommandHome> {
  const home = await openCommandHome(config);
  await mkdir(join(home.folder, 'pki'));
  for (const name of ['committee.p12', 'root.pem']) {
    await copyFile(join(pkiHome.folder, 'pki', name), join(home.folder, 'pki', name));
  }
  return home;
}

describe('starting and stopping', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('ends with 0 at %s', async (signal) => {
    await using home = await openHome();
    const daemon = await home.serve();
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
    expect((await daemon.stop(signal)).code).toBe(0);
  });

  it('prints its address, reader, seal and where the token is', async () => {
    await using home = await openHome();
    const daemon = await home.serve();
    await daemon.stop('SIGTERM');
    const port = await freePort();
    const program = join(import.meta.dirname, '../../src/bin.ts');
    const child = spawn(process.execPath, [program, 'serve'], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], ZHIYIN_CONFIG: home.configFile, ZHIYIN_LISTEN_PORT: String(port) },
    });
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line.includes('token')) break;
    }
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    const shown = lines.join('\n');
    expect(shown).toContain(`http://127.0.0.1:${port}`);
    expect(shown).toMatch(/reader · 采集器 .*simulated, ready/);
    expect(shown).toMatch(/seal · 印章 +locked/);
    expect(shown).toContain(join('state', 'token'));
  });

  it.skipIf(process.platform === 'win32')('ends when npm does, which tells only a shell', async () => {
    await using home = await openHome();
    const env = { ...process.env, ZHIYIN_CONFIG: home.configFile, npm_lifecycle_event: 'start' };
    const program = join(import.meta.dirname, '../../src/bin.ts');
    const line = `"${process.execPath}" "${program}" serve --json; true`;
    const shell = spawn('/bin/sh', ['-c', line], { stdio: ['ignore', 'pipe', 'inherit'], env });
    await once(createInterface({ input: shell.stdout }), 'line');
    const ended = once(shell.stdout, 'close'); // the daemon holds the other end
    shell.kill('SIGTERM');
    await ended;
    expect(await readdir(join(home.folder, 'state'))).not.toContain('daemon.json');
  });

  it('says who holds the port, and exits 1', async () => {
    await using home = await openHome();
    const daemon = await home.serve();
    const port = new URL(daemon.url).port;
    await using other = await openHome({ ...CONFIG, listen: { port: Number(port) } });
    const second = await other.run('serve');
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(new RegExp(`^PORT_IN_USE: .*port ${port} is held by Zhiyin 0\\.1\\.0`));
    if (process.platform === 'linux') expect(second.stderr).toContain(`process ${daemon.process.pid}`);
  });

  it('says that another program holds the port', async () => {
    const stranger = createServer();
    await new Promise<void>((listening) => stranger.listen(0, '127.0.0.1', listening));
    try {
      const { port } = stranger.address() as AddressInfo;
      await using home = await openHome({ ...CONFIG, listen: { port } });
      const ended = await home.run('serve');
      expect(ended.code).toBe(1);
      expect(ended.stderr).toMatch(/^PORT_IN_USE: /);
    } finally {
      stranger.close();
    }
  });

  it('leaves a state folder to the daemon that has it', async () => {
    await using home = await openHome();
    await home.serve();
    const second = await home.run('serve');
    expect(second.code).toBe(1);
    expect(second.stderr).toMatch(/^STATE_IN_USE: /);
  });

  it('stops in the middle of a capture', async () => {
    await using home = await openHome({
      ...CONFIG,
      reader: { link: 'simulated', simulated: { scenario: 'no-finger' } },
    });
    const daemon = await home.serve();
    const page = new Page(daemon);
    const agreement = await page.upload(AGREEMENT, PARTIES);
    const capture = page.capture(agreement, 'a').catch((error: unknown) => error);
    await untilBusy(page);
    expect((await daemon.stop('SIGTERM')).code).toBe(0);
    await capture;
  });
});

describeTool('socat', 'a daemon started at a terminal', () => {
  /**
   * Starts the daemon at a terminal and reads what it shows until it has ended: who closes the pipe before ends socat, and with it the
   * terminal. `person` sees all that is shown so far, each time more of it comes, and types.
   */
  async function atTerminal(
    home: CommandHome,
    person: (shown: string, type: (keys: string) => void) => void | Promise<void>,
  ): Promise<string> {
    const program = join(import.meta.dirname, '../../src/bin.ts');
    const command = `EXEC:${process.execPath} ${program} serve --config ${home.configFile},pty,setsid,ctty,stderr`;
    const child = spawn('socat', ['-', command], { stdio: ['pipe', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    let shown = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      shown += String(chunk);
      await person(shown, (keys) => child.stdin.write(keys));
    }
    await ended;
    return shown;
  }

  it('asks for the passphrase until it is right, shows nothing of it, and ends at Ctrl-C', async () => {
    await using home = await openHome({ ...CONFIG, seal: { ...CONFIG.seal, prompt: true } });
    let asked = 0;
    let interrupted = false;
    const shown = await atTerminal(home, (soFar, type) => {
      const questions = soFar.split('印章口令: ').length - 1;
      if (questions > asked) type(`${++asked === 1 ? 'wrong' : PASSPHRASE}\r`);
      if (!soFar.includes('已解锁') || interrupted) return;
      interrupted = true;
      type('\u0003');
    });
    expect(asked).toBe(2);
    expect(shown).toContain('SEAL_PASSPHRASE_WRONG');
    expect(shown).not.toContain(PASSPHRASE);
    expect(shown).not.toContain('wrong\r');
  });

  it('goes on locked where nobody gives one: Ctrl-D, then Ctrl-C', async () => {
    await using home = await openHome({ ...CONFIG, seal: { ...CONFIG.seal, prompt: true } });
    let url = '';
    const shown = await atTerminal(home, async (soFar, type) => {
      if (soFar.endsWith('印章口令: ')) type('\u0004');
      if (!/印章口令: \s*\n/.test(soFar) || url !== '') return;
      url = /http:\/\/127\.0\.0\.1:\d+/.exec(soFar)?.[0] ?? '';
      expect((await fetch(`${url}/health`)).status).toBe(200);
      type('\u0003');
    });
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    expect(shown).not.toContain('INTERNAL');
  });
});

describe('the whole job over HTTP', () => {
  let home: CommandHome;
  let daemon: Served;
  let page: Page;
  beforeEach(async () => {
    home = await openHome();
    daemon = await home.serve();
    page = new Page(daemon);
  });
  afterEach(() => home[Symbol.asyncDispose]());

  /** Everyone marks: a print, a print, a signature, the mediator's signature. */
  async function complete(): Promise<{ agreement: string; captures: string[] }> {
    const agreement = await page.upload(AGREEMENT, PARTIES);
    const captures: string[] = [];
    for (const partyId of ['a', 'b']) {
      const { body } = await page.capture(agreement, partyId);
      expect(body).toMatchObject({ state: 'done', progress: 1 });
      captures.push(String(body['id']));
      await page.mark(agreement, { partyId, kind: 'fingerprint', captureId: body['id'] });
    }
    await page.mark(agreement, { partyId: 'c', kind: 'signature', png: await signaturePng('signature-party') });
    const signed = { partyId: 'mediator', kind: 'signature', png: await signaturePng('signature-mediator') };
    expect((await page.mark(agreement, signed)).body).toMatchObject({ state: 'marked', missing: [] });
    return { agreement, captures };
  }

  it('goes from prints to a sealed agreement that verifies, once for each key, also after a kill', async () => {
    const { agreement, captures } = await complete();
    expect((await page.seal(agreement, 'k1')).body).toMatchObject({ code: 'SEAL_LOCKED' });
    expect((await page.call('POST', '/v1/seal/unlock', { passphrase: 'wrong' })).body).toMatchObject({
      code: 'SEAL_PASSPHRASE_WRONG',
    });
    await page.call('POST', '/v1/seal/unlock', { passphrase: PASSPHRASE });
    const sealed = await page.seal(agreement, 'k1');
    expect(sealed).toMatchObject({ status: 200, body: { level: 'B-B', ledger: { n: 1 } } });
    const pdf = await page.bytes(`${agreement}/pdf`);
    const original = await readFile(AGREEMENT);
    expect(Buffer.from(pdf.subarray(0, original.length)).equals(original)).toBe(true);
    expect((await page.call('POST', '/v1/verifications', pdf)).body).toMatchObject({ verdict: 'VALID' });

    expect(await page.seal(agreement, 'k1')).toEqual(sealed);
    expect((await page.call('GET', `/v1/captures/${captures[0]}/image`)).status).toBe(410);
    expect((await page.mark(agreement, { partyId: 'a', kind: 'paper' })).body).toMatchObject({
      code: 'AGREEMENT_SEALED',
    });

    await daemon.stop('SIGKILL');
    daemon = await home.serve();
    page = new Page(daemon);
    expect(await page.seal(agreement, 'k1')).toEqual(sealed);
    expect(Buffer.from(await page.bytes(`${agreement}/pdf`)).equals(pdf)).toBe(true);
    expect((await page.call('GET', '/v1/seal')).body).toMatchObject({ state: 'locked' });
  });

  it('writes no name, passphrase, token or text of the document anywhere but the database', async () => {
    const { agreement } = await complete();
    await page.call('POST', '/v1/seal/unlock', { passphrase: 'wrong 标记' });
    await page.call('POST', '/v1/seal/unlock', { passphrase: PASSPHRASE });
    await page.seal(agreement, 'k1');
    await page.call('POST', '/v1/captures', { 标记: PASSPHRASE });
    const { stderr } = await daemon.stop('SIGTERM');
    const logs = await Promise.all(
      (await readdir(join(home.folder, 'state', 'log'))).map((name) =>
        readFile(join(home.folder, 'state', 'log', name), 'utf8'),
      ),
    );
    const written = stderr + logs.join('');
    expect(written).toContain('agreement uploaded');
    for (const secret of ['标记', PASSPHRASE, daemon.token, '田埂', '丁某']) expect(written).not.toContain(secret);
  });

  it('refuses what is not in order, each with its code, and goes on', async () => {
    const agreement = await page.upload(AGREEMENT, [...PARTIES.slice(0, 2), { id: 'c', name: '丙', minor: true }]);
    const agreementId = agreement.slice(agreement.lastIndexOf('/') + 1);
    const expectProblem = async (answer: Promise<{ status: number; body: Record<string, unknown> }>, code: string) =>
      expect((await answer).body).toMatchObject({ code, titleZh: expect.any(String), remedyZh: expect.any(String) });

    await expectProblem(page.call('POST', '/v1/captures', { agreementId, partyId: 'a' }), 'CONSENT_REQUIRED');
    await expectProblem(page.capture(agreement, 'c'), 'GUARDIAN_CONSENT_REQUIRED');
    await expectProblem(page.capture(agreement, 'nobody'), 'PARTY_NOT_FOUND');
    await expectProblem(page.capture(agreement, 'a', { readerId: 'absent' }), 'READER_NOT_FOUND');
    await expectProblem(page.seal(agreement, 'k'), 'AGREEMENT_INCOMPLETE');
    await expectProblem(page.call('POST', `${agreement}/seal`, {}), 'IDEMPOTENCY_KEY_REQUIRED');
    await expectProblem(page.mark(agreement, { partyId: 'a', kind: 'signature', png: 'AAAA' }), 'PICTURE_NOT_PNG');
    const shapes = fixture('pdf', 'refused');
    for (const [file, code] of [
      ['encrypted-aes-locked.pdf', 'PDF_ENCRYPTED'],
      ['cut-in-revision.pdf', 'PDF_TRUNCATED'],
      ['hybrid-contradiction.pdf', 'PDF_AMBIGUOUS'],
    ] as const) {
      await expectProblem(page.call('POST', '/v1/agreements', await readFile(join(shapes, file))), code);
    }
    await expectProblem(page.call('POST', '/v1/agreements', Buffer.from('no pdf')), 'PDF_UNREADABLE');
    expect(await readdir(join(home.folder, 'state', 'uploads'))).toEqual([`${agreementId}.pdf`]);
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
  });

  it('places at coordinates and keywords, and says why it cannot', async () => {
    const agreement = await page.upload(AGREEMENT, PARTIES.slice(0, 1));
    await page.mark(agreement, { partyId: 'a', kind: 'paper' });
    await page.mark(agreement, { partyId: 'mediator', kind: 'paper' });
    await page.call('POST', '/v1/seal/unlock', { passphrase: PASSPHRASE });
    for (const [placement, code] of [
      [{ page: 40, xMm: 100, yMm: 100 }, 'PAGE_OUT_OF_RANGE'],
      [{ page: 1, xMm: 1, yMm: 100 }, 'POSITION_OFF_PAGE'],
      [{ keyword: '无此字样' }, 'KEYWORD_ABSENT'],
      [{ field: 'none' }, 'FIELD_NOT_FOUND'],
    ] as const) {
      expect((await page.seal(agreement, crypto.randomUUID(), { placement })).body).toMatchObject({ code });
    }
    const ambiguous = await page.seal(agreement, crypto.randomUUID(), { placement: { keyword: '当事人' } });
    expect(ambiguous.body).toMatchObject({ code: 'KEYWORD_AMBIGUOUS' });
    expect(ambiguous.body['candidates']).toBeInstanceOf(Array);
    const placement = { page: 1, xMm: 105, yMm: 250 };
    expect(await page.seal(agreement, 'k', { placement })).toMatchObject({ status: 200 });
  });
});

describe('a reader that fails', () => {
  it.each([
    ['unplug-mid-image', 'READER_REMOVED'],
    ['wet-finger', 'FINGER_TOO_WET'],
    ['wrong-password', 'READER_PASSWORD'],
  ])('%s ends in %s, and the daemon stays up', async (scenario, code) => {
    await using home = await openHome({ ...CONFIG, reader: { link: 'simulated', simulated: { scenario } } });
    const daemon = await home.serve();
    const page = new Page(daemon);
    const agreement = await page.upload(AGREEMENT, PARTIES);
    const { body } = await page.capture(agreement, 'a', { timeoutSeconds: 5 });
    expect(body['code'] ?? (body['error'] as Record<string, unknown>)['code']).toBe(code);
    expect((await fetch(`${daemon.url}/health`)).status).toBe(200);
  });
});

async function untilBusy(page: Page): Promise<void> {
  for (;;) {
    const { body } = await page.call('GET', '/v1/status');
    const [reader] = body['readers'] as { state: string }[];
    if (reader?.state === 'busy') return;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
