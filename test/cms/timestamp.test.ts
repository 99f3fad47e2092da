import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, fromHex, latin1Text, toHex } from '../../src/bytes.ts';
import { buildChain } from '../../src/cms/chain.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { readDer } from '../../src/cms/der.ts';
import { readOid } from '../../src/cms/der-values.ts';
import { ATTRIBUTE } from '../../src/cms/signed-attributes.ts';
import { parseSignedData, verifySignedData, withUnsignedAttribute } from '../../src/cms/signed-data.ts';
import {
  encodeTimestampRequest,
  parseTimestampToken,
  readTimestampResponse,
  timestampsOf,
  verifyTimestampToken,
} from '../../src/cms/timestamp.ts';
import { AppError, isAppError } from '../../src/errors.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';
import { describeShared } from '../support/shared.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/authorities/${name}`, import.meta.url)));
const hashOf = (name: string, bytes: Uint8Array): Uint8Array => new Uint8Array(createHash(name).update(bytes).digest());

const content = fixture('content.txt');
const sha256 = hashOf('sha256', content);
const root = parseCertificate(fixture('root.pem'));
/** As it stands in the request that OpenSSL made. */
const request = readDer(fixture('query.tsq'), { maxBytes: 1000 });
const nonce = request.children[2]?.body ?? new Uint8Array();
const asked = { sha256, nonce };
const granted = fixture('granted.tsr');
const token = readTimestampResponse(granted, asked);

/** `ok`, the reason's code, or the code of the error. */
function judge(bytes: Uint8Array, digest: Uint8Array = sha256): string {
  try {
    const check = verifyTimestampToken(parseTimestampToken(bytes), digest);
    return check.ok ? 'ok' : check.code;
  } catch (error) {
    if (isAppError(error)) return error.code;
    throw error;
  }
}

/** The token of a response that was for another question. */
function tokenIn(response: Uint8Array): Uint8Array {
  return readDer(response, { maxBytes: 1 << 20 }).children[1]?.bytes ?? new Uint8Array();
}

describe('a request for a timestamp', () => {
  it('is to the byte what OpenSSL asks', () => {
    expect(toHex(encodeTimestampRequest(sha256, nonce))).toBe(toHex(fixture('query.tsq')));
  });

  it('carries any nonce as a number in the fewest bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 16 }), (random) => {
        const { children } = readDer(encodeTimestampRequest(sha256, random), { maxBytes: 1000 });
        const contents = toHex(children[2]?.body ?? new Uint8Array());
        expect(BigInt(`0x${contents}`)).toBe(BigInt(`0x${toHex(random)}`));
        expect(contents).toMatch(/^(?:00[89a-f].*|[0-7].*)$/);
        expect(contents).not.toMatch(/^00[0-7]./);
      }),
    );
  });

  it('names a policy where one is asked for', () => {
    const { children } = readDer(encodeTimestampRequest(sha256, nonce, '1.2.156.112562.2.1'), { maxBytes: 1000 });
    expect(children.map(({ tag }) => tag)).toEqual([0x02, 0x30, 0x06, 0x02, 0x01]);
    expect(readOid(children[2], 'policy')).toBe('1.2.156.112562.2.1');
  });

  it('needs a SHA-256 and a nonce that cannot be guessed', () => {
    expect(() => encodeTimestampRequest(new Uint8Array(20), nonce)).toThrow(RangeError);
    expect(() => encodeTimestampRequest(sha256, new Uint8Array(4))).toThrow(RangeError);
    expect(() => encodeTimestampRequest(sha256, new Uint8Array(17))).toThrow(RangeError);
  });
});

