import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import { concatBytes } from '../../src/bytes.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { pdfDict, serialize } from '../../src/pdf/object.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { verifyPdf } from '../../src/verify/verify-pdf.ts';
import { FormHouse } from '../support/form-house.ts';
import { describeShared } from '../support/shared.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeTool } from '../support/tools.ts';

const NOW = new Date();
const ORIGINAL = fixture('agreements', 'one-page.pdf');
/** A second seal goes where the first one kept a place for it. */
const EXPECTED = { name: 'Second', placement: { page: 1, xMm: 60, yMm: 60 } };

let house: SealingHouse;
let original: Uint8Array;
let sealed: Uint8Array;
let root: Certificate;

beforeAll(async () => {
  house = await openSealing();
  original = await readFile(ORIGINAL);
  // A Buffer's slice() is a view, and changing it would change what all tests share.
  sealed = Uint8Array.from((await house.seal(ORIGINAL)).bytes);
  root = parseCertificate(await readFile(house.pki.rootPem));
});
afterAll(() => house[Symbol.asyncDispose]());

function verify(bytes: Uint8Array, roots: readonly Certificate[] = [root]): VerificationReport {
  return verifyPdf(memorySource(bytes), { roots, now: NOW });
}

function codes(report: VerificationReport): string[] {
  return report.reasons.map(({ code }) => code);
}

