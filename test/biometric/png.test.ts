import { deflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePngRgba } from '../../src/biometric/png.ts';
import { codeOf } from '../support/app-error.ts';
import { mutations } from '../support/mutations.ts';
import { CHANNELS, pngChunks, pngOf } from '../support/png-kinds.ts';
import type { PngSpec } from '../support/png-kinds.ts';

const KINDS: readonly (readonly [colorType: number, depth: number])[] = [
  ...[1, 2, 4, 8, 16].map((depth) => [0, depth] as const),
  ...[1, 2, 4, 8].map((depth) => [3, depth] as const),
  ...[2, 4, 6].flatMap((colorType) => [8, 16].map((depth) => [colorType, depth] as const)),
];

/** A palette of as many colours as `depth` bits can name, the first three of them see-through to some degree. */
const ALPHAS = Uint8Array.of(0, 100, 200);
function palette(depth: number): Uint8Array {
  return Uint8Array.from({ length: 3 << depth }, (_, i) => (i * 37) % 251);
}

function specOf(kinds: readonly (readonly [number, number])[]): fc.Arbitrary<PngSpec> {
  return fc
    .record({
      kind: fc.constantFrom(...kinds),
      width: fc.integer({ min: 1, max: 19 }),
      height: fc.integer({ min: 1, max: 19 }),
      interlaced: fc.boolean(),
      filters: fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }),
    })
    .chain(({ kind: [colorType, depth], width, height, interlaced, filters }) => {
      const count = width * height * (CHANNELS[colorType] ?? 1);
      const extra =
        colorType === 3
          ? ([
              ['PLTE', palette(depth)],
              ['tRNS', ALPHAS.subarray(0, 1 << depth)],
            ] as const)
          : [];
      return fc
        .array(fc.nat(2 ** depth - 1), { minLength: count, maxLength: count })
        .map((samples) => ({ width, height, depth, colorType, interlaced, filters, samples, extra }));
    });
}

/** What the standard says the picture is. */
function pixelsOf({ width, height, depth, colorType, samples }: PngSpec): number[] {
  const channels = CHANNELS[colorType] ?? 1;
  const toByte = (sample = 0): number => (depth === 16 ? sample >> 8 : (sample * 255) / (2 ** depth - 1));
  return Array.from({ length: width * height }, (_, i) => {
    const [a = 0, b, c, d] = samples.slice(i * channels, (i + 1) * channels);
    if (colorType === 3) return [...palette(depth).subarray(3 * a, 3 * a + 3), ALPHAS[a] ?? 255];
    if (channels < 3) return [toByte(a), toByte(a), toByte(a), channels === 2 ? toByte(b) : 255];
    return [toByte(a), toByte(b), toByte(c), channels === 4 ? toByte(d) : 255];
  }).flat();
}

