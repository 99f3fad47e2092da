import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import type { PkiFiles } from '../../scripts/make-pki.ts';
import { toHex } from '../../src/bytes.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { buildChain } from '../../src/cms/chain.ts';
import { parseCrl } from '../../src/cms/crl.ts';
import { encodeOcspRequest, parseOcspResponse } from '../../src/cms/ocsp.ts';
import { revocationOf, revocationOfChain } from '../../src/cms/revocation.ts';
import type { Revocation } from '../../src/cms/revocation.ts';
import { encodeTimestampRequest, readTimestampResponse } from '../../src/cms/timestamp.ts';
import type { TimestampToken } from '../../src/cms/timestamp.ts';
import { isAppError } from '../../src/errors.ts';
import { openAuthorities } from '../support/authorities.ts';
import type { Authorities } from '../support/authorities.ts';
import { describeTool } from '../support/tools.ts';

const sha256 = new Uint8Array(createHash('sha256').update('人民调解协议书').digest());

describeTool('openssl', 'authorities over HTTP', () => {
  let folder: string;
  let pki: PkiFiles;
  let authorities: Authorities;
  let [root, intermediate, committee]: Certificate[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'zhiyin-authorities-'));
    pki = await makePki(folder, { committeeName: '示例', passphrase: 'TEST', iterations: 1000, authorities: true });
    authorities = await openAuthorities(pki.authorities);
    [root, intermediate, committee] = [pki.rootPem, pki.intermediatePem, pki.committeePem].map((path) =>
      parseCertificate(readFileSync(path)),
    );
  });
  afterAll(async () => {
    await authorities[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    Object.assign(authorities.faults, { timestamp: null, ocsp: null, crl: null });
  });

  async function ask(url: string, type?: string, body?: Uint8Array): Promise<Uint8Array> {
    const response = await fetch(url, {
      ...(body === undefined ? {} : { method: 'POST', body: new Uint8Array(body), headers: { 'content-type': type! } }),
      signal: AbortSignal.timeout(20_000),
    });
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  async function stamp(): Promise<TimestampToken> {
    const nonce = new Uint8Array(randomBytes(8));
    const query = encodeTimestampRequest(sha256, nonce);
    return readTimestampResponse(await ask(authorities.timestampUrl, 'application/timestamp-query', query), {
      sha256,
      nonce,
    });
  }

  async function answerOn(certificate: Certificate, issuer: Certificate, nonce?: Uint8Array): Promise<Uint8Array> {
    return ask(authorities.ocspUrl, 'application/ocsp-request', encodeOcspRequest(certificate, issuer, nonce));
  }

  async function byOcsp(certificate: Certificate, issuer: Certificate): Promise<Revocation> {
    const ocsps = [await answerOn(certificate, issuer)];
    return revocationOf(certificate, issuer, { crls: [], ocsps, certificates: [] }, new Date());
  }

  /** `ok`, or the code of the error. */
  async function codeOf(body: () => Promise<unknown>): Promise<string> {
    try {
      await body();
      return 'ok';
    } catch (error) {
      return isAppError(error) ? error.code : String(error);
    }
  }

  it('stamp, under the root of the PKI', async () => {
    const start = Date.now();
    const { time, signedData } = await stamp();
    expect(time.getTime()).toBeGreaterThanOrEqual(start - 1);
    const { signer, certificates } = signedData;
    expect(buildChain(signer!, certificates, [root!], time, 'timestamp')).toMatchObject({ trusted: true });
  });

  it('stamp many at once, each with a number of its own', async () => {
    const tokens = await Promise.all(Array.from({ length: 5 }, stamp));
    expect(new Set(tokens.map(({ serialHex }) => serialHex)).size).toBe(5);
  });

  it.each(['refused', 'wrong-nonce', 'wrong-imprint', 'no-certificate', 'html'] as const)(
    'may answer what is no timestamp: %s',
    async (fault) => {
      authorities.faults.timestamp = fault;
      expect(await codeOf(stamp)).toBe(fault === 'refused' ? 'TIMESTAMP_REFUSED' : 'TIMESTAMP_INVALID');
    },
  );

  it('may stamp with a certificate that has expired, which its chain says', async () => {
    authorities.faults.timestamp = 'expired-signer';
    const { time, signedData } = await stamp();
    const { reasons } = buildChain(signedData.signer!, signedData.certificates, [root!], time, 'timestamp');
    expect(reasons).toMatchObject([{ code: 'CERTIFICATE_EXPIRED' }]);
  });

  it.each(['closed', 'status-500'] as const)('may not answer at all: %s', async (fault) => {
    Object.assign(authorities.faults, { timestamp: fault, ocsp: fault, crl: fault });
    expect(await codeOf(stamp)).toMatch(/fetch failed|status 500/);
    expect(await codeOf(() => answerOn(committee!, intermediate!))).toMatch(/fetch failed|status 500/);
    expect(await codeOf(() => ask(authorities.crlUrls.root))).toMatch(/fetch failed|status 500/);
  });

  it('may keep whoever asks waiting, or never come to an end', async () => {
    authorities.faults.timestamp = 'silent';
    const given = new AbortController();
    const waiting = fetch(authorities.timestampUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query' },
      body: 'x',
      signal: given.signal,
    });
    const before = authorities.questions.length;
    while (authorities.questions.length === before) await new Promise((resolve) => setImmediate(resolve));
    given.abort(new Error('given up'));
    await expect(waiting).rejects.toThrow('given up');

    authorities.faults.crl = 'huge';
    const response = await fetch(authorities.crlUrls.root);
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > 5_000_000) break;
    }
    expect(bytes).toBeGreaterThan(5_000_000);
  });

  it('tell by OCSP of both authorities’ certificates, with the nonce of the question', async () => {
    expect(await byOcsp(committee!, intermediate!)).toMatchObject({ status: 'good', source: 'ocsp' });
    expect(await byOcsp(intermediate!, root!)).toMatchObject({ status: 'good', source: 'ocsp' });
    const nonce = new Uint8Array(randomBytes(16));
    const answer = parseOcspResponse(await answerOn(committee!, intermediate!, nonce));
    expect(toHex(answer.nonce ?? new Uint8Array())).toBe(toHex(nonce));
  });

  it.each([
    ['try-later', 'REVOCATION_UNREADABLE'],
    ['html', 'REVOCATION_UNREADABLE'],
    ['unknown', 'REVOCATION_UNKNOWN'],
    ['bad-signature', 'SIGNATURE_WRONG'],
  ] as const)('may tell nothing by OCSP: %s', async (fault, code) => {
    authorities.faults.ocsp = fault;
    expect(await byOcsp(committee!, intermediate!)).toMatchObject({ status: 'unknown', code });
  });

  it('tell by lists, and of a whole chain', async () => {
    const crls = await Promise.all(Object.values(authorities.crlUrls).map((url) => ask(url)));
    const chain = [committee!, intermediate!, root!];
    const statuses = (at: Date) =>
      revocationOfChain(chain, { crls, ocsps: [], certificates: [] }, at).map(({ revocation }) => revocation.status);
    expect(statuses(new Date())).toEqual(['good', 'good']);
    expect(statuses(new Date(Date.now() + 8 * 86_400_000))).toEqual(['unknown', 'unknown']);
    authorities.faults.crl = 'outdated';
    const old = await ask(authorities.crlUrls.intermediate);
    expect(
      revocationOf(committee!, intermediate!, { crls: [old], ocsps: [], certificates: [] }, new Date()),
    ).toMatchObject({ code: 'REVOCATION_OUTDATED' });
  });

  it('run as a command, which prints the settings that use them', async () => {
    const script = join(import.meta.dirname, '../../scripts/authorities.ts');
    const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      let text = '';
      for await (const chunk of child.stdout.setEncoding('utf8')) {
        text += String(chunk);
        if (text.endsWith('\n}\n')) break;
      }
      const settings = JSON.parse(text) as {
        trust: { roots: string[] };
        timestamp: { url: string };
        revocation: { ocsp: string; crls: string[] };
      };
      expect(settings.trust.roots).toEqual([pki.rootPem]);
      expect(new URL(settings.timestamp.url).hostname).toBe('127.0.0.1');
      const crls = await Promise.all(settings.revocation.crls.map((url) => ask(url)));
      expect(crls.map((bytes) => parseCrl(bytes).issuer.cn)).toEqual([root!.subject.cn, intermediate!.subject.cn]);
    } finally {
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      expect(code).toBe(0);
    }
  });

  it('tell whom they revoked, by both, the stamping authority too', async () => {
    const { signedData } = await stamp();
    const at = new Date(Date.now() - 60_000);
    await authorities.revoke(signedData.signer!, at, 'superseded');
    const crls = [await ask(authorities.crlUrls.root)];
    const second = Math.floor(at.getTime() / 1000) * 1000;
    const expected = { status: 'revoked', revokedAt: new Date(second), reason: 'superseded' };
    expect(await byOcsp(signedData.signer!, root!)).toMatchObject(expected);
    expect(revocationOf(signedData.signer!, root!, { crls, ocsps: [], certificates: [] }, new Date())).toMatchObject(
      expected,
    );
    expect(await byOcsp(committee!, intermediate!)).toMatchObject({ status: 'good' });
  });
});
