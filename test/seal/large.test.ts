/** A document of more than 100,000,000 bytes: offsets of nine digits, through the whole pipeline. Made here, never committed. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CATALOG, OWN_RESOURCES, FONT, page, pagesOf, text } from '../../scripts/pdf/plain-page.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { openFileSource } from '../../src/pdf/byte-source.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { hasTool, runTool } from '../support/tools.ts';

const LARGE = 100_000_000;
let folder: string;
let house: SealingHouse;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'zhiyin-large-'));
  house = await openSealing();
});
afterAll(async () => {
  await house[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** The page comes after a hundred attachments of a megabyte. */
async function largePdf(style: 'table' | 'stream'): Promise<string> {
  const pdf = new RawPdf().object(1, CATALOG).object(2, pagesOf(3));
  const attachment = new Uint8Array(1024 * 1024);
  for (let number = 10; number < 110; number++) pdf.stream(number, attachment);
  pdf
    .object(3, page(`/Contents 4 0 R ${OWN_RESOURCES}`))
    .stream(4, text('After a hundred megabytes'))
    .object(5, FONT);
  const trailer = '/Size 111 /Root 1 0 R';
  const bytes = (style === 'table' ? pdf.table(trailer) : pdf.xrefStream(110, trailer)).end().bytes();
  const path = join(folder, `${style}.pdf`);
  await writeFile(path, bytes);
  return path;
}

async function sha256(path: string, end: number): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { end: end - 1 })) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

describe.each(['table', 'stream'] as const)('a document of more than 100,000,000 bytes, with a %s', (style) => {
  it('is sealed, every offset where it should be', async () => {
    const original = await largePdf(style);
    const { path, sealed } = await house.seal(original, { seal: { page: 1, xMm: 60, yMm: 60 } });
    using source = openFileSource(path);
    const [newest, first] = openPdf(source).sections;
    expect(first?.offset).toBeGreaterThan(LARGE);
    expect(newest?.kind).toBe(style);
    expect(sealed.bytes).toBe(source.size);
    const { size } = await stat(original);
    expect(await sha256(path, size)).toBe(await sha256(original, size));
    const report = await house.verifier.verifyFile(path, new AbortController().signal);
    expect(report).toMatchObject({ verdict: 'VALID', signatures: [{ coversWholeFile: true }] });
    if (hasTool('qpdf')) expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    if (hasTool('pdfsig')) expect(runTool('pdfsig', ['-nocert', path]).stdout).toContain('Total document signed');
    await Promise.all([original, path].map((file) => rm(file)));
  });
});
