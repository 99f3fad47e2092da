import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { deflateSync } from 'node:zlib';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { makePdfa } from '../../scripts/make-pdfa.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { planDocumentTimestamp } from '../../src/pdf/document-timestamp.ts';
import { drawingRules } from '../../src/pdf/drawing-rules.ts';
import type { DrawingRules } from '../../src/pdf/drawing-rules.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import {
  MARK_PLACE,
  RANDOM,
  SEAL_PLACE,
  STAR,
  STRIPES,
  extendedBy,
  incrementOf,
  signatureRequest,
} from '../support/pdf-files.ts';
import { pdfaFaults } from '../support/pdfa-rules.ts';
import type { PdfaDocument } from '../support/pdfa-rules.ts';
import { describeTool } from '../support/tools.ts';

const fixtures = join(import.meta.dirname, '../../fixtures/pdfa');
const folder = mkdtempSync(join(tmpdir(), 'zhiyin-pdfa-'));
afterAll(() => rmSync(folder, { recursive: true }));

const DOCUMENTS: readonly (readonly [name: string, document: PdfaDocument, transparency: boolean])[] = [
  ['pdfa-1b', { part: 1, intent: 3 }, false],
  ['pdfa-2b', { part: 2, intent: 3 }, true],
  ['pdfa-2b-gray', { part: 2, intent: 1 }, true],
  ['pdfa-3b-no-intent', { part: 3, intent: null }, false],
];

function fixture(name: string): Uint8Array {
  return readFileSync(join(fixtures, `${name}.pdf`));
}

function rulesOf(bytes: Uint8Array): DrawingRules {
  return drawingRules(openPdf(memorySource(bytes)));
}

/** A document whose metadata are `data`. */
function withMetadata(data: Uint8Array, dict = ''): Uint8Array {
  const pdf = new RawPdf()
    .object(1, '<< /Type /Catalog /Pages 2 0 R /Metadata 4 0 R >>')
    .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [0 0 595 842] >>')
    .object(3, '<< /Type /Page /Parent 2 0 R >>')
    .stream(4, data, dict);
  return pdf.table('/Size 5 /Root 1 0 R').end().bytes();
}

const packet = (inside: string): string =>
  `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">${inside}</rdf:RDF></x:xmpmeta>`;
const SPACE = 'http://www.aiim.org/pdfa/ns/id/';

describe('the PDF/A fixtures', () => {
  it('are what their script makes, byte for byte, and nothing else', () => {
    const names = makePdfa(folder);
    expect(names.toSorted()).toEqual(readdirSync(fixtures).toSorted());
    expect(
      names.filter((name) => !readFileSync(join(folder, name)).equals(readFileSync(join(fixtures, name)))),
    ).toEqual([]);
  });
});

describe('what a document lets be drawn', () => {
  const STRICT = { transparency: false, deviceColor: false };
  const FREE = { transparency: true, deviceColor: true };

  it.each(DOCUMENTS)('is told by the part of PDF/A that it keeps: %s', (name, _, transparency) => {
    expect(rulesOf(fixture(name))).toEqual({ transparency, deviceColor: false });
  });

  it.each([
    ['as elements', `<rdf:Description xmlns:pdfaid="${SPACE}"><pdfaid:part>1</pdfaid:part></rdf:Description>`, STRICT],
    ['as attributes', `<rdf:Description pdfaid:part='1' xmlns:pdfaid='${SPACE}' pdfaid:conformance='A'/>`, STRICT],
    ['by another prefix', `<rdf:Description xmlns:a.b-c="${SPACE}" a.b-c:part="1"/>`, STRICT],
    ['without a part', `<rdf:Description xmlns:pdfaid="${SPACE}"/>`, STRICT],
    ['by no one', '<rdf:Description xmlns:pdfaid="http://example.org/" pdfaid:part="1"/>', FREE],
  ])('is claimed %s', (_, claim, rules) => {
    const text = packet(claim);
    expect(rulesOf(withMetadata(Buffer.from(text)))).toEqual(rules);
    expect(rulesOf(withMetadata(deflateSync(text), '/Filter /FlateDecode'))).toEqual(rules);
    expect(rulesOf(withMetadata(Buffer.from(`\ufeff${text}`, 'utf16le')))).toEqual(rules);
    expect(rulesOf(withMetadata(Buffer.from(`\ufeff${text}`, 'utf16le').swap16()))).toEqual(rules);
  });

  it('is strict where the metadata are too long to be read, and free where they cannot be', () => {
    expect(rulesOf(withMetadata(deflateSync(new Uint8Array(2_000_000)), '/Filter /FlateDecode'))).toEqual(STRICT);
    const claim = packet(`<rdf:Description xmlns:pdfaid="${SPACE}" pdfaid:part="1"/>`);
    expect(rulesOf(withMetadata(Buffer.from(claim), '/Filter /Crypt'))).toEqual(FREE);
    expect(rulesOf(withMetadata(Buffer.from(claim), '/Filter /FlateDecode'))).toEqual(FREE);
  });
});

describe.each(DOCUMENTS)('%s, marked and sealed', (name, document, transparency) => {
  const original = fixture(name);
  const marks = [
    { place: MARK_PLACE, appearance: STRIPES },
    {
      place: { page: 1, xMm: 199, yMm: 150, widthMm: 10, heightMm: 30 },
      appearance: STAR,
      strip: { fromPt: 0, toPt: 33 },
    },
  ];

  it('keeps the rules of its part', () => {
    expect(pdfaFaults(extendedBy(original, incrementOf(original, { marks })), document)).toEqual([]);
  });

  it('keeps them with a seal that is nowhere to be seen', () => {
    const request = { marks: [], signature: signatureRequest({ place: null }) };
    expect(pdfaFaults(extendedBy(original, incrementOf(original, request)), document)).toEqual([]);
  });

  it('keeps them with a document timestamp behind it', () => {
    const sealed = extendedBy(original, incrementOf(original, { marks }));
    const planned = planDocumentTimestamp(openPdf(memorySource(sealed)), 4096, RANDOM);
    expect(pdfaFaults(extendedBy(sealed, planned), document)).toEqual([]);
  });

  it('breaks those of a stricter part only by what it may', () => {
    const faults = pdfaFaults(extendedBy(original, incrementOf(original, { marks })), { part: 1, intent: null });
    expect(faults.some((fault) => fault.includes('6.4'))).toBe(transparency);
  });

  describeTool(['pdftoppm', 'qpdf'], 'as others see it', () => {
    it('shows mark and seal where they were put, and nothing else', () => {
      const [before, after] = [join(folder, `${name}-before.pdf`), join(folder, `${name}-after.pdf`)];
      writeFileSync(before, original);
      writeFileSync(after, extendedBy(original, incrementOf(original, { marks })));
      const places = [...marks.map(({ place }) => place), SEAL_PLACE];
      const { inside, outside } = differences(drawPage(before, 1, folder), drawPage(after, 1, folder), places);
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan(500);
    });
  });
});
