import { describe, expect, test } from 'vitest';
import { drivers } from '../../drivers/index.ts';
import { concatBytes, fromHex, toHex } from '../../src/bytes.ts';
import type { Clock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import type { Link } from '../../src/reader/driver.ts';
import { FaultPlayer } from '../../src/reader/fault-player.ts';
import { simulatedLinks } from '../../src/reader/simulated-link.ts';
import { parseDevice, parseScenarios } from '../../src/reader/simulated-scenario.ts';
import type { Fault, Scenario } from '../../src/reader/simulated-scenario.ts';
import {
  collect,
  describeDevice,
  drawnPrints,
  ef01,
  OPTIONS,
  readerConfig,
  scenarios,
  simulator,
} from './simulator.ts';
import { JumpingClock } from './jumping-clock.ts';

const FOREVER = new AbortController().signal;

/** Nobody's time but the wire's: the finger is there at once and gone at once. */
const PROMPT: Scenario = { description: '', presses: [{ placeAfterMs: 0, liftAfterMs: 0 }], faults: [] };

const GET_IMAGE = fromHex('EF01FFFFFFFF 01 0003 01 0005');

function only<T>(values: Iterable<T>): T {
  const [value] = values;
  return value!;
}

describe('a paced wire', () => {
  test.each([
    [57_600, 3, 6.67],
    [57_600, 2, 6.95],
    [115_200, 2, 3.48],
  ])('at %i baud with packet code %i carries a picture in %d s', async (baud, packetCode, seconds) => {
    const clock = new JumpingClock();
    const config = readerConfig({ baud, simulated: { paced: true, scenario: 'own' } });
    const sim = simulator(clock, [config], { own: { ...PROMPT, baud } });
    const device = only(sim.devices.values());
    const link = device.open(config);
    // WriteReg packet size, in effect from the next power-up.
    await link.write(
      fromHex(packetCode === 3 ? 'EF01FFFFFFFF 01 0005 0E 06 03 001D' : 'EF01FFFFFFFF 01 0005 0E 06 02 001C'),
      FOREVER,
    );
    await readBytes(link, 12);
    device.unplug();
    device.plug();
    const reader = await ef01.open(device.open(config), { clock, settings: {} }, FOREVER);
    let started = 0;
    let ended = 0;
    const { error } = await collect(reader.capture(OPTIONS, FOREVER), (event) => {
      if (event.kind === 'prompt' && event.prompt === 'hold') started = clock.monotonicMs();
      if (event.kind === 'progress' && event.progress === 1) ended = clock.monotonicMs();
    });
    expect(error).toBeNull();
    // The command and its acknowledgement are 24 bytes of it.
    expect((ended - started) / 1000).toBeCloseTo(seconds + 240 / baud, 1);
    expect(ended - started).toBeGreaterThan((36_864 * 10_000) / baud);
  });

  test('adds next to nothing to the time of the bytes themselves', async () => {
    const clock = new JumpingClock();
    const config = readerConfig({ simulated: { paced: true, scenario: 'own' } });
    const sim = simulator(clock, [config], { own: PROMPT });
    let bytes = 0;
    const counted = counting(only(sim.devices.values()).open(config), (count) => {
      bytes += count;
    });
    const reader = await ef01.open(counted, { clock, settings: {} }, FOREVER);
    bytes = 0;
    const from = clock.monotonicMs();
    const { error } = await collect(reader.capture(OPTIONS, FOREVER));
    expect(error).toBeNull();
    const linkMs = (bytes * 10_000) / 57_600;
    expect((clock.monotonicMs() - from) / linkMs).toBeLessThan(1.01);
    expect((clock.monotonicMs() - from) / linkMs).toBeGreaterThan(0.999);
  });

  test('keeps its rate on a clock whose timers come late', async () => {
    const clock = new JumpingClock();
    const late: Clock = {
      now: () => clock.now(),
      monotonicMs: () => clock.monotonicMs(),
      sleep: (ms, signal) => clock.sleep(ms + 4, signal),
    };
    const config = readerConfig({ simulated: { paced: true, scenario: 'own' } });
    const sim = simulator(late, [config], { own: PROMPT });
    const reader = await ef01.open(only(sim.devices.values()).open(config), { clock: late, settings: {} }, FOREVER);
    const from = clock.monotonicMs();
    const { error } = await collect(reader.capture(OPTIONS, FOREVER));
    expect(error).toBeNull();
    expect((clock.monotonicMs() - from) / 7000).toBeGreaterThan(0.999);
    expect((clock.monotonicMs() - from) / 7000).toBeLessThan(1.03);
  });

  test('is half duplex: an answer begins when the command is through', async () => {
    const clock = new JumpingClock();
    const config = readerConfig({ simulated: { paced: true, scenario: 'no-finger' } });
    const link = only(simulator(clock, [config]).devices.values()).open(config);
    await link.write(GET_IMAGE, FOREVER);
    expect(toHex(await readBytes(link, 12))).toBe('ef01ffffffff07000302000c');
    expect(clock.monotonicMs()).toBeCloseTo((24 * 10_000) / 57_600, 3);
  });

  test('with two stop bits is slower by a tenth', async () => {
    const clock = new JumpingClock();
    const config = readerConfig({ stopBits: 2, simulated: { paced: true, scenario: 'no-finger' } });
    const link = only(simulator(clock, [config]).devices.values()).open(config);
    await link.write(GET_IMAGE, FOREVER);
    await readBytes(link, 12);
    expect(clock.monotonicMs()).toBeCloseTo((24 * 11_000) / 57_600, 3);
  });
});

describe('a simulated device', () => {
  test('can be unplugged and plugged in, and is open once at a time', async () => {
    const config = readerConfig({ simulated: { scenario: 'no-finger' } });
    const sim = simulator(new JumpingClock(), [config]);
    const device = only(sim.devices.values());
    const link = device.open(config);
    expect(() => device.open(config)).toThrow(/READER_IN_USE/);
    const read = link.read(FOREVER);
    device.unplug();
    await expect(read).rejects.toSatisfy((error) => isAppError(error, 'READER_REMOVED'));
    await expect(link.write(GET_IMAGE, FOREVER)).rejects.toSatisfy((error) => isAppError(error, 'READER_REMOVED'));
    await link.close();
    expect(await sim.list([], FOREVER)).toEqual([]);
    expect(() => device.open(config)).toThrow(/READER_REMOVED/);
    device.plug();
    expect(await sim.list([], FOREVER)).toHaveLength(1);
    const again = device.open(config);
    await again.write(GET_IMAGE, FOREVER);
    expect((await again.read(FOREVER)).length).toBe(12);
    await again.close();
    await again.close();
    device.open(config);
  });

  test('at another rate than the host hears and says what a UART makes of it', async () => {
    const config = readerConfig({ simulated: { scenario: 'wrong-baud' } });
    const link = only(simulator(new JumpingClock(), [config]).devices.values()).open(config);
    await link.write(GET_IMAGE, FOREVER);
    await expect(link.read(AbortSignal.timeout(20))).rejects.toThrow();
    const right = readerConfig({ baud: 115_200, simulated: { scenario: 'wrong-baud' } });
    const heard = only(simulator(new JumpingClock(), [right]).devices.values()).open(right);
    await heard.write(GET_IMAGE, FOREVER);
    expect((await heard.read(FOREVER)).length).toBe(12);
  });

  test('is one for each simulated section, under the section’s number', () => {
    const sections = [
      readerConfig({ link: 'hid' }),
      readerConfig(),
      readerConfig({ simulated: { device: 'as608-iso' } }),
    ];
    const sim = simulator(new JumpingClock(), sections);
    expect([...sim.devices.keys()]).toEqual(['simulated:1', 'simulated:2']);
    expect([...sim.devices.values()].map((device) => device.attached.dialect)).toEqual(['as608', 'as608-iso']);
  });

  test('of a scenario, a finger or a driver that there is not is CONFIG_INVALID', () => {
    expect(() => simulator(new JumpingClock(), [readerConfig({ simulated: { scenario: 'none' } })])).toThrow(
      /CONFIG_INVALID: reader\[0\]\.simulated\.scenario: .*unplug-mid-image/,
    );
    expect(() => simulator(new JumpingClock(), [readerConfig({ simulated: { finger: 'none' } })])).toThrow(
      /CONFIG_INVALID: reader\[0\]\.simulated\.finger: .*left-thumb/,
    );
    const options = { drivers, scenarios, prints: drawnPrints(), clock: new JumpingClock() };
    const describe = (name: string): ReturnType<typeof describeDevice> => ({
      ...describeDevice(name),
      driver: 'gt511',
    });
    expect(() => simulatedLinks({ ...options, readers: [readerConfig()], describe })).toThrow(/CONFIG_INVALID/);
  });

  test('asks for the finger that the configuration names', async () => {
    const asked: unknown[] = [];
    const prints = drawnPrints();
    const clock = new JumpingClock();
    const readers = [readerConfig({ simulated: { finger: 'left-thumb', device: 'as608-iso', scenario: 'good' } })];
    const sim = simulatedLinks({
      readers,
      drivers,
      describe: describeDevice,
      scenarios,
      clock,
      prints: {
        ...prints,
        next(reader) {
          asked.push(reader);
          return prints.next(reader);
        },
      },
    });
    const link = only(sim.devices.values()).open({ baud: 57_600, stopBits: 1 });
    const reader = await ef01.open(link, { clock, settings: {} }, FOREVER);
    await collect(reader.capture(OPTIONS, FOREVER));
    expect(asked).toEqual([{ finger: 'left-thumb', template: 'iso-19794-2', width: 256, height: 288 }]);
  });
});

describe('faults', () => {
  const answer = fromHex('00 01 02 03 04 05 06 07');
  const play = (fault: Fault, bursts: readonly Uint8Array[]): string => {
    const player = new FaultPlayer([fault]);
    player.beginAnswer();
    return toHex(concatBytes(...bursts.map((burst) => player.play(burst).bytes)));
  };

  test.each<[Fault, string]>([
    [{ kind: 'flip', atByte: 2, times: null, count: 1 }, '0001580304050607'],
    [{ kind: 'drop', atByte: 2, times: null, count: 2 }, '000104050607'],
    [{ kind: 'repeat', atByte: 2, times: null, count: 2 }, '00010203020304050607'],
    [{ kind: 'insert', atByte: 0, times: null, bytes: Uint8Array.of(0x55) }, '550001020304050607'],
    [{ kind: 'stall', atByte: 3, times: null }, '000102'],
    [{ kind: 'unplug', atByte: 3, times: null, replugAfterMs: null }, '000102'],
    [{ kind: 'flip', atByte: 8, times: null, count: 1 }, '0001020304050607'],
  ])('$kind', (fault, expected) => {
    expect(play(fault, [answer])).toBe(expected);
    // The place counts in the answer, wherever a burst ends.
    if (fault.kind === 'flip' || fault.kind === 'stall') {
      expect(play(fault, [answer.subarray(0, 1), answer.subarray(1, 5), answer.subarray(5)])).toBe(expected);
    }
  });

  test('strike so often and no more', () => {
    const player = new FaultPlayer([{ kind: 'drop', atByte: 0, times: 2, count: 8 }]);
    const lengths = Array.from({ length: 4 }, () => {
      player.beginAnswer();
      return player.play(answer).bytes.length;
    });
    expect(lengths).toEqual([0, 0, 8, 8]);
  });

  test('spare so many answers first', () => {
    const player = new FaultPlayer([{ kind: 'drop', atByte: 4, skip: 1, times: 1, count: 4 }]);
    const lengths = [answer, answer.subarray(0, 4), answer, answer].map((said) => {
      player.beginAnswer();
      return player.play(said).bytes.length;
    });
    expect(lengths).toEqual([8, 4, 4, 8]);
  });

  test('of several kinds strike together', () => {
    const player = new FaultPlayer([
      { kind: 'insert', atByte: 0, times: null, bytes: Uint8Array.of(0x55) },
      { kind: 'flip', atByte: 7, times: null, count: 1 },
    ]);
    player.beginAnswer();
    expect(toHex(player.play(answer).bytes)).toBe('55000102030405065d');
  });
});

describe('the fixtures of readers', () => {
  test('are devices and scenarios that can be read', () => {
    expect(describeDevice('as608')).toMatchObject({
      dialect: 'as608',
      template: 'opaque',
      width: 256,
      height: 288,
      baud: 57_600,
    });
    expect(describeDevice('as608-iso')).toMatchObject({ dialect: 'as608-iso', template: 'iso-19794-2' });
    for (const name of [
      'good',
      'no-finger',
      'finger-late',
      'wet-finger',
      'dry-finger',
      'smudged',
      'unplug-mid-image',
      'wrong-baud',
      'wrong-password',
      'bad-checksum',
      'stall',
    ]) {
      expect(scenarios.get(name)?.description).toBeTruthy();
    }
  });

  test.each([
    ['an array', [], 'as608: expected an object'],
    ['no name', {}, 'as608.name: expected text'],
    ['half a pixel', { ...describeDevice('as608'), width: 1.5 }, 'as608.width: expected a whole number'],
    [
      'an unknown template',
      { ...describeDevice('as608'), template: 'raw' },
      'as608.template: expected one of opaque, iso-19794-2',
    ],
  ])('that are %s say where', (_, json, message) => {
    expect(() => parseDevice(json, 'as608')).toThrow(message);
  });

  test('say where a scenario is wrong', () => {
    const json = { good: { description: '', presses: [], faults: [{ kind: 'insert', atByte: 0, bytes: '5' }] } };
    expect(() => parseScenarios(json, 'scenarios')).toThrow(
      'scenarios.good.faults[0].bytes: expected hexadecimal bytes',
    );
  });
});

async function readBytes(link: Link, count: number): Promise<Uint8Array> {
  let all = new Uint8Array(0);
  while (all.length < count) all = Uint8Array.from([...all, ...(await link.read(FOREVER))]);
  return all;
}

/** `link`, telling every byte that crosses it. */
function counting(link: Link, count: (bytes: number) => void): Link {
  return {
    kind: link.kind,
    async read(signal) {
      const bytes = await link.read(signal);
      count(bytes.length);
      return bytes;
    },
    write(bytes, signal) {
      count(bytes.length);
      return link.write(bytes, signal);
    },
    drain: () => link.drain(),
    close: () => link.close(),
  };
}
