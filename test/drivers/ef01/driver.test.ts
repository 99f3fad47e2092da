/** The driver at one end of a simulated wire, the device at the other; what simulation cannot play comes from a scripted link. */
import { describe, expect, test } from 'vitest';
import { encodeData, DEFAULT_ADDRESS } from '../../../drivers/ef01/codec.ts';
import { DIALECTS } from '../../../drivers/ef01/dialects.ts';
import { encodePixels } from '../../../drivers/ef01/pixels.ts';
import { fromHex, toHex } from '../../../src/bytes.ts';
import { AppError, isAppError } from '../../../src/errors.ts';
import type { Scenario } from '../../../src/reader/simulated-scenario.ts';
import { collect, drawPrint, ef01, OPTIONS, story } from '../../reader/simulator.ts';
import { bench, codeOf } from './bench.ts';
import type { Bench } from './bench.ts';
import { ack, Script } from './script.ts';

const FOREVER = new AbortController().signal;

describe('a capture', () => {
  test('tells the person what to do, counts up, and gives picture and template', async () => {
    const { capture, prints, reader } = await bench();
    const { events, sample, error } = await capture();
    expect(error).toBeNull();
    expect(story(events)).toEqual(['place', 'hold', 'progress', 'sample', 'lift']);
    const progress = events.flatMap((event) => (event.kind === 'progress' ? [event.progress] : []));
    expect(progress[0]).toBe(0);
    expect(progress.at(-1)).toBe(1);
    expect(progress.length).toBeGreaterThan(90);
    expect(progress).toEqual(progress.toSorted((a, b) => a - b));
    expect(sample?.image).toEqual(prints.given[0]!.image);
    expect(sample?.template).toEqual({ format: 'opaque', dialect: 'as608', bytes: prints.given[0]!.template });
    expect(reader.capabilities).toEqual({ image: true, template: 'opaque', width: 256, height: 288, dpi: 500 });
  });

  test('hands over an ISO template, of whatever length, where the dialect has them', async () => {
    const { capture, prints, reader } = await bench({ device: 'as608-iso', settings: { dialect: 'as608-iso' } });
    const { sample } = await capture();
    expect(sample?.template).toEqual({
      format: 'iso-19794-2',
      dialect: 'as608-iso',
      bytes: prints.given[0]!.template,
    });
    expect(sample?.template?.bytes.length).toBe(330);
    expect(reader.capabilities.template).toBe('iso-19794-2');
  });

  test('after another gets the next finger', async () => {
    const { capture, prints } = await bench();
    await capture();
    const second = await capture();
    expect(second.sample?.image).toEqual(prints.given[1]!.image);
  });

  test('waits for a finger that is late', async () => {
    const { capture, clock } = await bench({ scenario: 'finger-late' });
    const { error } = await capture();
    expect(error).toBeNull();
    expect(clock.monotonicMs()).toBeGreaterThan(3000);
  });

  test('ends in FINGER_TIMEOUT when nobody comes, on time', async () => {
    const { capture, clock } = await bench({ scenario: 'no-finger' });
    const { error, events } = await capture({ timeoutMs: 5000 });
    expect(codeOf(error)).toBe('FINGER_TIMEOUT');
    expect(story(events)).toEqual(['place']);
    expect(clock.monotonicMs()).toBeGreaterThanOrEqual(5000);
    expect(clock.monotonicMs()).toBeLessThan(5200);
  });

  test('does not wait for ever for a finger to be lifted', async () => {
    const { capture, clock } = await bench({ scenario: 'finger-stays' });
    const { error, sample } = await capture({ liftTimeoutMs: 1000 });
    expect(error).toBeNull();
    expect(sample).not.toBeNull();
    expect(clock.monotonicMs()).toBeLessThan(1500);
  });

  describe('after one whose finger stayed', () => {
    const staying = (liftAfterMs: number): Scenario => ({
      description: '',
      presses: [
        { placeAfterMs: 0, liftAfterMs },
        { placeAfterMs: 0, liftAfterMs: 0 },
      ],
      faults: [],
    });

    test('has it lifted before it asks for the next', async () => {
      const { capture, prints } = await bench({ scenario: staying(3000) });
      expect((await capture({ liftTimeoutMs: 1000 })).error).toBeNull();
      const second = await capture();
      expect(story(second.events)).toEqual(['lift', 'place', 'hold', 'progress', 'sample', 'lift']);
      expect(second.sample?.image).toEqual(prints.given[1]!.image);
      expect(story((await capture()).events)[0]).toBe('place');
    });

    test('is FINGER_RESIDUAL where it stays, and once it went all is well', async () => {
      const { capture, clock } = await bench({ scenario: staying(8000) });
      expect((await capture({ liftTimeoutMs: 1000 })).error).toBeNull();
      const { events, error, sample } = await capture({ timeoutMs: 4000 });
      expect(codeOf(error)).toBe('FINGER_RESIDUAL');
      expect(story(events)).toEqual(['lift']);
      expect(sample).toBeNull();
      expect(clock.monotonicMs()).toBeLessThan(5500);
      expect((await capture()).error).toBeNull();
    });

    test('tells nobody to lift a finger that is gone by then', async () => {
      const { capture } = await bench({ scenario: 'wet-then-good' });
      expect(codeOf((await capture()).error)).toBe('FINGER_TOO_WET');
      expect(story((await capture()).events)).toEqual(['place', 'hold', 'progress', 'sample', 'lift']);
    });

    test('and cannot be seen is no reason to go on: a reader that refuses says so', async () => {
      let looks = 0;
      const script = new Script([[0x01, () => [ack([looks++ < 20 ? 0 : 0x29])]]]);
      const reader = await script.open();
      expect((await collect(reader.capture({ timeoutMs: 500, liftTimeoutMs: 100 }, FOREVER))).error).toBeNull();
      expect(codeOf((await collect(reader.capture({ ...OPTIONS, timeoutMs: 2000 }, FOREVER))).error)).toBe(
        'READER_CODE',
      );
    });
  });

  test('asks for the finger again when it was lifted too early', async () => {
    const { capture } = await bench({ scenario: 'lifted-early' });
    const { events, error } = await capture();
    expect(error).toBeNull();
    expect(story(events)).toEqual(['place', 'again', 'hold', 'progress', 'sample', 'lift']);
  });
});

