import { createHash, createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueCertificate, pemOf } from '../../scripts/pki/issue-certificate.ts';
import { concatBytes, equalBytes, fromHex, toHex } from '../../src/bytes.ts';
import { buildChain } from '../../src/cms/chain.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { readDer } from '../../src/cms/der.ts';
import { createSignedData, parseSignedData, signedDataSize, verifySignedData } from '../../src/cms/signed-data.ts';
import type { SignatureRules } from '../../src/cms/signed-data.ts';
import { isAppError } from '../../src/errors.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AT = new Date('2026-06-01T00:00:00Z');
const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2036-01-01T00:00:00Z') };
const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const authority = { authority: {}, keyUsage: ['keyCertSign'] } as const;
const rootKey = rsa();
const intermediateKey = rsa();
const key = rsa();
const root = issueCertificate({ subject: { cn: '根 TEST' }, key: rootKey, ...validity, ...authority });
const intermediate = issueCertificate({
  subject: { cn: '中间 TEST' },
  key: intermediateKey,
  issuer: { certificate: root, key: rootKey },
  ...validity,
  ...authority,
});
const signer = issueCertificate({
  subject: { o: '示例委员会', cn: '示例委员会 TEST' },
  key,
  issuer: { certificate: intermediate, key: intermediateKey },
  ...validity,
  keyUsage: ['digitalSignature', 'nonRepudiation'],
});
const chain = [signer, intermediate, root];

const content = new TextEncoder().encode('人民调解协议书');
const digest = createHash('sha256').update(content).digest();
const signWith = (data: Uint8Array): Uint8Array => sign('sha256', data, key);
const cms = createSignedData({ digest, chain, sign: signWith });
const REQUIRED: SignatureRules = { signingCertificate: 'required' };

/** `ok`, the reason's code, or the code of the error. */
function judge(bytes: Uint8Array, hash: Uint8Array = digest, rules: SignatureRules = REQUIRED): string {
  try {
    const check = verifySignedData(parseSignedData(bytes), hash, rules);
    return check.ok ? 'ok' : check.code;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

/** `ok` only where the signature holds and leads to the root. */
function judgeWhole(bytes: Uint8Array): string {
  const verdict = judge(bytes);
  if (verdict !== 'ok') return verdict;
  const { certificates, signer: found } = parseSignedData(bytes);
  return found !== null && buildChain(found, certificates, [root], AT).trusted ? 'ok' : 'untrusted';
}

describe('a signature that is written', () => {
  it('is verified, and its signer is found', () => {
    const parsed = parseSignedData(cms);
    const check = verifySignedData(parsed, digest, REQUIRED);
    expect(check).toMatchObject({ ok: true, signer: { sha256: signer.sha256 } });
    expect(buildChain(signer, parsed.certificates, [root], AT).trusted).toBe(true);
  });

  it('is DER to the last octet, sets in order', () => {
    expect(readDer(cms, { maxBytes: 1 << 20 }).bytes).toHaveLength(cms.length);
    const sets: string[][] = [];
    const collect = ({ tag, children }: ReturnType<typeof readDer>): void => {
      if (tag === 0x31 || tag === 0xa0) sets.push(children.map(({ bytes }) => toHex(bytes)));
      for (const child of children) collect(child);
    };
    collect(readDer(cms, { maxBytes: 1 << 20 }));
    for (const members of sets) expect(members).toEqual(members.toSorted());
  });

  it('is as long as was foretold', () => {
    expect(signedDataSize(chain)).toBe(cms.length);
  });

  it('signs content type, digest and certificate, and claims no time', () => {
    const { signedAttributes, content: embedded } = parseSignedData(cms);
    expect(embedded).toBeNull();
    expect(signedAttributes).toMatchObject({ contentType: '1.2.840.113549.1.7.1', signingTime: undefined });
    expect(toHex(signedAttributes?.messageDigest ?? new Uint8Array())).toBe(digest.toString('hex'));
    expect(signedAttributes?.certificateIds).toMatchObject([
      { version: 2, hashName: 'sha256', issuerSerial: { serialHex: signer.serialHex } },
    ]);
    // ESSCertIDv2 leaves its default algorithm out (RFC 5035, 4): the hash comes first in the id.
    expect(toHex(cms)).toContain(`0420${signer.sha256}`);
    expect(toHex(cms)).not.toContain('2a864886f70d010905'); // signing-time
  });

  it('carries the signer and intermediates, not the root', () => {
    const ids = parseSignedData(cms).certificates.map(({ sha256 }) => sha256);
    expect(ids.toSorted()).toEqual([signer.sha256, intermediate.sha256].toSorted());
  });

  it('needs a chain and a SHA-256', () => {
    expect(() => createSignedData({ digest, chain: [], sign: signWith })).toThrow(RangeError);
    expect(() => createSignedData({ digest: new Uint8Array(20), chain, sign: signWith })).toThrow(RangeError);
  });

  it('is right for any digest, and wrong for any other', () => {
    const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 });
    fc.assert(
      fc.property(sha256, sha256, (own, other) => {
        const made = createSignedData({ digest: own, chain, sign: signWith });
        expect(judge(made, own)).toBe('ok');
        expect(judge(made, other)).toBe(toHex(own) === toHex(other) ? 'ok' : 'DIGEST_WRONG');
      }),
      { numRuns: 20 },
    );
  });
});