describe('reading PNG', () => {
  it.each(KINDS)('reads colour type %i of %i bits, interlaced or not, by any row filter', (colorType, depth) => {
    fc.assert(
      fc.property(specOf([[colorType, depth]]), (spec) => {
        const { width, height, rgba } = decodePngRgba(pngOf(spec));
        expect([width, height]).toEqual([spec.width, spec.height]);
        expect([...rgba]).toEqual(pixelsOf(spec));
      }),
      { numRuns: 60 },
    );
  });

  it('reads what another library writes', () => {
    const data = Uint8Array.from({ length: 7 * 5 * 4 }, (_, i) => (i * 29) % 256);
    expect(decodePngRgba(encode({ width: 7, height: 5, channels: 4, depth: 8, data })).rgba).toEqual(data);
  });

  it('reads pixel data cut into many chunks', () => {
    const spec = { width: 40, height: 40, depth: 8, colorType: 0, interlaced: false, filters: [0] } as const;
    const samples = Array.from({ length: 1600 }, (_, i) => (i * i) % 256);
    const whole = pngOf({ ...spec, samples });
    const data = deflateSync(
      Buffer.concat(Array.from({ length: 40 }, (_, y) => Uint8Array.of(0, ...samples.slice(40 * y, 40 * y + 40)))),
    );
    const parts = Array.from(
      { length: Math.ceil(data.length / 10) },
      (_, i) => ['IDAT', data.subarray(10 * i, 10 * i + 10)] as const,
    );
    const cut = pngChunks([['IHDR', whole.subarray(16, 29)], ...parts, ['IEND', new Uint8Array(0)]]);
    expect(decodePngRgba(cut)).toEqual(decodePngRgba(whole));
  });

  it.each([
    ['grey', 0, 8, '0005', [5, 6], [5, 5, 5, 0, 6, 6, 6, 255]],
    ['16-bit grey, by all its bits', 0, 16, '0105', [0x105, 0x106], [1, 1, 1, 0, 1, 1, 1, 255]],
    ['colour', 2, 8, '000100020003', [1, 2, 3, 1, 2, 4], [1, 2, 3, 0, 1, 2, 4, 255]],
  ] as const)('takes one colour of a picture as clear: %s', (_, colorType, depth, clear, samples, rgba) => {
    const extra = [['tRNS', Buffer.from(clear, 'hex')]] as const;
    const png = pngOf({ width: 2, height: 1, depth, colorType, interlaced: false, filters: [0], samples, extra });
    expect([...decodePngRgba(png).rgba]).toEqual(rgba);
  });

  const tiny = { width: 1, height: 1, depth: 8, colorType: 0, interlaced: false, filters: [0], samples: [7] } as const;

  it('tells the resolution where it is stated in metres', () => {
    const stated = (hex: string): PngSpec => ({ ...tiny, extra: [['pHYs', Buffer.from(hex, 'hex')]] });
    expect(decodePngRgba(pngOf(stated('00004ce500004ce501'))).dpi).toBe(500);
    expect(decodePngRgba(pngOf(stated('000000010000000100')))).not.toHaveProperty('dpi');
    expect(decodePngRgba(pngOf(tiny))).not.toHaveProperty('dpi');
  });

  it('passes over what it need not know, a colour profile that would inflate for ever included', () => {
    const bomb = Buffer.concat([Buffer.from('x\0\0'), deflateSync(Buffer.alloc(1 << 24))]);
    const extra = [
      ['iCCP', bomb],
      ['tEXt', Buffer.from('a\0b')],
    ] as const;
    expect(decodePngRgba(pngOf({ ...tiny, extra })).rgba).toEqual(Uint8Array.of(7, 7, 7, 255));
  });

  it('refuses too many pixels by the header alone', () => {
    const header = Buffer.from('0000ffff0000ffff0800000000', 'hex');
    expect(codeOf(() => decodePngRgba(pngChunks([['IHDR', header]])))).toBe('PICTURE_TOO_LARGE');
    expect(codeOf(() => decodePngRgba(pngOf({ ...tiny, width: 2, samples: [1, 2] }), { maxPixels: 1 }))).toBe(
      'PICTURE_TOO_LARGE',
    );
  });

  it('stops inflating where the header says that the picture ends', () => {
    const header = pngOf(tiny).subarray(16, 29);
    const bomb = deflateSync(Buffer.alloc(1 << 28));
    const before = process.memoryUsage().arrayBuffers;
    expect(
      codeOf(() =>
        decodePngRgba(
          pngChunks([
            ['IHDR', header],
            ['IDAT', bomb],
            ['IEND', new Uint8Array(0)],
          ]),
        ),
      ),
    ).toBe('PICTURE_NOT_PNG');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 26);
  });

  describe('refuses as no PNG', () => {
    const good = pngOf({ ...tiny, width: 4, height: 4, samples: Array.from({ length: 16 }, (_, i) => i) });
    const header = (hex: string): Uint8Array =>
      pngChunks([
        ['IHDR', Buffer.from(hex, 'hex')],
        ['IDAT', deflateSync(Buffer.alloc(64))],
        ['IEND', new Uint8Array(0)],
      ]);
    it.each([
      ['nothing', new Uint8Array(0)],
      ['a JPEG', Buffer.from('ffd8ffe000104a4649460001', 'hex')],
      ['one cut short', good.subarray(0, good.length - 20)],
      ['a wrong checksum', good.map((value, i) => (i === 44 ? value ^ 1 : value))],
      ['another chunk first', pngChunks([['gAMA', new Uint8Array(4)]])],
      ['an unknown critical chunk', pngOf({ ...tiny, extra: [['XXXX', new Uint8Array(1)]] })],
      ['no pixels', header('00000000000000010800000000')],
      ['a depth that does not exist', header('00000001000000010300000000')],
      ['a depth that the colour type does not have', header('00000001000000010402000000')],
      ['a colour type that does not exist', header('00000001000000010805000000')],
      ['an unknown compression', header('00000001000000010800010000')],
      ['an unknown interlacing', header('00000001000000010800000002')],
      ['more data than pixels', header('00000001000000010800000000')],
      ['more pixels than data', header('00000100000001000800000000')],
      ['a palette without colours', pngOf({ ...tiny, colorType: 3 })],
      ['a colour beyond the palette', pngOf({ ...tiny, colorType: 3, extra: [['PLTE', new Uint8Array(21)]] })],
      [
        'a clear colour beside an alpha channel',
        pngOf({ ...tiny, colorType: 4, samples: [1, 2], extra: [['tRNS', new Uint8Array(2)]] }),
      ],
      ['an unknown row filter', pngOf({ ...tiny, filters: [5] })],
    ])('%s', (_, bytes) => {
      expect(codeOf(() => decodePngRgba(bytes))).toBe('PICTURE_NOT_PNG');
    });
  });

  it('meets any change of a picture with a picture or a typed refusal', () => {
    fc.assert(
      fc.property(mutations(specOf(KINDS).map(pngOf)), (bytes) => {
        expect([null, 'PICTURE_NOT_PNG', 'PICTURE_TOO_LARGE']).toContain(codeOf(() => decodePngRgba(bytes)));
      }),
      { numRuns: 500 },
    );
  });
});