/** Where Contents stands: from its `<` to after its `>`. */
function contentsOf(bytes: Uint8Array): { start: number; end: number } {
  const text = Buffer.from(bytes).toString('latin1');
  const [, before, from] = /\/ByteRange ?\[ ?0 +(\d+) +(\d+)/.exec(text) ?? [];
  return { start: Number(before), end: Number(from) };
}

function latin1(text: string): Uint8Array {
  return Buffer.from(text, 'latin1');
}

describe('a document as it was sealed', () => {
  it('is VALID with its root configured, and says who sealed it, when, and what the seal covers', () => {
    const report = verify(sealed);
    expect(report).toMatchObject({ verdict: 'VALID', integrity: 'INTACT', trust: 'TRUSTED', reasons: [] });
    expect(report.signatures).toHaveLength(1);
    expect(report.signatures[0]).toMatchObject({
      kind: 'seal',
      integrity: 'INTACT',
      trust: 'TRUSTED',
      coversWholeFile: true,
      changesAfter: [],
    });
    expect(report.signatures[0]?.signer).toContain('示例村人民调解委员会');
    expect(Math.abs(Date.parse(report.signatures[0]?.claimedAt ?? '') - NOW.getTime())).toBeLessThan(60_000);
    expect(report.revisions.at(-1)).toMatchObject({ bytes: sealed.length, signedBy: report.signatures[0]?.field });
  });

  it('is INDETERMINATE without its root: unchanged, but by nobody known', () => {
    const report = verify(sealed, []);
    expect(report).toMatchObject({ verdict: 'INDETERMINATE', integrity: 'INTACT', trust: 'UNTRUSTED' });
    expect(codes(report)).toEqual(['CHAIN_INCOMPLETE']);
  });

  it('is INDETERMINATE while the time that it claims has not come, but for a clock that is off by hours', () => {
    const at = (daysAgo: number): VerificationReport => {
      const now = new Date(NOW.getTime() - daysAgo * 86_400_000);
      return verifyPdf(memorySource(sealed), { roots: [root], now });
    };
    expect(at(0.9).verdict).toBe('VALID');
    expect(at(1.1)).toMatchObject({ verdict: 'INDETERMINATE', integrity: 'INTACT', trust: 'UNTRUSTED' });
    expect(codes(at(1.1))).toEqual(['CLAIMED_TIME_AHEAD']);
  });

  it('is VALID after a second seal, of which the first one’s report tells', async () => {
    const { path } = await house.seal(ORIGINAL, { expect: [EXPECTED] });
    const again = await house.seal(path);
    const report = verify(again.bytes);
    expect(report).toMatchObject({ verdict: 'VALID', reasons: [] });
    expect(report.signatures).toMatchObject([
      { field: EXPECTED.name, integrity: 'INTACT', coversWholeFile: true, changesAfter: [] },
      {
        integrity: 'INTACT',
        coversWholeFile: false,
        changesAfter: [{ code: 'SIGNATURE_ADDED', page: 1, allowed: true }],
      },
    ]);
  });

  it('is INDETERMINATE after a second seal by a stranger: both are unchanged, one is nobody’s that is known', async () => {
    const { path } = await house.seal(ORIGINAL, { expect: [EXPECTED] });
    await using stranger = await openSealing();
    const again = await stranger.seal(path);
    const report = verify(again.bytes);
    expect(report).toMatchObject({ verdict: 'INDETERMINATE', integrity: 'INTACT', trust: 'UNTRUSTED' });
    expect(report.signatures).toMatchObject([
      { integrity: 'INTACT', trust: 'UNTRUSTED' },
      { integrity: 'INTACT', trust: 'TRUSTED' },
    ]);
  });

  it('is NO_SIGNATURE before it was sealed', () => {
    expect(verify(original)).toMatchObject({ verdict: 'NO_SIGNATURE', integrity: 'NONE', trust: 'NONE' });
  });

  it('has the original as its exact prefix, so that cutting it back gives NO_SIGNATURE', () => {
    expect(verify(sealed.subarray(0, original.length)).verdict).toBe('NO_SIGNATURE');
  });
});

describe('a document that was changed', () => {
  it('is never VALID with one byte changed, but for the case of a hexadecimal digit of Contents', () => {
    const { start, end } = contentsOf(sealed);
    const offsets = fc.integer({ min: 0, max: sealed.length - 1 });
    fc.assert(
      fc.property(offsets, fc.integer({ min: 1, max: 255 }), (offset, flip) => {
        const changed = sealed.slice();
        changed[offset] = (changed[offset] ?? 0) ^ flip;
        const isDigitCase = offset > start && offset < end - 1 && flip === 0x20 && (changed[offset] ?? 0) > 0x40;
        if (!isDigitCase) expect(verify(changed).verdict).not.toBe('VALID');
      }),
      { numRuns: 300 },
    );
  });

  it('is INVALID with one byte of the original changed', () => {
    const changed = sealed.slice();
    changed[original.length >> 1] = (changed[original.length >> 1] ?? 0) ^ 1;
    const report = verify(changed);
    expect(report).toMatchObject({ verdict: 'INVALID', integrity: 'BROKEN' });
    expect(codes(report)).toContain('DIGEST_WRONG');
  });

  it('is never VALID when cut off anywhere', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: sealed.length - 1 }), (length) => {
        expect(verify(sealed.subarray(0, length)).verdict).not.toBe('VALID');
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['a line feed', '\n'],
    ['a comment', '% harmless\n'],
    ['an object that no xref section reaches', '99 0 obj <</Type /Page>> endobj\n'],
    ['half a revision', '5 0 obj <<>> endobj\nxref\n0 0\n'],
  ])('is INVALID with %s behind it', (_, addition) => {
    const report = verify(concatBytes(sealed, latin1(addition)));
    expect(report).toMatchObject({ verdict: 'INVALID', integrity: 'BROKEN', trust: 'TRUSTED' });
    expect(codes(report)).toContain('CHANGED_AFTER_SIGNATURE');
    expect(report.signatures[0]).toMatchObject({ coversWholeFile: false });
  });

  it('tells of an earlier signature that was taken out before it was sealed anew', async () => {
    const { path, bytes } = await house.seal(ORIGINAL);
    const pdf = openPdf(memorySource(bytes));
    const kept = [...pdf.catalog.entries].filter(([key]) => key !== 'AcroForm' && key !== 'Perms');
    const catalog = pdfDict(new Map(kept));
    const { number } = pdf.catalogRef;
    const object = `${number} 0 obj\n${serialize(catalog)}\nendobj\n`;
    const entry = `${String(bytes.length).padStart(10, '0')} 00000 n \n`;
    const trailer = `trailer\n<< /Size ${pdf.maxObjectNumber + 1} /Root ${number} 0 R /Prev ${pdf.startxref} >>\n`;
    const end = `startxref\n${bytes.length + object.length}\n%%EOF\n`;
    await writeFile(path, concatBytes(bytes, latin1(`${object}xref\n${number} 1\n${entry}${trailer}${end}`)));
    const report = verify((await house.seal(path, { seal: { page: 1, xMm: 60, yMm: 60 } })).bytes);
    expect(report).toMatchObject({ verdict: 'VALID', signatures: [{ coversWholeFile: true }] });
    expect(codes(report)).toEqual(['EARLIER_SIGNATURE_REMOVED']);
  });

  it('is INVALID when the ByteRange leaves out a byte more than Contents', () => {
    const { start, end } = contentsOf(sealed);
    const text = Buffer.from(sealed).toString('latin1');
    const shifted = text.replace(`0 ${start} ${end} `, `0 ${start} ${end + 1} `);
    expect(shifted).not.toBe(text);
    expect(codes(verify(latin1(shifted)))).toContain('BYTE_RANGE_INVALID');
  });

  it('is trusted by nobody where its signature names nobody', () => {
    const { start, end } = contentsOf(sealed);
    const emptied = sealed.slice();
    emptied.fill(0x30, start + 1, end - 1);
    const report = verify(emptied);
    expect(codes(report)).toEqual(['CMS_INVALID']);
    expect(report).toMatchObject({ verdict: 'INVALID', integrity: 'BROKEN', trust: 'UNTRUSTED' });
    expect(report.signatures).toMatchObject([{ signer: null, trust: 'UNTRUSTED' }]);
  });

  it.each([' ', '  '])('is INVALID when Contents holds white space, which no digest covers: %j', (space) => {
    const { end } = contentsOf(sealed);
    const changed = sealed.slice();
    changed.set(latin1(space), end - 3);
    expect(codes(verify(changed))).toContain('CONTENTS_INVALID');
  });
});

