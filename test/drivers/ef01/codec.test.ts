import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeFrame,
  DEFAULT_ADDRESS,
  encodeData,
  encodeFrame,
  FrameParser,
  MAX_PAYLOAD,
} from '../../../drivers/ef01/codec.ts';
import type { Frame, ParsedItem } from '../../../drivers/ef01/codec.ts';
import { concatBytes, fromHex, toHex } from '../../../src/bytes.ts';
import { isAppError } from '../../../src/errors.ts';
import { thrownBy } from '../../reader/thrown.ts';

const PREFIX = 'EF01 FFFFFFFF';

/** Frames of the manuals: name, kind, payload, bytes after the prefix. */
const VECTORS: readonly (readonly [string, Frame['kind'], string, string])[] = [
  ['VfyPwd(0)', 'command', '13 00000000', '01 0007 13 00000000 001B'],
  ['GetImage', 'command', '01', '01 0003 01 0005'],
  ['acknowledgement of success', 'acknowledge', '00', '07 0003 00 000A'],
  ['acknowledgement without a finger', 'acknowledge', '02', '07 0003 02 000C'],
  ['GenChar(1)', 'command', '02 01', '01 0004 02 01 0008'],
  ['UpImage', 'command', '0A', '01 0003 0A 000E'],
  ['ReadSysPara', 'command', '0F', '01 0003 0F 0013'],
  ['Search(1, 0, 200)', 'command', '04 01 0000 00C8', '01 0008 04 01 0000 00C8 00D6'],
  ['WriteReg packet size 256', 'command', '0E 06 03', '01 0005 0E 06 03 001D'],
];

const frames = fc.record({
  kind: fc.constantFrom<Frame['kind']>('command', 'data', 'acknowledge', 'end-of-data'),
  address: fc.nat(0xffff_ffff),
  payload: fc.uint8Array({ maxLength: MAX_PAYLOAD }),
});

function only(items: readonly ParsedItem[]): Frame[] {
  return items.flatMap((item) => (item.kind === 'frame' ? [item.frame] : []));
}

function faults(items: readonly ParsedItem[]): string[] {
  return items.flatMap((item) => (item.kind === 'fault' ? [item.fault] : []));
}

