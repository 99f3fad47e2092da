import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { concatBytes, latin1Bytes } from '../../src/bytes.ts';
import { AppError } from '../../src/errors.ts';
import { memorySource, openFileSource } from '../../src/pdf/byte-source.ts';
import { findKeyword } from '../../src/pdf/text-anchor.ts';
import type { PageText } from '../../src/pdf/text-anchor.ts';
import { TextReader } from '../../src/pdf/text-page.ts';
import type { TextRequest } from '../../src/pdf/text-page.ts';
import { describeTool, runTool } from '../support/tools.ts';

const agreements = join(import.meta.dirname, '../../fixtures/agreements');
const reader = new TextReader();

async function read(name: string): Promise<readonly PageText[]> {
  using source = openFileSource(join(agreements, name));
  return (await reader.read(source)).pages;
}

async function firstPage(bytes: Uint8Array, request: TextRequest = {}): Promise<PageText | undefined> {
  return (await reader.read(memorySource(bytes), request)).pages[0];
}

/** A one-page PDF of 200 x 100 pt in Helvetica, its content deflated. */
function pdfOf(content: Uint8Array, page = ''): Uint8Array {
  const stream = deflateSync(content);
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents 5 0 R /Resources << /Font << /F 4 0 R >> >> ${page} >>`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>',
  ];
  let text = '%PDF-1.4\n';
  const offsets = objects.map((object, i) => {
    const offset = text.length;
    text += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return offset;
  });
  offsets.push(text.length);
  const head = `${text}5 0 obj\n<< /Length ${stream.length} /Filter /FlateDecode >>\nstream\n`;
  const xref = head.length + stream.length + '\nendstream\nendobj\n'.length;
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const tail = `\nendstream\nendobj\nxref\n0 6\n0000000000 65535 f \n${entries}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n${xref}\n%%EOF\n`;
  return concatBytes(latin1Bytes(head), stream, latin1Bytes(tail));
}

const HELLO = latin1Bytes('BT /F 10 Tf 100 50 Td (A) Tj ET');

describe('reading a page’s text', () => {
  it('reads the pages that are asked for, and counts all', async () => {
    using source = openFileSource(join(agreements, 'three-parties.pdf'));
    const all = await reader.read(source);
    const some = await reader.read(source, { pages: [3, 1, 9] });
    expect(some.count).toBe(3);
    expect(some.pages).toEqual([all.pages[0], all.pages[2]]);
  });

  it('gives sizes and characters in millimetres from the top left', async () => {
    const page = await firstPage(pdfOf(HELLO));
    expect(page).toMatchObject({ page: 1, chars: [{ char: 'A' }] });
    expect(page?.widthMm).toBeCloseTo(70.56, 2);
    expect(page?.heightMm).toBeCloseTo(35.28, 2);
    const [char] = page?.chars ?? [];
    expect(char?.xMm).toBeCloseTo(35.28, 1);
    expect(char?.widthMm).toBeCloseTo(2.35, 1);
    // The baseline lies at 50 pt, so the box holds the middle of the page.
    expect(char?.yMm).toBeLessThan(17.6);
    expect((char?.yMm ?? 0) + (char?.heightMm ?? 0)).toBeGreaterThan(17.6);
  });

  it('multiplies by the UserUnit that it is told', async () => {
    const source = pdfOf(HELLO, '/UserUnit 2');
    const plain = await firstPage(source);
    const scaled = await firstPage(source, { userUnits: [2] });
    expect(scaled?.widthMm).toBeCloseTo((plain?.widthMm ?? 0) * 2, 5);
    expect(scaled?.chars[0]?.xMm).toBeCloseTo((plain?.chars[0]?.xMm ?? 0) * 2, 1);
  });

  it('leaves out what lies outside the page', async () => {
    const content = latin1Bytes('BT /F 10 Tf 100 50 Td (A) Tj 150 0 Td (B) Tj ET');
    const page = await firstPage(pdfOf(content));
    expect(page?.chars.map((c) => c.char)).toEqual(['A']);
  });

  it('sees a turned page as it is shown', async () => {
    const keyword = '当事人乙（签名、盖章或按指印）';
    const [turned, upsideDown] = await Promise.all(['rotated.pdf', 'upside-down.pdf'].map(read));
    const places = [turned, upsideDown].map((pages) => findKeyword(pages ?? [], keyword));
    expect(turned?.map(({ widthMm, heightMm }) => [Math.round(widthMm), Math.round(heightMm)])).toEqual([
      [210, 297],
      [210, 297],
    ]);
    expect(places[0]).toHaveLength(1);
    expect(places[1]).toHaveLength(1);
    for (const side of ['xMm', 'yMm', 'widthMm', 'heightMm'] as const) {
      expect(places[0]?.[0]?.[side]).toBeCloseTo(places[1]?.[0]?.[side] ?? 0, 1);
    }
  });

  it('counts from the corner of the CropBox', async () => {
    const [cropped, whole] = await Promise.all(['cropped.pdf', 'split-runs.pdf'].map(read));
    const label = '当事人甲（签名、盖章或按指印）';
    const [inCropped] = findKeyword(cropped ?? [], label);
    const [inWhole] = findKeyword(whole ?? [], label);
    expect(inCropped?.xMm).toBeCloseTo(inWhole?.xMm ?? 0, 1);
    expect(inCropped?.yMm).toBeCloseTo(inWhole?.yMm ?? 0, 1);
  });

  it('finds words that are drawn in scattered pieces', async () => {
    const pages = await read('split-runs.pdf');
    expect(findKeyword(pages, '示例市示例镇示例村人民调解委员会（印章）')).toHaveLength(1);
    expect(findKeyword(pages, '人民调解员（签名）：')).toHaveLength(1);
  });
});

describe('a document that cannot be read', () => {
  it('is unreadable when it is no PDF', async () => {
    await expect(reader.read(memorySource(latin1Bytes('no PDF at all')))).rejects.toMatchObject({
      code: 'PDF_UNREADABLE',
    });
  });

  it('passes on why its bytes could not be had', async () => {
    const source = {
      ...memorySource(pdfOf(HELLO)),
      read: () => {
        throw new AppError('FILE_UNREADABLE', 'gone');
      },
    };
    await expect(reader.read(source)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });

  it('is refused for more characters than are allowed', async () => {
    const few = new TextReader({ chars: 20 });
    const content = latin1Bytes(`BT /F 1 Tf 0 50 Td (${'a'.repeat(21)}) Tj ET`);
    await expect(few.read(memorySource(pdfOf(content)))).rejects.toMatchObject({ code: 'PDF_LIMIT' });
    await expect(few.read(memorySource(pdfOf(HELLO)))).resolves.toMatchObject({ count: 1 });
  });

  it('is refused when it asks for more memory than the cap, and the next one is read', async () => {
    const small = new TextReader({ memoryBytes: 64 * 1024 * 1024 });
    const bomb = pdfOf(new Uint8Array(120 * 1024 * 1024).fill(0x20));
    expect(bomb.length).toBeLessThan(200_000);
    await expect(small.read(memorySource(bomb))).rejects.toMatchObject({ code: 'PDF_LIMIT' });
    await expect(small.read(memorySource(pdfOf(HELLO)))).resolves.toMatchObject({
      pages: [{ chars: [{ char: 'A' }] }],
    });
  });
});

describeTool('qpdf', 'an encrypted document', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zhiyin-text-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  function encrypted(password: string): Uint8Array {
    const out = join(folder, `${password || 'open'}.pdf`);
    const { status } = runTool('qpdf', [
      '--encrypt',
      password,
      'owner',
      '256',
      '--',
      join(agreements, 'one-page.pdf'),
      out,
    ]);
    expect(status).toBe(0);
    return readFileSync(out);
  }

  it('is read where no password is needed to open it', async () => {
    const { pages } = await reader.read(memorySource(encrypted('')));
    expect(findKeyword(pages, '人民调解协议书')).toHaveLength(1);
  });

  it('is refused where one is', async () => {
    await expect(reader.read(memorySource(encrypted('secret')))).rejects.toMatchObject({ code: 'PDF_ENCRYPTED' });
  });
});