describeTool('openssl', 'objects that no cross-reference reaches, in what was signed', () => {
  let forms: FormHouse;
  beforeAll(() => {
    forms = new FormHouse();
  });
  afterAll(() => forms[Symbol.dispose]());
  const other = '4 0 obj\n<< /Length 3 >>\nstream\nfoo\nendstream\nendobj\n';

  it('are told of, and break nothing', () => {
    const report = forms.verify(forms.signed({ stray: other }));
    expect(report).toMatchObject({ verdict: 'VALID', integrity: 'INTACT' });
    expect(report.reasons.map(({ code, message }) => [code, message.slice(-3)])).toEqual([
      ['UNREFERENCED_CONTENT', '(1)'],
    ]);
  });

  it('are none inside of what is reached', () => {
    const inside = { 40: `<< /Length ${other.length} >>\nstream\n${other}\nendstream` };
    expect(forms.verify(forms.signed({ objects: inside }))).toMatchObject({ verdict: 'VALID', reasons: [] });
    expect(forms.verify(forms.signed({ style: 'stream' }))).toMatchObject({ verdict: 'VALID', reasons: [] });
  });

  it('break the signature where readers may find the cross-reference broken and look for objects themselves', () => {
    expect(forms.verify(forms.signed({ style: 'short-table' }))).toMatchObject({ verdict: 'VALID', reasons: [] });
    for (const stray of [other, '99 0 obj\n<< >>\nendobj\n']) {
      const report = forms.verify(forms.signed({ style: 'short-table', stray }));
      expect(report).toMatchObject({ verdict: 'INVALID', integrity: 'BROKEN' });
      expect(codes(report)).toContain('READERS_DISAGREE');
    }
  });
});

describe('a document of more signatures than anyone makes', () => {
  it.each([
    [200, 'INVALID'],
    [201, 'UNREADABLE'],
  ])('%d of them: %s', (count, verdict) => {
    const fields = Array.from({ length: count }, (_, i) => `<< /FT /Sig /T (S${i}) /V 3 0 R >>`).join(' ');
    const pdf = new RawPdf().object(1, `<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [${fields}] >> >>`);
    pdf.object(2, '<< /Type /Pages /Kids [] /Count 0 >>').object(3, '<< /Type /Sig /Contents <00> >>');
    expect(verify(pdf.table('/Size 4 /Root 1 0 R').end().bytes()).verdict).toBe(verdict);
  });
});

describe('what is no PDF', () => {
  it.each([
    ['nothing', ''],
    ['a text', 'an agreement, typed'],
    ['a PDF header and no more', '%PDF-1.7\n'],
  ])('is UNREADABLE: %s', (_, text) => {
    expect(verify(latin1(text))).toMatchObject({ verdict: 'UNREADABLE', integrity: 'NONE', trust: 'NONE' });
  });

  it('never makes the verifier throw anything but its report', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.integer({ min: 0, max: sealed.length }), (noise, at) => {
        const changed = concatBytes(sealed.subarray(0, at), noise, sealed.subarray(at + noise.length));
        expect(['INVALID', 'UNREADABLE', 'NO_SIGNATURE', 'INDETERMINATE', 'VALID']).toContain(verify(changed).verdict);
      }),
      { numRuns: 200 },
    );
  });
});

describeShared('published attacks on PDF signatures', (shared) => {
  const attacks = join(shared, 'data/pdf/attacks');

  it('calls none of the signature-wrapping, incremental-saving and universal forgeries VALID or unchanged', async () => {
    const folder = join(attacks, 'insecurity');
    const files = (await readdir(folder)).filter((name) => name.endsWith('.pdf'));
    expect(files).toHaveLength(21);
    for (const name of files) {
      const { verdict } = verify(await readFile(join(folder, name)));
      expect.soft(['INVALID', 'UNREADABLE', 'NO_SIGNATURE'], name).toContain(verdict);
    }
  });

  it('calls what shadow attackers had signed unchanged, while it is', async () => {
    const folder = join(attacks, 'shadow');
    const files = (await readdir(folder)).filter((name) => name.includes('__3_'));
    expect(files).toHaveLength(7);
    for (const name of files) {
      const { integrity, signatures } = verify(await readFile(join(folder, name)));
      expect
        .soft({ integrity, changes: signatures[0]?.changesAfter }, name)
        .toEqual({ integrity: 'INTACT', changes: [] });
    }
  });

  it('calls no manipulated shadow document VALID or unchanged', async () => {
    const folder = join(attacks, 'shadow');
    const files = (await readdir(folder)).filter((name) => name.includes('__4_'));
    expect(files.length).toBeGreaterThan(6);
    for (const name of files) {
      expect.soft(verify(await readFile(join(folder, name))).verdict, name).toBe('INVALID');
    }
  });
});
