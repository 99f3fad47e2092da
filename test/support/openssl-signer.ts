/** Signatures that OpenSSL makes, so that what is planned is judged apart from our own CMS. TEST key. */
import { writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlannedIncrement } from '../../src/pdf/increment.ts';
import { runTool } from './tools.ts';

function openssl(args: readonly string[]): void {
  const { status, stderr } = runTool('openssl', args);
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
}

/** The DER of a detached signature (CAdES) over data. */
export type CmsMaker = (data: Uint8Array) => Uint8Array;

/** A key of its own and a self-signed certificate, in files that `folder` keeps. */
export function opensslCms(folder: string): { readonly sign: CmsMaker; readonly certificatePem: string } {
  const [key, certificatePem] = [join(folder, 'test-key.pem'), join(folder, 'test-certificate.pem')];
  const subject = ['-subj', '/CN=TEST signer', '-days', '30'];
  openssl(['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificatePem, ...subject]);
  const [covered, cms] = [join(folder, 'covered.bin'), join(folder, 'signature.der')];
  return {
    certificatePem,
    sign(data) {
      writeFileSync(covered, data);
      const options = ['-binary', '-cades', '-md', 'sha256', '-outform', 'DER'];
      openssl(['cms', '-sign', ...options, '-signer', certificatePem, '-inkey', key, '-in', covered, '-out', cms]);
      return readFileSync(cms);
    },
  };
}

/** Fills planned signatures with those of a new key. */
export function opensslSigner(folder: string): (original: Uint8Array, plan: PlannedIncrement) => Uint8Array {
  const { sign } = opensslCms(folder);
  return (original, plan) => signPlanned(original, plan, sign);
}

/** The document with the increment behind it, its signature filled in. */
export function signPlanned(original: Uint8Array, plan: PlannedIncrement, sign: CmsMaker): Buffer {
  const file = Buffer.concat([original, plan.bytes]);
  const [, before, from, after] = plan.byteRange;
  const cms = sign(Buffer.concat([file.subarray(0, before), file.subarray(from, from + after)]));
  file.write(Buffer.from(cms).toString('hex').padEnd(plan.contents.length, '0'), plan.contents.offset, 'latin1');
  return file;
}
