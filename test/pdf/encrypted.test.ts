/** Documents that qpdf encrypted, extended here and judged by programs of other people: none of the keys and few of the bytes are ours. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { toHex } from '../../src/bytes.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { planSecurityStore, readSecurityStore } from '../../src/pdf/dss.ts';
import { isKind, textOf } from '../../src/pdf/object.ts';
import type { PdfObject } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { codeOf } from '../support/app-error.ts';
import { opensslSigner } from '../support/openssl-signer.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import {
  MARK_PLACE,
  RANDOM,
  SEAL_PLACE,
  STAR,
  STRIPES,
  extendedBy,
  incrementOf,
  pdfFixturePath,
  signatureRequest,
} from '../support/pdf-files.ts';
import { describeShared } from '../support/shared.ts';
import { fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-encrypted-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

function open(bytes: Uint8Array): PdfFile {
  return openPdf(memorySource(bytes));
}

/** Every way in which qpdf encrypts. */
const MODES: Readonly<Record<string, readonly string[]>> = {
  'RC4, 40 bits': ['40', '--'],
  'RC4, 128 bits': ['128', '--use-aes=n', '--'],
  'RC4, 128 bits, as a crypt filter': ['128', '--use-aes=n', '--force-V4', '--'],
  'RC4, 128 bits, metadata in the clear': ['128', '--use-aes=n', '--force-V4', '--cleartext-metadata', '--'],
  'AES, 128 bits': ['128', '--use-aes=y', '--'],
  'AES, 128 bits, metadata in the clear': ['128', '--use-aes=y', '--cleartext-metadata', '--'],
  'AES, 128 bits, objects in streams': ['128', '--use-aes=y', '--', '--object-streams=generate'],
  'AES, 256 bits': ['256', '--'],
  'AES, 256 bits, revision 5': ['256', '--force-R5', '--'],
  'AES, 256 bits, metadata in the clear': ['256', '--cleartext-metadata', '--'],
  'AES, 256 bits, objects in streams': ['256', '--', '--object-streams=generate'],
  'AES, 256 bits, linearized': ['256', '--', '--linearize'],
};

function encrypt(source: string, options: readonly string[], userPassword = ''): Buffer {
  const out = join(folder, 'encrypted.pdf');
  const args = ['--allow-weak-crypto', '--encrypt', userPassword, 'owner', ...options, source, out];
  const { status, stderr } = runTool('qpdf', args);
  if (status !== 0) throw new Error(`qpdf: ${stderr}`);
  return readFileSync(out);
}

/** What qpdf makes of the bytes without their encryption, its streams as they were. */
function decrypted(bytes: Uint8Array): Uint8Array {
  const [source, out] = [file('to-decrypt.pdf', bytes), join(folder, 'decrypted.pdf')];
  const options = ['--decrypt', '--stream-data=preserve', '--object-streams=disable'];
  expect(runTool('qpdf', [...options, source, out])).toMatchObject({ status: 0, stderr: '' });
  return readFileSync(out);
}

/** An object and all it leads to, whatever the objects' numbers: the n-th object met is told as n. */
function shown(pdf: PdfFile, object: PdfObject, seen = new Map<number, number>()): unknown {
  if (isKind(object, 'ref')) {
    const met = seen.get(object.number);
    if (met !== undefined) return `object met as ${met}`;
    seen.set(object.number, seen.size);
    return shown(pdf, pdf.getObject(object), seen);
  }
  if (isKind(object, 'array')) return object.items.map((item) => shown(pdf, item, seen));
  if (isKind(object, 'string')) return Buffer.from(object.bytes).toString('latin1');
  if (isKind(object, 'stream')) {
    return [shown(pdf, object.dict, seen), Buffer.from(pdf.rawData(object)).toString('latin1')];
  }
  if (!isKind(object, 'dict')) return object;
  const entries = [...object.entries].filter(([key]) => key !== 'Length').toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, value]) => [key, shown(pdf, value, seen)]));
}

