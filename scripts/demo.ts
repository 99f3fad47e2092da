/**
 * The whole job, seen from a web page: a daemon of its own on a free port, a simulated reader, a TEST seal; an agreement of three
 * parties, of whom two press a finger and one declines and signs; the mediator signs; sealed, verified, written to .demo/.
 * Everything goes over HTTP; the only files read are those a page would offer for upload.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';
import { makePki } from './make-pki.ts';

const root = join(import.meta.dirname, '..');
const folder = join(root, '.demo');
const ORIGIN = 'https://mediation.example.cn';
const COMMITTEE = '示例市示例镇示例村人民调解委员会';

const PARTIES = [
  { id: 'jia', name: '甲某' },
  { id: 'yi', name: '乙某' },
  { id: 'bing', name: '丙某' },
] as const;
const MEDIATOR = { id: 'mediator', name: '丁某' };

/** The members of the daemon's answers that this page uses. */
interface Capture {
  readonly id: string;
  readonly state: 'waiting' | 'imaging' | 'done' | 'failed' | 'cancelled';
  readonly progress: number;
  readonly prompt?: string;
  readonly quality?: number;
  readonly image?: { readonly width: number; readonly height: number; readonly dpi: number };
  readonly template?: { readonly format: string; readonly bytes: number };
  readonly error?: { readonly code: string; readonly title: string };
}
interface Agreement {
  readonly id: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly state: string;
  readonly pages: readonly unknown[];
  readonly missing: readonly unknown[];
}
interface Sealed {
  readonly bytes: number;
  readonly level: string;
  readonly ledger: { readonly n: number; readonly hash: string };
  readonly effectiveAt: string;
  readonly judicialConfirmationDeadline: string;
  readonly warnings: readonly { readonly message: string }[];
}
interface Report {
  readonly verdict: string;
  readonly integrity: string;
  readonly trust: string;
}

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

say('A TEST certificate chain and seal · 生成测试证书与测试印章');
const pki = await makePki(join(folder, 'pki'), { committeeName: COMMITTEE, passphrase: randomPassphrase() });
await writeFile(
  join(folder, 'config.json'),
  JSON.stringify(
    {
      listen: { port: 0 },
      origins: [ORIGIN],
      committee: { name: COMMITTEE, shortName: '示' },
      reader: [
        { id: 'window', link: 'simulated', simulated: { device: 'as608-iso', paced: true } },
        { id: 'desk', link: 'simulated', simulated: { device: 'as608', paced: true } },
      ],
      seal: { p12: 'pki/committee.p12' },
      trust: { roots: ['pki/root.pem'] },
      storage: { folder: 'state' },
    },
    null,
    2,
  ),
);

const daemon = await startDaemon();
try {
  await main();
} catch (error) {
  process.exitCode = 1;
  say(`The demo failed · 演示失败: ${error instanceof Error ? error.message : String(error)}`);
} finally {
  daemon.process.kill('SIGTERM');
  await once(daemon.process, 'exit');
}

async function main(): Promise<void> {
  const pdf = await readFile(join(root, 'fixtures/agreements/three-parties.pdf'));
  const agreement = await call<Agreement>('POST', '/v1/agreements', { pdf });
  const here = `/v1/agreements/${agreement.id}`;
  say(`Agreement uploaded: ${agreement.bytes} bytes, ${agreement.pages.length} pages · 已上传协议书`);

  await call('PATCH', here, {
    json: { number: '（2023）示人调字第12号', kind: 'general', parties: PARTIES, mediator: MEDIATOR },
  });
  say('Three parties and a mediator registered · 已登记三方当事人与调解员');

  // One reader hands out ISO templates, the other its maker's own.
  for (const [party, reader] of [
    [PARTIES[0], 'window'],
    [PARTIES[1], 'desk'],
  ] as const) {
    const capture = await pressFinger(agreement.id, party.id, reader);
    const picture = await bytes(`/v1/captures/${capture.id}/image`);
    const file = join(folder, `print-${party.id}.png`);
    await writeFile(file, picture);
    await call('POST', `${here}/marks`, { json: { partyId: party.id, kind: 'fingerprint', captureId: capture.id } });
    say(
      `  quality ${capture.quality}/100, template ${capture.template?.format} (${capture.template?.bytes} bytes) -> ${shown(file)}`,
    );
  }

  say(`Party ${PARTIES[2].id} declines a fingerprint and signs · 当事人丙不按指印，改为签名`);
  await call('POST', `${here}/marks`, {
    json: { partyId: PARTIES[2].id, kind: 'signature', png: await signature('signature-party') },
  });
  say('The mediator signs · 调解员签名');
  await call('POST', `${here}/marks`, {
    json: { partyId: MEDIATOR.id, kind: 'signature', png: await signature('signature-mediator') },
  });

  await call('POST', '/v1/seal/unlock', {
    json: { passphrase: (await readFile(pki.passphraseFile, 'utf8')).trimEnd() },
  });
  const sealed = await call<Sealed>('POST', `${here}/seal`, {
    json: {},
    headers: { 'Idempotency-Key': crypto.randomUUID() },
  });
  say(`Sealed at level ${sealed.level}: ${sealed.bytes} bytes, ledger entry ${sealed.ledger.n} · 已用印`);
  say(
    `  effective · 生效 ${sealed.effectiveAt}; judicial confirmation until · 司法确认截止 ${sealed.judicialConfirmationDeadline}`,
  );
  for (const { message } of sealed.warnings) say(`  note: ${message}`);

  const file = join(folder, 'sealed.pdf');
  const output = await bytes(`${here}/pdf`);
  await writeFile(file, output);
  if (!output.subarray(0, pdf.length).equals(pdf)) throw new Error('the original is not a prefix of the sealed file');
  say(`Written, the original bytes untouched at its start -> ${shown(file)}`);

  const report = await call<Report>('POST', '/v1/verifications', { pdf: output });
  say(`Verified: ${report.verdict} (integrity ${report.integrity}, trust ${report.trust}) · 验证结果`);
  if (report.verdict !== 'VALID') throw new Error('the sealed agreement does not verify');
}

