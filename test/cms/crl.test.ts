import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { issueCertificate } from '../../scripts/pki/issue-certificate.ts';
import { ByteWriter, concatBytes, equalBytes, fromHex, latin1Bytes, toHex } from '../../src/bytes.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { findEntry, parseCrl, tellsOf, verifyCrl } from '../../src/cms/crl.ts';
import type { Crl } from '../../src/cms/crl.ts';
import { encodeValue } from '../../src/cms/der.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/authorities/${name}`, import.meta.url)));
const certificate = (name: string): Certificate => parseCertificate(fixture(`${name}.pem`));
const crl = (name: string): Crl => parseCrl(fixture(`${name}.crl`));

const root = certificate('root');
const good = certificate('good');
const march = crl('march');
const entry = (name: string) => findEntry(march, certificate(name).serialHex);

describe('a list made by OpenSSL', () => {
  it('is read with its issuer and its time', () => {
    expect(march).toMatchObject({
      issuer: { cn: '根证书 TEST' },
      thisUpdate: new Date('2026-03-01T00:00:00Z'),
      nextUpdate: new Date('2026-04-01T00:00:00Z'),
      scope: { only: null, places: null },
      count: 5,
    });
  });

  it('is by its issuer, and by nobody else', () => {
    expect(verifyCrl(march, root)).toBe(true);
    expect(verifyCrl(march, certificate('other-root'))).toBe(false);
    expect(verifyCrl(crl('of-other'), root)).toBe(false);
    // The same key under another name, and the same name without the right to sign lists.
    expect(verifyCrl(march, { ...root, subject: good.subject })).toBe(false);
    expect(verifyCrl(march, { ...root, keyUsage: new Set(['keyCertSign']) })).toBe(false);
  });

  it('names whom it revokes, since when and why', () => {
    const revokedAt = new Date('2026-02-01T00:00:00Z');
    expect(entry('revoked')).toEqual({ revokedAt, reason: 'cessationOfOperation', invalidSince: undefined });
    expect(entry('compromised')).toEqual({
      revokedAt,
      reason: 'keyCompromise',
      invalidSince: new Date('2025-12-01T00:00:00Z'),
    });
    expect(entry('held')).toMatchObject({ revokedAt, reason: 'certificateHold' });
    expect(entry('released')).toMatchObject({ reason: 'removeFromCRL' });
    expect(entry('no-reason')).toMatchObject({ revokedAt, reason: undefined });
    expect(entry('good')).toBeNull();
  });

  it('is read from PEM too', () => {
    const body = Buffer.from(march.der).toString('base64');
    const pem = (text: string): Uint8Array => latin1Bytes(text);
    const block = `-----BEGIN X509 CRL-----\n${body}\n-----END X509 CRL-----\n`;
    expect(equalBytes(parseCrl(pem(`a list\n${block}`)).der, march.der)).toBe(true);
    for (const text of [block + block, block.replace('-----END', ''), block.replace(body, '!'), 'a list', '']) {
      expect(codeOf(() => parseCrl(pem(text)))).toBe('CRL_INVALID');
    }
  });
});

describe('what a list says of itself', () => {
  it.each([
    ['march', 'good', true],
    ['place', 'good', true], // names the place that the certificate names
    ['other-place', 'good', false],
    ['place', 'tsa', false], // which names no place
    ['only-people', 'good', true],
    ['only-people', 'root', false],
    ['only-authorities', 'root', true],
    ['only-authorities', 'good', false],
    ['of-other', 'good', false],
  ])('%s tells of %s: %s', (list, name, tells) => {
    expect(tellsOf(crl(list), certificate(name))).toBe(tells);
    expect(verifyCrl(crl(list), list === 'of-other' ? certificate('other-root') : root)).toBe(true);
  });

  it.each([
    ['indirect', 'an indirect list'],
    ['delta', 'a delta list'],
    ['some-reasons', 'for some reasons only'],
    ['unknown-critical', 'critical 1.3.6.1.4.1.55555.1 is not understood'],
  ])('makes it useless where it is %s', (list, detail) => {
    expect(() => crl(list)).toThrow(expect.objectContaining({ code: 'CRL_INVALID' }) as Error);
    expect(() => crl(list)).toThrow(detail);
  });
});

describe('a list that is changed', () => {
  it('is by nobody, whichever bit it is', () => {
    const { der } = march;
    for (let at = 0; at < der.length; at++) {
      const changed = der.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << ((at * 5) % 8));
      const code = codeOf(() => expect(verifyCrl(parseCrl(changed), root)).toBe(false));
      expect([null, 'CRL_INVALID']).toContain(code);
    }
  });

  it('ends in a list or in CRL_INVALID, however it is damaged', () => {
    fc.assert(
      fc.property(mutations(fc.constantFrom(march.der, crl('place').der)), (bytes) => {
        const code = codeOf(() => {
          const list = parseCrl(bytes);
          findEntry(list, certificate('revoked').serialHex);
          findEntry(list, good.serialHex);
        });
        expect([null, 'CRL_INVALID']).toContain(code);
      }),
      { numRuns: 500 },
    );
    for (let length = 0; length < march.der.length; length++) {
      expect(codeOf(() => parseCrl(march.der.subarray(0, length)))).toBe('CRL_INVALID');
    }
  });
});

const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const issuer = issueCertificate({
  subject: { cn: 'TEST' },
  key,
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2036-01-01T00:00:00Z'),
  authority: {},
  keyUsage: ['keyCertSign', 'cRLSign'],
});

