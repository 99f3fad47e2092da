import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../src/bytes.ts';
import { buildChain } from '../../src/cms/chain.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { readDer } from '../../src/cms/der.ts';
import { encodeOcspRequest, parseOcspResponse, statusIn, verifyOcspResponse } from '../../src/cms/ocsp.ts';
import type { OcspResponse } from '../../src/cms/ocsp.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/authorities/${name}`, import.meta.url)));
const certificate = (name: string): Certificate => parseCertificate(fixture(`${name}.pem`));
const response = (name: string): OcspResponse => parseOcspResponse(fixture(`ocsp-${name}.ors`));

const root = certificate('root');
const otherRoot = certificate('other-root');
const good = certificate('good');
const held = certificate('held');
const responder = certificate('responder');
const statusOf = (name: string, of: Certificate = certificate(name)) => statusIn(response(name), of, root);
const check = (name: string, known: readonly Certificate[] = []): string => {
  const result = verifyOcspResponse(response(name), root, known);
  return result.ok ? (result.responder.subject.cn ?? '') : result.code;
};

describe('a question', () => {
  it('is to the byte what OpenSSL asks, by SHA-1 and by SHA-256', () => {
    expect(toHex(encodeOcspRequest(good, root))).toBe(toHex(fixture('ocsp-sha1.orq')));
    expect(toHex(encodeOcspRequest(good, root, undefined, 'sha256'))).toBe(toHex(fixture('ocsp-sha256.orq')));
  });

  it('carries a nonce as OpenSSL’s does', () => {
    const theirs = fixture('ocsp-held.orq');
    const { nonce } = response('held');
    expect(nonce).toHaveLength(16);
    expect(toHex(encodeOcspRequest(held, root, nonce ?? undefined))).toBe(toHex(theirs));
  });
});

describe('an answer of OpenSSL', () => {
  it('is read with what it says of a certificate, and for how long', () => {
    const { producedAt } = response('good');
    expect(statusOf('good')).toMatchObject({ status: 'good', revokedAt: undefined, thisUpdate: producedAt });
    expect(statusOf('good')?.nextUpdate?.getTime()).toBe(producedAt.getTime() + 7 * 86_400_000);
    const revokedAt = new Date('2026-02-01T00:00:00Z');
    expect(statusOf('revoked')).toMatchObject({ status: 'revoked', revokedAt, reason: 'cessationOfOperation' });
    expect(statusOf('compromised')).toMatchObject({ status: 'revoked', revokedAt, reason: 'keyCompromise' });
    expect(statusOf('held')).toMatchObject({ status: 'revoked', reason: 'certificateHold' });
    expect(statusOf('no-next-update', good)).toMatchObject({ status: 'good', nextUpdate: undefined });
    expect(statusOf('sha256', good)).toMatchObject({ status: 'good' });
  });

  it('says nothing of anybody else', () => {
    expect(statusOf('good', held)).toBeNull();
    expect(statusIn(response('good'), good, otherRoot)).toBeNull();
  });

  it('says that a certificate is unknown, where it is', () => {
    expect(statusOf('unknown', good)).toMatchObject({ status: 'unknown', revokedAt: undefined });
  });

  it('has the nonce of its question', () => {
    const requested = toHex(fixture('ocsp-held.orq'));
    expect(requested).toContain(toHex(response('held').nonce ?? new Uint8Array()));
    expect(response('sha256').nonce).toBeNull();
  });
});

