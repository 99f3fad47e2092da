import { copyFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { JUDGES, checkSealed } from '../../scripts/corpus/checks.ts';
import type { SealedDocument } from '../../scripts/corpus/checks.ts';
import { SealLane } from '../../scripts/corpus/seal-lane.ts';
import type { SealEnd } from '../../scripts/corpus/seal-lane.ts';
import { makePki } from '../../scripts/make-pki.ts';
import { fixture } from '../support/sealing.ts';
import { describeTool } from '../support/tools.ts';

describeTool(JUDGES, 'the checks of a sealed document', () => {
  const original = fixture('agreements', 'one-page.pdf');
  let folder: string;
  let end: SealEnd & { readonly kind: 'sealed' };
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zhiyin-checks-'));
    await makePki(folder, { committeeName: '示例', passphrase: 'TEST', iterations: 1000 });
    await using lane = new SealLane({ folder, sealMs: 30_000, verifyMs: 30_000 });
    const ended = await lane.seal({ input: original, output: join(folder, 'sealed.pdf'), mark: true });
    if (ended.kind !== 'sealed') throw new Error(ended.detail);
    end = ended;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Which checks find a fault where the sealed document or what is known of it is changed. */
  async function faulted(
    change: (bytes: Buffer, originalBytes: number) => Uint8Array = (bytes) => bytes,
    known: Partial<SealedDocument> = {},
  ): Promise<string[]> {
    const sealed = join(folder, 'changed.pdf');
    await copyFile(join(folder, 'sealed.pdf'), sealed);
    await writeFile(sealed, change(await readFile(sealed), (await stat(original)).size));
    const { faults, notes } = await checkSealed({ original, sealed, end, ...known }, new Set(JUDGES), folder);
    expect(notes).toEqual([]);
    return [...new Set(faults.map(({ check }) => check))];
  }

  it('find none in what was sealed', async () => {
    expect(await faulted()).toEqual([]);
  });

  it('see a byte of the original that changed', async () => {
    const changed = await faulted((bytes, size) =>
      bytes.fill(bytes[size - 2] === 0x20 ? 0x21 : 0x20, size - 2, size - 1),
    );
    expect(changed).toEqual(expect.arrayContaining(['prefix', 'pdfsig', 'mutool']));
  });

  it('see an increment that leads nowhere', async () => {
    const cut = await faulted((bytes) =>
      Buffer.from(bytes.toString('latin1').replace(/startxref\n\d+\n%%EOF\s*$/, 'startxref\n7\n%%EOF\n'), 'latin1'),
    );
    expect(cut).toEqual(expect.arrayContaining(['qpdf']));
  });

  it('see that nothing was added', async () => {
    const nothing = await faulted((bytes, size) => bytes.subarray(0, size));
    expect(nothing).toEqual(['prefix', 'pdfsig', 'mutool', 'pdftoppm']);
  });

  it('see a page that changed where no mark is, and a mark that is not seen', async () => {
    const [seal, mark] = end.sealed.places;
    if (seal === undefined || mark === undefined) throw new Error('a seal and a mark were asked for');
    const withPlaces = (places: typeof end.sealed.places): SealEnd & { readonly kind: 'sealed' } => ({
      ...end,
      sealed: { ...end.sealed, places },
    });
    expect(await faulted(undefined, { end: withPlaces([seal]) })).toEqual(['pdftoppm']);
    const unsealed = await faulted((bytes, size) => bytes.subarray(0, size), { end: withPlaces([]) });
    expect(unsealed).not.toContain('pdftoppm');
  });

  it('hear the verifier', async () => {
    const [own] = end.verified.after.signatures;
    if (own === undefined) throw new Error('sealed without a signature');
    const broken = { ...end.verified.after, signatures: [{ ...own, integrity: 'BROKEN' as const }] };
    const verified = { ...end.verified, after: broken };
    expect(await faulted(undefined, { end: { ...end, verified } })).toEqual(['verifier']);
    const harmed = { ...end.verified, before: { ...end.verified.after, signatures: [{ ...own, field: 'Earlier' }] } };
    expect(await faulted(undefined, { end: { ...end, verified: harmed } })).toEqual(['verifier']);
  });
});
