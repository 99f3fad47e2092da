import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildChain } from '../../src/cms/chain.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { readDer } from '../../src/cms/der.ts';
import { parseOcspResponse, verifyOcspResponse } from '../../src/cms/ocsp.ts';
import { revocationOf } from '../../src/cms/revocation.ts';
import { parseTimestampToken, verifyTimestampToken } from '../../src/cms/timestamp.ts';
import { isAppError } from '../../src/errors.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = join(import.meta.dirname, '../../fixtures/authorities');
const path = (name: string): string => join(folder, name);
const bytes = (name: string): Uint8Array => new Uint8Array(readFileSync(path(name)));
const named = (ending: string): string[] => readdirSync(folder).filter((name) => name.endsWith(ending));
const root = parseCertificate(bytes('root.pem'));
const other = parseCertificate(bytes('other-root.pem'));
const MID_MARCH = new Date('2026-03-15T00:00:00Z');

/** What OpenSSL takes and this project does not. */
const STRICTER = [
  'sha1.tsr', // stamped by SHA-1
  'no-certificate.tsr', // its signer's certificate comes from elsewhere
  'bad-accuracy.tst', // 1000 milliseconds
  'critical-extension.tst', // unknown to OpenSSL, too
  'local-time.tst',
  'ocsp-signed-with-sha1.ors',
];

/** Whether nothing was wrong; what a typed error says is. */
function holds(judge: () => boolean): boolean {
  try {
    return judge();
  } catch (error) {
    if (isAppError(error)) return false;
    throw error;
  }
}

describeTool('openssl', 'what OpenSSL refuses is refused, and what it takes is taken', () => {
  let scratch: string;
  beforeAll(() => {
    scratch = mkdtempSync(join(tmpdir(), 'zhiyin-verdicts-'));
  });
  afterAll(() => rmSync(scratch, { recursive: true }));

  const openssl = (args: readonly string[]): string => {
    const { stdout, stderr } = runTool('openssl', args);
    return stdout + stderr;
  };

  it.each([...named('.tsr'), ...named('.tst')])('timestamp: %s', (name) => {
    const tokenIn = name.endsWith('.tst') ? ['-token_in'] : [];
    const roots = ['-CAfile', path('root.pem'), '-untrusted', path('tsa.pem')];
    const said = openssl(['ts', '-verify', ...tokenIn, '-in', path(name), '-data', path('content.txt'), ...roots]);
    const own = holds(() => {
      const der = name.endsWith('.tst') ? bytes(name) : readDer(bytes(name), { maxBytes: 1 << 20 }).children[1]?.bytes;
      const token = parseTimestampToken(der ?? new Uint8Array());
      const digest = createHash(token.hash ?? 'sha1')
        .update(bytes('content.txt'))
        .digest();
      const check = verifyTimestampToken(token, digest);
      const { certificates } = token.signedData;
      return check.ok && buildChain(check.signer, certificates, [root], token.time, 'timestamp').trusted;
    });
    expect(own).toBe(said.includes('Verification: OK') && !STRICTER.includes(name));
  });

  it.each(named('.crl'))('list: %s', (name) => {
    const pem = join(scratch, name);
    openssl(['crl', '-inform', 'DER', '-in', path(name), '-out', pem]);
    const options = ['-crl_check', '-attime', String(MID_MARCH.getTime() / 1000)];
    const said = openssl(['verify', '-CAfile', path('root.pem'), '-CRLfile', pem, ...options, path('good.pem')]);
    const evidence = { crls: [bytes(name)], ocsps: [], certificates: [] };
    const found = revocationOf(parseCertificate(bytes('good.pem')), root, evidence, MID_MARCH);
    expect(found.status === 'good').toBe(said.includes('good.pem: OK'));
  });

  it.each(named('.ors'))('answer: %s', (name) => {
    const said = openssl(['ocsp', '-respin', path(name), '-issuer', path('root.pem'), '-CAfile', path('root.pem')]);
    const own = holds(() => verifyOcspResponse(parseOcspResponse(bytes(name)), root).ok);
    expect(own).toBe(said.includes('Response verify OK') && !STRICTER.includes(name));
    expect(holds(() => verifyOcspResponse(parseOcspResponse(bytes(name)), other).ok)).toBe(
      name === 'ocsp-by-other.ors',
    );
  });
});
