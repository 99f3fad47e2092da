import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/bytes.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { parseCrl } from '../../src/cms/crl.ts';
import { parseOcspResponse } from '../../src/cms/ocsp.ts';
import { encodeValue, readDer } from '../../src/cms/der.ts';
import type { DerNode } from '../../src/cms/der.ts';
import { evidenceIn, readEvidence, revocationOf, revocationOfChain } from '../../src/cms/revocation.ts';
import type { Evidence, Revocation } from '../../src/cms/revocation.ts';
import { parseSignedData } from '../../src/cms/signed-data.ts';

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/authorities/${name}`, import.meta.url)));
const certificate = (name: string): Certificate => parseCertificate(fixture(`${name}.pem`));

const root = certificate('root');
const responder = certificate('responder');
const MID_MARCH = new Date('2026-03-15T00:00:00Z');
const REVOKED_AT = new Date('2026-02-01T00:00:00Z');
/** When the OCSP answers were made. */
const ANSWERED_AT = parseOcspResponse(fixture('ocsp-good.ors')).producedAt;
const after = (time: Date, ms: number): Date => new Date(time.getTime() + ms);
const DAY_MS = 86_400_000;

interface Names {
  readonly crls?: readonly string[];
  readonly ocsps?: readonly string[];
  readonly certificates?: readonly Certificate[];
}

function evidence({ crls = [], ocsps = [], certificates = [] }: Names): Evidence {
  return {
    crls: crls.map((name) => fixture(`${name}.crl`)),
    ocsps: ocsps.map((name) => fixture(`ocsp-${name}.ors`)),
    certificates,
  };
}

const of = (name: string, names: Names, at: Date): Revocation =>
  revocationOf(certificate(name), root, evidence(names), at);
/** `good`, `revoked`, or why it is unknown. */
const verdict = (name: string, names: Names, at: Date): string => {
  const found = of(name, names, at);
  return found.status === 'unknown' ? found.code : found.status;
};

describe('by a list, a certificate', () => {
  const march = { crls: ['march'] };

  it('is good while the list holds, and was at any time before', () => {
    expect(of('good', march, MID_MARCH)).toEqual({
      status: 'good',
      source: 'crl',
      producedAt: new Date('2026-03-01T00:00:00Z'),
    });
    expect(verdict('good', march, new Date('2025-06-01T00:00:00Z'))).toBe('good');
    expect(verdict('good', march, new Date('2026-04-01T00:00:00Z'))).toBe('good');
  });

  it('is not known to be good after the list', () => {
    expect(of('good', march, new Date('2026-04-02T00:00:00Z'))).toMatchObject({
      status: 'unknown',
      code: 'REVOCATION_OUTDATED',
      messageZh:
        '吊销信息不覆盖该时间。（CN=good TEST,O=测试机构 TEST,C=CN: 2026-03-01T00:00:00.000Z – 2026-04-01T00:00:00.000Z）',
    });
  });

  it('is revoked from its revocation on, and was good before, which is said with it', () => {
    expect(of('revoked', march, REVOKED_AT)).toMatchObject({
      status: 'revoked',
      source: 'crl',
      revokedAt: REVOKED_AT,
      reason: 'cessationOfOperation',
      code: 'CERTIFICATE_REVOKED',
      message:
        'The certificate had been revoked at that time. (CN=revoked TEST,O=测试机构 TEST,C=CN: 2026-02-01T00:00:00.000Z, cessationOfOperation)',
    });
    expect(of('revoked', march, after(REVOKED_AT, -1))).toMatchObject({ status: 'good', revokedAt: REVOKED_AT });
  });

  it('stays revoked long after the list', () => {
    expect(verdict('revoked', march, new Date('2027-01-01T00:00:00Z'))).toBe('revoked');
  });

  it('is revoked since its issuer calls it invalid, where that was before', () => {
    expect(of('compromised', march, new Date('2025-12-15T00:00:00Z'))).toMatchObject({
      status: 'revoked',
      revokedAt: new Date('2025-12-01T00:00:00Z'),
      reason: 'keyCompromise',
    });
    expect(verdict('compromised', march, new Date('2025-11-30T00:00:00Z'))).toBe('good');
  });

  it('may be on hold, until a newer list no longer says so', () => {
    expect(verdict('held', march, MID_MARCH)).toBe('revoked');
    // A hold may have been lifted since: the list says nothing of May.
    expect(verdict('held', march, new Date('2026-05-01T00:00:00Z'))).toBe('REVOCATION_OUTDATED');
    expect(verdict('released', march, MID_MARCH)).toBe('good');
  });

  it('that had expired when the list was made is not told of', () => {
    const good = { ...certificate('good'), notAfter: new Date('2026-02-15T00:00:00Z') };
    const at = new Date('2026-02-10T00:00:00Z');
    expect(revocationOf(good, root, evidence(march), at)).toMatchObject({ code: 'REVOCATION_OUTDATED' });
    expect(revocationOf(good, root, evidence({ crls: ['december'] }), new Date('2025-12-10T00:00:00Z'))).toMatchObject({
      status: 'good',
    });
    const revoked = { ...certificate('revoked'), notAfter: new Date('2026-02-15T00:00:00Z') };
    expect(revocationOf(revoked, root, evidence(march), at)).toMatchObject({ status: 'revoked' });
  });

  it('is told of by the list for its kind and place alone', () => {
    expect(verdict('good', { crls: ['place'] }, MID_MARCH)).toBe('good');
    expect(verdict('good', { crls: ['other-place'] }, MID_MARCH)).toBe('REVOCATION_ABSENT');
    expect(verdict('revoked', { crls: ['only-authorities'] }, MID_MARCH)).toBe('REVOCATION_ABSENT');
    expect(verdict('revoked', { crls: ['only-people'] }, MID_MARCH)).toBe('revoked');
  });

  it('is not told of by a list that is another’s, or of a kind that is not used', () => {
    expect(verdict('good', { crls: ['of-other'] }, MID_MARCH)).toBe('REVOCATION_ABSENT');
    expect(verdict('good', { crls: ['delta'] }, MID_MARCH)).toBe('REVOCATION_UNREADABLE');
    const otherKey = { ...root, publicKey: certificate('other-root').publicKey };
    expect(revocationOf(certificate('good'), otherKey, evidence(march), MID_MARCH)).toMatchObject({
      code: 'REVOCATION_SIGNATURE',
    });
  });
});

describe('by an answer, a certificate', () => {
  it('is what it says, for the time that it says', () => {
    expect(of('good', { ocsps: ['good'] }, ANSWERED_AT)).toMatchObject({ status: 'good', source: 'ocsp' });
    expect(verdict('good', { ocsps: ['good'] }, after(ANSWERED_AT, -30 * DAY_MS))).toBe('good');
    expect(verdict('good', { ocsps: ['good'] }, after(ANSWERED_AT, 8 * DAY_MS))).toBe('REVOCATION_OUTDATED');
    expect(verdict('revoked', { ocsps: ['revoked'] }, ANSWERED_AT)).toBe('revoked');
    expect(verdict('revoked', { ocsps: ['revoked'] }, after(REVOKED_AT, -1))).toBe('good');
    expect(verdict('good', { ocsps: ['unknown'] }, ANSWERED_AT)).toBe('REVOCATION_UNKNOWN');
  });

  it('is good for some minutes where the answer says no end', () => {
    expect(verdict('good', { ocsps: ['no-next-update'] }, after(ANSWERED_AT, 60_000))).toBe('good');
    expect(verdict('good', { ocsps: ['no-next-update'] }, after(ANSWERED_AT, 3_600_000))).toBe('REVOCATION_OUTDATED');
  });

  it('is not told of by who may not answer', () => {
    expect(verdict('good', { ocsps: ['by-other'] }, ANSWERED_AT)).toBe('OCSP_RESPONDER');
    expect(verdict('revoked', { ocsps: ['by-signer'] }, ANSWERED_AT)).toBe('OCSP_RESPONDER');
    expect(verdict('good', { ocsps: ['bad-signature'] }, ANSWERED_AT)).toBe('SIGNATURE_WRONG');
    expect(verdict('good', { ocsps: ['signed-with-sha1'] }, ANSWERED_AT)).toBe('ALGORITHM_WEAK');
    expect(verdict('good', { ocsps: ['no-certificates'] }, ANSWERED_AT)).toBe('OCSP_RESPONDER');
    expect(verdict('good', { ocsps: ['no-certificates'], certificates: [responder] }, ANSWERED_AT)).toBe('good');
    expect(verdict('good', { ocsps: ['by-issuer'] }, ANSWERED_AT)).toBe('good');
  });

  it('is told of by a responder only that is not revoked itself, as far as its issuer says where to ask', () => {
    const answer = parseOcspResponse(fixture('ocsp-to-check.ors'));
    expect(verdict('good', { ocsps: ['to-check'] }, ANSWERED_AT)).toBe('RESPONDER_STATUS');
    expect(verdict('good', { ocsps: ['to-check'], crls: ['march'] }, ANSWERED_AT)).toBe('RESPONDER_STATUS');
    expect(verdict('good', { ocsps: ['to-check'], crls: ['responder-revoked'] }, ANSWERED_AT)).toBe(
      'RESPONDER_REVOKED',
    );
    // A list that reaches the time of the answer.
    expect(verdict('good', { ocsps: ['to-check'], crls: ['place-late'] }, answer.producedAt)).toBe('good');
  });
});

describe('by several, a certificate', () => {
  it('is revoked where any says so', () => {
    expect(verdict('revoked', { crls: ['march'], ocsps: ['revoked'] }, ANSWERED_AT)).toBe('revoked');
    expect(of('compromised', { crls: ['march'], ocsps: ['compromised'] }, after(REVOKED_AT, -1))).toMatchObject({
      status: 'revoked',
      source: 'crl',
    });
  });

  it('is good by the newest that reaches the time', () => {
    expect(of('good', { crls: ['december', 'march'], ocsps: ['good'] }, MID_MARCH)).toMatchObject({
      status: 'good',
      source: 'ocsp',
      producedAt: ANSWERED_AT,
    });
  });

  it('is judged by the sound ones among bad ones', () => {
    const names = { crls: ['delta', 'of-other', 'march'], ocsps: ['bad-signature', 'by-other'] };
    expect(verdict('good', names, MID_MARCH)).toBe('good');
    const junk = [new Uint8Array(), new TextEncoder().encode('<html>')];
    const all = { ...evidence(names), crls: [...junk, fixture('march.crl')], ocsps: junk };
    expect(revocationOf(certificate('good'), root, all, MID_MARCH).status).toBe('good');
  });
});

describe('a signature that carries its own evidence', () => {
  const signed = parseSignedData(fixture('signed.der'));
  const node = (bytes: Uint8Array): DerNode => readDer(bytes, { maxBytes: 1 << 20 });
  const [crl, ocsp] = [fixture('march.crl'), fixture('ocsp-good.ors')];

  it('gives the lists and answers of its CMS', () => {
    const other = encodeValue(0xa1, fromHex('06 08 2b 06 01 05 05 07 10 02'), ocsp);
    const unknown = encodeValue(0xa1, fromHex('06 03 2a 03 04'), ocsp);
    const found = evidenceIn({ ...signed, revocationInfos: [crl, other, unknown, fromHex('a1 00')].map(node) });
    expect(found).toEqual({ crls: [crl], ocsps: [ocsp], certificates: signed.certificates });
    const { signer } = signed;
    expect(signer && revocationOf(signer, root, found, MID_MARCH).status).toBe('good');
  });

  it('gives those of Adobe’s attribute', () => {
    const archive = encodeValue(
      0x30,
      encodeValue(0xa0, encodeValue(0x30, crl)),
      encodeValue(0xa1, encodeValue(0x30, ocsp)),
    );
    const attributes = { ...signed.signedAttributes!, revocationInfo: node(archive) };
    expect(evidenceIn({ ...signed, signedAttributes: attributes })).toMatchObject({ crls: [crl], ocsps: [ocsp] });
    const junk = { ...attributes, revocationInfo: node(fromHex('02 01 05')) };
    expect(evidenceIn({ ...signed, signedAttributes: junk })).toMatchObject({ crls: [], ocsps: [] });
  });

  it('may have them inside its bytes, and then is of version 5 where one is no list', () => {
    const withInfos = (version: string, ...infos: readonly Uint8Array[]): Uint8Array => {
      const [type, content] = node(fixture('signed.der')).children.map(({ bytes }) => bytes);
      const [, digests, encapsulated, certificates, signers] = node(content!).children[0]!.children.map(
        ({ bytes }) => bytes,
      );
      const members = [fromHex(version), digests!, encapsulated!, certificates!, encodeValue(0xa1, ...infos), signers!];
      return encodeValue(0x30, type!, encodeValue(0xa0, encodeValue(0x30, ...members)));
    };
    const other = encodeValue(0xa1, fromHex('06 08 2b 06 01 05 05 07 10 02'), ocsp);
    expect(evidenceIn(parseSignedData(withInfos('02 01 01', crl)))).toMatchObject({ crls: [crl], ocsps: [] });
    expect(evidenceIn(parseSignedData(withInfos('02 01 05', crl, other)))).toMatchObject({
      crls: [crl],
      ocsps: [ocsp],
    });
    expect(() => parseSignedData(withInfos('02 01 01', other))).toThrow('version: expected 5');
  });
});

describe('a timestamp authority that was revoked after a timestamp', () => {
  const before = new Date('2025-11-01T00:00:00Z');
  const names = { crls: ['march'] };
  const until = (name: string, provenAt: Date): string =>
    revocationOf(certificate(name), root, evidence(names), before, provenAt).status;

  it('was good then, if for a reason that says nothing against its key', () => {
    expect(until('revoked', MID_MARCH)).toBe('good'); // cessationOfOperation
  });

  it('is not believed, if its key may be another’s, until somebody else proves the time', () => {
    expect(until('compromised', MID_MARCH)).toBe('revoked');
    expect(until('compromised', new Date('2025-11-02T00:00:00Z'))).toBe('good');
    expect(until('no-reason', MID_MARCH)).toBe('revoked');
    expect(until('held', MID_MARCH)).toBe('revoked');
  });

  it('is judged so with its whole chain', () => {
    const [line] = revocationOfChain([certificate('compromised'), root], evidence(names), before, MID_MARCH);
    expect(line?.revocation.status).toBe('revoked');
  });
});

describe('a chain', () => {
  it('is judged certificate by certificate, but for its root', () => {
    const lines = revocationOfChain([certificate('revoked'), root], evidence({ crls: ['march'] }), MID_MARCH);
    expect(lines).toMatchObject([
      { certificate: { subject: { cn: 'revoked TEST' } }, revocation: { status: 'revoked' } },
    ]);
    expect(revocationOfChain([root], evidence({}), MID_MARCH)).toEqual([]);
    expect(revocationOf(certificate('good'), root, evidence({}), MID_MARCH)).toMatchObject({
      code: 'REVOCATION_ABSENT',
    });
  });

  it('is judged by evidence that was read before', () => {
    const read = readEvidence(evidence({ crls: ['march', 'delta'], ocsps: ['good'] }));
    expect(read).toMatchObject({
      crls: { length: 1 },
      ocsps: { length: 1 },
      unreadable: [{ code: 'REVOCATION_UNREADABLE' }],
    });
    expect(revocationOfChain([certificate('good'), root], read, MID_MARCH)).toMatchObject([
      { revocation: { status: 'good' } },
    ]);
  });

  it('takes lists as PEM too', () => {
    const body = Buffer.from(parseCrl(fixture('march.crl')).der).toString('base64');
    const pem = new TextEncoder().encode(`-----BEGIN X509 CRL-----\n${body}\n-----END X509 CRL-----\n`);
    const found = revocationOf(certificate('good'), root, { crls: [pem], ocsps: [], certificates: [] }, MID_MARCH);
    expect(found.status).toBe('good');
  });
});
