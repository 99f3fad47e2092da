import { createHash } from 'node:crypto';
import { appendFile, copyFile, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng, encodePng } from '../../src/biometric/raster.ts';
import { systemClock } from '../../src/clock.ts';
import { AppError } from '../../src/errors.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { PdfPool } from '../../src/pdf/pdf-pool.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import type { KeyStore, SealKey } from '../../src/seal/key-store.ts';
import type { MarkRequest, SealJob } from '../../src/seal/seal-job.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import { COMMITTEE, fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'three-parties.pdf');
const ALONE = new AbortController().signal;

let house: SealingHouse;
beforeAll(async () => {
  house = await openSealing();
});
afterAll(() => house[Symbol.asyncDispose]());

/** A copy of the agreement, and the job that seals it at coordinates. */
async function jobOn(name: string): Promise<SealJob> {
  const path = join(house.folder, name);
  await copyFile(AGREEMENT, path);
  const { size } = await stat(path);
  return { path, bytes: size, marks: [], parties: 3, seal: { page: 1, xMm: 105, yMm: 250 }, allowReal: true };
}

async function everyMark(): Promise<MarkRequest[]> {
  const raster = decodePng(await readFile(fixture('prints', 'whorl-1.png')));
  const signature = await readFile(fixture('agreements', 'signature-party.png'));
  return [
    {
      who: { role: 'party', index: 0 },
      picture: { kind: 'fingerprint', raster, inscription: '（2023）示人调字第12号' },
    },
    { who: { role: 'party', index: 1 }, picture: { kind: 'stamp', png: signature } },
    { who: { role: 'party', index: 2 }, picture: { kind: 'signature', png: signature } },
    {
      who: { role: 'mediator' },
      placement: { keyword: '人民调解员（签名）', dxMm: 40 },
      picture: { kind: 'signature', png: signature },
    },
  ];
}

function serviceWith(options: {
  key?: Partial<SealKey>;
  flush?: () => Promise<void>;
  picturePath?: string;
}): SealService {
  const key = { ...house.keys.use(), ...options.key };
  return new SealService({
    pool: house.pool,
    keys: { use: () => key } as KeyStore,
    clock: systemClock,
    committeeName: COMMITTEE,
    diameterMm: 42,
    pagingEdge: 'right',
    rendition: 'display',
    cacheFolder: house.folder,
    ...(options.flush === undefined ? {} : { flush: options.flush }),
    ...(options.picturePath === undefined ? {} : { picturePath: options.picturePath }),
  });
}

describe('a seal that is not a TEST seal', () => {
  it('does not go over a simulated print, and leaves the file alone', async () => {
    const { certificate } = house.keys.use();
    const service = serviceWith({ key: { certificate: { ...certificate, isTest: false } } });
    const job = { ...(await jobOn('simulated.pdf')), allowReal: false };
    await expect(service.seal(job, ALONE)).rejects.toMatchObject({ code: 'READER_SIMULATED' });
    expect(await readFile(job.path)).toEqual(await readFile(AGREEMENT));
  });
});

describe('a seal from a picture', () => {
  it.each([
    [600, 'sealed'],
    [200, 'PICTURE_RESOLUTION'],
  ])('of %i pixels across 42 mm: %s', async (side, outcome) => {
    const picturePath = join(house.folder, `seal-${side}.png`);
    const pixels = new Uint8Array(side * side).fill(40);
    await writeFile(picturePath, encodePng({ width: side, height: side, dpi: 300, pixels }));
    const job = await jobOn(`picture-${side}.pdf`);
    const ended = await serviceWith({ picturePath })
      .seal(job, ALONE)
      .then(
        () => 'sealed',
        (error: unknown) => (error instanceof AppError ? error.code : 'another error'),
      );
    expect(ended).toBe(outcome);
  });
});