describe('an answer of OpenSSL', () => {
  it('is read with all that its token says', () => {
    expect(token).toMatchObject({ accuracyMs: 1501, policy: '1.2.156.112562.2.1', hash: 'sha256', ordering: true });
    expect(toHex(token.imprint)).toBe(toHex(sha256));
    expect(toHex(token.nonce ?? new Uint8Array())).toBe(toHex(nonce));
    // Thousandths are cut off where they are zeros, and the fixture's are not.
    expect(latin1Text(token.signedData.content ?? new Uint8Array())).toContain(
      token.time.toISOString().replaceAll(/[-:T]/g, ''),
    );
  });

  it('is signed by an authority that a root vouches for', () => {
    const check = verifyTimestampToken(token, sha256);
    expect(check).toMatchObject({ ok: true, time: token.time, signer: { subject: { cn: '时间戳 TEST' } } });
    const { signer, certificates } = token.signedData;
    expect(signer && buildChain(signer, certificates, [root], token.time, 'timestamp')).toMatchObject({
      trusted: true,
    });
    expect(signer && buildChain(signer, certificates, [root], token.time)).toMatchObject({
      reasons: [{ code: 'CERTIFICATE_USAGE' }],
    });
  });

  it('is taken with its certificate bound by SHA-1 alone, and with RSA', () => {
    const old = readTimestampResponse(fixture('granted-rsa-sha1-id.tsr'), asked);
    expect(old.signedData.signedAttributes?.certificateIds).toMatchObject([{ version: 1, hashName: 'sha1' }]);
    expect(old).toMatchObject({ accuracyMs: 0, ordering: false });
    expect(old.time.getMilliseconds()).toBe(0);
  });

  it.each([
    ['refused.tsr', 'rejection, badAlg, "Message digest algorithm is not supported."'],
    ['refused-policy.tsr', 'rejection, unacceptedPolicy, "Requested policy is not supported."'],
  ])('is told where it refuses: %s', (name, detail) => {
    expect(thrown(() => readTimestampResponse(fixture(name), asked))).toMatchObject({
      code: 'TIMESTAMP_REFUSED',
      detail,
    });
  });

  it.each([
    ['other bytes', granted, { sha256: hashOf('sha256', nonce), nonce }, 'TIMESTAMP_IMPRINT_WRONG'],
    ['another request', granted, { sha256, nonce: new Uint8Array(8) }, 'nonce: not that of the request'],
    ['a request without nonce', fixture('no-nonce.tsr'), asked, 'nonce: absent'],
    ['another policy', granted, { ...asked, policy: '1.2.3.4' }, 'policy: expected 1.2.3.4, got 1.2.156.112562.2.1'],
    ['SHA-512', fixture('sha512.tsr'), asked, 'nonce: not that of the request'],
  ])('is refused where it is for %s', (_, response, question, detail) => {
    const error = thrown(() => readTimestampResponse(response, question));
    expect(error.code).toBe('TIMESTAMP_INVALID');
    expect(error.detail).toContain(detail);
  });

  it.each([
    ['nothing', new Uint8Array()],
    ['HTML', new TextEncoder().encode('<html>Sign in to the network</html>')],
    ['granted without a token', fromHex('30 05 30 03 02 01 00')],
    ['granted with something else', fromHex('30 0a 30 03 02 01 00 30 03 02 01 05')],
    ['a token without its answer', token.der],
    ['bytes after the end', concatBytes(granted, Uint8Array.of(0))],
    ['two megabytes', new Uint8Array(2 << 20).fill(0x30)],
  ])('is refused where it is none: %s', (_, response) => {
    expect(codeOf(() => readTimestampResponse(response, asked))).toBe('TIMESTAMP_INVALID');
  });

  it.each([
    ['waiting', '30 05 30 03 02 01 03', 'waiting'],
    ['an unknown status', '30 05 30 03 02 01 63', 'status 99'],
    [
      'words that would rearrange the message',
      '30 14 30 12 02 01 02 30 0d 0c 0b 61 e2 80 ae 62 0a 63 00 00 09 64',
      'rejection, "a b c d"',
    ],
  ])('is told in one line: %s', (_, hex, detail) => {
    expect(thrown(() => readTimestampResponse(fromHex(hex), asked)).detail).toBe(detail);
  });

  it('is refused or the same, whichever bit is changed', () => {
    const accepted: number[] = [];
    for (let at = 0; at < granted.length; at++) {
      // One bit of each byte, another in each: all bits of all bytes take seven seconds and were tried once.
      const changed = granted.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << ((at * 5) % 8));
      const code = codeOf(() => {
        const read = readTimestampResponse(changed, asked);
        const { signer, certificates } = read.signedData;
        const chain = signer && buildChain(signer, certificates, [root], read.time, 'timestamp');
        if (chain?.trusted !== true) throw new AppError('CERTIFICATE_INVALID');
        expect(read.time).toEqual(token.time);
      });
      if (code === null) accepted.push(at);
    }
    // Nobody signs the status beside the token: granted (0) has become grantedWithMods (1), which says as much.
    expect(accepted).toEqual([8]);
  });

  it('ends in a token or in a typed error, however it is damaged', () => {
    fc.assert(
      fc.property(mutations(fc.constantFrom(granted, fixture('refused.tsr'))), (bytes) => {
        const code = codeOf(() => readTimestampResponse(bytes, asked));
        expect([null, 'TIMESTAMP_INVALID', 'TIMESTAMP_REFUSED']).toContain(code);
      }),
      { numRuns: 500 },
    );
    for (let length = 0; length < granted.length; length++) {
      expect(codeOf(() => readTimestampResponse(granted.subarray(0, length), asked))).toBe('TIMESTAMP_INVALID');
    }
  });
});

