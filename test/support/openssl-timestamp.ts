/** Time-stamp tokens that OpenSSL makes, under a TEST root of its own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './tools.ts';

function openssl(args: readonly string[]): void {
  const { status, stderr } = runTool('openssl', args);
  if (status !== 0) throw new Error(`openssl: ${stderr}`);
}

export interface OpensslTimestamps {
  readonly rootPem: string;
  /** A TimeStampToken, DER, over the SHA-256 of `data`. */
  stamp(data: Uint8Array): Uint8Array;
  /** What `openssl ts -verify` says of a token over `data`. */
  verify(token: Uint8Array, data: Uint8Array): string;
}

/** Makes root, authority and configuration in `folder`. */
export function opensslTimestamps(folder: string): OpensslTimestamps {
  const at = (name: string): string => join(folder, name);
  const [config, rootPem] = [at('tsa.cnf'), at('tsa-root.pem')];
  writeFileSync(
    config,
    [
      '[tsa]\ndefault_tsa = own\n[own]',
      `serial = ${at('tsa-serial')}`,
      `signer_cert = ${at('tsa.pem')}\nsigner_key = ${at('tsa-key.pem')}\ncerts = ${rootPem}`,
      'signer_digest = sha256\ndigests = sha256\ndefault_policy = 1.2.3.4.1\ness_cert_id_alg = sha256',
      '[authority]\nbasicConstraints = critical, CA:FALSE\nextendedKeyUsage = critical, timeStamping\n',
    ].join('\n'),
  );
  writeFileSync(at('tsa-serial'), '01\n');
  const rootKey = at('tsa-root-key.pem');
  const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  const days = ['-days', '30'];
  openssl([
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    rootKey,
    '-out',
    rootPem,
    '-subj',
    '/CN=TEST TSA root',
    ...days,
    ...ca,
  ]);
  openssl([
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at('tsa-key.pem'),
    '-out',
    at('tsa.csr'),
    '-subj',
    '/CN=TEST TSA',
  ]);
  const issuer = ['-CA', rootPem, '-CAkey', rootKey, '-CAcreateserial', '-extfile', config, '-extensions', 'authority'];
  openssl(['x509', '-req', '-in', at('tsa.csr'), '-out', at('tsa.pem'), ...issuer, ...days]);
  return {
    rootPem,
    stamp(data) {
      writeFileSync(at('stamped.bin'), data);
      openssl(['ts', '-query', '-data', at('stamped.bin'), '-sha256', '-cert', '-out', at('query.tsq')]);
      openssl([
        'ts',
        '-reply',
        '-config',
        config,
        '-section',
        'own',
        '-queryfile',
        at('query.tsq'),
        '-token_out',
        '-out',
        at('token.der'),
      ]);
      return readFileSync(at('token.der'));
    },
    verify(token, data) {
      writeFileSync(at('stamped.bin'), data);
      writeFileSync(at('token.der'), token);
      const { stdout, stderr } = runTool('openssl', [
        'ts',
        '-verify',
        '-token_in',
        '-in',
        at('token.der'),
        '-data',
        at('stamped.bin'),
        '-CAfile',
        rootPem,
      ]);
      return `${stdout}${stderr}`;
    },
  };
}