describe('a device that refuses', () => {
  test.each([
    ['dry-finger', 'FINGER_TOO_DRY', 0x04],
    ['wet-finger', 'FINGER_TOO_WET', 0x05],
    ['smudged', 'FINGER_SMUDGED', 0x06],
    ['partial', 'FINGER_FEW_FEATURES', 0x07],
    ['residual', 'FINGER_RESIDUAL', 0x17],
  ] as const)('%s is %s', async (scenario, code, deviceCode) => {
    const { error } = await (await bench({ scenario })).capture({ timeoutMs: 2000 });
    expect(codeOf(error)).toBe(code);
    expect((error as AppError).extras).toMatchObject({ deviceCode });
  });

  test('lets the next press do better', async () => {
    const { capture } = await bench({ scenario: 'wet-then-good' });
    expect(codeOf((await capture()).error)).toBe('FINGER_TOO_WET');
    expect((await capture()).error).toBeNull();
  });

  const meanings = Object.entries(DIALECTS[0].confirmations).map(([code, { cause, error }]) => ({
    code: Number(code),
    cause,
    error,
  }));

  test.each(meanings)('GenChar with code $code ($cause) is $error', async ({ code, cause, error }) => {
    const script = new Script([[0x02, () => [ack([code])]]]);
    const outcome = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(codeOf(outcome.error)).toBe(error);
    expect((outcome.error as AppError).extras).toEqual({
      instruction: 'genChar',
      deviceCode: code,
      deviceCause: cause,
    });
    expect((outcome.error as AppError).detail).toContain(code.toString(16).padStart(2, '0'));
  });

  test.each([
    [0x03, 'FINGER_LIFTED'],
    [0x17, 'FINGER_RESIDUAL'],
    [0x34, 'FINGER_SMUDGED'],
    [0x29, 'READER_CODE'],
    [0x21, 'READER_PASSWORD'],
    [0x77, 'READER_CODE'],
  ] as const)('GetImage with code %i is %s', async (code, expected) => {
    const script = new Script([[0x01, () => [ack([code])]]]);
    const outcome = await collect((await script.open()).capture({ ...OPTIONS, timeoutMs: 500 }, FOREVER));
    expect(codeOf(outcome.error)).toBe(expected);
  });

  test.each([
    [0x0a, 0x0f, 'upImage'],
    [0x08, 0x0d, 'upChar'],
  ])('instruction %i with code %i is READER_CODE with both', async (instruction, code, name) => {
    const script = new Script([[instruction, () => [ack([code])]]]);
    const { error } = await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(codeOf(error)).toBe('READER_CODE');
    expect((error as AppError).extras).toMatchObject({ instruction: name, deviceCode: code });
  });

  test('the default password is READER_PASSWORD when opened', async () => {
    await expect(bench({ scenario: 'wrong-password' })).rejects.toSatisfy((error) =>
      isAppError(error, 'READER_PASSWORD'),
    );
    const { reader } = await bench({ scenario: 'wrong-password', settings: { password: 0x1234_5678 } });
    await reader.ping(FOREVER);
  });
});

