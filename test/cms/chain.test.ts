import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueCertificate } from '../../scripts/pki/issue-certificate.ts';
import type { CertificateRequest } from '../../scripts/pki/issue-certificate.ts';
import { buildChain, issuersOf } from '../../src/cms/chain.ts';
import type { Certificate } from '../../src/cms/certificate.ts';

const AT = new Date('2026-06-01T00:00:00Z');
const YEAR = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2027-01-01T00:00:00Z') };

interface Party {
  readonly certificate: Certificate;
  readonly key: KeyObject;
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function issue(cn: string, issuer: Party | undefined, change: Partial<CertificateRequest> = {}): Party {
  const key = change.key ?? newKey();
  const certificate = issueCertificate({
    subject: { cn: `${cn} TEST` },
    key,
    ...(issuer && { issuer }),
    ...YEAR,
    ...change,
  });
  return { certificate, key };
}

const CA: Partial<CertificateRequest> = { authority: {}, keyUsage: ['keyCertSign'] };
const root = issue('root', undefined, CA);
const intermediate = issue('intermediate', root, { ...CA, authority: { pathLength: 0 } });
const leaf = issue('leaf', intermediate, { keyUsage: ['nonRepudiation'] });

const names = (chain: readonly Certificate[]): (string | undefined)[] => chain.map(({ subject }) => subject.cn);
const codes = (party: Party, pool: readonly Party[], roots: readonly Party[] = [root], at = AT): string[] =>
  buildChain(party.certificate, pool.map(certificateOf), roots.map(certificateOf), at).reasons.map(({ code }) => code);
const certificateOf = ({ certificate }: Party): Certificate => certificate;

describe('a chain', () => {
  it('leads from the signer to a configured root, whatever the order of the pool', () => {
    const pool = [root, intermediate, leaf].map(certificateOf);
    const found = buildChain(leaf.certificate, pool, [root.certificate], AT);
    expect(found).toMatchObject({ trusted: true, reasons: [] });
    expect(names(found.chain)).toEqual(['leaf TEST', 'intermediate TEST', 'root TEST']);
  });

  it('may be the signer alone, where that is configured as a root', () => {
    expect(buildChain(leaf.certificate, [], [leaf.certificate], AT)).toMatchObject({
      trusted: true,
      chain: [leaf.certificate],
    });
  });

  it('is not trusted without a root, with its intermediate missing, or under another root of the same name', () => {
    expect(codes(leaf, [intermediate, root], [])).toEqual(['CHAIN_INCOMPLETE']);
    expect(codes(leaf, [])).toEqual(['CHAIN_INCOMPLETE']);
    expect(codes(leaf, [intermediate], [issue('root', undefined, CA)])).toEqual(['CHAIN_INCOMPLETE']);
  });

  it('says in both languages what is wrong, and with whom', () => {
    const [reason] = buildChain(leaf.certificate, [], [], AT).reasons;
    expect(reason?.message).toBe('The certificate does not lead to a trusted root. (CN=intermediate TEST,C=CN)');
    expect(reason?.messageZh).toBe('证书链未能到达受信任的根证书。（CN=intermediate TEST,C=CN）');
  });

  it('holds only while all its certificates do', () => {
    const before = new Date(YEAR.notBefore.getTime() - 1000);
    const after = new Date(YEAR.notAfter.getTime() + 1000);
    expect(codes(leaf, [intermediate], [root], YEAR.notAfter)).toEqual([]);
    expect(codes(leaf, [intermediate], [root], before)).toEqual(Array(3).fill('CERTIFICATE_NOT_YET_VALID'));
    expect(codes(leaf, [intermediate], [root], after)).toEqual(Array(3).fill('CERTIFICATE_EXPIRED'));
  });

  it('needs issuers that are authorities and may issue', () => {
    const person = issue('person', root, {});
    expect(codes(issue('leaf', person), [person])).toEqual(['ISSUER_NOT_CA']);
    const lister = issue('lister', root, { authority: {}, keyUsage: ['cRLSign'] });
    expect(codes(issue('leaf', lister), [lister])).toEqual(['ISSUER_USAGE']);
  });

  it('is no longer than its issuers allow', () => {
    const second = issue('second', intermediate, CA);
    expect(codes(issue('leaf', second), [second, intermediate])).toEqual(['PATH_TOO_LONG']);
  });

  it('does not count self-issued certificates towards the length', () => {
    const renewed = issue('intermediate', intermediate, CA);
    expect(codes(issue('leaf', renewed), [renewed, intermediate])).toEqual([]);
  });

  it('needs a signer whose certificate is for signing', () => {
    expect(codes(issue('leaf', intermediate, { keyUsage: ['keyEncipherment'] }), [intermediate])).toEqual([
      'CERTIFICATE_USAGE',
    ]);
  });

  it('fails on a critical extension that is not understood, and only on a critical one', () => {
    const unknown = { oid: '2.5.29.30', value: Uint8Array.of(0x30, 0) };
    const constrained = (critical: boolean): Party =>
      issue('leaf', intermediate, { extensions: [{ ...unknown, critical }] });
    expect(codes(constrained(true), [intermediate])).toEqual(['CERTIFICATE_EXTENSION']);
    expect(codes(constrained(false), [intermediate])).toEqual([]);
  });

  it('fails on a key that is too short', () => {
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    expect(codes(issue('leaf', intermediate, { key: short }), [intermediate])).toEqual(['CERTIFICATE_ALGORITHM']);
  });

  it('takes the good way where there are two', () => {
    const expired = issue('intermediate', root, {
      ...CA,
      key: intermediate.key,
      notAfter: new Date('2026-02-01T00:00:00Z'),
    });
    expect(codes(leaf, [expired, intermediate])).toEqual([]);
    expect(codes(leaf, [expired])).toEqual(['CERTIFICATE_EXPIRED']);
  });

  it('ends where certificates certify each other, and among a crowd of look-alikes', () => {
    const keyA = newKey();
    const keyB = newKey();
    const outer = issue('b', undefined, { ...CA, key: keyB });
    const a = issue('a', outer, { ...CA, key: keyA });
    const b = issue('b', a, { ...CA, key: keyB });
    expect(codes(issue('leaf', a), [a, b])).toContain('CHAIN_INCOMPLETE');
    const crowd = Array.from({ length: 100 }, () => issue('intermediate', root, CA));
    expect(codes(leaf, crowd)).toEqual(['CHAIN_INCOMPLETE']);
  });
});

describe('the issuers of a certificate', () => {
  it('are put in order as far as they are known', () => {
    const stranger = issue('stranger', undefined, CA);
    const pool = [stranger, root, leaf, intermediate].map(certificateOf);
    expect(names(issuersOf(leaf.certificate, pool))).toEqual(['leaf TEST', 'intermediate TEST', 'root TEST']);
    expect(names(issuersOf(leaf.certificate, []))).toEqual(['leaf TEST']);
  });
});