const SOURCES: Readonly<Record<string, string>> = {
  'a page': pdfFixturePath('extended', 'classic-table'),
  'turned pages': pdfFixturePath('extended', 'rotated-cropped'),
  'an indirect form': pdfFixturePath('extended', 'form-indirect'),
  'an agreement': fixture('agreements', 'three-parties.pdf'),
};
const CASES = Object.keys(MODES).flatMap((mode) => Object.keys(SOURCES).map((source) => ({ mode, source })));

describeTool(['qpdf', 'pdfsig', 'mutool', 'pdftoppm', 'openssl'], 'a document that qpdf encrypted', () => {
  let sign: ReturnType<typeof opensslSigner>;
  beforeAll(() => {
    sign = opensslSigner(folder);
  });

  it.each(CASES)('is extended so that nobody finds a fault: $mode, $source', ({ mode, source }) => {
    const original = encrypt(SOURCES[source] ?? '', MODES[mode] ?? []);
    const request = { signature: signatureRequest({ reason: '调解', location: 'Anywhere' }) };
    const once = sign(original, incrementOf(original, request));
    const twice = sign(once, incrementOf(once, { ...request, marks: [] }));
    const path = file('extended.pdf', twice);
    expect(Buffer.from(twice.subarray(0, original.length)).equals(original)).toBe(true);

    expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    const { stdout } = runTool('pdfsig', ['-nocert', path]);
    expect(stdout.match(/Signature is Valid/g)).toHaveLength(2);
    expect(stdout.match(/Total document signed/g)).toHaveLength(1);
    const verified = runTool('mutool', ['sign', '-v', path]).stdout;
    expect(verified.match(/signature is valid|unchanged since signing/g)?.length).toBe(2);

    const before = drawPage(file('before.pdf', original), 1, folder);
    const { inside, outside } = differences(before, drawPage(path, 1, folder), [MARK_PLACE, SEAL_PLACE]);
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(500);
  });

  it.each(Object.keys(MODES))('says after qpdf’s decryption what was written and nothing else: %s', (mode) => {
    const original = encrypt(SOURCES['an agreement'] ?? '', MODES[mode] ?? []);
    const request = { signature: signatureRequest({ reason: '调解', location: 'Anywhere' }) };
    const extended = extendedBy(original, incrementOf(original, request));
    const theirs = open(decrypted(extended));
    expect(theirs.encryption).toBeNull();
    const [field] = theirs.signatureFields();
    expect(field).toMatchObject({
      name: 'Signature1',
      value: { name: '测试 TEST', reason: '调解', location: 'Anywhere' },
    });
    expect(field?.value?.contents?.bytes).toEqual(new Uint8Array(4096));
    const page = theirs.page(1);
    const resources = theirs.resolve(page.attributes.Resources);
    const forms = isKind(resources, 'dict') ? theirs.get(resources, 'XObject') : null;
    const mark = isKind(forms, 'dict') ? theirs.get(forms, 'ZyMark1') : null;
    if (!isKind(mark, 'stream')) throw new Error('the mark is not there');
    const title = theirs.get(mark.dict, 'Title');
    expect(isKind(title, 'string') && textOf(title)).toBe(STRIPES.title);
    expect(inflateSync(theirs.rawData(mark))).toEqual(inflateSync(STRIPES.ink.contentFlate));

    // All of it, and all that was there before: the same through qpdf as through our own reader.
    const ours = open(extended);
    expect(ours.encryption).not.toBeNull();
    expect(shown(theirs, theirs.catalogRef)).toEqual(shown(ours, ours.catalogRef));
  });

  it('has nothing of it in the clear', () => {
    const original = encrypt(SOURCES['a page'] ?? '', MODES['AES, 256 bits'] ?? []);
    const { bytes } = incrementOf(original, {
      signature: signatureRequest({ reason: 'a reason', location: 'Anywhere' }),
    });
    const written = Buffer.from(bytes);
    const clear = ['Signature1', 'a reason', 'Anywhere', 'D:2023', Buffer.from(STAR.ink.contentFlate)];
    expect(clear.filter((text) => written.includes(text))).toEqual([]);
    expect(written.includes(toHex(RANDOM))).toBe(true);
  });

  it.each(Object.keys(MODES))('takes a security store: %s', (mode) => {
    const original = encrypt(SOURCES['a page'] ?? '', MODES[mode] ?? []);
    const store = {
      certificates: [Uint8Array.of(0x30, 3, 2, 1, 1)],
      crls: [],
      ocsps: [new Uint8Array(300).fill(0x30)],
    };
    const plan = planSecurityStore(open(original), store, RANDOM);
    const extended = Buffer.concat([original, plan?.bytes ?? new Uint8Array(0)]);
    expect(runTool('qpdf', ['--check', file('store.pdf', extended)])).toMatchObject({ status: 0, stderr: '' });
    for (const pdf of [open(extended), open(decrypted(extended))]) {
      const read = readSecurityStore(pdf);
      expect(read.certificates.map((der) => Uint8Array.from(der))).toEqual(store.certificates);
      expect(read.ocsps.map((der) => Uint8Array.from(der))).toEqual(store.ocsps);
    }
  });

  it.each(Object.keys(MODES))('is put together again where its cross-reference is broken: %s', (mode) => {
    const whole = encrypt(SOURCES['an agreement'] ?? '', MODES[mode] ?? []);
    const text = whole.toString('latin1');
    const broken = Buffer.from(
      text.replace(/\d+(?=\n%%EOF\n$)/, (digits) => '7'.repeat(digits.length)),
      'latin1',
    );
    expect(codeOf(() => open(broken))).toBe('PDF_XREF_BROKEN');
    const plan = incrementOf(broken);
    const path = file('rebuilt.pdf', extendedBy(broken, plan));
    expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
    const before = drawPage(file('before.pdf', whole), 1, folder);
    const { inside, outside } = differences(before, drawPage(path, 1, folder), [MARK_PLACE, SEAL_PLACE]);
    expect(outside).toBe(0);
    expect(inside).toBeGreaterThan(500);
  });

  it.each(Object.keys(MODES))('is refused under a password: %s', (mode) => {
    const locked = encrypt(SOURCES['a page'] ?? '', MODES[mode] ?? [], 'secret');
    expect(codeOf(() => open(locked))).toBe('PDF_ENCRYPTED');
  });

  it('is refused for its restrictions by nobody, and told of', () => {
    const restricted = encrypt(SOURCES['a page'] ?? '', ['256', '--modify=none', '--']);
    expect(incrementOf(restricted).overridesPermissions).toBe(true);
    const forms = encrypt(SOURCES['a page'] ?? '', ['256', '--modify=form', '--']);
    expect(open(forms).encryption?.permissions).toEqual({ changePages: false, addFields: false, fillFields: true });
  });
});

