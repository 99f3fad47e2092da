/**
 * Whether the certificates of a chain are revoked, by the configured OCSP responder and lists and no others: an address in a certificate
 * is asked by nobody. What proves it is kept, to be put into the document.
 */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { equalBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import type { Certificate } from '../cms/certificate.ts';
import { parseCrl, tellsOf } from '../cms/crl.ts';
import type { Crl } from '../cms/crl.ts';
import { encodeOcspRequest, parseOcspResponse } from '../cms/ocsp.ts';
import { revocationOf } from '../cms/revocation.ts';
import type { Evidence } from '../cms/revocation.ts';
import { AppError, isAppError } from '../errors.ts';
import type { SecurityStore } from '../pdf/dss.ts';
import { askAuthority } from './authority-request.ts';

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

/** A certificate of a chain, by whom it was issued, and what was answered about it. */
interface Link {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  readonly answer: Uint8Array | null;
}

export class RevocationSource {
  readonly #options: RevocationSourceOptions;
  /** By address. */
  readonly #held = new Map<string, HeldList>();

  constructor(options: RevocationSourceOptions) {
    this.#options = options;
  }

  /**
   * What proves that no certificate of the chain but its root, which nobody revokes, was revoked at that time, together with the chain.
   * Throws `revoked` where one was, REVOCATION_UNREACHABLE, REVOCATION_UNKNOWN, the signal's reason.
   */
  async prove(
    chain: readonly Certificate[],
    at: Date,
    revoked: 'SEAL_REVOKED' | 'TIMESTAMP_UNTRUSTED',
    signal: AbortSignal,
  ): Promise<SecurityStore> {
    const failures: AppError[] = [];
    const orFailed = async <T>(work: Promise<T>): Promise<T | null> => {
      try {
        return await work;
      } catch (error) {
        if (signal.aborted || !isAppError(error)) throw error;
        failures.push(error);
        return null;
      }
    };
    const [lists, links] = await Promise.all([
      Promise.all(this.#options.crls.map((place) => orFailed(this.#list(place, signal)))),
      Promise.all(
        pairs(chain).map(async (pair): Promise<Link> => ({ ...pair, answer: await orFailed(this.#ask(pair, signal)) })),
      ),
    ]);
    const crls = lists.filter((list) => list !== null);
    const proofs = links.map((link) => {
      const evidence = leastEvidence(link, crls, chain, at);
      const told = revocationOf(link.certificate, link.issuer, evidence, at);
      if (told.status === 'revoked') throw new AppError(revoked, told.message);
      if (told.status === 'good') return evidence;
      throw failures[0] ?? new AppError('REVOCATION_UNKNOWN', `${told.code}: ${told.message}`);
    });
    return {
      certificates: chain.map(({ der }) => der),
      crls: [...new Set(proofs.flatMap((proof) => proof.crls))],
      ocsps: proofs.flatMap((proof) => proof.ocsps),
    };
  }

  /** The responder's answer about one certificate; null where there is no responder. */
  async #ask({ certificate, issuer }: Omit<Link, 'answer'>, signal: AbortSignal): Promise<Uint8Array | null> {
    const { ocsp: url, timeoutMs, clock } = this.#options;
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
    const answer = await askAuthority(request, clock, signal);
    const { nonce: answered } = parseOcspResponse(answer);
    // A responder that signs ahead of being asked leaves the nonce out; another one's is an answer to another question.
    if (answered !== null && !equalBytes(answered, nonce)) {
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
      const crl = parseCrl(await askAuthority(request, clock, signal));
      this.#held.set(place, { crl, atMs: clock.monotonicMs() });
      return crl;
    } catch (error) {
      // One that still holds is as good as it was.
      if (held?.crl.nextUpdate === undefined || held.crl.nextUpdate < clock.now() || signal.aborted) throw error;
      return held.crl;
    }
  }
}

/** Each certificate but the last with the one that issued it. */
function pairs(chain: readonly Certificate[]): Omit<Link, 'answer'>[] {
  return chain.flatMap((certificate, place) => {
    const issuer = chain[place + 1];
    return issuer === undefined ? [] : [{ certificate, issuer }];
  });
}

/** The responder's answer where it will do by itself, since a list may be of megabytes; else all lists that tell of the certificate. */
function leastEvidence(
  { certificate, issuer, answer }: Link,
  lists: readonly Crl[],
  certificates: readonly Certificate[],
  at: Date,
): Evidence {
  const crls = lists.filter((list) => tellsOf(list, certificate)).map(({ der }) => der);
  const ocsps = answer === null ? [] : [answer];
  // What any list says against it counts, whatever the responder says.
  const all = { crls, ocsps, certificates };
  if (revocationOf(certificate, issuer, all, at).status !== 'good')
    return { ...all, crls: lists.map(({ der }) => der) };
  const alone = { ...all, crls: [] };
  return revocationOf(certificate, issuer, alone, at).status === 'good' ? alone : all;
}

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > MAX_CRL_BYTES) throw new AppError('REVOCATION_UNKNOWN', `${path}: ${size} bytes`);
    return await file.readFile();
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw new AppError('FILE_UNREADABLE', path, { cause });
  }
}
