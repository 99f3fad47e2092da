import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { planDocumentTimestamp } from '../../src/pdf/document-timestamp.ts';
import { checkPlanned } from '../../src/pdf/increment-check.ts';
import type { PlannedIncrement } from '../../src/pdf/increment.ts';
import { serialize } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { PdfFile } from '../../src/pdf/revision.ts';
import { opensslSigner } from '../support/openssl-signer.ts';
import { opensslTimestamps } from '../support/openssl-timestamp.ts';
import type { OpensslTimestamps } from '../support/openssl-timestamp.ts';
import { differences, drawPage } from '../support/page-picture.ts';
import { RANDOM, extendedBy, incrementOf, pdfFixture, pdfFixtures, sealFieldOf } from '../support/pdf-files.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-document-timestamp-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const open = (bytes: Uint8Array): PdfFile => openPdf(memorySource(bytes));

/** All but the one whose usage rights bind everybody and grant no new fields. */
const TAKEN = pdfFixtures('extended').filter((name) => name !== 'usage-rights');

function planned(original: Uint8Array): PlannedIncrement {
  const plan = planDocumentTimestamp(open(original), 8192, RANDOM);
  checkPlanned(memorySource(original), plan);
  return plan;
}

describe.each(TAKEN)('%s with a document timestamp', (name) => {
  const original = pdfFixture('extended', name);
  const plan = planned(original);
  const extended = extendedBy(original, plan);

  it('keeps the original bytes and covers all of the file but Contents', () => {
    expect(Buffer.from(extended.subarray(0, original.length)).equals(original)).toBe(true);
    const [start, open, close, rest] = plan.byteRange;
    expect([start, close + rest]).toEqual([0, extended.length]);
    expect(Buffer.from(extended.subarray(open, close)).toString()).toBe(`<${'0'.repeat(16384)}>`);
  });

  it('has one more field, which nobody sees and which tells nothing of a signer', () => {
    const [before, after] = [open(original), open(extended)];
    const field = after.signatureFields().at(-1);
    expect(after.signatureFields().length).toBe(before.signatureFields().length + 1);
    expect(field).toMatchObject({ name: 'Timestamp1', rect: [0, 0, 0, 0] });
    expect(field?.value).toMatchObject({ type: 'DocTimeStamp', subFilter: 'ETSI.RFC3161', name: null, time: null });
    expect(after.style).toBe(before.style);
    expect(after.revisions()).toHaveLength(before.revisions().length + 1);
  });
});

it('is refused where usage rights that bind everybody grant no new fields', () => {
  const plan = (): unknown => planned(pdfFixture('extended', 'usage-rights'));
  expect(plan).toThrow('PDF_SIGNED_LOCKED: usage rights without that to add fields');
});

it('takes a name of its own after each other', () => {
  const once = extendedBy(pdfFixture('extended', 'xref-stream'), planned(pdfFixture('extended', 'xref-stream')));
  expect(planned(once)).toMatchObject({ fieldName: 'Timestamp2', signedBefore: 1 });
});

it('follows a certification that permits no changes, and changes no field, page content or permission', () => {
  const certified = pdfFixture('refused', 'certified-no-changes');
  const [before, after] = [open(certified), open(extendedBy(certified, planned(certified)))];
  expect(serialize(after.get(after.catalog, 'Perms'))).toBe(serialize(before.get(before.catalog, 'Perms')));
  const [first] = after.signatureFields();
  expect(first).toEqual(before.signatureFields()[0]);
  const entriesOf = (pdf: PdfFile): string[] =>
    pdf
      .pages()
      .map(({ dict }) =>
        Array.from(dict.entries, ([key, value]) => (key === 'Annots' ? key : `${key} ${serialize(value)}`)).join(),
      );
  expect(entriesOf(after)).toEqual(entriesOf(before));
});

describeTool(['openssl', 'pdfsig', 'qpdf', 'mutool', 'pdftoppm'], 'with a token of OpenSSL', () => {
  let authority: OpensslTimestamps;
  let sign: ReturnType<typeof opensslSigner>;
  beforeAll(() => {
    authority = opensslTimestamps(folder);
    sign = opensslSigner(folder);
  });

  function stamped(original: Uint8Array): { bytes: Buffer; token: Uint8Array; covered: Buffer } {
    const plan = planned(original);
    const bytes = Buffer.concat([original, plan.bytes]);
    const [, before, from, after] = plan.byteRange;
    const covered = Buffer.concat([bytes.subarray(0, before), bytes.subarray(from, from + after)]);
    const token = authority.stamp(covered);
    bytes.write(Buffer.from(token).toString('hex'), plan.contents.offset, 'latin1');
    return { bytes, token, covered };
  }

  it.each(TAKEN.filter((name) => !name.endsWith('signed-before') && sealFieldOf(name) === null))(
    '%s: a seal under it stays valid',
    (name) => {
      const original = pdfFixture('extended', name);
      const sealed = sign(original, incrementOf(original));
      const { bytes, token, covered } = stamped(sealed);
      const path = file('stamped.pdf', bytes);
      expect(authority.verify(token, covered)).toContain('Verification: OK');
      expect(authority.verify(token, Buffer.concat([covered, Buffer.of(10)]))).toContain('Verification: FAILED');
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
      const { stdout } = runTool('pdfsig', ['-nocert', path]);
      expect(stdout).toMatch(/Signature Type: ETSI\.CAdES\.detached\n[^#]*Signature is Valid/);
      // Its poppler does not know timestamps: it shows whose they are and what they cover; of an encrypted document not even whose,
      // since it decrypts their Contents.
      const whose = name.startsWith('encrypted') ? '' : 'TEST TSA';
      const seen = new RegExp(`Field Name: Timestamp1\\n.*Common Name: ${whose}\\n[^#]*Total document signed`);
      expect(stdout).toMatch(seen);
      expect(stdout.match(/Total document signed/g)).toHaveLength(1);
      const verified = runTool('mutool', ['sign', '-v', path]).stdout;
      expect(verified).toContain('The signature is valid but there have been edits since signing.');
    },
  );

  it('is not seen on any page', () => {
    const original = pdfFixture('extended', 'rotated-cropped');
    const [before, after] = [file('before.pdf', original), file('after.pdf', stamped(original).bytes)];
    for (const page of [1, 2, 3, 4]) {
      const [one, other] = [drawPage(before, page, folder), drawPage(after, page, folder)];
      expect(differences(one, other, [])).toEqual({ inside: 0, outside: 0 });
    }
  });
});
