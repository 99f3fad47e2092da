import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { onePage, page, pagesOf, signatureDictionary } from '../../scripts/pdf/plain-page.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { memorySource, openFileSource } from '../../src/pdf/byte-source.ts';
import { checkPlanned } from '../../src/pdf/increment-check.ts';
import { isKind } from '../../src/pdf/object.ts';
import { usePdf } from '../../src/pdf/rebuild.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { unsoundEntry } from '../../src/pdf/sound-xref.ts';
import { extendedBy, incrementOf, pdfFixture, pdfFixtures } from '../support/pdf-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-rebuild-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

/** The words on the first page, as the document is read after all. */
function words(bytes: Uint8Array): string {
  return usePdf(memorySource(bytes), (pdf) => {
    const contents = pdf.get(pdf.page(1).dict, 'Contents');
    const streams = isKind(contents, 'array') ? contents.items.map((item) => pdf.resolve(item)) : [contents];
    const data = streams.map((stream) => (isKind(stream, 'stream') ? pdf.decodedData(stream, 10_000) : []));
    return data.map((bytes) => /\((.*)\) Tj/.exec(Buffer.from(bytes).toString('latin1'))?.[1] ?? '').join('');
  });
}

/** What is wrong with them beside the cross-reference stays wrong. */
const STILL_WRONG = ['endobj-missing', 'stream-length-wrong'];

function codeOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return (error as { code?: string }).code ?? 'no code';
  }
}

describe.each(pdfFixtures('repaired'))('%s, extended', (name) => {
  const original = pdfFixture('repaired', name);
  const plan = incrementOf(original);
  const extended = extendedBy(original, plan);
  const after = openPdf(memorySource(extended));

  it('brings a complete and sound cross-reference, and says so', () => {
    expect(plan.repaired).toBe(true);
    expect(after.sections).toHaveLength(1);
    expect(after.trailer.entries.has('Prev')).toBe(false);
    expect(after.lookup(0)).toEqual({ kind: 'free' });
    expect(unsoundEntry(after)).toBeNull();
    expect(after.fault).toBeNull();
  });

  it('shows what the objects say, with a signature over all of the file', () => {
    expect(words(original)).not.toBe('');
    if (!STILL_WRONG.includes(name)) expect(words(extended)).toBe(words(original));
    const [start, , from, length] = plan.byteRange;
    expect([start, from + length]).toEqual([0, extended.length]);
    checkPlanned(memorySource(original), plan);
  });

  it('needs no repair to be extended again', () => {
    const again = incrementOf(extended, { marks: [] });
    expect(again.repaired).toBe(false);
    expect(openPdf(memorySource(extendedBy(extended, again))).sections).toHaveLength(2);
  });
});

describe('of a file in which an update was written', () => {
  it('the newest definition of an object counts', () => {
    expect(words(pdfFixture('repaired', 'update-with-wrong-offsets'))).toBe('One page, corrected');
  });

  it('what its cross-reference can be read to have freed stays away', () => {
    const pdf = onePage().object(6, '<< /Gone true >>').table('/Size 7 /Root 1 0 R', { entryEnd: '\n' }).end();
    pdf.object(7, 'null');
    pdf.table(`/Size 8 /Root 1 0 R /Prev ${pdf.startxref}`, { entryEnd: '\n', free: [6] }).end();
    const original = pdf.bytes();
    const after = openPdf(memorySource(extendedBy(original, incrementOf(original))));
    expect([after.lookup(6), after.lookup(7)?.kind]).toEqual([undefined, 'offset']);
  });

  it('is refused where the cross-reference leads rightly to something older', () => {
    const pdf = onePage().table('/Size 6 /Root 1 0 R', { entryEnd: '\n' });
    const before = pdf.startxref;
    pdf.end().object(3, page('/Rotate 90')).end(before);
    expect(codeOf(() => incrementOf(pdf.bytes()))).toBe('PDF_AMBIGUOUS');
  });
});

describe('a signature', () => {
  const broken = (pdf: RawPdf): Uint8Array => pdf.table('/Size 9 /Root 1 0 R', { shift: 1 }).end().bytes();

  it.each([
    ['in an object of its own', onePage().object(6, signatureDictionary())],
    ['within another object', onePage().object(6, `<< /V ${signatureDictionary()} >>`)],
    ['under escaped names', onePage().object(6, '<< /Type /#53ig /Byte#52ange [0 1 2 3] >>')],
    ['that an update took out', onePage().object(6, signatureDictionary()).object(6, 'null')],
    ['of a timestamp', onePage().object(6, '<< /Type /DocTimeStamp /Contents <00> >>')],
    ['in an object that breaks off', onePage().object(6, '<< /ByteRange [0 0 0 0] /Contents <00> ')],
  ])('%s keeps a file from being rebuilt', (_, pdf) => {
    expect(codeOf(() => incrementOf(broken(pdf)))).toBe('PDF_XREF_BROKEN');
  });

  it('as a mere word does not', () => {
    expect(incrementOf(broken(onePage().object(6, '(Sig)').object(7, '<< /FT /Sig /T (Empty) >>'))).repaired).toBe(
      true,
    );
  });
});

describe('a large file without a cross-reference', () => {
  const MEGABYTE = 1024 * 1024;
  /** Streams without a filter, then some thousands of small objects. */
  const pdf = new RawPdf().object(1, '<< /Type /Catalog /Pages 2 0 R >>').object(2, pagesOf(3));
  pdf.object(3, page('/Contents 4 0 R')).stream(4, '(Large) Tj');
  for (let number = 5; number < 105; number++) {
    pdf.stream(number, new Uint8Array(MEGABYTE), '', number % 2 === 0 ? '1 0 R' : undefined);
  }
  for (let number = 105; number < 20_000; number++)
    pdf.object(number, `<< /Number ${number} /Next ${number - 1} 0 R >>`);
  const path = file('large.pdf', pdf.raw('trailer\n<< /Root 1 0 R >>\n').bytes());

  it('of more than 100,000,000 bytes is extended within seconds', () => {
    using source = openFileSource(path);
    expect(source.size).toBeGreaterThan(100_000_000);
    const started = performance.now();
    const found = usePdf(source, (opened) => [opened.rebuilt, opened.lookup(19_999)?.kind, opened.pages().length]);
    expect(found).toEqual([true, 'offset', 1]);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

describe('hostile files end soon', () => {
  const head = '%PDF-1.7\n';
  const big = 3_000_000;
  const fill = (unit: string): Uint8Array => Buffer.from(head + unit.repeat(Math.ceil(big / unit.length)), 'latin1');

  it.each([
    ['headers alone', fill('1 0 obj\n')],
    ['arrays that never end', fill('1 0 obj [\n')],
    ['strings that never end', fill('1 0 obj (\n')],
    ['streams that never end', fill('1 0 obj <<>> stream\n')],
    ['streams that end at once, lengths in one long object', fill('1 0 obj <</Length 2 0 R>> stream\nendstream\n')],
    ['trailers', fill('trailer [\n')],
    ['versions', fill('%PDF-\n')],
    ['digits', fill('1 ')],
    ['names of a type', fill('1 0 obj <</Type/XRef>> stream\nendstream endobj\n')],
  ])('%s', (_, bytes) => {
    const started = performance.now();
    expect(codeOf(() => incrementOf(bytes))).toMatch(/^PDF_/);
    expect(performance.now() - started).toBeLessThan(5000);
  });
});