/** `bytes` cut at the given places, wherever they fall. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)), bytes.length].toSorted((a, b) => a - b);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

function pushAll(parser: FrameParser, chunks: readonly Uint8Array[]): ParsedItem[] {
  return chunks.flatMap((chunk) => parser.push(chunk));
}

describe('one frame', () => {
  test.each(VECTORS)('%s has the bytes of the manual', (_, kind, payload, rest) => {
    const bytes = fromHex(PREFIX + rest);
    const frame: Frame = { kind, address: DEFAULT_ADDRESS, payload: fromHex(payload) };
    expect(toHex(encodeFrame(frame))).toBe(toHex(bytes));
    expect(decodeFrame(bytes)).toEqual(frame);
    expect(only(new FrameParser(DEFAULT_ADDRESS).push(bytes))).toEqual([frame]);
  });

  test('survives encoding and decoding', () => {
    fc.assert(
      fc.property(frames, (frame) => {
        expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
      }),
    );
  });

  test('has room for a data packet of 256 bytes, whose length field is 258', () => {
    const payload = new Uint8Array(256).fill(0xef);
    const bytes = encodeFrame({ kind: 'data', address: DEFAULT_ADDRESS, payload });
    expect(toHex(bytes.subarray(7, 9))).toBe('0102');
    expect(only(new FrameParser(null).push(bytes))).toEqual([{ kind: 'data', address: DEFAULT_ADDRESS, payload }]);
    expect(() => encodeFrame({ kind: 'data', address: 0, payload: new Uint8Array(257) })).toThrow(RangeError);
  });

  test.each([
    ['nothing', ''],
    ['a header alone', 'EF01FFFFFFFF070003'],
    ['a byte too few', 'EF01FFFFFFFF07000300 00'],
    ['a byte too many', 'EF01FFFFFFFF07000300000A 00'],
    ['another magic', 'EF02FFFFFFFF07000300000A'],
    ['an unknown kind', 'EF01FFFFFFFF030003000006'],
    ['a wrong sum', 'EF01FFFFFFFF07000300000B'],
    ['a length below the sum itself', 'EF01FFFFFFFF0700010007'],
  ])('is refused as %s', (_, hex) => {
    const thrown = thrownBy(() => decodeFrame(fromHex(hex)));
    expect(isAppError(thrown, 'READER_PROTOCOL')).toBe(true);
  });

  test('is never misread: any bytes are a frame or READER_PROTOCOL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        let back: Uint8Array | undefined;
        const error = thrownBy(() => {
          back = encodeFrame(decodeFrame(bytes));
        });
        expect(back ?? error).toSatisfy((got) =>
          got === error ? isAppError(error, 'READER_PROTOCOL') : toHex(back!) === toHex(bytes),
        );
      }),
    );
  });
});

describe('data in packets', () => {
  test('ends with a short packet, never padded', () => {
    const packets = encodeData(DEFAULT_ADDRESS, new Uint8Array(300), 128).map(decodeFrame);
    expect(packets.map(({ kind, payload }) => [kind, payload.length])).toEqual([
      ['data', 128],
      ['data', 128],
      ['end-of-data', 44],
    ]);
  });

  test('fills whole packets where it divides', () => {
    expect(encodeData(0, new Uint8Array(256), 128).map((bytes) => decodeFrame(bytes).kind)).toEqual([
      'data',
      'end-of-data',
    ]);
  });

  test('of 36,864 bytes takes the time that the manuals tell on a wire of 57,600 baud', () => {
    const seconds = (packetBytes: number): number =>
      (concatBytes(...encodeData(0, new Uint8Array(36_864), packetBytes)).length * 10) / 57_600;
    expect(seconds(128)).toBeCloseTo(6.95, 2);
    expect(seconds(256)).toBeCloseTo(6.67, 1);
  });
});

describe('a stream', () => {
  test('gives the same frames in whatever pieces it comes', () => {
    fc.assert(
      fc.property(fc.array(frames, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (sent, places) => {
        const chunks = cut(concatBytes(...sent.map(encodeFrame)), places);
        const items = pushAll(new FrameParser(null), chunks);
        expect(only(items)).toEqual(sent);
        expect(faults(items)).toEqual([]);
      }),
    );
  });

  test('gives whole frames byte by byte', () => {
    const sent = encodeData(DEFAULT_ADDRESS, new Uint8Array(700).fill(0xef), 256).map(decodeFrame);
    const bytes = concatBytes(...sent.map(encodeFrame));
    const chunks = Array.from(bytes, (byte) => Uint8Array.of(byte));
    expect(only(pushAll(new FrameParser(DEFAULT_ADDRESS), chunks))).toEqual(sent);
  });

  test('finds its way back after garbage without the magic', () => {
    const garbage = fc.uint8Array({ maxLength: 40 }).map((bytes) => bytes.map((byte) => (byte === 0xef ? 0xee : byte)));
    fc.assert(
      fc.property(fc.array(fc.tuple(garbage, frames), { maxLength: 6 }), fc.array(fc.nat()), (parts, places) => {
        const bytes = concatBytes(...parts.flatMap(([noise, frame]) => [noise, encodeFrame(frame)]));
        const found = only(pushAll(new FrameParser(null), cut(bytes, places)));
        expect(found).toEqual(parts.map(([, frame]) => frame));
      }),
    );
  });

  test('of any bytes at all never throws, never gives what was not there, and keeps less than a frame', () => {
    const nasty = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .constantFrom('EF', 'EF01', 'EF01FFFFFFFF', 'EF01FFFFFFFF02FFFF', 'EF01FFFFFFFF020102', '55', 'EFEF01')
        .map(fromHex),
      frames.map(encodeFrame),
    );
    fc.assert(
      fc.property(fc.array(nasty, { maxLength: 12 }), fc.array(fc.nat()), (parts, places) => {
        const bytes = concatBytes(...parts);
        const parser = new FrameParser(null);
        const found = [...pushAll(parser, cut(bytes, places)), ...parser.abandon()];
        for (const frame of only(found)) expect(toHex(bytes)).toContain(toHex(encodeFrame(frame)));
        for (let round = 0; round < 300 && parser.pending; round++) parser.abandon();
        expect(parser.pending).toBe(false);
      }),
    );
  });

  const ack = fromHex(`${PREFIX} 07 0003 00 000A`);

  test.each([
    ['a stray 55', '55', ['noise']],
    ['half a magic', 'EF', ['noise']],
    ['a length that is too large', `${PREFIX} 02 0103`, ['length', 'noise']],
    ['a length that is too small', `${PREFIX} 02 0001`, ['length', 'noise']],
    ['a kind that there is not', `${PREFIX} 03 0003`, ['kind', 'noise']],
    ['another address', 'EF01 FFFFFFFE 07 0003 00 000A', ['address', 'noise']],
    ['a wrong sum', `${PREFIX} 07 0003 00 000B`, ['sum', 'noise']],
  ])('goes on behind %s', (_, hex, expected) => {
    const items = new FrameParser(DEFAULT_ADDRESS).push(concatBytes(fromHex(hex), ack));
    expect(only(items)).toEqual([decodeFrame(ack)]);
    expect(faults(items)).toEqual(expected);
  });

  test('finds the frame that a damaged length had swallowed, once nothing more comes', () => {
    const parser = new FrameParser(DEFAULT_ADDRESS);
    expect(parser.push(concatBytes(fromHex(`${PREFIX} 02 0102`), ack))).toEqual([]);
    expect(parser.pending).toBe(true);
    expect(only(parser.abandon())).toEqual([decodeFrame(ack)]);
    expect(parser.pending).toBe(false);
  });

  test('is not led astray by the magic inside data', () => {
    const payload = fromHex(`${PREFIX} 07 0003 00 000B ${PREFIX} EF01`);
    const bytes = encodeFrame({ kind: 'data', address: DEFAULT_ADDRESS, payload });
    expect(only(new FrameParser(DEFAULT_ADDRESS).push(concatBytes(bytes, ack))).map(({ kind }) => kind)).toEqual([
      'data',
      'acknowledge',
    ]);
  });

  test('of one picture costs a few milliseconds', () => {
    const bytes = concatBytes(...encodeData(DEFAULT_ADDRESS, new Uint8Array(36_864).fill(0xef), 128));
    const chunks = Array.from({ length: Math.ceil(bytes.length / 64) }, (_, at) =>
      bytes.subarray(at * 64, at * 64 + 64),
    );
    const parse = (): number => only(pushAll(new FrameParser(DEFAULT_ADDRESS), chunks)).length;
    expect(parse()).toBe(288);
    const costs = Array.from({ length: 7 }, () => {
      const { user, system } = process.cpuUsage();
      parse();
      const now = process.cpuUsage();
      return (now.user + now.system - user - system) / 1000;
    });
    expect(Math.min(...costs)).toBeLessThan(20);
  });
});
