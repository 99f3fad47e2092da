import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { makePdfs } from '../../scripts/make-pdfs.ts';
import { pdfFixtures } from '../support/pdf-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-pdfs-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('PDF fixtures', () => {
  it.each(['extended', 'repaired', 'refused'] as const)('%s are those that the script makes', (kind) => {
    makePdfs(folder);
    const made = readdirSync(join(folder, kind)).map((file) => file.replace(/\.pdf$/, ''));
    expect(made.toSorted()).toEqual(pdfFixtures(kind).toSorted());
  });
});
