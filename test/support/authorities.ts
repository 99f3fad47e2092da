/** The authorities of a PKI (`makePki` with `authorities`) on loopback, by OpenSSL, with whatever goes wrong with authorities. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { serveAuthorities, end } from '../../scripts/pki/authority-server.ts';
import type { AuthorityServer, Question } from '../../scripts/pki/authority-server.ts';
import { OpensslAuthority } from '../../scripts/pki/openssl-authority.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { TAG, encodeValue, readDer } from '../../src/cms/der.ts';
import { encodeTimestampRequest } from '../../src/cms/timestamp.ts';

/** `silent`: takes the question and never answers; `closed`: hangs up; `huge`: answers without end. */
export type HttpFault = 'silent' | 'closed' | 'status-500' | 'html' | 'huge';
export type TimestampFault =
  HttpFault | 'refused' | 'wrong-nonce' | 'wrong-imprint' | 'no-certificate' | 'expired-signer';
export type OcspFault = HttpFault | 'try-later' | 'unknown' | 'bad-signature';
export type CrlFault = HttpFault | 'outdated';

export interface Authorities extends AuthorityServer {
  /** What goes wrong from now on, until it is null again. */
  readonly faults: { timestamp: TimestampFault | null; ocsp: OcspFault | null; crl: CrlFault | null };
  /** Questions so far, in their order. */
  readonly questions: readonly Question['kind'][];
  /** From now on the certificate's issuer says that it is revoked since `at`. */
  revoke(certificate: Certificate, at: Date, reason?: string): Promise<void>;
}

/** `folder`: `PkiFiles.authorities`. */
export async function openAuthorities(folder: string): Promise<Authorities> {
  const authority = new OpensslAuthority(folder);
  const faults: Authorities['faults'] = { timestamp: null, ocsp: null, crl: null };
  const questions: Question['kind'][] = [];
  const server = await serveAuthorities(authority, {
    async instead(question, response) {
      questions.push(question.kind);
      const fault = faults[question.kind];
      if (fault === null) return false;
      if (!(await failOverHttp(fault, response))) {
        end(response, 200, TYPES[question.kind], await wrongAnswer(authority, question, fault));
      }
      return true;
    },
  });
  return {
    ...server,
    faults,
    questions,
    revoke: (certificate, at, reason) => authority.revoke(certificate, at, reason),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const TYPES = {
  timestamp: 'application/timestamp-reply',
  ocsp: 'application/ocsp-response',
  crl: 'application/pkix-crl',
} as const;
type Fault = TimestampFault | OcspFault | CrlFault;
const TRY_LATER = Uint8Array.of(0x30, 3, 0x0a, 1, 3);

async function failOverHttp(fault: Fault, response: ServerResponse): Promise<boolean> {
  switch (fault) {
    case 'silent':
      return true;
    case 'closed':
      response.destroy();
      return true;
    case 'status-500':
      end(response, 500, 'text/plain');
      return true;
    case 'html':
      end(response, 200, 'text/html', new TextEncoder().encode('<html>Sign in to the network</html>'));
      return true;
    case 'huge':
      await writeWithoutEnd(response);
      return true;
    default:
      return false;
  }
}

/** Until whoever asked has had enough. */
async function writeWithoutEnd(response: ServerResponse): Promise<void> {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  response.writeHead(200);
  const chunk = new Uint8Array(1 << 20).fill(0x30);
  while (!closed.signal.aborted) {
    if (!response.write(chunk)) await once(response, 'drain', { signal: closed.signal }).catch(() => undefined);
  }
}

async function wrongAnswer(authority: OpensslAuthority, question: Question, fault: Fault): Promise<Uint8Array> {
  if (question.kind === 'crl') return authority.list(question.of, { outdated: fault === 'outdated' });
  const { body } = question;
  switch (fault) {
    case 'refused':
      return authority.stamp(body, { refuse: true });
    case 'expired-signer':
      return authority.stamp(body, { signer: 'tsa-expired' });
    case 'wrong-nonce':
      return authority.stamp(encodeTimestampRequest(partsOf(body).imprint, new Uint8Array(8).fill(0x11)));
    case 'wrong-imprint':
      return authority.stamp(encodeTimestampRequest(new Uint8Array(32), partsOf(body).nonce));
    case 'no-certificate':
      return authority.stamp(encodeValue(0x30, ...partsOf(body).withoutCertReq));
    case 'try-later':
      return TRY_LATER;
    default:
      return (
        (await authority.ocsp(body, { empty: fault === 'unknown', badSignature: fault === 'bad-signature' })) ??
        TRY_LATER
      );
  }
}

/** Of a TimeStampReq (RFC 3161, 2.4.1). */
function partsOf(query: Uint8Array): { imprint: Uint8Array; nonce: Uint8Array; withoutCertReq: Uint8Array[] } {
  const { children } = readDer(query, { maxBytes: 10_000 });
  const nonce = children.findLast(({ tag }) => tag === TAG.integer)!.body;
  return {
    imprint: children[1]!.children[1]!.body,
    nonce: nonce.subarray(nonce[0] === 0 ? 1 : 0), // as it was before it became an INTEGER
    withoutCertReq: children.filter(({ tag }) => tag !== TAG.boolean).map(({ bytes }) => bytes),
  };
}
