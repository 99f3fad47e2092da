import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outlinesFor } from '../../src/seal/glyph-outlines.ts';

describe('outlines of characters', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'zhiyin-outlines-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('are closed paths inside the em, one for each character', async () => {
    const { unitsPerEm, glyphs } = await outlinesFor('示例 示 T1', folder);
    expect(unitsPerEm).toBe(1000);
    expect(Object.keys(glyphs).toSorted()).toEqual(['1', 'T', '示', '例'].toSorted());
    expect(glyphs['示']?.advance).toBe(1000);
    for (const { steps } of Object.values(glyphs)) {
      expect(steps[0]?.[0]).toBe('m');
      expect(steps.at(-1)).toEqual(['h']);
      const numbers = steps.flatMap((step) => step.slice(1) as number[]);
      expect(Math.min(...numbers)).toBeGreaterThan(-200);
      expect(Math.max(...numbers)).toBeLessThan(1000);
    }
  });

  it('are made once for the same characters, in any order', async () => {
    const first = await outlinesFor('调解', folder);
    const [file = '', ...others] = readdirSync(folder);
    expect(others).toEqual([]);
    const { mtimeMs } = statSync(join(folder, file));
    expect(await outlinesFor('解 调解', folder)).toEqual(first);
    expect(readdirSync(folder)).toEqual([file]);
    expect(statSync(join(folder, file)).mtimeMs).toBe(mtimeMs);
  });

  it('are made again where the stored file is damaged', async () => {
    const first = await outlinesFor('章', folder);
    const [name = ''] = readdirSync(folder);
    const file = join(folder, name);
    const whole = readFileSync(file);
    for (const damaged of [whole.subarray(0, whole.length / 2), Buffer.from(''), Buffer.from('{}\n{}')]) {
      writeFileSync(file, damaged);
      expect(await outlinesFor('章', folder)).toEqual(first);
      expect(readFileSync(file).equals(whole)).toBe(true);
    }
  });

  it('cover characters that are in none of the font’s common slices', async () => {
    const { glyphs } = await outlinesFor('彝氹垚', folder);
    expect(Object.keys(glyphs)).toHaveLength(3);
  });

  it('are refused with the character that the font lacks, and nothing is stored', async () => {
    await expect(outlinesFor('示𪚥例', folder)).rejects.toMatchObject({
      code: 'SEAL_GLYPH_MISSING',
      detail: '𪚥 (U+2A6A5)',
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('are given up when nobody waits any more', async () => {
    const reason = new Error('cancelled');
    await expect(outlinesFor('示', folder, AbortSignal.abort(reason))).rejects.toThrow(reason);
  });
});
