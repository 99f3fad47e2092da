/**
 * One question to an authority over HTTP, and its answer: to the configured address and nowhere else, bounded in time and length. What
 * comes back is bytes that nobody has looked at yet.
 */
import type { Clock } from '../clock.ts';
import { AppError, isAppError } from '../errors.ts';

export interface AuthorityRequest {
  /** http or https. */
  readonly url: string;
  /** What is asked; absent: the address is only read. */
  readonly body?: { readonly type: string; readonly bytes: Uint8Array };
  /** The media type that the answer must have; absent: any. */
  readonly answerType?: string;
  readonly maxBytes: number;
  readonly timeoutMs: number;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** The code of every failure but the caller's own. */
  readonly failure: 'TIMESTAMP_UNREACHABLE' | 'REVOCATION_UNREACHABLE';
}

/** So long an authority that could not be reached is not asked again. */
const DOWN_MS = 30_000;

/**
 * Asks authorities. One that could not be reached is not waited for again for a while: whoever seals a hundred documents without a network
 * waits once.
 */
export class AuthorityClient {
  readonly #clock: Clock;
  /** By address: why, and until when. */
  readonly #down = new Map<string, { readonly detail: string; readonly untilMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer's body. Throws `failure` with what went wrong, and the signal's reason. */
  async ask(request: AuthorityRequest, signal: AbortSignal): Promise<Uint8Array> {
    const { url, failure } = request;
    const down = this.#down.get(url);
    if (down !== undefined && this.#clock.monotonicMs() < down.untilMs) throw new AppError(failure, down.detail);
    try {
      const answer = await askAuthority(request, this.#clock, signal);
      this.#down.delete(url);
      return answer;
    } catch (error) {
      if (!signal.aborted && isAppError(error, failure)) {
        this.#down.set(url, { detail: error.detail, untilMs: this.#clock.monotonicMs() + DOWN_MS });
      }
      throw error;
    }
  }
}

async function askAuthority(request: AuthorityRequest, clock: Clock, signal: AbortSignal): Promise<Uint8Array> {
  const { failure, timeoutMs, url } = request;
  signal.throwIfAborted();
  const ended = new AbortController();
  const timeout = clock.sleep(timeoutMs, ended.signal).then(() => {
    ended.abort(new AppError(failure, `${new URL(url).origin}: no answer within ${timeoutMs} ms`));
  });
  timeout.catch(() => undefined); // aborted: answered in time
  const either = AbortSignal.any([signal, ended.signal]);
  try {
    return await answerTo(request, either);
  } catch (cause) {
    if (either.aborted) throw either.reason as Error;
    if (cause instanceof AppError) throw cause;
    throw new AppError(failure, `${new URL(url).origin}: ${reasonOf(cause)}`, { cause });
  } finally {
    ended.abort();
  }
}

async function answerTo(request: AuthorityRequest, signal: AbortSignal): Promise<Uint8Array> {
  const { url, body, answerType, maxBytes, failure } = request;
  const refuse = (what: string): AppError => new AppError(failure, `${new URL(url).origin}: ${what}`);
  const response = await fetch(url, {
    headers: headersOf(request),
    ...(body === undefined ? {} : { method: 'POST', body: new Uint8Array(body.bytes) }),
    // Whoever redirects an authority's address, such as a network's login page, is not the authority.
    redirect: 'manual',
    cache: 'no-store',
    signal,
  });
  try {
    if (response.status !== 200) throw refuse(`answered ${response.status}, expected 200`);
    const type = response.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '-';
    if (answerType !== undefined && type !== answerType) throw refuse(`answered ${type}, expected ${answerType}`);
    return await bounded(response, maxBytes, () => refuse(`answered more than ${maxBytes} bytes`));
  } finally {
    // Ends the connection where the body was not read to its end.
    await response.body?.cancel().catch(() => undefined);
  }
}

function headersOf({ body, answerType, credentials }: AuthorityRequest): Record<string, string> {
  return {
    accept: answerType ?? '*/*',
    'accept-encoding': 'identity',
    ...(body === undefined ? {} : { 'content-type': body.type }),
    ...(credentials === undefined ? {} : { authorization: `Basic ${base64(credentials)}` }),
  };
}

/** RFC 7617, in UTF-8. */
function base64({ username, password }: NonNullable<AuthorityRequest['credentials']>): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

async function bounded(response: Response, maxBytes: number, tooMuch: () => AppError): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw tooMuch();
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** The system's name for what went wrong, such as ECONNREFUSED; fetch hides it in the cause. */
function reasonOf(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return 'the connection failed';
}