describe('a token', () => {
  it('may be over any accepted hash, and over no other', () => {
    expect(judge(tokenIn(fixture('sha512.tsr')), hashOf('sha512', content))).toBe('ok');
    expect(parseTimestampToken(tokenIn(fixture('sha512.tsr'))).hash).toBe('sha512');
    expect(judge(tokenIn(fixture('sha1.tsr')), hashOf('sha1', content))).toBe('ALGORITHM_WEAK');
    expect(parseTimestampToken(tokenIn(fixture('sha1.tsr'))).hash).toBeNull();
  });

  it('needs its signer’s certificate, bound', () => {
    expect(judge(tokenIn(fixture('no-certificate.tsr')))).toBe('SIGNER_CERTIFICATE_ABSENT');
    expect(judge(fixture('unbound.tst'))).toBe('SIGNING_CERTIFICATE_ABSENT');
  });

  it.each(['not-critical.tst', 'two-purposes.tst', 'wrong-usage.tst', 'document-signer.tst'])(
    'needs a signer whose one purpose it is: %s',
    (name) => {
      expect(judge(fixture(name))).toBe('TIMESTAMP_USAGE');
      const { signer } = parseTimestampToken(fixture(name)).signedData;
      expect(signer && buildChain(signer, [], [root], token.time, 'timestamp').reasons).toMatchObject([
        { code: 'TIMESTAMP_USAGE' },
      ]);
    },
  );

  it('is read to the millisecond, and its accuracy no finer', () => {
    const fine = parseTimestampToken(fixture('fraction-nine-digits.tst'));
    expect(fine.time.toISOString()).toBe('2026-03-01T00:00:00.120Z');
    expect(fine).toMatchObject({ accuracyMs: 2001, nonce: null, serialHex: '7f' });
    expect(judge(fixture('fraction-nine-digits.tst'))).toBe('ok');
  });

  it('may have extensions that nobody need understand, and no others', () => {
    expect(judge(fixture('quiet-extension.tst'))).toBe('ok');
    expect(judge(fixture('critical-extension.tst'))).toBe('CMS_INVALID');
  });

  it.each(['version-2.tst', 'local-time.tst', 'bad-accuracy.tst'])('is refused against its standard: %s', (name) => {
    expect(judge(fixture(name))).toBe('CMS_INVALID');
  });

  it('is no signature over a document, and such a one is no token', () => {
    expect(verifySignedData(parseSignedData(token.der), sha256)).toMatchObject({ code: 'CONTENT_TYPE_WRONG' });
    expect(judge(fixture('signed.der'))).toBe('CMS_INVALID');
  });

  it('may be followed by the zeros of a PDF’s Contents, which are not its own', () => {
    const padded = parseTimestampToken(concatBytes(token.der, new Uint8Array(500)));
    expect(equalBytes(padded.der, token.der)).toBe(true);
  });
});

describe('a token of an authority in use', () => {
  it('is verified, up to a root that is not here', () => {
    // Over the signature's value in Node's executable for Windows.
    const stamped = fromHex('87c95af309d5db69f98c6c6a303ffca4fc38abc16eed5077f28a65c91dfc496f');
    const real = parseTimestampToken(fixture('node-exe.tst'));
    expect(real).toMatchObject({ accuracyMs: 500, nonce: null, policy: '1.3.6.1.4.1.601.10.3.1' });
    expect(real.time.toISOString()).toBe('2026-09-08T00:05:56.356Z');
    expect(verifyTimestampToken(real, stamped)).toMatchObject({
      ok: true,
      signer: { subject: { cn: 'Microsoft Public RSA Time Stamping Authority' } },
    });
    const { signer, certificates } = real.signedData;
    expect(signer && buildChain(signer, certificates, [], real.time, 'timestamp')).toMatchObject({
      chain: { length: 2 },
      reasons: [{ code: 'CHAIN_INCOMPLETE' }],
    });
  });
});

