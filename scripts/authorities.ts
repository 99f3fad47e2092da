/**
 * TEST authorities on loopback for a PKI that `npm run pki -- FOLDER --authorities` made: timestamps, OCSP and revocation lists, by the
 * OpenSSL command line. Prints the settings that use them and runs until it is stopped. `npm run authorities -- [FOLDER] [--port N]`
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { serveAuthorities } from './pki/authority-server.ts';
import { OpensslAuthority } from './pki/openssl-authority.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { port: { type: 'string', default: '0' } },
});
const folder = resolve(positionals[0] ?? '.pki');
const authorities = join(folder, 'authorities');

if (!existsSync(authorities)) {
  console.error(`no authorities in ${folder}: make them with npm run pki -- ${positionals[0] ?? '.pki'} --authorities`);
  process.exitCode = 64;
} else {
  await using server = await serveAuthorities(new OpensslAuthority(authorities), { port: Number(values.port) });
  const settings = {
    seal: { p12: join(folder, 'committee.p12'), level: 'B-LTA' },
    trust: { roots: [join(folder, 'root.pem')] },
    timestamp: { url: server.timestampUrl },
    revocation: { ocsp: server.ocspUrl, crls: Object.values(server.crlUrls) },
  };
  console.log(JSON.stringify(settings, null, 2));
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
}
