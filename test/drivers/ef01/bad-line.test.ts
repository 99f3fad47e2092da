/** What a line, a clone or a broken device does to an exchange, and what the driver makes of it. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_ADDRESS, encodeData } from '../../../drivers/ef01/codec.ts';
import { CONFIRMATION } from '../../../drivers/ef01/dialects.ts';
import { encodePixels } from '../../../drivers/ef01/pixels.ts';
import { concatBytes, fromHex } from '../../../src/bytes.ts';
import { isAppError } from '../../../src/errors.ts';
import type { AppError } from '../../../src/errors.ts';
import type { Fault, Scenario } from '../../../src/reader/simulated-scenario.ts';
import { collect, drawPrint, OPTIONS, scenarios, story } from '../../reader/simulator.ts';
import { bench, codeOf } from './bench.ts';
import { ack, dataFrame, Script } from './script.ts';

const FOREVER = new AbortController().signal;

describe('a bad line', () => {
  test.each(['bad-checksum', 'lost-byte', 'repeated-packet', 'stray-bytes'])('is survived: %s', async (scenario) => {
    const { capture, prints } = await bench({ scenario });
    const { error, sample, events } = await capture();
    expect(error).toBeNull();
    expect(sample?.image).toEqual(prints.given[0]!.image);
    const progress = events.flatMap((event) => (event.kind === 'progress' ? [event.progress] : []));
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
  });

  test('that damages one packet and repeats another does not pass for whole because the sizes agree', async () => {
    // The sum of packet 50, and packet 80 twice: 36864 bytes, but not those of the picture.
    const scenario: Scenario = {
      ...scenarios.get('good')!,
      faults: [
        { kind: 'flip', atByte: 12 + 50 * 139 + 138, count: 1, times: 1 },
        { kind: 'repeat', atByte: 12 + 80 * 139, count: 139, times: 1 },
      ],
    };
    const { capture, prints } = await bench({ scenario });
    const { error, sample } = await capture();
    expect(error).toBeNull();
    expect(sample?.image).toEqual(prints.given[0]!.image);
  });

  test('that puts noise between packets loses nothing by it', async () => {
    const scenario: Scenario = {
      ...scenarios.get('good')!,
      faults: [{ kind: 'insert', atByte: 12 + 2 * 139, bytes: fromHex('00FF55'), times: null }],
    };
    const clean = await bench({ scenario, device: 'as608-iso', settings: { dialect: 'as608-iso' } });
    const { error, sample } = await clean.capture();
    expect(error).toBeNull();
    expect(sample?.image).toEqual(clean.prints.given[0]!.image);
    expect(sample?.template?.bytes).toEqual(clean.prints.given[0]!.template);
  });

  test('that damages every picture is READER_PROTOCOL', async () => {
    const { capture } = await bench({ scenario: 'bad-line' });
    expect(codeOf((await capture()).error)).toBe('READER_PROTOCOL');
  });

  describe.each(['as608', 'as608-iso'])('in the template of %s', (device) => {
    const settings = { dialect: device };

    test.each(['template-packet-twice', 'template-packet-lost'])('is survived: %s', async (scenario) => {
      const { capture, prints } = await bench({ scenario, device, settings });
      const { error, sample } = await capture();
      expect(error).toBeNull();
      expect(sample?.template?.bytes).toEqual(prints.given[0]!.template);
    });

    test.each(['template-packet-twice', 'template-packet-lost'])('for ever is READER_PROTOCOL: %s', async (name) => {
      const { description, presses, faults } = scenarios.get(name)!;
      const scenario = { description, presses, faults: faults.map((fault) => ({ ...fault, times: null })) };
      const { error, sample } = await (await bench({ scenario, device, settings })).capture();
      expect(codeOf(error)).toBe('READER_PROTOCOL');
      expect(sample).toBeNull();
    });
  });

  describe('at the very end', () => {
    const struck = (fault: Partial<Extract<Fault, { kind: 'drop' | 'flip' }>>, times: number | null): Scenario => ({
      ...scenarios.get('good')!,
      faults: [{ kind: 'drop', atByte: 0, count: 139, ...fault, times }],
    });
    const ends = [
      ['length of the last packet of a picture', 'as608', { kind: 'flip', atByte: 12 + 287 * 139 + 8, count: 1 }],
      ['last packet of a picture', 'as608', { atByte: 12 + 287 * 139 }],
      ['last packet of a template', 'as608', { atByte: 12 + 3 * 139, skip: 1 }],
      ['last packet of an ISO template', 'as608-iso', { atByte: 12 + 2 * 139, skip: 1, count: 85 }],
    ] as const;

    test.each(ends)('is survived: the %s', async (_, device, fault) => {
      const table = await bench({ scenario: struck(fault, 1), device, settings: { dialect: device } });
      const { error, sample } = await table.capture();
      expect(error).toBeNull();
      expect(sample?.image).toEqual(table.prints.given[0]!.image);
      expect(sample?.template?.bytes).toEqual(table.prints.given[0]!.template);
    });

    test.each(ends)('is READER_STALLED where it comes again: the %s', async (_, device, fault) => {
      const table = await bench({ scenario: struck(fault, null), device, settings: { dialect: device } });
      expect(codeOf((await table.capture()).error)).toBe('READER_STALLED');
      expect(table.clock.monotonicMs()).toBeLessThan(2500);
    });
  });

  test('that stalls and is dead from then on is READER_STALLED all the same', async () => {
    let asked = 0;
    const packets = encodeData(DEFAULT_ADDRESS, encodePixels(drawPrint().image.pixels), 128).slice(0, 100);
    const script = new Script([[0x0a, () => (asked++ === 0 ? [ack([0]), ...packets] : [])]]);
    const { error } = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(codeOf(error)).toBe('READER_STALLED');
    expect((error as AppError).detail).toContain('12800 bytes');
    expect(script.clock.monotonicMs()).toBeLessThan(5000);
  });

  test('that stalls twice is READER_STALLED, soon after the last byte', async () => {
    const { capture, clock } = await bench({ scenario: 'stall' });
    expect(codeOf((await capture()).error)).toBe('READER_STALLED');
    expect(clock.monotonicMs()).toBeLessThan(2500);
  });

  test('of noise is READER_PROTOCOL, of silence READER_SILENT, of the wrong rate READER_SILENT', async () => {
    await expect(bench({ scenario: 'noise' })).rejects.toSatisfy((error) => isAppError(error, 'READER_PROTOCOL'));
    await expect(bench({ scenario: 'silent' })).rejects.toSatisfy((error) => isAppError(error, 'READER_SILENT'));
    await expect(bench({ scenario: 'wrong-baud' })).rejects.toSatisfy((error) => isAppError(error, 'READER_SILENT'));
  });

  test('does not make a command that changes the device go out twice', async () => {
    const script = new Script([]);
    await script.open();
    expect(script.heard.filter((payload) => payload.startsWith('0e') || payload.startsWith('12'))).toEqual([]);
  });

  test('that is unplugged in mid-image is READER_REMOVED', async () => {
    const { capture } = await bench({ scenario: 'unplug-mid-image', paced: true });
    const { error, events } = await capture();
    expect(codeOf(error)).toBe('READER_REMOVED');
    expect(story(events)).toEqual(['place', 'hold', 'progress']);
  });
});

describe('a device that does not stop sending', () => {
  async function talkedAt(saying: Uint8Array): Promise<{ error: unknown; next: unknown; script: Script }> {
    const script = new Script([[0x0a, () => [ack([0])]]]);
    const reader = await script.open();
    const end = new AbortController();
    const talking = (async () => {
      for (;;) {
        await script.clock.sleep(20, end.signal);
        script.say(saying);
      }
    })().catch(() => undefined);
    const { error } = await collect(reader.capture(OPTIONS, FOREVER));
    const next = await reader.ping(FOREVER).catch((reason: unknown) => reason);
    end.abort();
    await talking;
    return { error, next, script };
  }

  test.each([
    ['noise', fromHex('AA5500'), 'no end of data in 60000 ms'],
    ['packets', dataFrame(new Uint8Array(128)), 'more than 262144 bytes'],
  ])('but goes on with %s is READER_PROTOCOL within one deadline, asked once', async (_, saying, detail) => {
    const { error, next, script } = await talkedAt(saying);
    expect(codeOf(error)).toBe('READER_PROTOCOL');
    expect((error as AppError).detail).toContain(detail);
    expect(script.heard.filter((payload) => payload === '0a')).toHaveLength(1);
    // The next command waits for the end of it as long, once, and does not go out.
    expect(codeOf(next)).toBe('READER_PROTOCOL');
    expect((next as AppError).detail).toContain('did not stop sending in 60000 ms');
    expect(script.clock.monotonicMs()).toBeLessThan(121_000);
  });

  test.each([
    [1200, null],
    [57_600, 'READER_PROTOCOL'],
  ])('for minutes, as at 1200 baud, may where the link is said to run at %i', async (baud, code) => {
    const bytes = concatBytes(ack([0]), ...encodeData(DEFAULT_ADDRESS, encodePixels(drawPrint().image.pixels), 128));
    const script: Script = new Script([
      [
        0x0a,
        () => {
          void (async () => {
            for (let at = 0; at < bytes.length; at += 48) {
              await script.clock.sleep(400);
              script.say(bytes.subarray(at, at + 48));
            }
          })();
          return [];
        },
      ],
    ]);
    const { error } = await collect((await script.open({ baud })).capture(OPTIONS, FOREVER));
    expect(codeOf(error)).toBe(code);
  });
});

describe('a clone', () => {
  const packed = encodePixels(drawPrint().image.pixels);

  test('that marks no end has sent everything all the same', async () => {
    const endless = encodeData(DEFAULT_ADDRESS, concatBytes(packed, Uint8Array.of(0)), 128).slice(0, -1);
    const script = new Script([[0x0a, () => [ack([0]), ...endless]]]);
    const { sample, error } = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(error).toBeNull();
    expect(sample?.image).toEqual(drawPrint().image);
  });

  test('that ends early is READER_PROTOCOL after it was asked three times', async () => {
    const script = new Script([
      [0x0a, () => [ack([0]), ...encodeData(DEFAULT_ADDRESS, packed.subarray(0, 20_000), 128)]],
    ]);
    const { error } = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(codeOf(error)).toBe('READER_PROTOCOL');
    expect(script.heard.filter((payload) => payload === '0a')).toHaveLength(3);
  });

  test('that never ends is READER_PROTOCOL before it eats the memory', async () => {
    const script = new Script([
      [0x0a, () => [ack([0]), ...Array.from({ length: 3000 }, () => dataFrame(new Uint8Array(128)))]],
    ]);
    const { error } = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(codeOf(error)).toBe('READER_PROTOCOL');
  });

  test('with an empty template is READER_PROTOCOL', async () => {
    const script = new Script([[0x08, () => [ack([0]), ...encodeData(DEFAULT_ADDRESS, new Uint8Array(0), 128)]]]);
    const { error } = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(codeOf(error)).toBe('READER_PROTOCOL');
  });

  test('that answers twice is understood', async () => {
    const script = new Script([[0x02, () => [ack([0]), ack([0])]]]);
    expect((await collect((await script.open()).capture(OPTIONS, FOREVER))).error).toBeNull();
  });

  test('that answers a damaged command with 01 is told again', async () => {
    let refused = 0;
    const script = new Script([[0x02, () => [ack([refused++ < 2 ? CONFIRMATION.packetError : 0])]]]);
    expect((await collect((await script.open()).capture(OPTIONS, FOREVER))).error).toBeNull();
    expect(script.heard.filter((payload) => payload === '0201')).toHaveLength(3);
  });

  test('whose acknowledgement is damaged once is asked again, without waiting long', async () => {
    let answered = 0;
    const script = new Script([[0x02, () => [answered++ === 0 ? fromHex('EF01FFFFFFFF07000300000B') : ack([0])]]]);
    expect((await collect((await script.open()).capture(OPTIONS, FOREVER))).error).toBeNull();
    expect(script.clock.monotonicMs()).toBeLessThan(1000);
  });

  test('that stops answering is READER_SILENT', async () => {
    const script = new Script([[0x02, () => []]]);
    expect(codeOf((await collect((await script.open()).capture(OPTIONS, FOREVER))).error)).toBe('READER_SILENT');
  });

  test('whose answer is too short is READER_PROTOCOL', async () => {
    const script = new Script([[0x0f, () => [ack([0, 1, 2])]]]);
    await expect(script.open()).rejects.toSatisfy((error) => isAppError(error, 'READER_PROTOCOL'));
  });
});