describe('a signature that is changed', () => {
  it('is not believed, whichever bit it is', () => {
    const verdicts = new Map<string, number>();
    for (let at = 0; at < cms.length; at++) {
      const changed = cms.slice();
      // One bit of each byte, another in each: all bits of all bytes would take ten seconds and were tried once.
      changed[at] = (changed[at] ?? 0) ^ (1 << ((at * 5) % 8));
      const verdict = judgeWhole(changed);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
    expect(verdicts.get('ok')).toBeUndefined();
    // Only the intermediate's bytes leave the signature itself whole; then the chain does not hold.
    expect(verdicts.get('untrusted')).toBeLessThan(intermediate.der.length);
  });

  /** sha256WithRSAEncryption (...1.1.11) and rsaEncryption (...1.1.1) name the same signature, and no attribute signs the name. */
  const otherName = fromHex(toHex(cms).replace(/0b(?=05000482)/, '01'));

  it('is believed under the other name of its algorithm', () => {
    expect(judgeWhole(otherName)).toBe('ok');
    expect(equalBytes(otherName, cms)).toBe(false);
  });

  it('is not believed, whatever else of a byte is changed', () => {
    fc.assert(
      fc.property(fc.nat(cms.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const changed = cms.slice();
        changed[at] = (changed[at] ?? 0) ^ mask;
        expect(judgeWhole(changed) === 'ok').toBe(equalBytes(changed, otherName));
      }),
      { numRuns: 300 },
    );
  });

  it('may be followed by the zero padding of a PDF, and by nothing else', () => {
    expect(judge(concatBytes(cms, new Uint8Array(1000)))).toBe('ok');
    expect(judge(concatBytes(cms, new Uint8Array(1000), Uint8Array.of(1)))).toBe('CMS_INVALID');
    expect(judge(concatBytes(cms, cms))).toBe('CMS_INVALID');
    for (const length of [0, 1, 20, cms.length - 1]) expect(judge(cms.subarray(0, length))).toBe('CMS_INVALID');
  });

  it('fails with the certificate of another, though it has the same name and key', () => {
    const twin = issueCertificate({
      subject: { o: '示例委员会', cn: '示例委员会 TEST' },
      key,
      issuer: { certificate: intermediate, key: intermediateKey },
      ...validity,
      keyUsage: ['digitalSignature', 'nonRepudiation'],
    });
    const swapped = replaced(replaced(cms, signer.der, twin.der), fromHex(signer.serialHex), fromHex(twin.serialHex));
    expect(parseSignedData(swapped).signer?.sha256).toBe(twin.sha256);
    expect(judge(swapped)).toBe('SIGNING_CERTIFICATE_WRONG');
  });

  /** Every run of bytes that is `from` as `to`. */
  function replaced(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
    return fromHex(toHex(bytes).replaceAll(toHex(from), toHex(to)));
  }
});

describe('hostile bytes', () => {
  it.each([
    ['deep nesting, definite', nested(200)],
    ['deep nesting, indefinite', fromHex('30 80'.repeat(100_000))],
    [
      'many small values',
      concatBytes(
        fromHex('30 83 03 0d 40'),
        new Uint8Array(200_000).fill(5).map((_, i) => (i % 2 ? 0 : 5)),
      ),
    ],
    ['two megabytes', new Uint8Array(2 << 20)],
    ['nothing', new Uint8Array()],
    ['zeros', new Uint8Array(8192)],
    ['a certificate', signer.der],
  ])('end in CMS_INVALID: %s', (_, bytes) => {
    expect(judge(bytes)).toBe('CMS_INVALID');
  });

  it('end in a verdict, however they are mixed', () => {
    fc.assert(
      fc.property(fc.nat(cms.length), fc.nat(cms.length), fc.uint8Array({ maxLength: 40 }), (from, to, middle) => {
        const mixed = concatBytes(cms.subarray(0, from), middle, cms.subarray(to));
        // Zeros after the end are padding; what is changed inside the intermediate costs the trust, not the signature.
        const padded = mixed.length > cms.length && mixed.subarray(cms.length).every((byte) => byte === 0);
        const same = equalBytes(padded ? mixed.subarray(0, cms.length) : mixed, cms);
        expect(judgeWhole(mixed) === 'ok').toBe(same);
      }),
      { numRuns: 200 },
    );
  });

  function nested(levels: number): Uint8Array {
    let bytes: Uint8Array = fromHex('05 00');
    for (let i = 0; i < levels; i++)
      bytes = concatBytes(fromHex('30 82'), Uint8Array.of(bytes.length >> 8, bytes.length & 255), bytes);
    return bytes;
  }
});

describe('signatures made by OpenSSL', () => {
  const fixture = (name: string): Uint8Array => readFileSync(new URL(`../../fixtures/pki/${name}`, import.meta.url));
  const signed = fixture('content.txt');
  const verdict = (name: string, rules?: SignatureRules): string => {
    const bytes = fixture(name);
    let hash = 'sha1';
    try {
      hash = parseSignedData(bytes).hash ?? hash;
    } catch {
      // Judged below.
    }
    return judge(bytes, createHash(hash).update(signed).digest(), rules);
  };

  it.each(['cms-cades.der', 'cms-pss.der', 'cms-p256.der', 'cms-p384.der'])('hold: %s', (name) => {
    expect(verdict(name, REQUIRED)).toBe('ok');
    const { signer: found, certificates } = parseSignedData(fixture(name));
    const roots = [parseCertificate(fixture('root.pem'))];
    expect(found && buildChain(found, certificates, roots, AT)).toMatchObject({ trusted: true });
  });

  it.each(['cms-plain.der', 'cms-sha512.der', 'cms-keyid.der'])(
    'hold where no bound certificate is asked for: %s',
    (name) => {
      expect(verdict(name, {})).toBe('ok');
      expect(verdict(name, REQUIRED)).toBe('SIGNING_CERTIFICATE_ABSENT');
    },
  );

  it.each([
    ['cms-sha1.der', 'ALGORITHM_WEAK'],
    ['cms-md5.der', 'ALGORITHM_WEAK'],
    ['cms-pss-sha1.der', 'ALGORITHM_WEAK'],
    ['cms-short-key.der', 'KEY_WEAK'],
    ['cms-k1.der', 'KEY_UNKNOWN'],
    ['cms-attached.der', 'CONTENT_NOT_DETACHED'],
    ['cms-no-attributes.der', 'ATTRIBUTES_ABSENT'],
    ['cms-no-certificates.der', 'SIGNER_CERTIFICATE_ABSENT'],
    ['cms-two-signers.der', 'CMS_INVALID'],
  ])('are refused: %s is %s', (name, code) => {
    expect(verdict(name, {})).toBe(code);
  });

  it('are read in BER too', () => {
    const attached = fixture('cms-ber-attached.der');
    expect(toHex(parseSignedData(attached).content ?? new Uint8Array())).toBe(toHex(signed));
    expect(verdict('cms-ber-attached.der', {})).toBe('CONTENT_NOT_DETACHED');
    // Without its content, [0] of indefinite length after the content type, it is a detached signature.
    const [start, end] = [48, 48 + 4 + 2 + signed.length + 4];
    const detached = concatBytes(attached.subarray(0, start), attached.subarray(end));
    expect(judge(detached, createHash('sha256').update(signed).digest())).toBe('ok');
  });
});

describe('signed attributes', () => {
  /** The signature made anew over attributes that `change` makes of ours, given as hexadecimal of each. */
  function resigned(change: (attributes: readonly string[]) => readonly string[]): Uint8Array {
    const node = readDer(cms, { maxBytes: 1 << 20 });
    const signerInfo = node.children[1]?.children[0]?.children[4]?.children[0];
    const attributes = signerInfo?.children[3]?.children.map(({ bytes }) => toHex(bytes)) ?? [];
    const changed = change(attributes).toSorted();
    const value = fromHex(changed.join(''));
    const members = signerInfo?.children.map(({ bytes }) => bytes) ?? [];
    members[3] = tlv(0xa0, value);
    members[5] = tlv(0x04, signWith(tlv(0x31, value)));
    const signedData = node.children[1]?.children[0]?.children.map(({ bytes }) => bytes) ?? [];
    signedData[4] = tlv(0x31, tlv(0x30, ...members));
    return tlv(0x30, node.children[0]?.bytes ?? new Uint8Array(), tlv(0xa0, tlv(0x30, ...signedData)));
  }

  function tlv(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
    const body = concatBytes(...parts);
    const long = body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
    return concatBytes(Uint8Array.of(tag, ...(body.length < 128 ? [body.length] : long)), body);
  }

  const attribute = (oidHex: string, ...values: readonly Uint8Array[]): string =>
    toHex(tlv(0x30, tlv(0x06, fromHex(oidHex)), tlv(0x31, ...values)));
  const CONTENT_TYPE = '2a864886f70d010903';
  const MESSAGE_DIGEST = '2a864886f70d010904';
  const SIGNING_TIME = '2a864886f70d010905';
  const CERTIFICATE_V1 = '2a864886f70d010910020c';
  const CERTIFICATE_V2 = '2a864886f70d010910022f';
  const ALGORITHM_PROTECTION = '2a864886f70d010934';
  const without = (all: readonly string[], oidHex: string): string[] => all.filter((one) => !one.includes(oidHex));

  it('hold when they are ours, and with others beside them', () => {
    expect(judge(resigned((all) => all))).toBe('ok');
    const time = attribute(SIGNING_TIME, tlv(0x17, new TextEncoder().encode('260601000000Z')));
    const timed = resigned((all) => [...all, time]);
    expect(judge(timed)).toBe('ok');
    expect(parseSignedData(timed).signedAttributes?.signingTime).toEqual(AT);
  });

  it('may stand only once, with one value', () => {
    const digestAttribute = attribute(MESSAGE_DIGEST, tlv(0x04, digest));
    expect(judge(resigned((all) => [...all, digestAttribute]))).toBe('CMS_INVALID');
    const twice = attribute(MESSAGE_DIGEST, tlv(0x04, digest), tlv(0x04, new Uint8Array(32)));
    expect(judge(resigned((all) => [...without(all, MESSAGE_DIGEST), twice]))).toBe('CMS_INVALID');
  });

  it('must say the content type and the digest', () => {
    expect(judge(resigned((all) => without(all, CONTENT_TYPE)))).toBe('ATTRIBUTES_INVALID');
    expect(judge(resigned((all) => without(all, MESSAGE_DIGEST)))).toBe('ATTRIBUTES_INVALID');
    const signedData = attribute(CONTENT_TYPE, tlv(0x06, fromHex('2a864886f70d010702')));
    expect(judge(resigned((all) => [...without(all, CONTENT_TYPE), signedData]))).toBe('CONTENT_TYPE_WRONG');
  });

  it('must bind the certificate where that is required, and rightly in any case', () => {
    const unbound = resigned((all) => without(all, CERTIFICATE_V2));
    expect(judge(unbound)).toBe('SIGNING_CERTIFICATE_ABSENT');
    expect(judge(unbound, digest, {})).toBe('ok');
    const bind = (oidHex: string, hash: Uint8Array): Uint8Array =>
      resigned((all) => [
        ...without(all, CERTIFICATE_V2),
        attribute(oidHex, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x04, hash))))),
      ]);
    expect(judge(bind(CERTIFICATE_V2, fromHex(signer.sha256)))).toBe('ok');
    expect(judge(bind(CERTIFICATE_V2, fromHex(root.sha256)), digest, {})).toBe('SIGNING_CERTIFICATE_WRONG');
    const sha1 = createHash('sha1').update(signer.der).digest();
    expect(judge(bind(CERTIFICATE_V1, sha1), digest, {})).toBe('ok');
    expect(judge(bind(CERTIFICATE_V1, sha1))).toBe('SIGNING_CERTIFICATE_ABSENT');
    expect(judge(bind(CERTIFICATE_V1, new Uint8Array(20)), digest, {})).toBe('SIGNING_CERTIFICATE_WRONG');
  });

  it('must name the algorithms that are used, where they name any (RFC 6211)', () => {
    const sha256 = tlv(0x30, fromHex('0609608648016503040201'));
    const protect = (signature: string): Uint8Array => {
      const value = tlv(0x30, sha256, tlv(0xa1, fromHex(signature)));
      return resigned((all) => [...all, attribute(ALGORITHM_PROTECTION, value)]);
    };
    expect(judge(protect('06092a864886f70d01010b0500'))).toBe('ok');
    expect(judge(protect('06092a864886f70d0101010500'))).toBe('ALGORITHMS_DISAGREE');
  });
});