const ECDSA_SHA256 = fromHex('30 0a 06 08 2a 86 48 ce 3d 04 03 02');
const time = (text: string): Uint8Array => encodeValue(0x17, latin1Bytes(text));
const since = time('260201000000Z');

/** A list with these entries, and more members, signed by `issuer`. */
function listed(entries: Uint8Array, more: { version?: string; extensions?: Uint8Array } = {}): Uint8Array {
  const { version = '02 01 01', extensions = new Uint8Array() } = more;
  const revoked = entries.length === 0 ? entries : encodeValue(0x30, entries);
  const name = issuer.subject.der;
  const tbs = encodeValue(
    0x30,
    fromHex(version),
    ECDSA_SHA256,
    name,
    since,
    time('361231000000Z'),
    revoked,
    extensions,
  );
  const signature = new Uint8Array(sign('sha256', tbs, key));
  return encodeValue(0x30, tbs, ECDSA_SHA256, encodeValue(0x03, Uint8Array.of(0), signature));
}

const revoked = (serial: Uint8Array, ...more: readonly Uint8Array[]): Uint8Array =>
  encodeValue(0x30, encodeValue(0x02, serial), since, ...more);

describe('the form of a list', () => {
  it('may be the first version, which has no extensions, and may revoke nobody', () => {
    const first = parseCrl(listed(new Uint8Array(), { version: '' }));
    expect(first).toMatchObject({ count: 0, scope: { only: null, places: null } });
    expect(verifyCrl(first, issuer)).toBe(true);
    const extensions = encodeValue(0xa0, encodeValue(0x30, fromHex('30 0a 06 03 55 1d 14 04 03 02 01 01')));
    expect(codeOf(() => parseCrl(listed(new Uint8Array(), { version: '', extensions })))).toBe('CRL_INVALID');
    expect(codeOf(() => parseCrl(listed(new Uint8Array(), { version: '02 01 02' })))).toBe('CRL_INVALID');
  });

  it('may tell of those who have expired, and since when', () => {
    const date = encodeValue(0x18, latin1Bytes('20200101000000Z'));
    const extension = encodeValue(0x30, fromHex('06 03 55 1d 3c'), encodeValue(0x04, date));
    const extensions = encodeValue(0xa0, encodeValue(0x30, extension));
    expect(parseCrl(listed(new Uint8Array(), { extensions })).expiredSince).toEqual(new Date('2020-01-01T00:00:00Z'));
  });

  it.each([
    ['an entry of another issuer', '30 16 30 14 06 03 55 1d 1d 01 01 ff 04 0a 30 08 a4 06 30 04 31 02 30 00'],
    ['an unknown critical extension of an entry', '30 0e 30 0c 06 03 55 1d 63 01 01 ff 04 02 05 00'],
    ['extensions that are none', '30 03 02 01 05'],
    ['something after the extensions', '30 00 05 00'],
  ])('is refused with %s', (_, hex) => {
    expect(codeOf(() => parseCrl(listed(revoked(Uint8Array.of(5), fromHex(hex)))))).toBe('CRL_INVALID');
  });

  it('says CRL_INVALID of an entry only when it is asked for, where no more than its own date is wrong', () => {
    const wrong = encodeValue(0x30, fromHex('02 01 05'), time('269901000000Z'));
    const list = parseCrl(listed(concatBytes(wrong, revoked(Uint8Array.of(6)))));
    expect(findEntry(list, '06')).not.toBeNull();
    expect(codeOf(() => findEntry(list, '05'))).toBe('CRL_INVALID');
  });
});

describe('a list of 10 MB', () => {
  const COUNT = 280_000;
  const reason = fromHex('30 0c 30 0a 06 03 55 1d 15 04 03 0a 01 04');
  const random = new Uint8Array(randomBytes(16 * COUNT)).map((byte, i) => (i % 16 === 0 ? 0x40 : byte));
  const serialAt = (i: number): Uint8Array => random.subarray(i * 16, i * 16 + 16);
  const entries = new ByteWriter(11_000_000);
  for (let i = 0; i < COUNT; i++) entries.raw(revoked(serialAt(i), ...(i % 10 === 0 ? [reason] : [])));
  const bytes = listed(entries.finish());

  it('is read and judged within a second, and so is a certificate of it', () => {
    expect(bytes.length).toBeGreaterThan(10_000_000);
    const start = performance.now();
    const list = parseCrl(bytes);
    expect(verifyCrl(list, issuer)).toBe(true);
    expect(findEntry(list, toHex(serialAt(COUNT - 1)))).not.toBeNull();
    expect(findEntry(list, `41${'00'.repeat(15)}`)).toBeNull();
    expect(performance.now() - start).toBeLessThan(1000);
    expect(list.count).toBe(COUNT);
  });

  it('finds each with its own reason', () => {
    const list = parseCrl(bytes);
    for (const at of [0, 1, COUNT / 2, COUNT - 1]) {
      const found = findEntry(list, toHex(serialAt(at)));
      expect(found?.reason).toBe(at % 10 === 0 ? 'superseded' : undefined);
    }
  });

  it('is not read where it is larger than any', () => {
    expect(codeOf(() => parseCrl(new Uint8Array(65 * 1024 * 1024)))).toBe('CRL_INVALID');
    expect(codeOf(() => parseCrl(encodeValue(0x30, new Uint8Array(33 * 1024 * 1024))))).toBe('CRL_INVALID');
  });
});