/** Takes one print with the party's consent, telling how the picture crosses the link. */
async function pressFinger(agreementId: string, partyId: string, readerId: string): Promise<Capture> {
  say(`Party ${partyId} consents and presses a finger on reader ${readerId} · 当事人同意采集并按压手指`);
  const consent = {
    noticeVersion: '2023-1',
    purpose: '人民调解协议书按指印',
    retentionDays: 1,
    givenAt: new Date().toISOString(),
  };
  const { id } = await call<Capture>('POST', '/v1/captures', {
    json: { agreementId, partyId, readerId, finger: 2, consent },
  });
  let shownTenth = -1;
  let prompt = '';
  for await (const capture of events<Capture>(`/v1/captures/${id}/events`)) {
    if (capture.prompt !== undefined && capture.prompt !== prompt) {
      prompt = capture.prompt;
      say(`  the reader says: ${prompt}`);
    }
    const tenth = Math.floor(capture.progress * 10);
    if (capture.state === 'imaging' && tenth > shownTenth) {
      shownTenth = tenth;
      say(`  image ${bar(capture.progress)}`);
    }
    if (capture.state === 'done') return capture;
    if (capture.state === 'failed') throw new Error(`capture failed: ${capture.error?.code} ${capture.error?.title}`);
  }
  throw new Error('the capture ended without an answer');
}

function bar(progress: number): string {
  const full = Math.round(progress * 30);
  return `${'█'.repeat(full)}${'░'.repeat(30 - full)} ${Math.round(progress * 100)} %`;
}

async function signature(name: string): Promise<string> {
  return (await readFile(join(root, `fixtures/agreements/${name}.png`))).toString('base64');
}

interface Body {
  readonly json?: unknown;
  readonly pdf?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

async function request(method: string, path: string, body: Body = {}): Promise<Response> {
  const content = body.pdf ?? (body.json === undefined ? undefined : JSON.stringify(body.json));
  const type = body.pdf !== undefined ? 'application/pdf' : 'application/json';
  const answer = await fetch(`${daemon.url}${path}`, {
    method,
    headers: {
      Origin: ORIGIN,
      Authorization: `Bearer ${daemon.token}`,
      ...(content === undefined ? {} : { 'Content-Type': type }),
      ...body.headers,
    },
    ...(content === undefined ? {} : { body: content as string | Uint8Array<ArrayBuffer> }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function call<T = unknown>(method: string, path: string, body?: Body): Promise<T> {
  return (await (await request(method, path, body)).json()) as T;
}

async function bytes(path: string): Promise<Buffer> {
  return Buffer.from(await (await request('GET', path)).arrayBuffer());
}

/** Server-sent events by fetch streaming, as a page must read them to send its token. */
async function* events<T>(path: string): AsyncGenerator<T> {
  const answer = await request('GET', path);
  let pending = '';
  for await (const chunk of (answer.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    pending += chunk;
    const messages = pending.split('\n\n');
    pending = messages.pop() ?? '';
    for (const message of messages) {
      const data = message
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice(5))
        .join('\n');
      if (data !== '') yield JSON.parse(data) as T;
    }
  }
}

async function startDaemon(): Promise<{ process: ChildProcess; url: string; token: string }> {
  const child = spawn(
    process.execPath,
    [join(root, 'src/bin.ts'), 'serve', '--config', join(folder, 'config.json'), '--json'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, 'exit').then(() => Promise.reject(new Error('the daemon did not start')));
  const [line] = (await Promise.race([once(lines, 'line'), exited])) as [string];
  exited.catch(() => undefined); // later it is expected to end
  const started = JSON.parse(line) as { url: string; tokenFile: string };
  say(`Daemon on ${started.url} · 服务已启动`);
  return { process: child, url: started.url, token: (await readFile(started.tokenFile, 'utf8')).trim() };
}

function randomPassphrase(): string {
  return `测试 TEST ${crypto.randomUUID()}`;
}

function shown(path: string): string {
  return relative(root, path);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
