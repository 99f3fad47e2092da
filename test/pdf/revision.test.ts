import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encryption } from '../../scripts/pdf/encrypt-pdf.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { ByteSource } from '../../src/pdf/byte-source.ts';
import { isKind, isName, pdfRef, textOf } from '../../src/pdf/object.ts';
import type { PdfDict } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { pdfFixture, pdfFixtures } from '../support/pdf-files.ts';

function open(name: string): PdfFile {
  return openPdf(memorySource(pdfFixture('extended', name)));
}

function contentOf(pdf: PdfFile, page = 1): string {
  const stream = pdf.get(pdf.page(page).dict, 'Contents');
  return isKind(stream, 'stream') ? Buffer.from(pdf.decodedData(stream, 1000)).toString('latin1') : '';
}

describe('a document', () => {
  it.each([
    ['classic-table', 'table', 1],
    ['hybrid', 'table', 2],
    ['hybrid-updated', 'table', 3],
    ['linearized', 'table', 2],
    ['xref-stream', 'stream', 1],
    ['three-revisions', 'table', 3],
    ['stream-over-table', 'stream', 2],
  ])('%s has a newest section of kind %s and %d sections', (name, style, sections) => {
    const pdf = open(name);
    expect(pdf).toMatchObject({ style });
    expect(pdf.sections).toHaveLength(sections);
    expect(isName(pdf.get(pdf.catalog, 'Type'), 'Catalog')).toBe(true);
  });

  it('reads the newest definition of an object', () => {
    expect(contentOf(open('three-revisions'))).toContain('corrected');
    expect(contentOf(open('stream-over-table'))).toContain('Updated with a stream');
  });

  it('reads objects of object streams', () => {
    const pdf = open('xref-stream');
    expect(pdf.lookup(3)).toEqual({ kind: 'compressed', stream: 6, index: 2 });
    expect(contentOf(pdf)).toContain('Objects in an object stream');
  });

  it('reads what a hybrid section hides, after its table and before the section before', () => {
    const pdf = open('hybrid-updated');
    const structure = pdf.get(pdf.catalog, 'StructTreeRoot');
    expect(isKind(structure, 'dict') && isKind(pdf.get(structure, 'K'), 'dict')).toBe(true);
    expect([4, 8, 11].map((number) => pdf.lookup(number)?.kind)).toEqual(['offset', 'compressed', 'compressed']);
    expect(contentOf(pdf)).toContain('corrected');
    const [newest] = pdf.sections;
    expect(Array.from(newest?.entries() ?? [], ([number]) => number)).toEqual([4, 10, 11, 12]);
  });

  it.each(['leading-junk', 'leading-junk-counted'])('may begin later than the file: %s', (name) => {
    const pdf = openPdf(memorySource(pdfFixture('refused', name)));
    expect(pdf.headerOffset).toBe(5);
    expect(contentOf(pdf)).toContain('One page');
    expect(pdf.revisions()).toHaveLength(1);
  });

  it('has null for what is not defined, is free, or is of another generation', () => {
    const pdf = open('generation-numbers');
    expect(isKind(pdf.getObject(pdfRef(3, 2)), 'dict')).toBe(true);
    expect(pdf.getObject(pdfRef(3, 0))).toBeNull();
    expect(pdf.getObject(pdfRef(0, 65_535))).toBeNull();
    expect(pdf.getObject(pdfRef(4711))).toBeNull();
  });

  it('knows where each of its revisions ends', () => {
    const bytes = pdfFixture('extended', 'three-revisions');
    const revisions = openPdf(memorySource(bytes)).revisions();
    expect(revisions).toHaveLength(3);
    for (const { end, endOfLine, startxref } of revisions) {
      const upTo = bytes.subarray(0, end);
      expect(Buffer.from(upTo.subarray(-5)).toString()).toBe('%%EOF');
      expect(endOfLine).toBe(end + 1);
      expect(openPdf(memorySource(upTo)).startxref).toBe(startxref);
    }
    expect(revisions.at(-1)?.endOfLine).toBe(bytes.length);
  });

  it('lists what a section says of its objects', () => {
    const [newest] = open('three-revisions').sections;
    expect(Array.from(newest?.entries() ?? [], ([number]) => number)).toEqual([2, 6, 7]);
    expect(newest?.lookup(1)).toBeUndefined();
  });
});