describe('who answers', () => {
  it('is the issuer, or whom it named for that', () => {
    expect(check('by-issuer')).toBe('根证书 TEST');
    expect(check('good')).toBe('状态应答 TEST');
    expect(check('to-check')).toBe('状态应答二 TEST');
  });

  it('may be named by key, and may come from elsewhere', () => {
    const { responder: named } = response('by-key');
    expect('keyHash' in named && toHex(named.keyHash)).toBe(
      createHash('sha1').update(responder.publicKeyBits).digest('hex'),
    );
    expect(check('by-key')).toBe('状态应答 TEST');
    expect(check('no-certificates')).toBe('OCSP_RESPONDER');
    expect(check('no-certificates', [good, responder])).toBe('状态应答 TEST');
  });

  it('is nobody of another issuer, nobody for another purpose', () => {
    expect(check('by-other')).toBe('OCSP_RESPONDER');
    expect(check('by-signer')).toBe('OCSP_RESPONDER');
  });

  it('is somebody whose certificate was valid then', () => {
    const { producedAt } = response('no-certificates');
    const late = { ...responder, notBefore: new Date(producedAt.getTime() + 1000) };
    const gone = { ...responder, notAfter: new Date(producedAt.getTime() - 1000) };
    expect(check('no-certificates', [late])).toBe('OCSP_RESPONDER');
    expect(check('no-certificates', [gone])).toBe('OCSP_RESPONDER');
  });

  it('signs, and with what is accepted', () => {
    expect(check('bad-signature')).toBe('SIGNATURE_WRONG');
    expect(check('signed-with-sha1')).toBe('ALGORITHM_WEAK');
  });

  it('has a chain for that purpose', () => {
    const { producedAt } = response('good');
    expect(buildChain(responder, [], [root], producedAt, 'ocsp').trusted).toBe(true);
    expect(buildChain(good, [], [root], producedAt, 'ocsp').reasons).toMatchObject([{ code: 'OCSP_USAGE' }]);
  });
});

describe('an answer that is none', () => {
  it.each([
    ['30 03 0a 01 01', 'malformedRequest'],
    ['30 03 0a 01 03', 'tryLater'],
    ['30 03 0a 01 06', 'unauthorized'],
    ['30 03 0a 01 63', 'status 99'],
  ])('is told: %s', (hex, detail) => {
    expect(() => parseOcspResponse(fromHex(hex))).toThrow(
      expect.objectContaining({ code: 'OCSP_REFUSED', detail }) as Error,
    );
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['HTML', new TextEncoder().encode('<html>')],
    ['successful, and empty', fromHex('30 03 0a 01 00')],
    ['of another type', fromHex('30 11 0a 01 00 a0 0c 30 0a 06 03 2a 03 04 04 03 30 01 05')],
    ['with bytes after the end', concatBytes(fixture('ocsp-good.ors'), Uint8Array.of(0))],
    ['two megabytes', new Uint8Array(2 << 20).fill(0x30)],
  ])('is refused: %s', (_, bytes) => {
    expect(codeOf(() => parseOcspResponse(bytes))).toBe('OCSP_INVALID');
  });

  it('is by nobody who may answer, whichever bit is changed', () => {
    const der = fixture('ocsp-revoked.ors');
    const revoked = certificate('revoked');
    const accepted: number[] = [];
    for (let at = 0; at < der.length; at++) {
      const changed = der.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << ((at * 5) % 8));
      const code = codeOf(() => {
        const read = parseOcspResponse(changed);
        if (statusIn(read, revoked, root) !== null && verifyOcspResponse(read, root).ok) accepted.push(at);
      });
      expect([null, 'OCSP_INVALID', 'OCSP_REFUSED']).toContain(code);
    }
    expect(accepted).toEqual([]);
  });

  it('ends in an answer or in a typed error, however it is damaged', () => {
    const der = fixture('ocsp-revoked.ors');
    fc.assert(
      fc.property(mutations(fc.constantFrom(der, fixture('ocsp-by-key.ors'))), (bytes) => {
        expect([null, 'OCSP_INVALID', 'OCSP_REFUSED']).toContain(codeOf(() => parseOcspResponse(bytes)));
      }),
      { numRuns: 500 },
    );
    for (let length = 0; length < der.length; length++) {
      expect(codeOf(() => parseOcspResponse(der.subarray(0, length)))).toBe('OCSP_INVALID');
    }
    expect(readDer(der, { maxBytes: der.length }).bytes).toHaveLength(der.length);
  });
});
