/**
 * Whose a signature or a timestamp is, and whether that is trusted at the time when it was made: by a chain to a configured root, and by
 * what issuers say of revocation, as far as the document itself brings it (ETSI EN 319 102-1, 5.2.6 and 5.3). Nobody is asked.
 */
import { buildChain } from '../cms/chain.ts';
import type { Purpose } from '../cms/chain.ts';
import { readableCertificate } from '../cms/certificate.ts';
import type { Certificate } from '../cms/certificate.ts';
import { evidenceIn, readEvidence, revocationOfChain } from '../cms/revocation.ts';
import type { CertificateRevocation, ReadEvidence } from '../cms/revocation.ts';
import type { ParsedSignedData } from '../cms/signed-data.ts';
import { readSecurityStore } from '../pdf/dss.ts';
import type { PdfFile } from '../pdf/revision.ts';
import { finding, findingOf } from './finding.ts';
import type { Finding, RevocationReport } from './report.ts';

export interface TrustOptions {
  readonly roots: readonly Certificate[];
  /** Of timestamp authorities alone, beside those. */
  readonly timestampRoots?: readonly Certificate[];
  /** Used where nothing tells when a signature was made; none may claim a time much later. */
  readonly now: Date;
}

/** When something was signed, and by when it is known that it was. */
export interface Moment {
  readonly at: Date;
  /** Revocations until then count as well, where what is signed might have been made later than it says. */
  readonly knownAt: Date;
}

export interface Trust {
  /** Why it is not trusted; empty where it is. */
  readonly reasons: readonly Finding[];
  readonly revocation: RevocationReport;
}

export class TrustBase {
  readonly now: Date;
  readonly #options: TrustOptions;
  readonly #certificates: readonly Certificate[];
  readonly #evidence: ReadEvidence;

  /** `signed`: all that was signed in the document, for the certificates and proof that came with it. Throws PDF_LIMIT. */
  constructor(pdf: PdfFile, signed: readonly ParsedSignedData[], options: TrustOptions) {
    this.now = options.now;
    this.#options = options;
    const store = readSecurityStore(pdf);
    const stored = store.certificates.flatMap((der) => readableCertificate(der) ?? []);
    const own = signed.map(evidenceIn);
    this.#certificates = [...stored, ...own.flatMap(({ certificates }) => certificates)];
    this.#evidence = readEvidence({
      crls: [...store.crls, ...own.flatMap(({ crls }) => crls)],
      ocsps: [...store.ocsps, ...own.flatMap(({ ocsps }) => ocsps)],
      certificates: this.#certificates,
    });
  }

  /** Whether `signer`, with the certificates that came with what he signed, is trusted for it. */
  judge(signer: Certificate, came: readonly Certificate[], purpose: Purpose, { at, knownAt }: Moment): Trust {
    const { roots, timestampRoots = [] } = this.#options;
    const anchors = purpose === 'timestamp' ? [...timestampRoots, ...roots] : roots;
    const { chain, reasons } = buildChain(signer, [...came, ...this.#certificates], anchors, at, purpose);
    const told = revocationOfChain(chain, this.#evidence, at, knownAt);
    // What nobody proves the time of was perhaps made but now: whoever is revoked by now may have made it after that.
    const since = knownAt > at && purpose === 'document' ? revocationOfChain(chain, this.#evidence, knownAt) : [];
    const revoked = [...told, ...since].flatMap(({ revocation }) =>
      revocation.status === 'revoked' ? [revocation] : [],
    );
    const [first] = revoked;
    return {
      reasons: [...reasons.map(findingOf), ...(first === undefined ? [] : [findingOf(first)])],
      revocation: first === undefined ? revocationReport(told) : { status: 'REVOKED', ...findingOf(first) },
    };
  }
}

function revocationReport(told: readonly CertificateRevocation[]): RevocationReport {
  let oldest: Date | undefined;
  for (const { revocation } of told) {
    if (revocation.status === 'unknown') return { status: 'UNKNOWN', ...findingOf(revocation) };
    if (oldest === undefined || revocation.producedAt < oldest) oldest = revocation.producedAt;
  }
  if (oldest === undefined) return { status: 'UNKNOWN', ...finding('REVOCATION_UNTOLD') };
  return { status: 'GOOD', ...finding('REVOCATION_GOOD', oldest.toISOString()) };
}