describe('a cancelled capture', () => {
  async function cancelledAt(progress: number): Promise<Bench> {
    const table = await bench({ paced: true });
    const stop = new AbortController();
    const { error } = await collect(table.reader.capture(OPTIONS, stop.signal), (event) => {
      if (event.kind === 'progress' && event.progress >= progress) stop.abort(new AppError('CAPTURE_CANCELLED'));
    });
    expect(codeOf(error)).toBe('CAPTURE_CANCELLED');
    return table;
  }

  test.each([0, 0.01, 0.5, 0.98])('in mid-image, at %d, leaves a reader that captures', async (progress) => {
    const { capture, clock } = await cancelledAt(progress);
    const before = clock.monotonicMs();
    const { error, sample } = await capture();
    expect(error).toBeNull();
    expect(sample?.image.pixels.length).toBe(256 * 288);
    // What was under way passed by first, and not a second more was waited.
    expect(clock.monotonicMs() - before).toBeLessThan((1 - progress) * 7000 + 7000 + 1500);
  });

  test('whose events nobody takes any more leaves a reader that captures', async () => {
    const { reader, capture } = await bench({ paced: true });
    for await (const event of reader.capture(OPTIONS, FOREVER)) if (event.kind === 'progress') break;
    expect((await capture()).error).toBeNull();
  });

  test('while it waits for a finger stops at once', async () => {
    const { reader, clock, capture } = await bench({ scenario: 'finger-late' });
    const stop = new AbortController();
    const capturing = collect(reader.capture(OPTIONS, stop.signal));
    await clock.sleep(1000);
    stop.abort(new AppError('CAPTURE_CANCELLED'));
    expect(codeOf((await capturing).error)).toBe('CAPTURE_CANCELLED');
    expect(clock.monotonicMs()).toBeLessThan(1100);
    expect((await capture()).error).toBeNull();
  });

  test('in mid-image sends nothing more until the rest of the picture has passed', async () => {
    const packets = encodeData(DEFAULT_ADDRESS, encodePixels(drawPrint().image.pixels), 128);
    const script = new Script([[0x0a, () => [ack([0]), ...packets.slice(0, 100)]]]);
    const reader = await script.open();
    const stop = new AbortController();
    await collect(reader.capture(OPTIONS, stop.signal), (event) => {
      if (event.kind === 'progress' && event.progress > 0.2) stop.abort(new AppError('CAPTURE_CANCELLED'));
    });
    const pinging = reader.ping(FOREVER);
    for (const packet of packets.slice(100)) {
      await script.clock.sleep(24);
      expect(script.heard.at(-1)).toBe('0a');
      script.say(packet);
    }
    await pinging;
    expect(script.heard.at(-1)).toBe('0f');
  });

  test('in mid-command does not take the late answer for that of the next command', async () => {
    const script = new Script([[0x02, () => []]]);
    const reader = await script.open();
    const stop = new AbortController();
    const capturing = collect(reader.capture(OPTIONS, stop.signal));
    await script.clock.sleep(500);
    stop.abort(new AppError('CAPTURE_CANCELLED'));
    await capturing;
    const next = collect(reader.capture({ ...OPTIONS, timeoutMs: 500 }, FOREVER));
    await script.clock.sleep(500);
    expect(script.heard.at(-1)).toBe('0201');
    script.say(ack([0]));
    // The finger is gone: the late success was GenChar's, not GetImage's.
    expect(codeOf((await next).error)).toBe('FINGER_TIMEOUT');
  });

  test('before it began does not touch the reader', async () => {
    const { reader } = await bench();
    const { error, events } = await collect(
      reader.capture(OPTIONS, AbortSignal.abort(new AppError('CAPTURE_CANCELLED'))),
    );
    expect(codeOf(error)).toBe('CAPTURE_CANCELLED');
    expect(events).toEqual([]);
  });
});

describe('bytes on the wire', () => {
  test('of an opening and a capture are those of the manual, in that order', async () => {
    const script = new Script([]);
    await collect((await script.open()).capture(OPTIONS, FOREVER));
    expect(script.frames.map(toHex)).toEqual(
      [
        '01 0007 13 00000000 001B',
        '01 0003 0F 0013',
        '01 0003 01 0005',
        '01 0003 0A 000E',
        '01 0004 02 01 0008',
        '01 0004 08 01 000E',
        '01 0003 01 0005',
      ].map((rest) => toHex(fromHex(`EF01 FFFFFFFF ${rest}`))),
    );
  });

  test('carry the configured address and password', async () => {
    const script = new Script([], 0x0102_0304);
    await script.open({ address: 0x0102_0304, password: 7 });
    expect(toHex(script.frames[0]!)).toBe('ef010102030401000713000000070022');
  });
});

test('an unknown dialect is CONFIG_INVALID', () => {
  expect(() => ef01.expects({ dialect: 'klingon' })).toThrow(/CONFIG_INVALID.*as608/);
});
