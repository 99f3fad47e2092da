/** A family that the table does not have yet, written down as data: nothing but a constant is needed. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_ADDRESS, encodeData } from '../../../drivers/ef01/codec.ts';
import { dialectNamed, DIALECTS, refusal } from '../../../drivers/ef01/dialects.ts';
import type { Dialect } from '../../../drivers/ef01/dialects.ts';
import { SHARED_INSTRUCTIONS } from '../../../drivers/ef01/instructions.ts';
import { encodePixels } from '../../../drivers/ef01/pixels.ts';
import { concatBytes, latin1Bytes } from '../../../src/bytes.ts';
import { collect, drawPrint, OPTIONS } from '../../reader/simulator.ts';
import { ack, Script } from './script.ts';

const AS608 = dialectNamed('as608');

const R503: Dialect = {
  ...AS608,
  id: 'r503',
  name: 'R503',
  instructions: {
    ...SHARED_INSTRUCTIONS,
    getImageEx: { code: 0x28, args: {}, reply: {}, data: 'none', repeatable: true },
    cancel: { code: 0x30, args: {}, reply: {}, data: 'none', repeatable: true },
    led: {
      code: 0x35,
      args: { control: 'u8', speed: 'u8', colour: 'u8', times: 'u8' },
      reply: {},
      data: 'none',
      repeatable: true,
    },
    prodInfo: {
      code: 0x3c,
      args: {},
      reply: {
        model: { bytes: 16 },
        batch: { bytes: 4 },
        serial: { bytes: 8 },
        hardware: 'u16',
        sensor: { bytes: 8 },
        width: 'u16',
        height: 'u16',
        templateBytes: 'u16',
        capacity: 'u16',
      },
      data: 'none',
      repeatable: true,
    },
  },
  confirmations: { ...AS608.confirmations, 0x22: { cause: 'template not empty', error: 'READER_CODE' } },
  images: [{ width: 192, height: 192, dpi: 500 }],
  template: { format: 'opaque', bytes: 1536 },
  identity: { instruction: 'prodInfo', model: 'model', serialNumber: 'serial', firmware: 'hardware' },
  registersApply: 'at-once',
  greeting: { byte: 0x55, afterMs: 50 },
};

const PROD_INFO = concatBytes(
  latin1Bytes('FPM-R503'.padEnd(16, '\0')),
  latin1Bytes('B001'),
  Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 0xff),
  Uint8Array.of(1, 2),
  latin1Bytes('OPT192'.padEnd(8, '\0')),
  Uint8Array.of(0, 192, 0, 192, 6, 0, 0, 200),
);

describe('a dialect written down as data', () => {
  const { image } = drawPrint(192, 192);
  const template = new Uint8Array(1536).fill(9);
  const answers = [
    [0x3c, () => [ack([0, ...PROD_INFO])]],
    [0x0a, () => [ack([0]), ...encodeData(DEFAULT_ADDRESS, encodePixels(image.pixels), 128)]],
    [0x08, () => [ack([0]), ...encodeData(DEFAULT_ADDRESS, template, 128)]],
  ] as const;

  test('names the device by its own instruction', async () => {
    expect(PROD_INFO.length).toBe(46);
    const reader = await new Script(answers).open({}, R503);
    expect(reader.identity).toEqual({ model: 'FPM-R503', serialNumber: '01020304050607ff', firmware: '258' });
    expect(reader.capabilities).toEqual({ image: true, template: 'opaque', width: 192, height: 192, dpi: 500 });
  });

  test('captures in its own sizes', async () => {
    const reader = await new Script(answers).open({}, R503);
    const { sample } = await collect(reader.capture(OPTIONS, new AbortController().signal));
    expect(sample?.image).toEqual(image);
    expect(sample?.template).toEqual({ format: 'opaque', dialect: 'r503', bytes: template });
  });

  test('without that instruction in the firmware has no name', async () => {
    const reader = await new Script([[0x3c, () => [ack([0xfc])]]]).open({}, R503);
    expect(reader.identity).toEqual({});
  });

  test('gives codes their own meaning', () => {
    expect(refusal(R503, 'store', 0x22).extras).toMatchObject({ deviceCause: 'template not empty' });
    expect(refusal(AS608, 'store', 0x22).extras).toMatchObject({ deviceCause: 'template empty' });
  });
});

describe.each(DIALECTS)('the dialect $id', (dialect) => {
  test('has one code for each instruction', () => {
    const codes = Object.values(dialect.instructions).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });

  test('says how every bad finger shows by a code that it knows', () => {
    for (const { code } of Object.values(dialect.symptoms)) {
      expect(dialect.confirmations[code]?.error).toMatch(/^FINGER_/);
    }
  });
});
