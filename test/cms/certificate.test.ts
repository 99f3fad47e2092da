import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { issueCertificate, pemOf } from '../../scripts/pki/issue-certificate.ts';
import type { CertificateRequest } from '../../scripts/pki/issue-certificate.ts';
import { concatBytes, fromHex, latin1Bytes, toHex } from '../../src/bytes.ts';
import {
  isSignedBy,
  maySignDocuments,
  maySignOcsp,
  maySignTimestamps,
  parseCertificate,
  parseCertificates,
} from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { isNamed } from '../../src/cms/distinguished-name.ts';
import { isAppError } from '../../src/errors.ts';

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../../fixtures/pki/${name}`, import.meta.url));
const authority = (name: string): Certificate =>
  parseCertificate(readFileSync(new URL(`../../fixtures/authorities/${name}`, import.meta.url)));
const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function issue(change: Partial<CertificateRequest> = {}): Certificate {
  const notBefore = new Date('2026-01-01T00:00:00Z');
  return issueCertificate({
    subject: { cn: 'TEST' },
    key,
    notBefore,
    notAfter: new Date('2060-01-01T00:00:00Z'),
    ...change,
  });
}

/** The certificate with one run of bytes replaced by another as long. */
function altered({ der }: Certificate, from: string, to: string): Uint8Array {
  const text = Buffer.from(der).toString('latin1');
  const coded = (part: string): string => Buffer.from(part, 'utf8').toString('latin1');
  return latin1Bytes(text.replaceAll(coded(from), coded(to)));
}

describe('a certificate made by OpenSSL', () => {
  const root = parseCertificate(fixture('root.pem'));
  const intermediate = parseCertificate(fixture('intermediate.pem'));
  const committee = parseCertificate(fixture('committee.pem'));

  it('is read with its Chinese names', () => {
    expect(committee.subject.cn).toBe('示例市示范区人民调解委员会（测试 TEST）');
    expect(committee.subject.o).toBe('示例市示范区人民调解委员会');
    expect(committee.subject.text).toBe(
      'CN=示例市示范区人民调解委员会（测试 TEST）,OU=测试 TEST,O=示例市示范区人民调解委员会,C=CN',
    );
    expect(committee.issuer.text).toBe('CN=测试中间证书 TEST,O=测试机构 TEST,C=CN');
    expect(isNamed(committee.subject, '示例市示范区人民调解委员会')).toBe(true);
    expect(isNamed(committee.subject, '示例市示范区')).toBe(false);
  });

  it('is read with its dates, both UTCTime and GeneralizedTime', () => {
    expect(committee.notBefore).toEqual(new Date('2020-01-01T00:00:00Z'));
    expect(committee.notAfter).toEqual(new Date('2099-12-31T23:59:59Z'));
  });

  it('is read with what it may be used for', () => {
    expect(committee).toMatchObject({
      isCa: false,
      pathLength: undefined,
      isTest: true,
      isSelfIssued: false,
      serialHex: '03',
    });
    expect([...(committee.keyUsage ?? [])]).toEqual(['digitalSignature', 'nonRepudiation']);
    expect(committee.extendedKeyUsage).toEqual(['1.3.6.1.5.5.7.3.4']);
    expect(maySignDocuments(committee)).toBe(true);
    expect(intermediate).toMatchObject({ isCa: true, pathLength: 0 });
    expect(root).toMatchObject({ isCa: true, pathLength: undefined, isSelfIssued: true });
    expect(maySignDocuments(root)).toBe(false);
  });

  it('knows its issuer by the signature', () => {
    expect(isSignedBy(committee, intermediate)).toBe(true);
    expect(isSignedBy(intermediate, root)).toBe(true);
    expect(isSignedBy(committee, root)).toBe(false);
  });
});

describe('reading certificates', () => {
  it('takes DER, PEM bytes, PEM text, and bundles with text between', () => {
    const certificate = issue();
    const pem = pemOf(certificate);
    expect(parseCertificate(certificate.der).sha256).toBe(certificate.sha256);
    expect(parseCertificate(latin1Bytes(pem)).sha256).toBe(certificate.sha256);
    const bundle = `subject: TEST\n${pem}\nanother\n${pemOf(issue())}`;
    expect(parseCertificates(bundle).map(({ sha256 }) => sha256)[0]).toBe(certificate.sha256);
    expect(() => parseCertificate(bundle)).toThrow('expected one certificate, got 2');
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['text', latin1Bytes('hello')],
    ['a PEM of something else', latin1Bytes('-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n')],
    ['bytes after the end', concatBytes(issue().der, Uint8Array.of(0))],
  ])('refuses %s', (_, bytes) => {
    expect(() => parseCertificate(bytes)).toThrow(expect.objectContaining({ code: 'CERTIFICATE_INVALID' }) as Error);
  });

  it('refuses one whose two algorithm fields differ', () => {
    // ecdsa-with-SHA256 stands in the signed part and once more before the signature: only the last is changed.
    const der = issue().der.slice();
    const at = Buffer.from(der).lastIndexOf(Buffer.from('2a8648ce3d040302', 'hex'));
    der[at + 7] = 3;
    expect(() => parseCertificate(der)).toThrow('differs from the signed one');
  });

  it('ends in a certificate or in CERTIFICATE_INVALID, whatever byte is changed', () => {
    const { der } = issue({ keyUsage: ['digitalSignature'], extendedKeyUsage: ['1.3.6.1.5.5.7.3.4'] });
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = der.slice();
        changed[at] = (changed[at] ?? 0) ^ mask;
        try {
          parseCertificate(changed);
        } catch (error) {
          if (!isAppError(error, 'CERTIFICATE_INVALID')) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('who may sign documents', () => {
  const may = (change: Partial<CertificateRequest>): boolean => maySignDocuments(issue(change));

  it('is said by keyUsage, where it is present', () => {
    expect(may({})).toBe(true);
    expect(may({ keyUsage: ['digitalSignature'] })).toBe(true);
    expect(may({ keyUsage: ['nonRepudiation'] })).toBe(true);
    expect(may({ keyUsage: ['keyEncipherment', 'dataEncipherment'] })).toBe(false);
  });

  it('is denied by an extended key usage that is for something else only', () => {
    expect(may({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.1'] })).toBe(false); // TLS server
    expect(may({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.8'] })).toBe(false); // timestamps
    expect(may({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.36'] })).toBe(true); // documents
    expect(may({ extendedKeyUsage: ['1.3.6.1.5.5.7.3.1', '1.2.156.112562.1'] })).toBe(true); // an authority's own
  });
});

describe('who may stamp and who may tell the status of others', () => {
  it('is said by extended key usage', () => {
    expect(['tsa.pem', 'tsa-rsa.pem'].map((name) => maySignTimestamps(authority(name)))).toEqual([true, true]);
    expect(['responder.pem', 'good.pem', 'root.pem'].map((name) => maySignTimestamps(authority(name)))).toEqual([
      false,
      false,
      false,
    ]);
    expect(['responder.pem', 'tsa.pem', 'good.pem', 'root.pem'].map((name) => maySignOcsp(authority(name)))).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('where the status of a certificate is told', () => {
  it('is its http addresses, without those of other purposes and kinds', () => {
    expect(authority('good.pem')).toMatchObject({
      ocspUrls: ['http://ocsp.test.invalid/'],
      crlDistributionPoints: [{ urls: ['http://crl.test.invalid/a.crl'] }, { urls: [] }],
      ocspNoCheck: false,
    });
    expect(authority('root.pem')).toMatchObject({ ocspUrls: [], crlDistributionPoints: [] });
    expect(authority('responder.pem').ocspNoCheck).toBe(true);
  });

  it('is a list by its own issuer for all reasons', () => {
    const { crlDistributionPoints: points } = authority('many-places.pem');
    expect(points).toMatchObject([{ urls: ['http://crl.test.invalid/b.crl'] }]);
    // The address as GeneralName [6], and the directory's entry as [4].
    expect(points[0]?.names.map((name) => toHex(name.subarray(0, 1)))).toEqual(['86', 'a4']);
  });

  it.each([
    ['a scheme that is not HTTP', 'file:///etc/passwd'],
    ['a line break', 'http://a/\r\nHost: b'],
    ['no host', 'http://'],
    ['more than is kept', `http://a/${'x'.repeat(3000)}`],
  ])('is no address with %s', (_, url) => {
    expect(withAccess(accessTo(url)).ocspUrls).toEqual([]);
  });

  it('is bounded, and must be written right', () => {
    const many = Array.from({ length: 100 }, (_, i) => accessTo(`http://a/${i}`));
    expect(withAccess(...many).ocspUrls).toHaveLength(16);
    expect(() => withAccess(fromHex('30 03 02 01 05'))).toThrow('accessMethod');
  });

  /** AccessDescription of an OCSP responder. */
  function accessTo(url: string): Uint8Array {
    return tlv(0x30, fromHex('06 08 2b 06 01 05 05 07 30 01'), tlv(0x86, latin1Bytes(url)));
  }

  function withAccess(...descriptions: Uint8Array[]): Certificate {
    return issue({ extensions: [{ oid: '1.3.6.1.5.5.7.1.1', critical: false, value: tlv(0x30, ...descriptions) }] });
  }

  function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
    const body = concatBytes(...parts);
    const length = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
    return concatBytes(Uint8Array.of(tag, ...length), body);
  }
});

describe('names as people read them', () => {
  it('escape what could be mistaken for the writing of names, and what rearranges text', () => {
    const { subject } = issue({ subject: { cn: ' TEST, O="x"\u202e;\u0000# ' } });
    expect(subject.text).toBe(String.raw`CN=\ TEST\, O\=\"x\"\e2\80\ae\;\00#\ ,C=CN`);
  });

  it('mark a TEST certificate by the word, not by a part of one', () => {
    expect(issue({ subject: { cn: 'x TEST' } }).isTest).toBe(true);
    expect(parseCertificate(altered(issue({ subject: { cn: 'x TEST' } }), 'x TEST', 'LATEST')).isTest).toBe(false);
    expect(parseCertificate(altered(issue({ subject: { cn: '   TEST' } }), '   TEST', '测试x')).isTest).toBe(true);
  });
});
