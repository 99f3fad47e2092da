import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../../src/biometric/raster.ts';
import type { MarkRequest } from '../../src/seal/seal-job.ts';
import { pdfaFaults } from '../support/pdfa-rules.ts';
import { fixture, openSealing } from '../support/sealing.ts';
import type { SealingHouse } from '../support/sealing.ts';
import { describeShared } from '../support/shared.ts';
import { describeTool, runTool } from '../support/tools.ts';

let house: SealingHouse;
beforeAll(async () => {
  house = await openSealing();
});
afterAll(() => house[Symbol.asyncDispose]());

async function everyMark(): Promise<MarkRequest[]> {
  const raster = decodePng(await readFile(fixture('prints', 'whorl-1.png')));
  const png = await readFile(fixture('agreements', 'signature-party.png'));
  return [
    {
      who: { role: 'party', index: 0 },
      picture: { kind: 'fingerprint', raster, inscription: '（2023）示人调字第12号' },
    },
    { who: { role: 'party', index: 1 }, picture: { kind: 'stamp', png } },
    { who: { role: 'party', index: 2 }, picture: { kind: 'signature', png } },
    { who: { role: 'mediator' }, picture: { kind: 'signature', png } },
  ];
}

describeShared('an agreement that keeps PDF/A', (shared) => {
  describe.each([
    ['office-pdfa1b.pdf', 1],
    ['office-pdfa2b.pdf', 2],
  ] as const)('%s', (file, part) => {
    const original = join(shared, 'data/agreements', file);

    it('keeps its rules with every kind of mark and the seal', async () => {
      const { bytes } = await house.seal(original, { parties: 3, marks: await everyMark() });
      expect(pdfaFaults(bytes, { part, intent: 3 })).toEqual([]);
    });

    it.each(['styles.svg', 'references.svg'])('keeps its rules with the seal and its paging from %s', async (name) => {
      await using own = await openSealing({ picturePath: fixture('seals', name) });
      const { bytes } = await own.seal(original, { paging: true });
      expect(pdfaFaults(bytes, { part, intent: 3 })).toEqual([]);
    });

    it('keeps its rules with the seal and its paging from a PNG, of several colours', async () => {
      const data = Uint8Array.from(
        { length: 4 * 700 * 700 },
        (_, i) => [200, i % 3 === 0 ? 0 : 40, 0, 255][i % 4] ?? 0,
      );
      const picturePath = join(house.folder, 'seal.png');
      await writeFile(picturePath, encode({ width: 700, height: 700, data, channels: 4, depth: 8 }));
      await using own = await openSealing({ picturePath });
      const { bytes } = await own.seal(original, { paging: 'left' });
      expect(pdfaFaults(bytes, { part, intent: 3 })).toEqual([]);
    });

    describeTool(['qpdf', 'mutool', 'pdfsig'], 'judged by programs of other people', () => {
      it('is sound, drawn without complaint, and intact', async () => {
        const { path } = await house.seal(original, { parties: 3, marks: await everyMark() });
        expect(runTool('qpdf', ['--check', path])).toMatchObject({ status: 0, stderr: '' });
        const { stderr } = runTool('mutool', ['draw', '-o', '/dev/null', '-F', 'ppm', path]);
        expect(stderr.replaceAll(/^(?:page .*|warning: ICC support is not available)\n/gm, '')).toBe('');
        expect(runTool('pdfsig', ['-nocert', path]).stdout).toContain('Signature is Valid');
      });
    });
  });
});