describe('a signature that is given a timestamp', () => {
  const signed = fixture('signed.der');
  const before = parseSignedData(signed);
  const stamped = withUnsignedAttribute(signed, ATTRIBUTE.timestampToken, token.der);

  it('carries it, to us', () => {
    const after = parseSignedData(stamped);
    expect(timestampsOf(after).map(toHex)).toEqual([toHex(token.der)]);
    expect(verifySignedData(after, sha256, { signingCertificate: 'required' })).toMatchObject({ ok: true });
  });

  it('stays DER and else the same, whatever is added and how often', () => {
    const values = fc
      .array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 4 })
      .map((all) => all.map(asOctets));
    const types = fc.constantFrom<string>(
      ATTRIBUTE.timestampToken,
      '1.2.840.113549.1.9.16.2.15',
      '1.3.6.1.4.1.55555.9',
    );
    fc.assert(
      fc.property(values, types, (added, type) => {
        const result = added.reduce((cms, value) => withUnsignedAttribute(cms, type, value), signed);
        const after = parseSignedData(result);
        expect(verifySignedData(after, sha256, { signingCertificate: 'required' })).toMatchObject({ ok: true });
        expect(
          after.unsignedAttributes
            .get(type)
            ?.map(({ bytes }) => toHex(bytes))
            .toSorted(),
        ).toEqual(added.map(toHex).toSorted());
        // Strict DER to the last octet, the set in order, and without the attributes the very bytes that were.
        const { members, unsigned } = takenApart(result);
        expect(members).toEqual(takenApart(signed).members);
        expect(unsigned).toEqual(unsigned.toSorted());
        expect(toHex(after.signedBytes)).toBe(toHex(before.signedBytes));
      }),
      { numRuns: 50 },
    );
  });

  it('is refused what would not be DER', () => {
    const add = (cms: Uint8Array, value: Uint8Array) => codeOf(() => withUnsignedAttribute(cms, '1.2.3', value));
    const ber = new Uint8Array(readFileSync(new URL('../../fixtures/pki/cms-ber-attached.der', import.meta.url)));
    expect(add(ber, Uint8Array.of(5, 0))).toBe('CMS_INVALID');
    expect(add(signed, fromHex('30 80 00 00'))).toBe('CMS_INVALID');
    expect(add(signed, fromHex('05 00 05 00'))).toBe('CMS_INVALID');
    expect(add(root.der, Uint8Array.of(5, 0))).toBe('CMS_INVALID');
    expect(add(new Uint8Array(), Uint8Array.of(5, 0))).toBe('CMS_INVALID');
  });

  function asOctets(bytes: Uint8Array): Uint8Array {
    const long = bytes.length < 256 ? [0x81, bytes.length] : [0x82, bytes.length >> 8, bytes.length & 255];
    return concatBytes(Uint8Array.of(4, ...(bytes.length < 128 ? [bytes.length] : long)), bytes);
  }

  /** All values outside the unsigned attributes in hexadecimal, in order; and those. */
  function takenApart(cms: Uint8Array): { members: readonly string[]; unsigned: readonly string[] } {
    const signedData = readDer(cms, { maxBytes: 1 << 20 }).children[1]?.children[0]?.children ?? [];
    const signerInfo = signedData.at(-1)?.children[0]?.children ?? [];
    const unsigned = signerInfo.filter(({ tag }) => tag === 0xa1);
    const kept = [...signedData.slice(0, -1), ...signerInfo.filter(({ tag }) => tag !== 0xa1)];
    return {
      members: kept.map(({ bytes }) => toHex(bytes)),
      unsigned: unsigned.flatMap(({ children }) => children.map(({ bytes }) => toHex(bytes))),
    };
  }
});

describeShared('the timestamp in a real signed document', (shared) => {
  it('is read, is over its signature, and is refused for what it was made with', () => {
    const pdf = readFileSync(join(shared, 'data/pdf/wild/bug854315.pdf'), 'latin1');
    const hex = /\/Contents\s*<([0-9a-f]{1000,})>/i.exec(pdf)?.[1] ?? '';
    const cms = parseSignedData(fromHex(hex));
    const [der = new Uint8Array()] = timestampsOf(cms);
    const stamp = parseTimestampToken(der, cms.certificates);
    expect(toHex(stamp.imprint)).toBe(toHex(hashOf('sha1', cms.signature)));
    expect(stamp.signedData.signer?.subject.text).toContain('Time-stamp Authority');
    expect(verifyTimestampToken(stamp, stamp.imprint)).toMatchObject({ ok: false, code: 'ALGORITHM_WEAK' });
  });
});

function thrown(body: () => unknown): AppError {
  try {
    body();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
