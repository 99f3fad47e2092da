/** The layers of the house: what the linter's configuration forbids is caught, what it allows is not. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const oxlint = join(root, 'node_modules/oxlint/bin/oxlint');

/** File, the import's specifier, `type` for a type-only import. */
type Import = readonly [file: string, specifier: string, kind?: 'type'];

const FORBIDDEN: readonly Import[] = [
  // Only main knows drivers.
  ['src/cli.ts', '../drivers/index.ts'],
  ['src/cli/serve.ts', '../../drivers/index.ts', 'type'],
  ['src/http/readers.ts', '../../drivers/index.ts'],
  ['src/http/readers.ts', '../../drivers/ef01/driver.ts', 'type'],
  ['src/reader/reader-service.ts', '../../drivers/index.ts'],
  ['src/seal/seal-service.ts', '../../drivers/ef01/codec.ts'],
  ['src/state.ts', '../drivers/index.ts'],
  // Native libraries are for the links.
  ['src/http/readers.ts', 'node-hid'],
  ['src/http/readers.ts', 'serialport'],
  ['src/cli/readers.ts', 'node-hid'],
  ['src/reader/reader-service.ts', 'node-hid'],
  ['src/reader/reader-service.ts', 'serialport'],
  ['src/reader/simulated-link.ts', 'serialport'],
  ['src/reader/hid-link.ts', 'node-hid'],
  ['src/agreement/capture-service.ts', '@serialport/bindings-cpp'],
  // A driver knows its protocol and nothing else.
  ['drivers/ef01/driver.ts', 'node:fs'],
  ['drivers/ef01/codec.ts', 'node:timers/promises'],
  ['drivers/ef01/driver.ts', 'pino'],
  ['drivers/ef01/driver.ts', 'node-hid'],
  ['drivers/ef01/driver.ts', '../../src/http/problem.ts'],
  ['drivers/ef01/driver.ts', '../../src/log.ts', 'type'],
  ['drivers/ef01/driver.ts', '../../src/reader/reader-service.ts', 'type'],
  ['drivers/ef01/driver.ts', '../../src/config.ts', 'type'],
  ['drivers/index.ts', '../src/main.ts'],
  ['drivers/index.ts', '../src/reader/reader-service.ts'],
  // Pure modules.
  ['src/bytes.ts', 'node:buffer'],
  ['src/errors.ts', './config.ts'],
  ['src/biometric/raster.ts', 'node:zlib'],
  ['src/biometric/quality.ts', '../clock.ts'],
  ['src/biometric/raster.ts', 'pino'],
  ['src/pdf/geometry.ts', 'node:fs'],
  ['src/pdf/text-anchor.ts', '@embedpdf/pdfium'],
  ['src/seal/placement.ts', 'node:crypto'],
  ['src/reader/driver.ts', 'node:events', 'type'],
  // Libraries know nothing of the product.
  ['src/pdf/revision.ts', '../seal/placement.ts'],
  ['src/pdf/pdf-pool.ts', '../config.ts', 'type'],
  ['src/pdf/pdf-pool.ts', '../log.ts', 'type'],
  ['src/pdf/increment.ts', '../cms/signed-data.ts'],
  ['src/pdf/pdf-pool.ts', 'piscina'],
  ['src/task-pool.ts', './pdf/revision.ts', 'type'],
  ['src/cms/chain.ts', '../pdf/revision.ts'],
  ['src/cms/chain.ts', '../agreement/agreement-service.ts', 'type'],
  // Parts do not reach into each other.
  ['src/reader/reader-service.ts', '../agreement/capture-service.ts'],
  ['src/reader/reader-service.ts', '../http/schemas.ts', 'type'],
  ['src/seal/seal-service.ts', '../verify/verifier.ts'],
  ['src/seal/seal-service.ts', '../ledger/ledger.ts', 'type'],
  ['src/verify/verifier.ts', '../seal/key-store.ts'],
  ['src/ledger/ledger.ts', '../agreement/agreement-service.ts', 'type'],
  ['src/agreement/agreement-service.ts', '../reader/reader-service.ts'],
  ['src/agreement/agreement-service.ts', '../ledger/ledger.ts'],
  ['src/agreement/agreement-service.ts', '../http/schemas.ts', 'type'],
  ['src/agreement/agreement-service.ts', 'fastify'],
  // http translates.
  ['src/http/seal.ts', '../seal/key-store.ts'],
  ['src/http/agreements.ts', '../agreement/agreement-service.ts'],
  ['src/http/verifications.ts', '../pdf/revision.ts'],
  ['src/http/seal.ts', '../cms/certificate.ts', 'type'],
  ['src/http/app.ts', '../main.ts'],
  ['src/http/app.ts', '../config.ts'],
  ['src/http/app.ts', 'pino'],
  ['src/http/app.ts', 'node-forge'],
  ['src/http/app.ts', './../seal/key-store.ts'],
  ['src/http/app.ts', 'pino', 'type'],
  ['src/http/app.ts', '../../drivers/index.ts', 'type'],
  ['src/agreement/agreement-service.ts', '../../drivers/index.ts', 'type'],
  ['src/reader/serial-link.ts', '../http/app.ts', 'type'],
  ['src/client/client.ts', '../http/schemas.ts'],
  ['src/client/client.ts', '../errors.ts'],
  ['src/client/client.ts', 'node:http'],
  // The root serves all.
  ['src/config.ts', './reader/driver.ts', 'type'],
  ['src/config.ts', './log.ts'],
  ['src/log.ts', './http/app.ts'],
  ['src/state.ts', './main.ts'],
  ['src/state.ts', './ledger/ledger.ts'],
  ['src/state.ts', 'fastify'],
  // The program lists commands, and a command composes services.
  ['src/config.ts', './cli/output.ts'],
  ['src/state.ts', './cli/output.ts'],
  ['src/cli.ts', './main.ts'],
  ['src/cli.ts', 'fastify'],
  ['src/cli/serve.ts', '../cli.ts'],
  ['src/cli/serve.ts', '../http/app.ts'],
  ['src/cli/seal.ts', '../seal/seal-service.ts'],
  ['src/cli/seal.ts', '../pdf/revision.ts', 'type'],
  ['src/agreement/agreement-service.ts', '../cli/output.ts', 'type'],
  ['src/http/app.ts', '../cli/output.ts', 'type'],
];