describe('pages', () => {
  it('come in order, with what they inherit', () => {
    const pdf = open('rotated-cropped');
    const seen = pdf.pages().map((page) => {
      const { widthMm, heightMm, rotation, box } = pdf.geometry(page);
      return [page.number, page.ref.number, rotation, box, Math.round(widthMm), Math.round(heightMm)];
    });
    expect(seen).toEqual([
      [1, 9, 90, [0, 0, 400, 600], 212, 141],
      [2, 10, 90, [50, 100, 350, 500], 141, 106],
      [3, 11, 180, [0, 0, 400, 600], 141, 212],
      [4, 12, 270, [50, 0, 350, 500], 176, 106],
      [5, 13, 0, [-100, -100, 200, 300], 212, 282],
    ]);
  });

  it('end', () => {
    const missing = (): unknown => open('classic-table').page(2);
    expect(missing).toThrow(expect.objectContaining({ code: 'PAGE_OUT_OF_RANGE' }) as Error);
  });
});

describe('signature fields', () => {
  it('are found by their full names, signed or empty, with their one widget', () => {
    const pdf = open('empty-field');
    expect(pdf.signatureFields()).toMatchObject([
      { name: 'Committee.Seal', ref: { number: 7 }, widget: { ref: { number: 7 } }, value: null, pageRef: null },
      { name: 'Committee.Second', ref: { number: 8 }, widget: { ref: { number: 9 } }, pageRef: { number: 3 } },
    ]);
    expect([...pdf.fieldNames()]).toEqual(['Committee.Seal', 'Committee', 'Committee.Second']);
  });

  it('say what the signature says, and where Contents stands', () => {
    const bytes = pdfFixture('extended', 'signed-before');
    const [field] = openPdf(memorySource(bytes)).signatureFields();
    expect(field).toMatchObject({
      name: 'First',
      rect: [50, 50, 150, 100],
      value: {
        type: 'Sig',
        filter: 'Adobe.PPKLite',
        subFilter: 'ETSI.CAdES.detached',
        byteRange: [0, 0, 0, 0],
        name: 'TEST',
        reason: '测试',
        location: null,
        time: "D:20230615120000+08'00'",
        docMdp: null,
        fieldMdp: null,
      },
      lock: null,
      seed: null,
      fault: null,
    });
    const { start = 0, end = 0 } = field?.value?.contents?.span ?? {};
    expect(Buffer.from(bytes.subarray(start, end)).toString()).toBe(`<${'0'.repeat(64)}>`);
  });
});

describe('an encrypted document', () => {
  const encrypted = pdfFixtures('extended').filter((name) => name.startsWith('encrypted-'));
  const text = (pdf: PdfFile, dict: PdfDict, key: string): string | null => {
    const value = pdf.get(dict, key);
    return isKind(value, 'string') ? textOf(value) : null;
  };

  it.each(encrypted)('%s is read as if it were not', (name) => {
    const pdf = open(name);
    expect(text(pdf, pdf.catalog, 'Lang')).toBe('zh-CN');
    expect(text(pdf, pdf.page(1).dict, 'LastModified')).toBe("D:20230615120000+08'00'");
    const contents = pdf.get(pdf.page(1).dict, 'Contents');
    const streams = isKind(contents, 'array') ? contents.items.map((item) => pdf.resolve(item)) : [contents];
    const shows = streams.map((stream) => {
      return isKind(stream, 'stream') ? Buffer.from(pdf.decodedData(stream, 1000)).toString('latin1') : '';
    });
    expect(shows.filter((content) => /^BT .* ET$/.test(content))).toHaveLength(streams.length);
  });

  it('has a cross-reference stream that is not', () => {
    const pdf = open('encrypted-object-stream');
    const stream = pdf.getObject(pdfRef(8));
    if (!isKind(stream, 'stream')) throw new Error('object 8 is the cross-reference stream');
    expect(pdf.get(stream.dict, 'ID')).toMatchObject(pdf.trailer.entries.get('ID') ?? {});
    expect(pdf.decodedData(stream, 1000).length).toBe(8 * 5);
  });

  it('has no other stream in the clear because it says that it is one', () => {
    const { dictionary, cipher } = encryption({ algorithm: 'aes-256', fileId: new Uint8Array(0) });
    const pdf = new RawPdf(undefined, cipher).object(1, '<< /Type /Catalog >>').clearObject(2, dictionary);
    pdf.stream(3, 'encrypted as any other', '/Type /XRef');
    const opened = openPdf(memorySource(pdf.table('/Size 4 /Root 1 0 R /Encrypt 2 0 R').end().bytes()));
    const stream = opened.getObject(pdfRef(3));
    const data = isKind(stream, 'stream') ? opened.rawData(stream) : new Uint8Array(0);
    expect(Buffer.from(data).toString()).toBe('encrypted as any other');
  });

  it('has signatures whose Contents stand where and as they are in the file', () => {
    const bytes = pdfFixture('extended', 'encrypted-signed-before');
    const [field] = openPdf(memorySource(bytes)).signatureFields();
    expect(field).toMatchObject({
      name: 'First',
      value: { name: 'TEST', reason: '测试', time: "D:20230615120000+08'00'" },
    });
    const { start = 0, end = 0 } = field?.value?.contents?.span ?? {};
    expect(Buffer.from(bytes.subarray(start, end)).toString()).toBe(`<${'0'.repeat(64)}>`);
    expect(field?.value?.contents?.bytes).toEqual(new Uint8Array(32));
  });

  it('is decrypted within bounds, however often its streams are read', () => {
    const { dictionary, cipher } = encryption({ algorithm: 'aes-128', fileId: new Uint8Array(0) });
    const pdf = new RawPdf(undefined, cipher).object(1, '<< /Type /Catalog >>').clearObject(2, dictionary);
    pdf.stream(3, new Uint8Array(32 * 1024 * 1024));
    const opened = openPdf(memorySource(pdf.table('/Size 4 /Root 1 0 R /Encrypt 2 0 R').end().bytes()));
    const stream = opened.getObject(pdfRef(3));
    const read = (): unknown => isKind(stream, 'stream') && opened.rawData(stream);
    for (let i = 0; i < 7; i++) read();
    expect(read).toThrow(expect.objectContaining({ code: 'PDF_LIMIT' }) as Error);
  });
});

