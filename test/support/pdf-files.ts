/** PDFs for tests: the fixtures by name, and something to draw on them. */
import { readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { signedExtended, signedRefused } from '../../scripts/pdf/signed-pdfs.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { Appearance, IncrementRequest, SignatureRequest } from '../../src/pdf/increment.ts';
import { planIncrement } from '../../src/pdf/increment.ts';
import type { PlannedIncrement } from '../../src/pdf/increment.ts';
import { usePdf } from '../../src/pdf/rebuild.ts';

const folder = join(import.meta.dirname, '../../fixtures/pdf');

/** Extended as they are, extended with a cross-reference of their own, or refused. */
export type FixtureKind = 'extended' | 'repaired' | 'refused';

export function pdfFixturePath(kind: FixtureKind, name: string): string {
  return join(folder, kind, `${name}.pdf`);
}

export function pdfFixture(kind: FixtureKind, name: string): Uint8Array {
  return readFileSync(pdfFixturePath(kind, name));
}

/** Names of all fixtures of a kind. */
export function pdfFixtures(kind: FixtureKind): string[] {
  return readdirSync(join(folder, kind)).map((file) => basename(file, '.pdf'));
}

const STAR_DRAWING = {
  contentFlate: deflateSync(
    '/Rgb CS 1 0 0 SC 4 w 2 2 96 96 re S /Rgb cs 1 0 0 sc 50 90 m 73 18 l 12 62 l 88 62 l 27 18 l f',
  ),
  images: {},
};

/** A frame and a star, red. */
export const STAR: Appearance = { title: 'Star', widthPt: 100, heightPt: 100, ink: STAR_DRAWING, opaque: STAR_DRAWING };

const STRIPES_CONTENT = deflateSync('40 0 0 50 0 0 cm /Im Do');
const STRIPES_IMAGE = {
  kind: 'samples',
  width: 4,
  height: 5,
  colorSpace: { indexed: Uint8Array.of(200, 0, 0, 255, 255, 255) },
  flate: deflateSync(Uint8Array.from({ length: 20 }, (_, i) => i % 2)),
} as const;

/** A striped picture, half transparent; opaque with every second row left out. */
export const STRIPES: Appearance = {
  title: 'Stripes',
  widthPt: 40,
  heightPt: 50,
  ink: {
    contentFlate: STRIPES_CONTENT,
    images: { Im: { ...STRIPES_IMAGE, alpha: deflateSync(new Uint8Array(20).fill(128)) } },
  },
  opaque: {
    contentFlate: STRIPES_CONTENT,
    images: { Im: { ...STRIPES_IMAGE, mask: { width: 8, height: 2, flate: deflateSync(Uint8Array.of(0, 255)) } } },
  },
};

/** Where `incrementOf` puts things: both fit on every fixture's first page. */
export const MARK_PLACE = { page: 1, xMm: 15, yMm: 15, widthMm: 14, heightMm: 18, rotationDeg: 7 };
export const SEAL_PLACE = { page: 1, xMm: 60, yMm: 60, widthMm: 42, heightMm: 42 };

export function signatureRequest(change: Partial<SignatureRequest> = {}): SignatureRequest {
  return {
    fieldName: null,
    place: SEAL_PLACE,
    appearance: STAR,
    signerName: '测试 TEST',
    time: new Date('2023-06-15T04:00:00Z'),
    contentsBytes: 4096,
    ...change,
  };
}

/** What differs from `incrementOf`'s own request: a signed fixture gets the seal only, one with a field for it gets it there. */
export function requestFor(name: string): Partial<IncrementRequest> {
  if (name.endsWith('signed-before')) return { marks: [] };
  const fieldName = sealFieldOf(name);
  return fieldName === null ? {} : { marks: [], signature: signatureRequest({ fieldName, place: null }) };
}

/** The empty signature field that a fixture's seal goes into; null: into one of its own. */
export function sealFieldOf(name: string): string | null {
  return name in signedExtended || name in signedRefused ? 'Second' : null;
}

/** One mark and a seal on page 1, unless told otherwise. */
export function incrementOf(original: Uint8Array, change: Partial<IncrementRequest> = {}): PlannedIncrement {
  const request: IncrementRequest = {
    marks: [{ place: MARK_PLACE, appearance: STRIPES }],
    signature: signatureRequest(),
    ...change,
  };
  return usePdf(memorySource(original), (pdf) => planIncrement(pdf, request, RANDOM));
}

export const RANDOM = Uint8Array.from({ length: 16 }, (_, i) => 0xf0 + i);

export function extendedBy(original: Uint8Array, { bytes }: PlannedIncrement): Uint8Array {
  return Buffer.concat([original, bytes]);
}
