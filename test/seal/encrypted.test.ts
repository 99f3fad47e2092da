import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/biometric/raster.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { MarkRequest } from '../../src/seal/seal-job.ts';
import { verifyPdf } from '../../src/verify/verify-pdf.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { pdfFixturePath } from '../support/pdf-files.ts';
import { describeShared } from '../support/shared.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';
import { PLACES } from './placement-table.ts';

let house: SealingHouse;
beforeAll(async () => {
  house = await openSealing();
});
afterAll(() => house[Symbol.asyncDispose]());

async function everyMark(parties: number): Promise<MarkRequest[]> {
  const raster = decodePng(await readFile(fixture('prints', 'whorl-1.png')));
  const png = await readFile(fixture('agreements', 'signature-mediator.png'));
  const prints = Array.from({ length: parties }, (_, index): MarkRequest => {
    return {
      who: { role: 'party', index },
      picture: { kind: 'fingerprint', raster, inscription: '（2023）示人调字第12号' },
    };
  });
  return [...prints, { who: { role: 'mediator' }, picture: { kind: 'signature', png } }];
}

async function verify(bytes: Uint8Array): Promise<VerificationReport> {
  const root = parseCertificate(await readFile(house.pki.rootPem));
  return verifyPdf(memorySource(bytes), { roots: [root], now: new Date() });
}

const AT = { page: 1, xMm: 60, yMm: 60 };

describe('a document that is encrypted and opens without a password', () => {
  it.each([
    'encrypted-rc4-40',
    'encrypted-rc4-128',
    'encrypted-aes-128',
    'encrypted-aes-256-r5',
    'encrypted-aes-256',
    'encrypted-object-stream',
  ])('is sealed and found intact: %s', async (name) => {
    const { bytes, sealed } = await house.seal(pdfFixturePath('extended', name), { seal: AT, reason: '调解协议' });
    expect(sealed.warnings).toEqual([]);
    expect(await verify(bytes)).toMatchObject({ verdict: 'VALID', signatures: [{ coversWholeFile: true }] });
    const changed = Uint8Array.from(bytes);
    changed[400] = (changed[400] ?? 0) ^ 1;
    expect((await verify(changed)).verdict).toBe('INVALID');
  });

  it.each([
    ['puts another encryption dictionary in place', '/Encrypt 8 0 R'],
    ['ends the encryption', ''],
  ])('is not believed after an update that %s', async (_, encrypt) => {
    const { bytes } = await house.seal(pdfFixturePath('extended', 'encrypted-aes-128'), { seal: AT });
    const text = Buffer.from(bytes).toString('latin1');
    const startxref = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(text)?.[1]);
    const dictionary = /8 0 obj\n(.*)\nendobj/.exec(text)?.[1]?.replaceAll('/StdCF', '/Identity') ?? '';
    const id = /\/ID \[.*?\]/.exec(text.slice(startxref))?.[0] ?? '';
    const object = `8 0 obj\n${dictionary}\nendobj\n`;
    const trailer = `trailer\n<< /Size 99 /Root 1 0 R /Prev ${startxref} ${id} ${encrypt} >>\n`;
    const entry = `${String(bytes.length).padStart(10, '0')} 00000 n \n`;
    const update = `${object}xref\n8 1\n${entry}${trailer}startxref\n${bytes.length + object.length}\n%%EOF\n`;
    const report = await verify(Buffer.concat([bytes, Buffer.from(update, 'latin1')]));
    expect(report).toMatchObject({ verdict: 'INVALID', signatures: [{ coversWholeFile: false }] });
  });

  it('has the text that is searched for', async () => {
    const pages = await house.pool.readText(pdfFixturePath('extended', 'encrypted-aes-256'));
    expect(pages[0]?.chars.map(({ char }) => char).join('')).toBe('AES,256bits,revision6');
  });

  it('is sealed against its owner’s restrictions, and that is said', async () => {
    const { bytes, sealed } = await house.seal(pdfFixturePath('extended', 'encrypted-print-only'), { seal: AT });
    expect(sealed.warnings).toMatchObject([{ code: 'ENCRYPTED_PERMISSIONS' }]);
    expect((await verify(bytes)).verdict).toBe('VALID');
  });

  it('is refused with its password unknown, and cannot be verified either', async () => {
    const locked = pdfFixturePath('refused', 'encrypted-aes-locked');
    await expect(house.seal(locked, { seal: AT })).rejects.toMatchObject({ code: 'PDF_ENCRYPTED' });
    const report = await verify(await readFile(locked));
    expect(report).toMatchObject({ verdict: 'UNREADABLE', reasons: [{ code: 'PDF_ENCRYPTED' }] });
  });
});

describeShared('the agreement, encrypted by qpdf', (shared) => {
  const agreement = (name: string): string => join(shared, 'data/agreements', name);

  describeTool(['qpdf', 'pdfsig', 'mutool'], 'judged by programs of other people', () => {
    it.each(['qpdf-aes256-open.pdf', 'qpdf-rc4-open.pdf'])('carries every mark and the seal: %s', async (name) => {
      const parties = PLACES.find(({ file }) => file === name)?.parties ?? 0;
      const { path, bytes, sealed } = await house.seal(agreement(name), { parties, marks: await everyMark(parties) });
      expect(sealed.warnings.map(({ code }) => code)).not.toContain('ENCRYPTED_PERMISSIONS');
      expect(await verify(bytes)).toMatchObject({ verdict: 'VALID', integrity: 'INTACT', trust: 'TRUSTED' });
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
      const { stdout } = runTool('pdfsig', [path]);
      expect(stdout).toContain('Signature Validation: Signature is Valid.');
      expect(stdout).toContain('Total document signed');
      expect(runTool('mutool', ['sign', '-v', path]).stdout).toContain('unchanged since signing');
    });
  });

  it('is refused under a password: qpdf-aes256-locked.pdf', async () => {
    const job = { parties: 2, marks: await everyMark(2) };
    const sealing = house.seal(agreement('qpdf-aes256-locked.pdf'), job);
    await expect(sealing).rejects.toMatchObject({ code: 'PDF_ENCRYPTED' });
  });
});