const ALLOWED: readonly Import[] = [
  ['src/main.ts', '../drivers/index.ts'],
  ['src/main.ts', './http/app.ts'],
  ['src/bin.ts', './cli.ts'],
  ['src/cli.ts', './cli/serve.ts'],
  ['src/cli.ts', 'commander'],
  ['src/cli/serve.ts', '../main.ts'],
  ['src/cli/serve.ts', 'commander', 'type'],
  ['src/cli/seal.ts', '../seal/seal-job.ts', 'type'],
  ['src/cli/verify.ts', '../verify/report.ts'],
  ['src/config.ts', 'typebox/value'],
  ['src/config.ts', 'jsonc-parser'],
  ['src/log.ts', 'pino'],
  ['src/state.ts', 'node:fs/promises'],
  ['src/state.ts', './errors.ts'],
  ['drivers/index.ts', '../src/reader/driver.ts', 'type'],
  ['drivers/index.ts', './ef01/driver.ts'],
  ['drivers/ef01/driver.ts', './codec.ts'],
  ['drivers/r503/driver.ts', '../ef01/codec.ts'],
  ['drivers/ef01/driver.ts', '../../src/reader/driver.ts', 'type'],
  ['drivers/ef01/codec.ts', '../../src/bytes.ts'],
  ['drivers/ef01/codec.ts', '../../src/errors.ts'],
  ['drivers/ef01/peer.ts', '../../src/clock.ts', 'type'],
  ['drivers/ef01/driver.ts', '../../src/biometric/raster.ts', 'type'],
  ['src/biometric/raster.ts', 'fast-png'],
  ['src/biometric/finger-image.ts', '../bytes.ts'],
  ['src/reader/reader-service.ts', './driver.ts', 'type'],
  ['src/reader/hid-link.ts', 'node-hid', 'type'],
  ['src/reader/hid-link.ts', 'node:module'],
  ['src/pdf/pdf-pool.ts', '../task-pool.ts'],
  ['src/verify/verifier.ts', '../task-pool.ts'],
  ['src/task-pool.ts', 'piscina'],
  ['src/config.ts', './config-schema.ts'],
  ['src/pdf/pdf-pool.ts', 'node:fs/promises'],
  ['src/pdf/increment.ts', 'pdf-lib'],
  ['src/cms/signed-data.ts', 'node-forge'],
  ['src/seal/placement.ts', '../pdf/text-anchor.ts'],
  ['src/seal/seal-service.ts', '../cms/signed-data.ts'],
  ['src/seal/key-store.ts', '../config.ts', 'type'],
  ['src/verify/verifier.ts', '../cms/chain.ts'],
  ['src/ledger/ledger.ts', 'node:sqlite'],
  ['src/agreement/file-sealing.ts', '../file-chunks.ts'],
  ['src/agreement/agreement-service.ts', '../reader/reader-service.ts', 'type'],
  ['src/agreement/agreement-service.ts', '../ledger/ledger.ts', 'type'],
  ['src/http/app.ts', 'fastify'],
  ['src/http/app.ts', '@fastify/swagger'],
  ['src/http/app.ts', '../config.ts', 'type'],
  ['src/http/agreements.ts', '../agreement/agreement-service.ts', 'type'],
  ['src/http/problem.ts', '../errors.ts'],
  ['src/client/client.ts', '../http/schemas.ts', 'type'],
];

