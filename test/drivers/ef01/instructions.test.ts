import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeFrame, DEFAULT_ADDRESS } from '../../../drivers/ef01/codec.ts';
import {
  decodeCommand,
  decodeReply,
  encodeCommand,
  encodeReply,
  SHARED_INSTRUCTIONS,
} from '../../../drivers/ef01/instructions.ts';
import type { Fields, Instruction } from '../../../drivers/ef01/instructions.ts';
import { decodePixels, encodePixels } from '../../../drivers/ef01/pixels.ts';
import { fromHex, toHex } from '../../../src/bytes.ts';
import { isAppError } from '../../../src/errors.ts';
import { thrownBy } from '../../reader/thrown.ts';

const I = SHARED_INSTRUCTIONS;

/** Any values that fit the fields. */
function valuesOf(fields: Fields): fc.Arbitrary<Record<string, number | Uint8Array>> {
  return fc.record(
    Object.fromEntries(
      Object.entries(fields).map(([name, type]) => {
        if (typeof type === 'object') return [name, fc.uint8Array({ minLength: type.bytes, maxLength: type.bytes })];
        return [name, fc.nat({ u8: 0xff, u16: 0xffff, u32: 0xffff_ffff }[type])];
      }),
    ),
  );
}

const rows: (readonly [string, Instruction])[] = Object.entries(I);

describe('commands', () => {
  test.each([
    ['VfyPwd(0)', encodeCommand(I.vfyPwd, { password: 0 }), '01 0007 13 00000000 001B'],
    ['GetImage', encodeCommand(I.getImage, {}), '01 0003 01 0005'],
    ['GenChar(1)', encodeCommand(I.genChar, { buffer: 1 }), '01 0004 02 01 0008'],
    ['UpImage', encodeCommand(I.upImage, {}), '01 0003 0A 000E'],
    ['ReadSysPara', encodeCommand(I.readSysPara, {}), '01 0003 0F 0013'],
    ['Search(1, 0, 200)', encodeCommand(I.search, { buffer: 1, start: 0, count: 200 }), '01 0008 04 01 0000 00C8 00D6'],
    ['WriteReg packet size', encodeCommand(I.writeReg, { register: 6, value: 3 }), '01 0005 0E 06 03 001D'],
  ])('%s is what the manual says', (_, payload, rest) => {
    const frame = encodeFrame({ kind: 'command', address: DEFAULT_ADDRESS, payload });
    expect(toHex(frame)).toBe(toHex(fromHex(`EF01 FFFFFFFF ${rest}`)));
  });

  test.each(rows)('%s: arguments and reply survive the wire', (name, instruction) => {
    fc.assert(
      fc.property(valuesOf(instruction.args), valuesOf(instruction.reply), (args, fields) => {
        expect(decodeCommand(I, encodeCommand(instruction, args))).toEqual({ name, args });
        const reply = { code: 0, fields } as const;
        expect(decodeReply(instruction, encodeReply(instruction, reply))).toEqual(reply);
      }),
    );
  });

  test('have one code each', () => {
    expect(new Set(rows.map(([, { code }]) => code)).size).toBe(rows.length);
  });

  test('that nobody knows are none', () => {
    expect(decodeCommand(I, Uint8Array.of(0x77))).toBeNull();
  });

  test.each(['', '13 0000', '01 00', '0E 06 03 01'])('of a wrong length are refused: %s', (hex) => {
    const thrown = thrownBy(() => decodeCommand(I, fromHex(hex)));
    expect(isAppError(thrown, 'READER_PROTOCOL')).toBe(true);
  });
});

describe('replies', () => {
  test('ReadSysPara gives its eight numbers', () => {
    const payload = fromHex('00 0004 0009 012C 0003 FFFFFFFF 0002 0006');
    expect(decodeReply(I.readSysPara, payload)).toEqual({
      code: 0,
      fields: {
        status: 4,
        systemId: 9,
        capacity: 300,
        level: 3,
        address: 0xffff_ffff,
        packetCode: 2,
        baudFactor: 6,
      },
    });
  });

  test('of another code have no fields, whatever follows', () => {
    expect(decodeReply(I.search, fromHex('09 0000 0000'))).toEqual({ code: 9, fields: null });
  });

  test('that are too short are refused, and what clones append is left alone', () => {
    expect(() => decodeReply(I.search, fromHex('00 0001'))).toThrow(/READER_PROTOCOL/);
    expect(() => decodeReply(I.search, new Uint8Array(0))).toThrow(/READER_PROTOCOL/);
    expect(decodeReply(I.match, fromHex('00 0032 FFFF'))).toEqual({ code: 0, fields: { score: 50 } });
  });
});

describe('pixels', () => {
  test('put the left one into the high half, and spread it over 8 bits', () => {
    expect([...decodePixels(fromHex('0F A5'))]).toEqual([0, 255, 170, 85]);
    expect(toHex(encodePixels(Uint8Array.of(0, 255, 170, 85)))).toBe('0fa5');
  });

  test('of 4 bits survive', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (packed) => {
        expect(encodePixels(decodePixels(packed))).toEqual(packed);
      }),
    );
  });

  test('go to the nearest grey', () => {
    expect(toHex(encodePixels(Uint8Array.of(8, 9, 246, 247)))).toBe('01ef');
  });
});