describeShared('encrypted files of the world', (shared) => {
  const wild = (name: string): Uint8Array => readFileSync(join(shared, 'data/pdf/wild', `${name}.pdf`));

  it.each(['bug1782186', 'issue6010_2', 'print_protection'])('%s needs a password', (name) => {
    expect(codeOf(() => open(wild(name)))).toBe('PDF_ENCRYPTED');
  });

  describeTool(['qpdf', 'pdftoppm'], 'qpdf', () => {
    it.each([
      ['issue17215', true],
      ['issue7665', false],
    ])('finds no fault in %s, extended', (name, overridesPermissions) => {
      const original = wild(name);
      const place = { page: 1, xMm: 8, yMm: 8, widthMm: 10, heightMm: 10 };
      const mark = { place: { ...place, xMm: 25 }, appearance: STRIPES };
      const plan = incrementOf(original, { marks: [mark], signature: signatureRequest({ place }) });
      expect(plan.overridesPermissions).toBe(overridesPermissions);
      const path = file(`${name}.pdf`, extendedBy(original, plan));
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0 });
      const before = drawPage(file('wild.pdf', original), 1, folder);
      const { inside, outside } = differences(before, drawPage(path, 1, folder), [place, mark.place]);
      expect(outside).toBe(0);
      expect(inside).toBeGreaterThan(50);
    });
  });
});
