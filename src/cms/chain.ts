/** From a certificate to a trusted root: RFC 5280, 6, without policies and name constraints; of revocation revocation.ts tells. */
import { toHex } from '../bytes.ts';
import { keyFault } from './algorithms.ts';
import { isSignedBy, maySignDocuments, maySignOcsp, maySignTimestamps } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { reason } from './reason.ts';
import type { Reason, ReasonCode } from './reason.ts';

/** What the first certificate of a chain signs. */
export type Purpose = 'document' | 'timestamp' | 'ocsp';

const PURPOSES: Readonly<
  Record<Purpose, { readonly may: (certificate: Certificate) => boolean; readonly fault: ReasonCode }>
> = {
  document: { may: maySignDocuments, fault: 'CERTIFICATE_USAGE' },
  timestamp: { may: maySignTimestamps, fault: 'TIMESTAMP_USAGE' },
  ocsp: { may: maySignOcsp, fault: 'OCSP_USAGE' },
};

export interface Chain {
  /** Reaches a root and has no fault. */
  readonly trusted: boolean;
  /** The certificate first, then its issuers as far as they are known; the root too where it was reached. */
  readonly chain: readonly Certificate[];
  /** Empty for a trusted chain. */
  readonly reasons: readonly Reason[];
}

/** Certificates in a chain, and signatures checked in search of it: a pool of look-alikes costs no more than that. */
const MAX_LENGTH = 8;
const MAX_CHECKS = 64;

/** Extensions that are understood or say nothing about validity here: RFC 5280, 4.2; RFC 6960, 4.2.2.2.1. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  '2.5.29.14', // subjectKeyIdentifier
  '2.5.29.15', // keyUsage
  '2.5.29.17', // subjectAltName
  '2.5.29.18', // issuerAltName
  '2.5.29.19', // basicConstraints
  '2.5.29.31', // cRLDistributionPoints
  '2.5.29.32', // certificatePolicies: any policy will do
  '2.5.29.35', // authorityKeyIdentifier
  '2.5.29.37', // extKeyUsage
  '1.3.6.1.5.5.7.1.1', // authorityInfoAccess
  '1.3.6.1.5.5.7.48.1.5', // ocsp-nocheck
]);

/** The best chain that `pool` and `roots` give: a trusted one, else one that reaches a root, else the longest. */
export function buildChain(
  leaf: Certificate,
  pool: readonly Certificate[],
  roots: readonly Certificate[],
  at: Date,
  purpose: Purpose = 'document',
): Chain {
  const rootIds = new Set(roots.map(({ sha256 }) => sha256));
  const found = paths(leaf, [...roots, ...pool], rootIds).map((chain): Chain => {
    const reasons = faultsOf(chain, rootIds, at, purpose);
    return { trusted: reasons.length === 0, chain, reasons };
  });
  const rank = ({ reasons, chain }: Chain): number =>
    (reasons.some(({ code }) => code === 'CHAIN_INCOMPLETE') ? 1000 : 0) + reasons.length * 10 - chain.length;
  const [best] = found.toSorted((a, b) => rank(a) - rank(b));
  return best ?? { trusted: false, chain: [leaf], reasons: faultsOf([leaf], rootIds, at, purpose) };
}

/** The certificate and its issuers as far as `pool` has them, without a word on whether they are trusted. */
export function issuersOf(leaf: Certificate, pool: readonly Certificate[]): readonly Certificate[] {
  const found = paths(leaf, pool, new Set());
  return found.toSorted((a, b) => b.length - a.length)[0] ?? [leaf];
}

/** Every way from `leaf` by names and signatures that ends at a root, or where no issuer is known. */
function paths(
  leaf: Certificate,
  candidates: readonly Certificate[],
  rootIds: ReadonlySet<string>,
): readonly (readonly Certificate[])[] {
  const bySubject = Map.groupBy(distinct(candidates), ({ subject }) => toHex(subject.der));
  const complete: (readonly Certificate[])[] = [];
  let checks = 0;
  const walk = (chain: readonly Certificate[], last: Certificate): void => {
    const issuers =
      rootIds.has(last.sha256) || chain.length === MAX_LENGTH ? [] : bySubject.get(toHex(last.issuer.der));
    const next = (issuers ?? []).filter(
      (issuer) =>
        !chain.some(({ sha256 }) => sha256 === issuer.sha256) && ++checks <= MAX_CHECKS && isSignedBy(last, issuer),
    );
    if (next.length === 0) complete.push(chain);
    for (const issuer of next) walk([...chain, issuer], issuer);
  };
  walk([leaf], leaf);
  return complete;
}

function distinct(certificates: readonly Certificate[]): Certificate[] {
  return [...new Map(certificates.map((certificate) => [certificate.sha256, certificate])).values()];
}

function faultsOf(chain: readonly Certificate[], rootIds: ReadonlySet<string>, at: Date, purpose: Purpose): Reason[] {
  const reasons: Reason[] = [];
  const [leaf] = chain;
  const root = chain.at(-1);
  if (root === undefined || !rootIds.has(root.sha256)) reasons.push(reason('CHAIN_INCOMPLETE', root?.issuer.text));
  const { may, fault } = PURPOSES[purpose];
  if (leaf !== undefined && !may(leaf)) reasons.push(reason(fault, leaf.subject.text));
  let authoritiesBelow = 0;
  for (const [place, certificate] of chain.entries()) {
    reasons.push(...certificateFaults(certificate, rootIds, at));
    if (place === 0) continue;
    reasons.push(...issuerFaults(certificate, authoritiesBelow));
    // A self-issued certificate does not count towards the length (RFC 5280, 4.2.1.9).
    if (!certificate.isSelfIssued) authoritiesBelow += 1;
  }
  return reasons;
}

function certificateFaults(certificate: Certificate, rootIds: ReadonlySet<string>, at: Date): Reason[] {
  const { subject, notBefore, notAfter, scheme, publicKey, extensions } = certificate;
  const reasons: Reason[] = [];
  if (at < notBefore) reasons.push(reason('CERTIFICATE_NOT_YET_VALID', `${subject.text}: ${notBefore.toISOString()}`));
  if (at > notAfter) reasons.push(reason('CERTIFICATE_EXPIRED', `${subject.text}: ${notAfter.toISOString()}`));
  // A root is trusted because it is configured, whatever its own signature is made with; its key still has to hold.
  const isRoot = rootIds.has(certificate.sha256);
  if ((!isRoot && scheme.kind === 'refused') || keyFault(publicKey) !== null) {
    reasons.push(reason('CERTIFICATE_ALGORITHM', subject.text));
  }
  for (const [oid, { critical }] of extensions) {
    if (critical && !UNDERSTOOD.has(oid)) reasons.push(reason('CERTIFICATE_EXTENSION', `${subject.text}: ${oid}`));
  }
  return reasons;
}

function issuerFaults({ subject, isCa, keyUsage, pathLength }: Certificate, authoritiesBelow: number): Reason[] {
  const reasons: Reason[] = [];
  if (!isCa) reasons.push(reason('ISSUER_NOT_CA', subject.text));
  if (keyUsage !== undefined && !keyUsage.has('keyCertSign')) reasons.push(reason('ISSUER_USAGE', subject.text));
  if (pathLength !== undefined && authoritiesBelow > pathLength) reasons.push(reason('PATH_TOO_LONG', subject.text));
  return reasons;
}