describe('of a large document only what is needed is read', () => {
  /** Counts the bytes that are asked for. */
  function counted(bytes: Uint8Array): ByteSource & { total: number } {
    const inner = memorySource(bytes);
    return {
      size: inner.size,
      total: 0,
      read(offset, length) {
        this.total += length;
        return inner.read(offset, length);
      },
      readInto(offset, target) {
        this.total += target.length;
        inner.readInto(offset, target);
      },
    };
  }

  it('of 20 MB of data and a table of 100,000 entries some kilobytes', () => {
    const pdf = new RawPdf().object(1, '<< /Type /Catalog /Pages 2 0 R >>');
    pdf.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>').stream(4, new Uint8Array(20_000_000));
    pdf.object(3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>');
    for (let number = 5; number < 100_000; number++) pdf.object(number, 'null');
    const source = counted(pdf.table('/Size 100000 /Root 1 0 R').end().bytes());
    const opened = openPdf(source);
    expect(opened.pages()).toHaveLength(1);
    expect(opened.lookup(99_999)).toMatchObject({ kind: 'offset' });
    expect(source.total).toBeLessThan(50_000);
  });
});

describe('cross-reference streams', () => {
  /** Sections of `megabytes` inflated each, of free entries. */
  function bombs(sections: number, megabytes: number): Uint8Array {
    const entries = Math.floor((megabytes * 1024 * 1024) / 16);
    const data = deflateSync(new Uint8Array(16 * entries));
    const pdf = new RawPdf();
    let previous = '';
    for (let i = 0; i < sections; i++) {
      const at = pdf.length;
      const dict = `/Type /XRef /W [2 7 7] /Index [100 ${entries}] /Size ${100 + entries} /Root 1 0 R /Filter /FlateDecode`;
      pdf.stream(10 + i, data, `${dict} ${previous}`);
      previous = `/Prev ${at}`;
    }
    pdf.object(1, '<< /Type /Catalog >>');
    return pdf.table(`/Size 500 /Root 1 0 R ${previous}`).end().bytes();
  }

  it('hold the entries that they announce, and no more', () => {
    const pdf = new RawPdf().object(1, '<< /Type /Catalog >>');
    const at = pdf.length;
    const dict = '/Type /XRef /W [1 2 0] /Index [1 1] /Size 2 /Root 1 0 R';
    pdf.stream(2, Uint8Array.of(1, 0, 9, 1, 0, 9), dict);
    const open = (): unknown => openPdf(memorySource(pdf.raw(`startxref\n${at}\n%%EOF\n`).bytes()));
    expect(open).toThrow(expect.objectContaining({ code: 'PDF_XREF_BROKEN' }) as Error);
  });

  it('are bounded together, not each by itself', () => {
    expect(openPdf(memorySource(bombs(3, 20))).sections).toHaveLength(4);
    const open = (): unknown => openPdf(memorySource(bombs(4, 20)));
    expect(open).toThrow(expect.objectContaining({ code: 'PDF_LIMIT' }) as Error);
  });

  it('leave nothing for more once they took all', () => {
    const open = (): unknown => openPdf(memorySource(bombs(3, 32)));
    expect(open).toThrow(expect.objectContaining({ code: 'PDF_LIMIT' }) as Error);
  });
});
