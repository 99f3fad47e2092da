import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { AppError } from '../../src/errors.ts';
import { PdfPool } from '../../src/pdf/pdf-pool.ts';
import {
  MARK_PLACE,
  RANDOM,
  STRIPES,
  incrementOf,
  pdfFixture,
  pdfFixturePath,
  signatureRequest,
} from '../support/pdf-files.ts';
import type { FixtureKind } from '../support/pdf-files.ts';

const pools: PdfPool[] = [];
function pool(timeoutMs = 20_000): PdfPool {
  const made = new PdfPool({ timeoutMs });
  pools.push(made);
  return made;
}
afterEach(async () => {
  for (const made of pools.splice(0)) await made.close();
});

const request = {
  marks: [{ place: MARK_PLACE, appearance: STRIPES, title: 'Fingerprint' }],
  signature: signatureRequest(),
};

describe('the pool of one worker', () => {
  it('tells what a document is', async () => {
    const facts = await pool().inspect(pdfFixturePath('extended', 'empty-field'));
    expect(facts).toMatchObject({
      bytes: pdfFixture('extended', 'empty-field').length,
      style: 'table',
      signatures: 0,
      openFields: ['Committee.Seal', 'Committee.Second'],
    });
    expect(facts.pages).toEqual([{ widthMm: expect.closeTo(297, 0), heightMm: expect.closeTo(210, 0), rotation: 90 }]);
  });

  it('counts signatures', async () => {
    const facts = await pool().inspect(pdfFixturePath('extended', 'signed-before'));
    expect(facts).toMatchObject({ signatures: 1, openFields: [] });
  });

  it('tells that a cross-reference is to be repaired', async () => {
    const repaired = async (kind: FixtureKind, name: string): Promise<boolean> =>
      (await pool().inspect(pdfFixturePath(kind, name))).repaired;
    expect(await repaired('repaired', 'entries-of-19-bytes')).toBe(true);
    expect(await repaired('extended', 'classic-table')).toBe(false);
  });

  it('plans what would be planned here', async () => {
    const planned = await pool().plan(pdfFixturePath('extended', 'xref-stream'), request, RANDOM);
    expect(planned).toEqual(incrementOf(pdfFixture('extended', 'xref-stream'), request));
  });

  it('is made ready before there is a document', async () => {
    const warmed = pool();
    await warmed.warm();
    await expect(warmed.inspect(pdfFixturePath('extended', 'classic-table'))).resolves.toMatchObject({ signatures: 0 });
  });

  it('hands errors over whole', async () => {
    const refused = pool().inspect(pdfFixturePath('refused', 'page-tree-loop'));
    const error: unknown = await refused.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({ code: 'PDF_LIMIT', detail: 'the page tree meets object 2 twice', extras: {} });
  });

  it.each([
    ['encrypted-aes-locked', 'PDF_ENCRYPTED'],
    ['hybrid-contradiction', 'PDF_AMBIGUOUS'],
  ])('reads no text of what will be refused: %s', async (name, code) => {
    await expect(pool().readText(pdfFixturePath('refused', name))).rejects.toMatchObject({ code });
  });

  it('reads no text where PDFium sees other pages', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'zhiyin-pool-')), 'two-readings.pdf');
    const pdf = new RawPdf().object(1, '<< /Type /Catalog /Pages 2 0 R >>');
    pdf.object(2, '<< /Type /Pages /Kids [3 0 R 4 0 R] /Count 1 /MediaBox [0 0 300 300] >>');
    pdf.object(3, '<< /Type /Page /Parent 2 0 R >>').object(4, '<< /Type /Page /Parent 2 0 R >>');
    writeFileSync(path, pdf.table('/Size 5 /Root 1 0 R').end().bytes());
    const refusal = { code: 'PDF_SHAPE_UNSUPPORTED', detail: 'readers disagree on its pages' };
    await expect(pool().readText(path)).rejects.toMatchObject(refusal);
    rmSync(dirname(path), { recursive: true });
  });

  it('says that a file is not there', async () => {
    await expect(pool().inspect(pdfFixturePath('extended', 'no-such-fixture'))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });

  it('works on one document after the other, in order', async () => {
    const one = pool();
    const order: string[] = [];
    await Promise.all(
      ['xref-stream', 'classic-table', 'three-revisions'].map(async (name) => {
        await one.inspect(pdfFixturePath('extended', name));
        order.push(name);
      }),
    );
    expect(order).toEqual(['xref-stream', 'classic-table', 'three-revisions']);
  });
});

describe('a document that takes too long', () => {
  it('ends in PDF_TIMEOUT', async () => {
    // No thread starts within a millisecond.
    await expect(pool(1).inspect(pdfFixturePath('extended', 'classic-table'))).rejects.toMatchObject({
      code: 'PDF_TIMEOUT',
    });
  });

  it('is given up when the caller gives up, and the next one is read', async () => {
    const one = pool();
    const caller = new AbortController();
    const given = one.inspect(pdfFixturePath('extended', 'classic-table'), caller.signal);
    const waiting = one.inspect(pdfFixturePath('extended', 'classic-table'), caller.signal);
    const next = one.inspect(pdfFixturePath('extended', 'three-revisions'));
    caller.abort(new AppError('CAPTURE_CANCELLED', 'by the caller'));
    await expect(given).rejects.toMatchObject({ code: 'CAPTURE_CANCELLED' });
    await expect(waiting).rejects.toMatchObject({ code: 'CAPTURE_CANCELLED' });
    await expect(next).resolves.toMatchObject({ style: 'table' });
  });

  it('is not begun when the caller has given up already', async () => {
    const begun = pool().inspect(pdfFixturePath('extended', 'classic-table'), AbortSignal.abort(new Error('too late')));
    await expect(begun).rejects.toThrow('too late');
  });
});