/** Statements that reach the machine, each forbidden in the file. */
const FORBIDDEN_USES: readonly (readonly [file: string, statement: string, rule: string])[] = [
  ['src/main.ts', 'export const home = process.env.HOME;', 'no-process-env'],
  ['src/http/app.ts', 'export const home = process.env.HOME;', 'no-process-env'],
  ['drivers/ef01/driver.ts', 'export const at = Date.now();', 'no-restricted-properties'],
  ['src/biometric/quality.ts', 'export const chance = Math.random();', 'no-restricted-properties'],
  ['drivers/ef01/driver.ts', 'setTimeout(() => 1, 5);', 'no-restricted-globals'],
  ['src/bytes.ts', 'export const bytes = Buffer.alloc(1);', 'no-restricted-globals'],
  ['src/http/app.ts', "console.log('here');", 'no-console'],
  ['src/http/app.ts', 'export default 1;', 'no-default-export'],
];

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** Lints a tree that mirrors the repository's, one file a case (in a folder of its own), and tells per case which rules speak. */
function lint(cases: readonly (readonly [file: string, text: string])[]): string[][] {
  const tree = mkdtempSync(join(tmpdir(), 'zhiyin-layers-'));
  folders.push(tree);
  for (const [index, [file, text]] of cases.entries()) {
    // The configuration's globs count from its folder, so each case gets its own copy beside its own tree.
    const home = join(tree, String(index));
    mkdirSync(dirname(join(home, file)), { recursive: true });
    copyFileSync(join(root, '.oxlintrc.json'), join(home, '.oxlintrc.json'));
    writeFileSync(join(home, file), text);
  }
  const run = spawnSync(process.execPath, [oxlint, '--format=json', '.'], { cwd: tree, encoding: 'utf8' });
  if (!run.stdout.startsWith('{')) throw new Error(`oxlint: ${run.stdout}${run.stderr}`);
  const report = JSON.parse(run.stdout) as { diagnostics: { code: string; filename: string }[] };
  const spoken: string[][] = cases.map(() => []);
  for (const { code, filename } of report.diagnostics) spoken[Number.parseInt(filename, 10)]?.push(code);
  return spoken;
}

function importText([, specifier, kind]: Import): string {
  return kind === 'type'
    ? `import type { Thing } from '${specifier}';\nexport type Mine = Thing;\n`
    : `import { thing } from '${specifier}';\nexport const mine = thing;\n`;
}

describe('the layers of the house', () => {
  let forbidden: string[][];
  let dynamic: string[][];
  let allowed: string[][];
  let uses: string[][];

  beforeAll(() => {
    const values = FORBIDDEN.filter(([, , kind]) => kind !== 'type');
    forbidden = lint(FORBIDDEN.map((each) => [each[0], importText(each)]));
    dynamic = lint(values.map(([file, specifier]) => [file, `export const mine = await import('${specifier}');\n`]));
    allowed = lint(ALLOWED.map((each) => [each[0], importText(each)]));
    uses = lint(FORBIDDEN_USES.map(([file, statement]) => [file, `${statement}\n`]));
  });

  const title = ([file, specifier, kind]: Import): string => `${file} -> ${kind ?? 'value'} ${specifier}`;

  test.each(FORBIDDEN.map((each, index) => [title(each), index] as const))('caught: %s', (_, index) => {
    expect(forbidden[index]).toContain('eslint(no-restricted-imports)');
  });

  test('a forbidden import is caught when it is dynamic, too', () => {
    expect(dynamic.filter((codes) => !codes.includes('eslint(no-restricted-imports)'))).toEqual([]);
  });

  test.each(ALLOWED.map((each, index) => [title(each), index] as const))('allowed: %s', (_, index) => {
    expect(allowed[index]).toEqual([]);
  });

  test.each(FORBIDDEN_USES.map((each, index) => [`${each[0]}: ${each[1]}`, each[2], index] as const))(
    'caught: %s',
    (_, rule, index) => {
      expect(uses[index]?.join()).toContain(rule);
    },
  );

  test('process.env is read in src/config.ts', () => {
    expect(lint([['src/config.ts', 'export const home = process.env.HOME;\n']])).toEqual([[]]);
  });
});
