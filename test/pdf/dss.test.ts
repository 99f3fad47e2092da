import { deflateSync } from 'node:zlib';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { planSecurityStore, readSecurityStore } from '../../src/pdf/dss.ts';
import type { SecurityStore } from '../../src/pdf/dss.ts';
import { checkStored } from '../../src/pdf/increment-check.ts';
import { serialize } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { codeOf } from '../support/app-error.ts';
import { RANDOM, incrementOf, pdfFixture, pdfFixtures } from '../support/pdf-files.ts';
import { fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-dss-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const open = (bytes: Uint8Array): PdfFile => openPdf(memorySource(bytes));
const certificate = (name: string): Uint8Array => parseCertificate(readFileSync(fixture('pki', `${name}.pem`))).der;
const STORE: SecurityStore = {
  certificates: [certificate('committee'), certificate('intermediate'), certificate('root')],
  crls: [new Uint8Array(3000).fill(7)],
  ocsps: [Uint8Array.of(0x30, 0x03, 0x0a, 0x01, 0x06)],
};
const NOTHING: SecurityStore = { certificates: [], crls: [], ocsps: [] };

/** The document with the store in it, checked as the pipeline checks it. */
function stored(original: Uint8Array, store: SecurityStore): Uint8Array {
  const planned = planSecurityStore(open(original), store, RANDOM);
  if (planned === null) throw new Error('nothing is missing');
  checkStored(memorySource(original), planned);
  return Buffer.concat([original, planned.bytes]);
}

const plain = (store: SecurityStore): Record<string, string[]> => {
  const hex = (list: readonly Uint8Array[]): string[] => list.map((bytes) => Buffer.from(bytes).toString('hex'));
  return { certificates: hex(store.certificates), crls: hex(store.crls), ocsps: hex(store.ocsps) };
};

/** A page, and a catalog with these entries; `add` writes further objects, from 4 on. */
function documentWith(catalog: string, add: (pdf: RawPdf) => void = () => {}, version = '1.7'): Uint8Array {
  const pdf = new RawPdf(`%PDF-${version}\n`);
  pdf.object(1, `<< /Type /Catalog /Pages 2 0 R ${catalog} >>`);
  pdf.object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>');
  pdf.object(3, '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>');
  add(pdf);
  return pdf.table('/Size 20 /Root 1 0 R').end().bytes();
}

describe.each(pdfFixtures('extended'))('%s with a security store', (name) => {
  const original = pdfFixture('extended', name);
  const extended = stored(original, STORE);

  it('holds what was put in, behind the bytes that were there', () => {
    expect(plain(readSecurityStore(open(extended)))).toEqual(plain(STORE));
    expect(Buffer.from(extended.subarray(0, original.length)).equals(original)).toBe(true);
    expect(plain(readSecurityStore(open(original)))).toEqual(plain(NOTHING));
  });

  it('has one more revision, in the style of the newest', () => {
    const [before, after] = [open(original), open(extended)];
    expect(after.style).toBe(before.style);
    expect(after.revisions()).toHaveLength(before.revisions().length + 1);
    expect(after.pages().length).toBe(before.pages().length);
  });

  it('is extended by what it lacks only', () => {
    const more = {
      ...NOTHING,
      certificates: [...STORE.certificates, certificate('committee')],
      ocsps: [Uint8Array.of(1, 2)],
    };
    const twice = stored(extended, more);
    expect(plain(readSecurityStore(open(twice)))).toEqual(
      plain({ ...STORE, ocsps: [...STORE.ocsps, Uint8Array.of(1, 2)] }),
    );
    expect(planSecurityStore(open(twice), STORE, RANDOM)).toBeNull();
    expect(twice.length - extended.length).toBeLessThan(2000);
  });
});

describe('a store that is there already', () => {
  const ocsp = '30030a0106';
  const read = (catalog: string, add?: (pdf: RawPdf) => void): SecurityStore =>
    readSecurityStore(open(documentWith(catalog, add)));

  it('keeps its objects, its /VRI, and entries that nobody here knows', () => {
    const vri = '/VRI << /AB12 << /OCSP [6 0 R] >> >>';
    const original = documentWith('/DSS 4 0 R', (pdf) => {
      pdf.object(4, `<< /Type /DSS /OCSPs 5 0 R ${vri} /Own (kept) >>`).object(5, '[6 0 R]');
      pdf.stream(6, Buffer.from(ocsp, 'hex'));
    });
    const after = open(stored(original, STORE));
    const dss = after.get(after.catalog, 'DSS');
    expect(after.catalog.entries.get('DSS')).toEqual({ kind: 'ref', number: 4, generation: 0 });
    expect(serialize(dss)).toContain('/VRI << /AB12 << /OCSP [6 0 R] >> >> /Own (kept)');
    expect(serialize(dss)).toContain('/OCSPs 5 0 R');
    expect(plain(readSecurityStore(after))).toEqual(plain(STORE));
  });

  it('is extended where it stands in the catalog itself, and where that is in an object stream', () => {
    const direct = documentWith('/DSS << /OCSPs [5 0 R] >>', (pdf) => pdf.stream(5, Buffer.from(ocsp, 'hex')));
    expect(plain(readSecurityStore(open(stored(direct, STORE))))).toEqual(plain(STORE));
  });

  it.each<[string, string, (pdf: RawPdf) => void]>([
    ['deflated', 'Filter', (pdf) => pdf.stream(5, deflateSync(Buffer.from(ocsp, 'hex')), '/Filter /FlateDecode')],
    ['as it is', 'none', (pdf) => pdf.stream(5, Buffer.from(ocsp, 'hex'))],
  ])('is read %s', (_, __, add) => {
    expect(plain(read('/DSS << /OCSPs [5 0 R] >>', add))).toEqual(plain({ ...NOTHING, ocsps: STORE.ocsps }));
  });

  it.each<[string, string, (pdf: RawPdf) => void]>([
    ['no dictionary', '/DSS 7', () => {}],
    ['a list that is none', '/DSS << /OCSPs (x) >>', () => {}],
    ['an entry that is no stream', '/DSS << /OCSPs [5 0 R 9 0 R null (x)] >>', (pdf) => pdf.object(5, '(x)')],
    ['an unknown filter', '/DSS << /OCSPs [5 0 R] >>', (pdf) => pdf.stream(5, 'x', '/Filter /JBIG2Decode')],
    ['damaged data', '/DSS << /OCSPs [5 0 R] >>', (pdf) => pdf.stream(5, 'not deflated', '/Filter /FlateDecode')],
    ['data in another file', '/DSS << /OCSPs [5 0 R] >>', (pdf) => pdf.stream(5, 'x', '/F (elsewhere)')],
    ['a wrong length', '/DSS << /OCSPs [5 0 R] >>', (pdf) => pdf.stream(5, 'x', '', '1000000')],
  ])('that has %s is read as empty', (_, catalog, add) => {
    expect(plain(read(catalog, add))).toEqual(plain(NOTHING));
  });

  it('whose entry cannot be read gains the entry anew', () => {
    const original = documentWith('/DSS << /OCSPs [5 0 R] >>', (pdf) => pdf.stream(5, 'x', '/Filter /JBIG2Decode'));
    expect(plain(readSecurityStore(open(stored(original, STORE))))).toEqual(plain(STORE));
  });

  it.each([
    ['a store that is no dictionary', '/DSS (x)'],
    ['a list that is no array', '/DSS << /Certs (x) >>'],
    ['a key given twice', '/DSS << /OCSPs [] /OCSPs [] >>'],
  ])('is not extended with %s', (_, catalog) => {
    expect(codeOf(() => planSecurityStore(open(documentWith(catalog)), STORE, RANDOM))).toBe('PDF_SHAPE_UNSUPPORTED');
  });

  it('of more entries, or more bytes, than anyone needs is refused', () => {
    const many = documentWith(`/DSS << /CRLs [${'5 0 R '.repeat(1001)}] >>`, (pdf) => pdf.stream(5, 'x'));
    expect(codeOf(() => readSecurityStore(open(many)))).toBe('PDF_LIMIT');
    const bomb = deflateSync(new Uint8Array(40_000_000));
    const large = documentWith('/DSS << /CRLs [5 0 R 5 0 R] >>', (pdf) => pdf.stream(5, bomb, '/Filter /FlateDecode'));
    expect(codeOf(() => readSecurityStore(open(large)))).toBe('PDF_LIMIT');
  });
});

it('changes nothing of the catalog but where the store is', () => {
  const original = documentWith('/Extensions << /ADBE << /BaseVersion /1.7 /ExtensionLevel 8 >> >> /Own (kept)');
  const [before, after] = [open(original), open(stored(original, STORE))];
  const entriesOf = ({ catalog }: PdfFile): string[] =>
    Array.from(catalog.entries, ([key, value]) => `${key} ${serialize(value)}`).filter(
      (entry) => !entry.startsWith('DSS'),
    );
  expect(entriesOf(after)).toEqual(entriesOf(before));
});

describe('what was planned', () => {
  const original = documentWith('');
  const planned = planSecurityStore(open(original), STORE, RANDOM)!;

  it.each([
    ['lacks an entry', { ...planned, added: { ...planned.added, crls: [Uint8Array.of(1)] } }],
    ['is cut short', { ...planned, bytes: planned.bytes.subarray(0, -8) }],
    ['has something behind it', { ...planned, bytes: Buffer.concat([planned.bytes, Buffer.from('% more\n')]) }],
  ])('is not believed where it %s', (_, changed) => {
    const code = codeOf(() => checkStored(memorySource(original), changed));
    expect(['SEAL_SELF_CHECK', 'PDF_TRUNCATED']).toContain(code);
  });

  it('is not believed where it adds a signature', () => {
    const original = pdfFixture('extended', 'classic-table');
    const { bytes, originalBytes } = incrementOf(original);
    const check = (): void => checkStored(memorySource(original), { bytes, originalBytes, added: NOTHING });
    expect(check).toThrow('SEAL_SELF_CHECK: the signatures are others');
  });
});

describeTool(['qpdf', 'mutool'], 'qpdf and mutool', () => {
  it.each(pdfFixtures('extended'))('find no fault in %s with a store that was extended', (name) => {
    const once = stored(pdfFixture('extended', name), { ...STORE, crls: [] });
    const path = file(`${name}.pdf`, stored(once, STORE));
    const check = runTool('qpdf', ['--check', path]);
    expect({ ...check, stderr: check.stderr }).toMatchObject({ status: 0, stderr: '' });
    const info = runTool('mutool', ['info', path]);
    expect(info.status).toBe(0);
    expect(info.stderr.replaceAll(/.*ICC support is not available\n/g, '')).toBe('');
    const shown = runTool('mutool', ['show', path, 'trailer/Root/DSS']).stdout;
    expect(shown).toMatch(/\/Certs \[[^\]]*R [^\]]*R [^\]]*R ?\]/);
  });

  it('read the entries as they were put in', () => {
    const path = file('entries.pdf', stored(pdfFixture('extended', 'xref-stream'), STORE));
    const reference = /\/Certs \[ ?(\d+) 0 R/.exec(runTool('mutool', ['show', path, 'trailer/Root/DSS']).stdout)?.[1];
    const output = join(folder, 'entry.der');
    runTool('mutool', ['show', '-b', '-o', output, path, reference ?? '']);
    expect(readFileSync(output).equals(STORE.certificates[0]!)).toBe(true);
  });
});