describe('sealing that fails half-way', () => {
  it('gives the file back as it was when it cannot be brought to the disk', async () => {
    const full = new AppError('FILE_UNWRITABLE', 'no space');
    let flushes = 0;
    const service = serviceWith({ flush: () => (flushes++ === 0 ? Promise.reject(full) : Promise.resolve()) });
    const job = await jobOn('full.pdf');
    await expect(service.seal(job, ALONE)).rejects.toBe(full);
    expect(await readFile(job.path)).toEqual(await readFile(AGREEMENT));
  });

  it('gives the file back as it was when its own check does not believe the signature', async () => {
    const service = serviceWith({ key: { sign: () => new Uint8Array(256) } });
    const job = await jobOn('unsigned.pdf');
    await expect(service.seal(job, ALONE)).rejects.toMatchObject({ code: 'SEAL_SELF_CHECK' });
    expect(await readFile(job.path)).toEqual(await readFile(AGREEMENT));
  });

  it('does not touch a file that another hand was in', async () => {
    const job = await jobOn('touched.pdf');
    await appendFile(job.path, '\n');
    await expect(house.sealer.seal(job, ALONE)).rejects.toMatchObject({ code: 'SEAL_FAILED' });
    expect((await stat(job.path)).size).toBe(job.bytes + 1);
  });

  it('stops when it is told to, before anything is written', async () => {
    const job = await jobOn('stopped.pdf');
    const reason = new AppError('SHUTTING_DOWN');
    await expect(house.sealer.seal(job, AbortSignal.abort(reason))).rejects.toBe(reason);
    expect((await stat(job.path)).size).toBe(job.bytes);
  });

  it('kills a reader of PDFs that takes too long, and the next job finds a new one', async () => {
    const hurried = new PdfPool({ timeoutMs: 1 });
    await expect(hurried.readText(AGREEMENT)).rejects.toMatchObject({ code: 'PDF_TIMEOUT' });
    await hurried.close();
  });
});

describe('a sealed agreement', () => {
  it('is certified: nothing may change after it', async () => {
    const { bytes } = await house.seal(AGREEMENT, { parties: 3, marks: await everyMark() });
    const [field] = openPdf(memorySource(bytes)).signatureFields();
    expect(field).toMatchObject({ value: { docMdp: 2, fieldMdp: { action: 'All' } }, lock: { action: 'All' } });
    const final = await house.seal(AGREEMENT, { seal: { page: 1, xMm: 60, yMm: 250 }, final: true });
    expect(openPdf(memorySource(final.bytes)).signatureFields()[0]?.value?.docMdp).toBe(1);
  });

  it('is what was uploaded and more, under hashes that say so', async () => {
    const original = await readFile(AGREEMENT);
    const { bytes, sealed } = await house.seal(AGREEMENT, { parties: 3, marks: await everyMark() });
    expect(Buffer.from(bytes.subarray(0, original.length)).equals(original)).toBe(true);
    expect(sealed.bytes).toBe(bytes.length);
    expect(sealed.sha256Before).toBe(createHash('sha256').update(original).digest('hex'));
    expect(sealed.sha256After).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(sealed.certificateSha256).toBe(house.keys.use().certificate.sha256);
  });

  it('says so where the document’s cross-reference was broken', async () => {
    const { sealed } = await house.seal(fixture('pdf', 'repaired', 'wrong-offsets.pdf'), {
      seal: { page: 1, xMm: 60, yMm: 60 },
    });
    expect(sealed.warnings).toMatchObject([{ code: 'XREF_REPAIRED', messageZh: expect.stringContaining('交叉引用') }]);
  });

  describeTool(['qpdf', 'pdfsig', 'mutool'], 'judged by programs of other people', () => {
    it('is sound to qpdf, intact to pdfsig, whole to mutool, with every kind of mark', async () => {
      const { path } = await house.seal(AGREEMENT, { parties: 3, marks: await everyMark() });
      expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
      const { stdout } = runTool('pdfsig', [path]);
      expect(stdout).toContain('Signature Validation: Signature is Valid.');
      expect(stdout).toContain('Signature Type: ETSI.CAdES.detached');
      expect(stdout).toContain('Total document signed');
      expect(runTool('mutool', ['sign', '-v', path]).stdout).toContain('unchanged since signing');
      expect(runTool('mutool', ['info', path])).toMatchObject({ status: 0, stderr: '' });
    });

    it.each(['Committee.Seal', 'Committee.Second'])('is found in the existing field %s', async (field) => {
      const { path } = await house.seal(fixture('pdf', 'extended', 'empty-field.pdf'), { seal: { field } });
      const { stdout } = runTool('pdfsig', [path]);
      expect(stdout).toMatch(new RegExp(`Field Name: ${field}\\n(?:  - Sign.*\\n)+[^#]*Signature is Valid`));
      expect(runTool('mutool', ['sign', '-v', path]).stdout).toContain('unchanged since signing');
    });
  });
});
