/** The configured timestamp authority (RFC 3161, 3.4: over HTTP): asked, and believed only by a certificate that leads to a root. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Certificate } from '../cms/certificate.ts';
import { buildChain } from '../cms/chain.ts';
import { encodeTimestampRequest, readTimestampResponse } from '../cms/timestamp.ts';
import type { TimestampToken } from '../cms/timestamp.ts';
import { AppError } from '../errors.ts';
import { AuthorityClient } from './authority-client.ts';
import type { AuthorityRequest } from './authority-client.ts';

export interface TimestampAuthorityOptions {
  /** http or https. */
  readonly url: string;
  readonly credentials?: NonNullable<AuthorityRequest['credentials']>;
  /** Object identifier of the policy to stamp by; absent: the authority's own. */
  readonly policy?: string;
  /** To which its certificate must lead. */
  readonly roots: () => Promise<readonly Certificate[]>;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

export interface Stamp {
  readonly token: TimestampToken;
  /** The authority's certificate, then its issuers to the root. */
  readonly chain: readonly Certificate[];
}

/** Twice what a token of an authority in use takes with its chain of RSA certificates (6,141 bytes). */
const FIRST_ROOM = 12 * 1024;
const MOST_ROOM = 64 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024;

export class TimestampAuthority {
  readonly #options: TimestampAuthorityOptions;
  readonly #client: AuthorityClient;
  #room = FIRST_ROOM;

  constructor(options: TimestampAuthorityOptions) {
    this.#options = options;
    this.#client = new AuthorityClient(options.clock);
  }

  /** How many bytes to keep for a token before it is there: more than that was never needed. */
  get room(): number {
    return this.#room;
  }

  /**
   * A token of at most `maxBytes` bytes over data with this SHA-256. Throws TIMESTAMP_UNREACHABLE, TIMESTAMP_REFUSED, TIMESTAMP_INVALID,
   * TIMESTAMP_UNTRUSTED, TIMESTAMP_TOO_LARGE (then `room` has grown), FILE_UNREADABLE and CERTIFICATE_INVALID for the roots, the signal's
   * reason.
   */
  async stamp(sha256: Uint8Array, maxBytes: number, signal: AbortSignal): Promise<Stamp> {
    const { url, policy, credentials, timeoutMs, roots, clock } = this.#options;
    const asked = { sha256, nonce: new Uint8Array(randomBytes(16)), policy };
    const request = {
      url,
      body: { type: 'application/timestamp-query', bytes: encodeTimestampRequest(sha256, asked.nonce, policy) },
      answerType: 'application/timestamp-reply',
      maxBytes: MAX_ANSWER_BYTES,
      timeoutMs,
      failure: 'TIMESTAMP_UNREACHABLE',
      ...(credentials === undefined ? {} : { credentials }),
    } as const;
    const [answer, trusted] = await Promise.all([this.#client.ask(request, signal), roots()]);
    const token = readTimestampResponse(answer, asked);
    const stamp = { token, chain: trustedChain(token, trusted, clock.now()) };
    if (token.der.length > maxBytes) {
      this.#room = Math.min(MOST_ROOM, Math.max(this.#room, Math.ceil(token.der.length * 1.25)));
      throw new AppError('TIMESTAMP_TOO_LARGE', `${token.der.length} bytes, ${maxBytes} were kept for it`);
    }
    return stamp;
  }
}

/** By the time that the token says, and by ours, since whoever has stolen a key of years ago says that time. */
function trustedChain(token: TimestampToken, roots: readonly Certificate[], now: Date): readonly Certificate[] {
  const { signer, certificates } = token.signedData;
  if (signer === null) throw new AppError('TIMESTAMP_INVALID', 'its signer’s certificate is not in it');
  const [then, today] = [token.time, now].map((at) => buildChain(signer, certificates, roots, at, 'timestamp'));
  const reasons = [...(then?.reasons ?? []), ...(today?.reasons ?? [])];
  if (then === undefined || reasons.length > 0) {
    throw new AppError(
      'TIMESTAMP_UNTRUSTED',
      [...new Set(reasons.map(({ code, message }) => `${code}: ${message}`))].join(' '),
    );
  }
  return then.chain;
}
