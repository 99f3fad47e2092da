/** A web page that drives a daemon over real HTTP, with its origin and its token. */
import { readFile } from 'node:fs/promises';
import { fixture } from './sealing.ts';

export const ORIGIN = 'https://mediation.example.cn';

export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

export class Page {
  readonly #url: string;
  readonly #token: string;

  constructor({ url, token }: { readonly url: string; readonly token: string }) {
    this.#url = url;
    this.#token = token;
  }

  /** The answer as it comes, whatever its status. */
  fetch(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const isPdf = body instanceof Uint8Array;
    return fetch(`${this.#url}${path}`, {
      method,
      headers: {
        Origin: ORIGIN,
        Authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { 'Content-Type': isPdf ? 'application/pdf' : 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isPdf ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body) }),
    });
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Answer> {
    const answer = await this.fetch(method, path, body, headers);
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  }

  async bytes(path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.fetch('GET', path)).arrayBuffer());
  }

  /** Uploads the fixture agreement and registers `parties` and a mediator; gives its address. */
  async upload(pdf: string, parties: readonly { id: string; name: string; minor?: boolean }[]): Promise<string> {
    const { body } = await this.call('POST', '/v1/agreements', await readFile(pdf));
    const path = `/v1/agreements/${String(body['id'])}`;
    await this.call('PATCH', path, { parties, mediator: { id: 'mediator', name: '丁某' } });
    return path;
  }

  /** Captures a print for a party who consents, and waits until that has ended. */
  async capture(agreement: string, partyId: string, extra: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    const agreementId = agreement.slice(agreement.lastIndexOf('/') + 1);
    const started = await this.call('POST', '/v1/captures', { agreementId, partyId, consent: consent(), ...extra });
    if (started.status !== 202) return started;
    for (;;) {
      const now = await this.call('GET', `/v1/captures/${String(started.body['id'])}?wait=30`);
      if (now.body['state'] !== 'waiting' && now.body['state'] !== 'imaging') return now;
    }
  }

  async mark(agreement: string, mark: Readonly<Record<string, unknown>>): Promise<Answer> {
    return this.call('POST', `${agreement}/marks`, mark);
  }

  async seal(agreement: string, key: string, request: Readonly<Record<string, unknown>> = {}): Promise<Answer> {
    return this.call('POST', `${agreement}/seal`, request, { 'Idempotency-Key': key });
  }
}

export function consent(): Record<string, unknown> {
  return { noticeVersion: '1', purpose: '按指印', retentionDays: 1, givenAt: new Date().toISOString() };
}

/** A fixture picture of a handwritten signature, base64. */
export async function signaturePng(name: string): Promise<string> {
  return (await readFile(fixture('agreements', `${name}.png`))).toString('base64');
}