describeTool('openssl', 'a signature that is written, to OpenSSL', () => {
  let folder = '';
  const path = (name: string): string => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zhiyin-cms-'));
    writeFileSync(path('content'), content);
    writeFileSync(path('cms.der'), cms);
    writeFileSync(path('root.pem'), pemOf(root));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const verify = (...options: readonly string[]) =>
    runTool('openssl', [
      'cms',
      '-verify',
      '-binary',
      '-cades',
      '-inform',
      'DER',
      '-in',
      path('cms.der'),
      '-content',
      path('content'),
      '-CAfile',
      path('root.pem'),
      '-purpose',
      'any',
      ...options,
    ]);

  it('holds as CAdES under the root', () => {
    const { status, stderr } = verify('-x509_strict', '-attime', String(AT.getTime() / 1000), '-out', path('out'));
    expect(stderr).toMatch(/verification successful/i);
    expect(status).toBe(0);
  });

  it('fails over other content', () => {
    writeFileSync(path('content'), 'something else');
    expect(verify('-out', path('out')).status).not.toBe(0);
    writeFileSync(path('content'), content);
  });

  it('holds when OpenSSL signs with the same key and we verify', () => {
    writeFileSync(
      path('key.pem'),
      createPrivateKey(key.export({ type: 'pkcs8', format: 'pem' })).export({ type: 'pkcs8', format: 'pem' }),
    );
    writeFileSync(path('signer.pem'), pemOf(signer));
    const { status } = runTool('openssl', [
      'cms',
      '-sign',
      '-binary',
      '-cades',
      '-md',
      'sha256',
      '-in',
      path('content'),
      '-signer',
      path('signer.pem'),
      '-inkey',
      path('key.pem'),
      '-outform',
      'DER',
      '-out',
      path('theirs.der'),
    ]);
    expect(status).toBe(0);
    expect(judge(readFileSync(path('theirs.der')))).toBe('ok');
  });
});
