/**
 * Whether the certificates of a chain are revoked, by the configured OCSP responder and lists and no others: an address in a certificate
 * is asked by nobody. What proves it is kept, to be put into the document.
 */
import { randomBytes } from 'node:crypto';
import { isAbsolute } from 'node:path';
import { equalBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import type { Certificate } from '../cms/certificate.ts';
import { parseCrl, tellsOf } from '../cms/crl.ts';
import type { Crl } from '../cms/crl.ts';
import { encodeOcspRequest, parseOcspResponse } from '../cms/ocsp.ts';
import type { OcspResponse } from '../cms/ocsp.ts';
import type { Reason } from '../cms/reason.ts';
import { readEvidence, revocationOf } from '../cms/revocation.ts';
import type { ReadEvidence } from '../cms/revocation.ts';
import { AppError, isAppError } from '../errors.ts';
import { readWhole } from '../file-chunks.ts';
import type { SecurityStore } from '../pdf/dss.ts';
import { AuthorityClient } from './authority-client.ts';

export interface RevocationSourceOptions {
  /** Address of the responder; absent: there are lists only. */
  readonly ocsp?: string;
  /** Absolute paths, and addresses. */
  readonly crls: readonly string[];
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const MAX_CRL_BYTES = 16 * 1024 * 1024;
const MAX_OCSP_BYTES = 256 * 1024;
/** A list that was fetched is taken again for so long: authorities issue one in hours or days. */
const LIST_MS = 10 * 60_000;

/** A list as it was fetched last. */
interface HeldList {
  readonly crl: Crl;
  readonly atMs: number;
}

/** A certificate of a chain, and by whom it was issued. */
interface Link {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
}

/** What lists and answers tell. */
type Told = Pick<ReadEvidence, 'crls' | 'ocsps'>;

/** What is to be proven. */
export interface Proposition {
  /** From the certificate to its root. */
  readonly chain: readonly Certificate[];
  /** That none of it was revoked then. */
  readonly at: Date;
  /** For a timestamp, which says itself when it was made: when it was certainly there. For others as `at`. */
  readonly provenAt: Date;
  /** The code of the failure where one was. */
  readonly revoked: 'SEAL_REVOKED' | 'TIMESTAMP_UNTRUSTED';
  /** What is at hand already. */
  readonly stored: SecurityStore;
}

export class RevocationSource {
  readonly #options: RevocationSourceOptions;
  readonly #client: AuthorityClient;
  /** By address. */
  readonly #held = new Map<string, HeldList>();

  constructor(options: RevocationSourceOptions) {
    this.#options = options;
    this.#client = new AuthorityClient(options.clock);
  }

  /**
   * What proves it, as far as it is new, together with the chain. Authorities are asked even where what is stored would do, since the newest
   * word is the best; only of a certificate that has expired nobody tells any more. Throws `revoked` where a certificate was,
   * REVOCATION_UNREACHABLE, REVOCATION_UNKNOWN, CRL_INVALID, OCSP_*, FILE_UNREADABLE, the signal's reason.
   */
  async prove(proposition: Proposition, signal: AbortSignal): Promise<SecurityStore> {
    const { chain, stored } = proposition;
    const now = this.#options.clock.now();
    const known = readEvidence({ ...stored, certificates: chain });
    const links = linksOf(chain).map((link) => ({ ...link, isProven: told(proposition, link, known) === null }));
    const open = links.filter(({ certificate, isProven }) => !isProven || certificate.notAfter >= now);
    const certificates = chain.map(({ der }) => der);
    if (open.length === 0) return { certificates, crls: [], ocsps: [] };

    const failures: AppError[] = [];
    const orFailed = async <T>(work: Promise<T | null>): Promise<T | null> => {
      try {
        return await work;
      } catch (error) {
        if (signal.aborted || !isAppError(error)) throw error;
        failures.push(error);
        return null;
      }
    };
    const [lists, answers] = await Promise.all([
      Promise.all(this.#options.crls.map((place) => orFailed(this.#list(place, signal)))),
      Promise.all(open.map((link) => orFailed(this.#ask(link, signal)))),
    ]);
    const crls = lists.filter((list) => list !== null);
    const fresh = { ...known, crls: [], ocsps: [] };
    const needed = open.map((link, i): Told => {
      const own = answers[i];
      const ocsps = own === null || own === undefined ? [] : [own];
      // What any list says against a certificate counts, whatever its responder says; a responder's certificate may be listed, too.
      const why = told(proposition, link, { ...fresh, crls, ocsps });
      if (why === null) {
        // A list may be of megabytes: an answer that will do by itself is enough.
        const telling = crls.filter((list) => tellsOf(list, link.certificate));
        const some = [
          { crls: [], ocsps },
          { crls: telling, ocsps },
        ];
        return some.find((least) => told(proposition, link, { ...fresh, ...least }) === null) ?? { crls, ocsps };
      }
      if (link.isProven) return { crls: [], ocsps: [] };
      throw failures[0] ?? new AppError('REVOCATION_UNKNOWN', `${why.code}: ${why.message}`);
    });
    return {
      certificates,
      crls: [...new Set(needed.flatMap((some) => some.crls.map(({ der }) => der)))],
      ocsps: needed.flatMap((some) => some.ocsps.map(({ der }) => der)),
    };
  }

  /** The responder's answer about one certificate; null where there is no responder. */
  async #ask({ certificate, issuer }: Link, signal: AbortSignal): Promise<OcspResponse | null> {
    const { ocsp: url, timeoutMs } = this.#options;
    if (url === undefined) return null;
    const nonce = new Uint8Array(randomBytes(16));
    const request = {
      url,
      body: { type: 'application/ocsp-request', bytes: encodeOcspRequest(certificate, issuer, nonce) },
      answerType: 'application/ocsp-response',
      maxBytes: MAX_OCSP_BYTES,
      timeoutMs,
      failure: 'REVOCATION_UNREACHABLE',
    } as const;
    const answer = parseOcspResponse(await this.#client.ask(request, signal));
    // A responder that signs ahead of being asked leaves the nonce out; another one's is an answer to another question.
    if (answer.nonce !== null && !equalBytes(answer.nonce, nonce)) {
      throw new AppError('REVOCATION_UNKNOWN', `${new URL(url).origin}: not an answer to this question`);
    }
    return answer;
  }

  async #list(place: string, signal: AbortSignal): Promise<Crl> {
    if (isAbsolute(place)) return parseCrl(await readBounded(place));
    const { timeoutMs, clock } = this.#options;
    const held = this.#held.get(place);
    if (held !== undefined && clock.monotonicMs() - held.atMs < LIST_MS) return held.crl;
    try {
      const request = { url: place, maxBytes: MAX_CRL_BYTES, timeoutMs, failure: 'REVOCATION_UNREACHABLE' } as const;
      const crl = parseCrl(await this.#client.ask(request, signal));
      this.#held.set(place, { crl, atMs: clock.monotonicMs() });
      return crl;
    } catch (error) {
      // One that still holds is as good as it was.
      if (held?.crl.nextUpdate === undefined || held.crl.nextUpdate < clock.now() || signal.aborted) throw error;
      return held.crl;
    }
  }
}

/** Each certificate but the root, which nobody revokes, with the one that issued it. */
function linksOf(chain: readonly Certificate[]): Link[] {
  return chain.flatMap((certificate, place) => {
    const issuer = chain[place + 1];
    return issuer === undefined ? [] : [{ certificate, issuer }];
  });
}

/** Null where the evidence proves that the certificate was not revoked, else why not. Throws where it proves that it was. */
function told(
  { at, provenAt, revoked }: Proposition,
  { certificate, issuer }: Link,
  evidence: ReadEvidence,
): Reason | null {
  const found = revocationOf(certificate, issuer, evidence, at, provenAt);
  if (found.status === 'revoked') throw new AppError(revoked, found.message);
  return found.status === 'good' ? null : found;
}

function readBounded(path: string): Promise<Uint8Array> {
  return readWhole(path, MAX_CRL_BYTES, (size) => new AppError('REVOCATION_UNKNOWN', `${path}: ${size} bytes`));
}
