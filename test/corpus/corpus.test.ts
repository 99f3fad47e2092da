import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countsOf, lineOf, summaryOf } from '../../scripts/corpus/report.ts';
import type { FileVerdict } from '../../scripts/corpus/run.ts';
import { pdfFixturePath } from '../support/pdf-files.ts';
import { runTool } from '../support/tools.ts';

const PROGRAM = join(import.meta.dirname, '../../scripts/corpus.ts');

describe('npm run corpus', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zhiyin-corpus-test-'));
    await mkdir(join(folder, 'sub'));
    await copyFile(pdfFixturePath('extended', 'classic-table'), join(folder, 'sub/a.pdf'));
    await copyFile(pdfFixturePath('refused', 'cut-in-object'), join(folder, 'b.pdf'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('ends with one line of JSON, and with 0 where all is sealed or refused', () => {
    const { status, stdout } = runTool(process.execPath, [PROGRAM, folder, '--json']);
    expect(status).toBe(0);
    const ms = expect.any(Number) as number;
    expect(JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '')).toEqual({
      total: 2,
      sealed: 1,
      refused: 1,
      broken: 0,
      crashed: 0,
      hung: 0,
      files: [
        { name: 'b.pdf', outcome: 'refused', code: 'PDF_TRUNCATED', ms },
        { name: 'sub/a.pdf', outcome: 'sealed', code: null, ms },
      ],
    });
    expect(stdout).toMatch(/^sub\/a\.pdf +sealed/m);
  });

  it('says loudly which program is missing, and checks without it', () => {
    const env = { PATH: join(folder, 'nothing') };
    const { status, stdout } = runTool(process.execPath, [PROGRAM, folder], { env });
    expect(status).toBe(0);
    for (const name of ['qpdf', 'pdfsig', 'mutool', 'pdftoppm']) {
      expect(stdout).toContain(`NOT CHECKED, ${name} is not installed`);
    }
  });

  it.each([[[]], [['--nothing']], [['/nowhere/at/all']]])('exits 64 for %j', (args) => {
    expect(runTool(process.execPath, [PROGRAM, ...args])).toMatchObject({ status: 64, stdout: '' });
  });
});

it('counts, and measures against what qpdf opens', () => {
  const verdict = (change: Partial<FileVerdict>): FileVerdict => ({
    name: 'a.pdf',
    outcome: 'sealed',
    code: null,
    ms: 5,
    detail: '',
    opens: true,
    notes: [],
    ...change,
  });
  const verdicts = [
    verdict({}),
    verdict({ outcome: 'refused', code: 'PDF_ENCRYPTED', opens: false }),
    verdict({ outcome: 'broken', code: 'qpdf', detail: 'qpdf: a fault' }),
    verdict({ outcome: 'hung' }),
    verdict({ notes: [{ check: 'pdfsig', detail: 'cannot read the original' }] }),
  ];
  expect(countsOf(verdicts)).toEqual({ total: 5, sealed: 2, refused: 1, broken: 1, crashed: 0, hung: 1 });
  const said = summaryOf(verdicts, ['mutool']);
  expect(said).toContain('qpdf opens 4 without a password; 2 of those are sealed: 50.0 %');
  expect(said).toContain('not judged by pdfsig: a.pdf: cannot read the original');
  expect(said).toContain('NOT CHECKED, mutool');
  expect(verdicts.map((each) => lineOf(each, 8))[2]).toBe('a.pdf     broken       5  qpdf  qpdf: a fault');
});
