import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { afterAll, describe, expect, it } from 'vitest';
import { SealLooks } from '../../src/seal/seal-looks.ts';
import { fixture } from '../support/sealing.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-looks-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CIRCLE = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>';
const COMMITTEE = '示例市人民调解委员会';

function looks(picturePath?: string): SealLooks {
  return new SealLooks({ diameterMm: 42, cacheFolder: folder, ...(picturePath === undefined ? {} : { picturePath }) });
}

function file(name: string, bytes: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const RED_PNG = encode({
  width: 1000,
  height: 900,
  channels: 4,
  depth: 8,
  data: Uint8Array.from({ length: 3_600_000 }, (_, i) => [200, 0, 0, 255][i % 4] ?? 0),
});

/** What is black in it: nothing of a seal's own is. */
async function blackIn(path: string | undefined, isTest: boolean): Promise<boolean[]> {
  const { ink, opaque } = await looks(path).appearance(COMMITTEE, isTest);
  return [ink, opaque].map(({ contentFlate }) =>
    inflateSync(contentFlate).toString('latin1').includes('0.1 0.1 0.1 sc'),
  );
}

describe('a seal of the committee’s own picture', () => {
  it.each([
    ['PNG', () => file('red.png', RED_PNG)],
    ['SVG', () => fixture('seals', 'classes.svg')],
  ])('of %s says TEST where its certificate does, and nothing where it does not', async (_, path) => {
    expect(await blackIn(path(), true)).toEqual([true, true]);
    expect(await blackIn(path(), false)).toEqual([false, false]);
  });

  it('is told by what it is, not by its name', async () => {
    const svg = file('seal.png', `\ufeff<?xml version="1.0"?>\n${CIRCLE}`);
    expect((await looks(svg).appearance(COMMITTEE, false)).ink.images).toEqual({});
    const utf16 = file('utf16.svg', Buffer.from(`\ufeff${CIRCLE}`, 'utf16le'));
    expect((await looks(utf16).appearance(COMMITTEE, false)).ink.images).toEqual({});
    const png = file('seal.svg', RED_PNG);
    expect(Object.keys((await looks(png).appearance(COMMITTEE, false)).ink.images)).toEqual(['Ink']);
  });

  it.each([
    ['nothing', () => join(folder, 'absent.png'), 'FILE_UNREADABLE'],
    ['a folder', () => folder, 'FILE_UNREADABLE'],
    ['a device', () => devNull, 'FILE_UNREADABLE'],
    ['another kind of file', () => file('seal.gif', 'GIF89a'), 'PICTURE_NOT_PNG'],
    ['a web page', () => file('seal.html', '<html><body/></html>'), 'PICTURE_SVG_UNSUPPORTED'],
    [
      'an SVG of broken text',
      () => file('latin1.svg', Buffer.from('<svg>\xff</svg>', 'latin1')),
      'PICTURE_SVG_UNSUPPORTED',
    ],
    [
      'a coarse PNG',
      () =>
        file('coarse.png', encode({ width: 300, height: 300, data: new Uint8Array(90_000), channels: 1, depth: 8 })),
      'PICTURE_RESOLUTION',
    ],
  ])('of %s is refused', async (_, path, code) => {
    await expect(looks(path()).appearance(COMMITTEE, true)).rejects.toMatchObject({ code });
  });

  it('is not read where the file is larger than any seal', async () => {
    const path = file('huge.png', '');
    truncateSync(path, 100_000_000);
    await expect(looks(path).appearance(COMMITTEE, true)).rejects.toMatchObject({ code: 'PICTURE_TOO_LARGE' });
  });

  it('is made once, and anew after what kept it off is mended', async () => {
    const path = join(folder, 'later.png');
    const seal = looks(path);
    await expect(seal.appearance(COMMITTEE, false)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    writeFileSync(path, RED_PNG);
    const first = await seal.appearance(COMMITTEE, false);
    expect(await seal.appearance(COMMITTEE, false)).toBe(first);
    expect(await seal.appearance(COMMITTEE, true)).not.toBe(first);
  });
});

describe('the characters of a number', () => {
  it('are known, and those that the font lacks are left out', async () => {
    const { text, outlines } = await looks().inscribe('（2023）示人调字第12号');
    expect(Array.from(text).filter((character) => outlines.glyphs[character] === undefined)).toEqual([]);
    const lacking = await looks().inscribe('A\u{1f600}12');
    expect(Object.keys(lacking.outlines.glyphs)).toContain('A');
  });
});
