/** The answers of TEST authorities by the OpenSSL command line, from the files that `writeAuthorityFiles` made. One at a time. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { equalBytes } from '../../src/bytes.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { readDer } from '../../src/cms/der.ts';
import { registerLine } from './authority-files.ts';
import type { CaName, StamperName } from './authority-files.ts';

const run = promisify(execFile);
const CAS: readonly CaName[] = ['root', 'intermediate'];

export interface StampOptions {
  readonly signer?: StamperName;
  /** Says that it takes no such digest. */
  readonly refuse?: boolean;
}

export interface OcspOptions {
  /** Knows no certificate at all. */
  readonly empty?: boolean;
  readonly badSignature?: boolean;
}

export class OpensslAuthority {
  readonly #folder: string;
  #last: Promise<unknown> = Promise.resolve();

  /** `folder`: that of `writeAuthorityFiles`. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** DER of the TimeStampResp to a TimeStampReq. */
  stamp(query: Uint8Array, { signer = 'tsa', refuse = false }: StampOptions = {}): Promise<Uint8Array> {
    const section = refuse ? 'refuse' : 'stamp';
    const command = `ts -reply -config openssl.cnf -section ${section} -signer ${signer}.pem -inkey ${signer}.key.pem`;
    return this.#answer(query, this.#folder, (from, to) => [...command.split(' '), '-queryfile', from, '-out', to]);
  }

  /** DER of the OCSPResponse to an OCSPRequest about a certificate of either authority; null where it is neither's. */
  async ocsp(
    request: Uint8Array,
    { empty = false, badSignature = false }: OcspOptions = {},
  ): Promise<Uint8Array | null> {
    const ca = await this.#asked(request);
    if (ca === undefined) return null;
    const register = empty ? 'empty.txt' : 'index.txt';
    const command = `ocsp -index ${register} -CA ca.pem -ndays 7 -rsigner responder.pem -rkey responder.key.pem`;
    const options = [...command.split(' '), ...(badSignature ? ['-badsig'] : [])];
    return this.#answer(request, join(this.#folder, ca), (from, to) => [...options, '-reqin', from, '-respout', to]);
  }

  /** DER of the authority's list as it is now; `outdated`: as it was a month ago, for a week. */
  list(ca: CaName, { outdated = false }: { readonly outdated?: boolean } = {}): Promise<Uint8Array> {
    const ago = (days: number): string =>
      `${new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 19).replaceAll(/\D/g, '')}Z`;
    const span = outdated ? ['-crl_lastupdate', ago(30), '-crl_nextupdate', ago(23)] : ['-crldays', '7'];
    return this.#inTurn(async () => {
      const cwd = join(this.#folder, ca);
      const own = ['-config', '../openssl.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key.pem'];
      await run('openssl', ['ca', '-gencrl', ...own, ...span, '-out', 'crl.pem'], { cwd });
      await run('openssl', ['crl', '-in', 'crl.pem', '-outform', 'DER', '-out', 'crl.der'], { cwd });
      return new Uint8Array(await readFile(join(cwd, 'crl.der')));
    });
  }

  /** From now on the certificate's issuer says that it is revoked since `at`. */
  async revoke(certificate: Certificate, at: Date, reason = 'keyCompromise'): Promise<void> {
    await this.#inTurn(async () => {
      for (const ca of CAS) {
        const register = join(this.#folder, ca, 'index.txt');
        const text = await readFile(register, 'utf8');
        await writeFile(register, text.replace(registerLine(certificate), registerLine(certificate, { at, reason })));
      }
    });
  }

  /** The authority whose key the first question's certID names (RFC 6960, 4.1.1). */
  async #asked(request: Uint8Array): Promise<CaName | undefined> {
    const [tbs] = readDer(request, { maxBytes: 10_000 }).children;
    const certId = tbs?.children.find(({ tag }) => tag === 0x30)?.children[0]?.children[0]?.children ?? [];
    const keyHash = certId[2]?.body ?? new Uint8Array();
    const hash = keyHash.length === 20 ? 'sha1' : 'sha256';
    for (const ca of CAS) {
      const { publicKeyBits } = parseCertificate(await readFile(join(this.#folder, ca, 'ca.pem')));
      if (equalBytes(keyHash, createHash(hash).update(publicKeyBits).digest())) return ca;
    }
    return undefined;
  }

  #answer(
    question: Uint8Array,
    cwd: string,
    argumentsOf: (from: string, to: string) => readonly string[],
  ): Promise<Uint8Array> {
    return this.#inTurn(async () => {
      const folder = await mkdtemp(join(this.#folder, 'question-'));
      try {
        const [from, to] = [join(folder, 'question.der'), join(folder, 'answer.der')];
        await writeFile(from, question);
        // It fails too where it has written a refusal.
        const failure = await run('openssl', argumentsOf(from, to), { cwd }).then(
          () => null,
          (error: unknown) => error,
        );
        return await readFile(to).then(
          (bytes) => new Uint8Array(bytes),
          (cause: unknown) => {
            throw failure ?? cause;
          },
        );
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  /** OpenSSL keeps its registers without locks. */
  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task, task);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
