/** CMS signatures (RFC 5652): written as PAdES B-B and given timestamps, read with bounds, verified strictly. */
import { createHash } from 'node:crypto';
import { equalBytes, fromHex, toHex } from '../bytes.ts';
import { OID, digestOf, keyFault, readAlgorithm, schemeOf, verifySignature } from './algorithms.ts';
import type { AlgorithmIdentifier, Digest, HashName, Scheme } from './algorithms.ts';
import {
  context,
  contextSetOf,
  encoded,
  integer,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  smallInteger,
  toDer,
} from './asn1.ts';
import type { Asn1 } from './asn1.ts';
import { readableCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import {
  DerFields,
  TAG,
  contextPrimitive,
  contextTag,
  decoding,
  encodeValue,
  expectTag,
  fail,
  readDer,
  setOfDer,
} from './der.ts';
import type { DerLimits, DerNode } from './der.ts';
import { readInteger, readOctets, readOid, readSmallInteger } from './der-values.ts';
import { reason } from './reason.ts';
import type { Reason } from './reason.ts';
import { ATTRIBUTE, identifies, readSignedAttributes, readSignedSet, readUnsignedSet } from './signed-attributes.ts';
import type { Attributes, SignedAttributes } from './signed-attributes.ts';

export interface SigningRequest {
  /** SHA-256 of what is signed. */
  readonly digest: Uint8Array;
  /** The signer's certificate, with an RSA key, then its issuers. */
  readonly chain: readonly Certificate[];
  /** RSASSA-PKCS1-v1_5 over SHA-256 of `data`. */
  readonly sign: (data: Uint8Array) => Uint8Array;
}

/**
 * The DER of a ContentInfo that holds the SignedData, of the profile PAdES B-B (ETSI EN 319 142-1, 6.3): signed attributes
 * content-type, message-digest and signing-certificate-v2 (RFC 5035); no signing-time, since PAdES takes the signature
 * dictionary's /M.
 */
export function createSignedData({ digest, chain, sign }: SigningRequest): Uint8Array {
  const [signer] = chain;
  if (signer === undefined) throw new RangeError('a chain holds at least the signer’s certificate');
  if (digest.length !== 32) throw new RangeError(`expected a SHA-256 of 32 bytes, got ${digest.length}`);

  const attributes = [
    attribute(ATTRIBUTE.contentType, oid(OID.data)),
    attribute(ATTRIBUTE.messageDigest, octetString(digest)),
    attribute(ATTRIBUTE.signingCertificateV2, signingCertificate(signer)),
  ];
  // What is signed is the encoding as a SET OF, not as the [0] that stands in the SignerInfo (RFC 5652, 5.4).
  const signature = sign(toDer(setOf(...attributes)));

  // Without parameters (RFC 5754, 2).
  const sha256 = sequence(oid(OID.sha256));
  const signerInfo = sequence(
    smallInteger(1),
    sequence(encoded(signer.issuer.der), integer(fromHex(signer.serialHex))),
    sha256,
    contextSetOf(0, ...attributes),
    // Names the hash too, as RFC 5754, 3.2 wants it; rsaEncryption would leave that open.
    sequence(oid(OID.sha256WithRsa), nullValue()),
    octetString(signature),
  );
  const signedData = sequence(
    smallInteger(1),
    setOf(sha256),
    sequence(oid(OID.data)),
    contextSetOf(0, ...embedded(chain).map(({ der }) => encoded(der))),
    setOf(signerInfo),
  );
  return toDer(sequence(oid(OID.signedData), context(0, signedData)));
}

/** How many bytes `createSignedData` gives for this chain: exact, since an RSA signature is as long as its modulus. */
export function signedDataSize(chain: readonly Certificate[]): number {
  const bits = chain[0]?.publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  const signature = new Uint8Array(Math.ceil(bits / 8));
  return createSignedData({ digest: new Uint8Array(32), chain, sign: () => signature }).length;
}

/**
 * The signer and its intermediates. The root stays out: a verifier that trusts it has it, one that has it not must not take it
 * from here, and no byte of the signature is left that could be changed unseen. The set is in DER order, as ISO 32000-2, 12.8.3.3.1
 * wants the whole to be DER; the signer is found by its issuer and serial number.
 */
function embedded(chain: readonly Certificate[]): Certificate[] {
  return chain.filter((certificate, place) => place === 0 || !certificate.isSelfIssued);
}

function attribute(type: string, value: Asn1): Asn1 {
  return sequence(oid(type), setOf(value));
}

/** SigningCertificateV2 with one ESSCertIDv2 (RFC 5035, 4): SHA-256 is the default algorithm, which DER leaves out. */
function signingCertificate(signer: Certificate): Asn1 {
  const hash = createHash('sha256').update(signer.der).digest();
  // GeneralName directoryName is [4], EXPLICIT because Name is a CHOICE (RFC 5280, 4.2.1.6).
  const issuerSerial = sequence(sequence(context(4, encoded(signer.issuer.der))), integer(fromHex(signer.serialHex)));
  return sequence(sequence(sequence(octetString(hash), issuerSerial)));
}

/**
 * The signature with one more unsigned attribute: every byte of it stays but the lengths around the new one. `type` as in ATTRIBUTE,
 * `value` as its DER. Throws CMS_INVALID where either is not DER, since the whole must stay DER (ISO 32000-2, 12.8.3.3.1).
 */
export function withUnsignedAttribute(cms: Uint8Array, type: string, value: Uint8Array): Uint8Array {
  return decoding('CMS_INVALID', () => {
    const added = readDer(toDer(attribute(type, encoded(readDer(value, STRICT).bytes))), STRICT);
    const contentInfo = readDer(cms, STRICT);
    const content = expectTag(contentInfo.children.at(-1), contextTag(0), 'contentInfo.content');
    const signedData = expectTag(content.children.at(-1), TAG.sequence, 'signedData');
    const signerInfos = expectTag(signedData.children.at(-1), TAG.set, 'signerInfos');
    const [signerInfo, ...others] = signerInfos.children;
    if (signerInfo === undefined || others.length > 0) {
      fail(`signerInfos: expected one signer, got ${signerInfos.children.length}`);
    }
    const members = expectTag(signerInfo, TAG.sequence, 'signerInfo').children;
    const present = members.at(-1)?.tag === contextTag(1) ? members.at(-1) : undefined;
    const unsigned = setOfDer([...(present?.children ?? []), added], contextTag(1));
    const kept = present === undefined ? members : members.slice(0, -1);
    const signed = encodeValue(TAG.sequence, ...kept.map(({ bytes }) => bytes), unsigned);
    return [signerInfos, signedData, content, contentInfo].reduce(withLast, signed);
  });
}

/** `parent` with its last member replaced. */
function withLast(last: Uint8Array, { tag, children }: DerNode): Uint8Array {
  return encodeValue(tag, ...children.slice(0, -1).map(({ bytes }) => bytes), last);
}

export interface ParsedSignedData {
  /** The ContentInfo as it came, without padding. */
  readonly bytes: Uint8Array;
  /** The hash over the signed bytes that `verifySignedData` wants; null: one that is refused, as `verifySignedData` then says. */
  readonly hash: HashName | null;
  /** All that are embedded and readable. */
  readonly certificates: readonly Certificate[];
  /** RevocationInfoChoice of each list and answer that is embedded; `evidenceIn` reads them. */
  readonly revocationInfos: readonly DerNode[];
  /** The one that the SignerInfo names. */
  readonly signer: Certificate | null;
  readonly contentType: string;
  /** What is embedded; null for a detached signature. */
  readonly content: Uint8Array | null;
  readonly digest: Digest;
  readonly scheme: Scheme;
  readonly signature: Uint8Array;
  /** Null: there are none. */
  readonly signedAttributes: SignedAttributes | null;
  /** DER of the signed attributes as the SET OF that is signed; empty where there are none. */
  readonly signedBytes: Uint8Array;
  readonly unsignedAttributes: Attributes;
  readonly algorithms: { readonly digest: AlgorithmIdentifier; readonly signature: AlgorithmIdentifier };
}

/** Room for a chain, timestamps and embedded revocation lists. */
const MAX_SIGNED_DATA_BYTES = 1024 * 1024;
const MAX_CERTIFICATES = 64;
const STRICT: DerLimits = { maxBytes: MAX_SIGNED_DATA_BYTES };

/**
 * Reads a ContentInfo with a SignedData of exactly one signer; zero bytes may follow it (the padding of a PDF's Contents), others may
 * not. BER lengths pass outside the signed attributes and certificates, since RFC 5652 allows them and signers in use write them.
 * Of `known` certificates an embedded copy is not read again. Throws CMS_INVALID.
 */
export function parseSignedData(bytes: Uint8Array, known: readonly Certificate[] = []): ParsedSignedData {
  return decoding('CMS_INVALID', () => readSignedData(bytes, known));
}

function readSignedData(bytes: Uint8Array, known: readonly Certificate[]): ParsedSignedData {
  const whole = readDer(bytes, { ...STRICT, ber: true, zeroPadded: true });
  const contentInfo = new DerFields(whole, 'contentInfo');
  const type = readOid(contentInfo.next('contentType'), 'contentInfo.contentType');
  if (type !== OID.signedData) fail(`contentInfo: expected signed data, got ${type}`);
  const content = contentInfo.optionalExplicit(0, 'content');
  contentInfo.end();

  const fields = new DerFields(content, 'signedData');
  const version = readSmallInteger(fields.next('version'), 'signedData.version');
  const digests = fields
    .next('digestAlgorithms', TAG.set)
    .children.map((node) => readAlgorithm(node, 'digestAlgorithms'));
  const encapsulated = new DerFields(fields.next('encapContentInfo'), 'encapContentInfo');
  const contentType = readOid(encapsulated.next('eContentType'), 'eContentType');
  const embeddedContent = encapsulated.optionalExplicit(0, 'eContent');
  encapsulated.end();
  const certificateSet = fields.optional(contextTag(0))?.children ?? [];
  const revocationInfos = fields.optional(contextTag(1))?.children ?? [];
  const signerInfos = fields.next('signerInfos', TAG.set).children;
  fields.end();

  if (signerInfos.length !== 1) fail(`signerInfos: expected one signer, got ${signerInfos.length}`);
  if (certificateSet.length > MAX_CERTIFICATES)
    fail(`certificates: ${certificateSet.length}, at most ${MAX_CERTIFICATES}`);
  const certificates = certificateSet
    .filter(({ tag }) => tag === TAG.sequence)
    .flatMap(({ bytes }) => readableCertificate(bytes, known) ?? []);
  const signer = readSignerInfo(signerInfos[0]);
  for (const digest of digests) digestOf(digest, 'digestAlgorithms');
  if (!digests.some(({ oid }) => oid === signer.algorithms.digest.oid)) {
    fail('digestAlgorithms: the signer’s is not among them');
  }
  const wanted = versionOf(contentType, certificateSet, revocationInfos, signer.version);
  if (version !== wanted) fail(`signedData.version: expected ${wanted}, got ${version}`);

  const { sid, version: _, ...rest } = signer;
  return {
    ...rest,
    bytes: whole.bytes,
    hash: signer.digest.hash,
    certificates,
    revocationInfos,
    signer: certificates.find((certificate) => isNamedBy(sid, certificate)) ?? null,
    contentType,
    content: embeddedContent === undefined ? null : readOctets(embeddedContent, 'eContent'),
  };
}

/** The version follows from what is inside (RFC 5652, 5.1). */
function versionOf(
  contentType: string,
  certificates: readonly DerNode[],
  revocationInfos: readonly DerNode[],
  signerVersion: number,
): number {
  if (certificates.some(({ tag }) => tag === contextTag(3))) return 5;
  if (revocationInfos.some(({ tag }) => tag === contextTag(1))) return 5;
  if (certificates.some(({ tag }) => tag === contextTag(2))) return 4;
  if (certificates.some(({ tag }) => tag === contextTag(1))) return 3;
  return contentType !== OID.data || signerVersion === 3 ? 3 : 1;
}

type SignerIdentifier = { readonly issuer: Uint8Array; readonly serialHex: string } | { readonly keyId: Uint8Array };

function readSignerInfo(node: DerNode | undefined) {
  const fields = new DerFields(node, 'signerInfo');
  const version = readSmallInteger(fields.next('version'), 'signerInfo.version');
  const keyId = fields.optional(contextPrimitive(0));
  const sid = keyId === undefined ? readIssuerAndSerial(fields.next('sid')) : { keyId: keyId.body };
  // RFC 5652, 5.3: 1 for issuerAndSerialNumber, 3 for subjectKeyIdentifier.
  if (version !== (keyId === undefined ? 1 : 3))
    fail(`signerInfo.version: ${version} with the other kind of signer id`);
  const digestAlgorithm = readAlgorithm(fields.next('digestAlgorithm'), 'digestAlgorithm');
  const signedAttributes = fields.optional(contextTag(0));
  const signatureAlgorithm = readAlgorithm(fields.next('signatureAlgorithm'), 'signatureAlgorithm');
  const signature = readOctets(fields.next('signature', TAG.octetString), 'signature');
  const unsignedAttributes = fields.optional(contextTag(1))?.children ?? [];
  fields.end();
  return {
    version,
    sid,
    digest: digestOf(digestAlgorithm, 'digestAlgorithm'),
    scheme: schemeOf(signatureAlgorithm, 'signatureAlgorithm'),
    signature,
    signedAttributes: signedAttributes ? readSignedAttributes(readSignedSet(signedAttributes.children)) : null,
    // Signed is the DER encoding, whatever was sent (RFC 5652, 5.4).
    signedBytes: signedAttributes ? setOfDer(signedAttributes.children) : new Uint8Array(),
    unsignedAttributes: readUnsignedSet(unsignedAttributes),
    algorithms: { digest: digestAlgorithm, signature: signatureAlgorithm },
  };
}

function readIssuerAndSerial(node: DerNode): SignerIdentifier {
  const fields = new DerFields(node, 'sid');
  const issuer = fields.next('issuer', TAG.sequence).bytes;
  const serialHex = toHex(readInteger(fields.next('serialNumber'), 'sid.serialNumber'));
  fields.end();
  return { issuer, serialHex };
}

const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';

function isNamedBy(sid: SignerIdentifier, certificate: Certificate): boolean {
  if ('issuer' in sid) {
    return sid.serialHex === certificate.serialHex && equalBytes(sid.issuer, certificate.issuer.der);
  }
  const extension = certificate.extensions.get(SUBJECT_KEY_IDENTIFIER);
  // The extension's value is an OCTET STRING: two bytes of head, then the identifier.
  return extension !== undefined && equalBytes(extension.value.subarray(2), sid.keyId);
}

export type SignatureCheck = { readonly ok: true; readonly signer: Certificate } | ({ readonly ok: false } & Reason);

export interface SignatureRules {
  /**
   * Whether the signer's certificate must be bound by signing-certificate-v2 (`required`, for ETSI.CAdES.detached) or by that or the
   * first version, which knows SHA-1 only (`any-version`). Where either is present it must be right in any case. Default: `optional`.
   */
  readonly signingCertificate?: 'required' | 'any-version' | 'optional';
}

/**
 * Whether the detached signature is its signer's, over bytes with this digest (made with `parsed.hash`). Says nothing of whether the
 * signer's certificate is trusted. The first thing that is wrong is the answer.
 */
export function verifySignedData(
  parsed: ParsedSignedData,
  digest: Uint8Array,
  rules: SignatureRules = {},
): SignatureCheck {
  return verify(parsed, OID.data, rules, ({ content }) => (content === null ? digest : reason('CONTENT_NOT_DETACHED')));
}

/** The same for a signature that carries what it is over, which must be of this content type. */
export function verifyAttached(
  parsed: ParsedSignedData,
  contentType: string,
  rules: SignatureRules = {},
): SignatureCheck {
  return verify(parsed, contentType, rules, ({ content }, hash) =>
    content === null ? reason('CONTENT_ABSENT') : createHash(hash).update(content).digest(),
  );
}

type DigestOfContent = (parsed: ParsedSignedData, hash: HashName) => Uint8Array | Reason;

function verify(
  parsed: ParsedSignedData,
  contentType: string,
  rules: SignatureRules,
  digestOfContent: DigestOfContent,
): SignatureCheck {
  const { signer } = parsed;
  if (signer === null) return { ok: false, ...reason('SIGNER_CERTIFICATE_ABSENT') };
  const wrong =
    contentFault(parsed, contentType, digestOfContent) ??
    certificateFault(parsed, signer, rules) ??
    signatureFault(parsed, signer);
  return wrong === null ? { ok: true, signer } : { ok: false, ...wrong };
}

function contentFault(parsed: ParsedSignedData, wanted: string, digestOfContent: DigestOfContent): Reason | null {
  const { signedAttributes, contentType, digest } = parsed;
  if (digest.hash === null) {
    return reason(digest.refused === 'weak' ? 'ALGORITHM_WEAK' : 'ALGORITHM_UNKNOWN', digest.name);
  }
  if (contentType !== wanted) return reason('CONTENT_TYPE_WRONG', contentType);
  const computed = digestOfContent(parsed, digest.hash);
  if (!(computed instanceof Uint8Array)) return computed;
  // Without signed attributes a signature over attributes could be passed off as one over a document.
  if (signedAttributes === null) return reason('ATTRIBUTES_ABSENT');
  const { messageDigest } = signedAttributes;
  if (signedAttributes.contentType === undefined || messageDigest === undefined) return reason('ATTRIBUTES_INVALID');
  if (signedAttributes.contentType !== contentType) return reason('CONTENT_TYPE_WRONG', signedAttributes.contentType);
  return equalBytes(messageDigest, computed) ? null : reason('DIGEST_WRONG');
}

function certificateFault(
  { signedAttributes }: ParsedSignedData,
  signer: Certificate,
  { signingCertificate = 'optional' }: SignatureRules,
): Reason | null {
  const ids = signedAttributes?.certificateIds ?? [];
  if (ids.some((id) => !identifies(id, signer))) return reason('SIGNING_CERTIFICATE_WRONG');
  const isBound = ids.some(({ version }) => version === 2 || signingCertificate === 'any-version');
  return signingCertificate !== 'optional' && !isBound ? reason('SIGNING_CERTIFICATE_ABSENT') : null;
}

function signatureFault(parsed: ParsedSignedData, signer: Certificate): Reason | null {
  const { scheme, hash, signedAttributes, algorithms } = parsed;
  if (scheme.kind === 'refused') {
    return reason(scheme.refused === 'weak' ? 'ALGORITHM_WEAK' : 'ALGORITHM_UNKNOWN', scheme.name);
  }
  const weakness = keyFault(signer.publicKey);
  if (weakness !== null) return reason(weakness === 'weak' ? 'KEY_WEAK' : 'KEY_UNKNOWN');
  if (hash === null || (scheme.hash !== null && scheme.hash !== hash)) return reason('ALGORITHMS_DISAGREE');
  const protection = signedAttributes?.algorithmProtection;
  if (
    protection !== undefined &&
    !(isSame(protection.digest, algorithms.digest) && isSame(protection.signature, algorithms.signature))
  ) {
    return reason('ALGORITHMS_DISAGREE');
  }
  const right = verifySignature(scheme, hash, parsed.signedBytes, signer.publicKey, parsed.signature);
  return right ? null : reason('SIGNATURE_WRONG');
}

function isSame(a: AlgorithmIdentifier, b: AlgorithmIdentifier): boolean {
  const none = new Uint8Array();
  return a.oid === b.oid && equalBytes(a.parameters?.bytes ?? none, b.parameters?.bytes ?? none);
}
