/** Fills planned signatures with a CMS that OpenSSL makes, so that what is planned is judged apart from our own CMS. TEST key. */
import { writeFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlannedIncrement } from '../../src/pdf/increment.ts';
import { runTool } from './tools.ts';

function openssl(args: readonly string[]): void {
  const { status, stderr } = runTool('openssl', args);
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
}

/** Makes a key and a self-signed certificate in `folder`, and signs with them. */
export function opensslSigner(folder: string): (original: Uint8Array, plan: PlannedIncrement) => Uint8Array {
  const [key, certificate] = [join(folder, 'test-key.pem'), join(folder, 'test-certificate.pem')];
  const subject = ['-subj', '/CN=TEST signer', '-days', '30'];
  openssl(['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, ...subject]);
  return (original, plan) => {
    const file = Buffer.concat([original, plan.bytes]);
    const [, before, from, after] = plan.byteRange;
    const [covered, cms] = [join(folder, 'covered.bin'), join(folder, 'signature.der')];
    writeFileSync(covered, Buffer.concat([file.subarray(0, before), file.subarray(from, from + after)]));
    const options = ['-binary', '-cades', '-md', 'sha256', '-outform', 'DER'];
    openssl(['cms', '-sign', ...options, '-signer', certificate, '-inkey', key, '-in', covered, '-out', cms]);
    file.write(readFileSync(cms).toString('hex').padEnd(plan.contents.length, '0'), plan.contents.offset, 'latin1');
    return file;
  };
}
