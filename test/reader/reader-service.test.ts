import { afterEach, describe, expect, test } from 'vitest';
import { drivers } from '../../drivers/index.ts';
import type { ReaderConfig } from '../../src/config.ts';
import { AppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import type { CaptureEvent } from '../../src/reader/driver.ts';
import type { LinkFactories, LinkSource } from '../../src/reader/link-source.ts';
import { ReaderService } from '../../src/reader/reader-service.ts';
import type { SimulatedDevice } from '../../src/reader/simulated-link.ts';
import type { Scenario } from '../../src/reader/simulated-scenario.ts';
import { collect, OPTIONS, readerConfig, simulator, story } from './simulator.ts';
import { thrownBy } from './thrown.ts';
import { JumpingClock } from './jumping-clock.ts';

const FOREVER = new AbortController().signal;
const NOTHING: LinkSource = {
  list: () => Promise.resolve([]),
  open: () => Promise.reject(new AppError('READER_REMOVED')),
  close: () => Promise.resolve(),
};
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

interface House {
  readonly clock: JumpingClock;
  readonly service: ReaderService;
  readonly devices: readonly SimulatedDevice[];
}

const houses: ReaderService[] = [];
afterEach(async () => {
  await Promise.all(houses.splice(0).map((service) => service.close()));
});

interface HouseOptions {
  readonly readers?: readonly ReaderConfig[];
  readonly scenarios?: Readonly<Record<string, Scenario>>;
  readonly links?: Partial<LinkFactories>;
}

async function house({ readers = [readerConfig()], scenarios = {}, links = {} }: HouseOptions = {}): Promise<House> {
  const clock = new JumpingClock();
  const sim = simulator(clock, readers, scenarios);
  const factories = { serial: NOTHING, hid: NOTHING, simulated: sim, ...links };
  const service = new ReaderService({ drivers, readers, clock, links: factories, log: quiet });
  houses.push(service);
  await service.refresh();
  return { clock, service, devices: [...sim.devices.values()] };
}

/** A serial reader that can be plugged in elsewhere; it is found by its USB ids. */
async function movable(simulated: Partial<ReaderConfig['simulated']> = {}): Promise<{
  clock: JumpingClock;
  service: ReaderService;
  device: SimulatedDevice;
  at: { path: string };
}> {
  const clock = new JumpingClock();
  const sim = simulator(clock, [readerConfig({ simulated })]);
  const [device] = sim.devices.values();
  const at = { path: '/dev/ttyUSB0' };
  const serial: LinkSource = {
    list: () =>
      Promise.resolve(
        device!.plugged
          ? [{ link: 'serial', path: at.path, vendorId: 0x10c4, productId: 0xea60, serialNumber: 'S0' }]
          : [],
      ),
    async open(asked, config) {
      if (asked.path !== at.path) throw new AppError('READER_REMOVED', asked.path);
      return device!.open(config);
    },
    close: () => sim.close(),
  };
  const links = { serial, hid: NOTHING, simulated: NOTHING };
  const service = new ReaderService({ drivers, readers: [readerConfig({ link: 'serial' })], clock, links, log: quiet });
  houses.push(service);
  await service.refresh();
  return { clock, service, device: device!, at };
}

function codeOf(error: unknown): ErrorCode | null {
  return error instanceof AppError ? error.code : null;
}

function states(service: ReaderService): Record<string, string> {
  return Object.fromEntries(service.list().map(({ id, state }) => [id, state]));
}

describe('readers', () => {
  test('are found, opened and told', async () => {
    const { service } = await house();
    expect(service.list()).toEqual([
      {
        id: 'simulated-1',
        name: 'AS608 (simulated)',
        driver: 'ef01',
        link: 'simulated',
        serialNumber: 'SIM-AS608-0001',
        state: 'ready',
        capabilities: { image: true, template: 'opaque', width: 256, height: 288, dpi: 500 },
        simulated: true,
      },
    ]);
    expect(service.get('simulated-1').state).toBe('ready');
    expect(codeOf(thrownBy(() => service.get('nobody')))).toBe('READER_NOT_FOUND');
  });

  test('have the ids of the configuration, and speak the dialect of their device', async () => {
    const readers = [readerConfig({ id: 'window', simulated: { device: 'as608-iso' } }), readerConfig()];
    const { service } = await house({ readers });
    expect(service.list().map(({ id, capabilities }) => [id, capabilities.template])).toEqual([
      ['window', 'iso-19794-2'],
      ['simulated-2', 'opaque'],
    ]);
  });

  test('that are not there: READER_ABSENT', async () => {
    const { service } = await house({ readers: [] });
    expect(service.list()).toEqual([]);
    expect(codeOf(thrownBy(() => service.capture(undefined, OPTIONS, FOREVER)))).toBe('READER_ABSENT');
    expect(codeOf(thrownBy(() => service.choose('nobody')))).toBe('READER_NOT_FOUND');
  });

  test('that cannot even be listed say why', async () => {
    const missing = new AppError('READER_LIBRARY_MISSING', 'install the package libusb-1.0-0');
    const links = { hid: { ...NOTHING, list: () => Promise.reject(missing) } };
    const readers = [readerConfig({ link: 'hid', id: 'collector', vendorId: 1, productId: 2 })];
    const { service } = await house({ readers, links });
    expect(service.list()).toMatchObject([{ id: 'collector', state: 'error', error: missing, link: 'hid' }]);
    expect(thrownBy(() => service.capture(undefined, OPTIONS, FOREVER))).toBe(missing);
    expect(thrownBy(() => service.capture('collector', OPTIONS, FOREVER))).toBe(missing);
  });

  test.each([
    ['wrong-password', 'READER_PASSWORD'],
    ['wrong-baud', 'READER_SILENT'],
    ['noise', 'READER_PROTOCOL'],
  ] as const)('with %s are in error by %s, and a capture says the same', async (scenario, code) => {
    const { service } = await house({ readers: [readerConfig({ simulated: { scenario } })] });
    expect(service.list()).toMatchObject([{ state: 'error', error: { code } }]);
    const { error } = await collect(service.capture(undefined, OPTIONS, FOREVER));
    expect(codeOf(error)).toBe(code);
    expect(service.list()).toMatchObject([{ state: 'error' }]);
  });

  test('with a driver or a dialect that there is not are refused at once', () => {
    const of = (config: ReaderConfig): (() => unknown) => {
      const links = { serial: NOTHING, hid: NOTHING, simulated: NOTHING };
      return () => new ReaderService({ drivers, readers: [config], clock: new JumpingClock(), links, log: quiet });
    };
    expect(codeOf(thrownBy(of(readerConfig({ driver: 'zkteco' }))))).toBe('READER_DRIVER_UNKNOWN');
    expect(codeOf(thrownBy(of(readerConfig({ dialect: 'klingon' }))))).toBe('CONFIG_INVALID');
  });
});

describe('a capture', () => {
  test('holds the reader from the call to the end of its events', async () => {
    const { service } = await house();
    const events = service.capture(undefined, OPTIONS, FOREVER);
    expect(service.get('simulated-1').state).toBe('busy');
    expect(codeOf(thrownBy(() => service.capture(undefined, OPTIONS, FOREVER)))).toBe('READER_BUSY');
    expect(codeOf(thrownBy(() => service.capture('simulated-1', OPTIONS, FOREVER)))).toBe('READER_BUSY');
    const { error, sample, events: seen } = await collect(events);
    expect(error).toBeNull();
    expect(sample?.image.width).toBe(256);
    expect(story(seen)).toEqual(['place', 'hold', 'progress', 'sample', 'lift']);
    expect(service.get('simulated-1').state).toBe('ready');
  });

  test('that nobody follows gives the reader back', async () => {
    const { service } = await house();
    await service.capture(undefined, OPTIONS, FOREVER).return();
    expect(service.get('simulated-1').state).toBe('ready');
    for await (const event of service.capture(undefined, OPTIONS, FOREVER)) if (event.kind === 'progress') break;
    expect(service.get('simulated-1').state).toBe('ready');
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
  });

  test('takes another reader where one is busy', async () => {
    const { service } = await house({ readers: [readerConfig({ id: 'a' }), readerConfig({ id: 'b' })] });
    const first = service.capture(undefined, OPTIONS, FOREVER);
    expect(service.choose(undefined).id).toBe('b');
    const outcomes = await Promise.all([collect(first), collect(service.capture(undefined, OPTIONS, FOREVER))]);
    expect(outcomes.map(({ error }) => error)).toEqual([null, null]);
  });

  test('that is cancelled leaves a reader that captures', async () => {
    const { service } = await house({ readers: [readerConfig({ simulated: { paced: true } })] });
    const stop = new AbortController();
    const { error } = await collect(service.capture(undefined, OPTIONS, stop.signal), (event) => {
      if (event.kind === 'progress' && event.progress > 0.3) stop.abort(new AppError('CAPTURE_CANCELLED'));
    });
    expect(codeOf(error)).toBe('CAPTURE_CANCELLED');
    expect(service.get('simulated-1').state).toBe('ready');
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
  });

  test('that fails for the finger leaves the reader ready', async () => {
    const { service } = await house({ readers: [readerConfig({ simulated: { scenario: 'wet-finger' } })] });
    expect(codeOf((await collect(service.capture(undefined, OPTIONS, FOREVER))).error)).toBe('FINGER_TOO_WET');
    expect(service.get('simulated-1').state).toBe('ready');
  });

  test('after a stalled one opens the reader anew and succeeds', async () => {
    const press = { placeAfterMs: 0, liftAfterMs: 0 };
    const stalling: Scenario = {
      description: '',
      presses: [press],
      faults: [{ kind: 'stall', atByte: 20_000, times: 2 }],
    };
    const { service } = await house({
      readers: [readerConfig({ simulated: { scenario: 'own' } })],
      scenarios: { own: stalling },
    });
    expect(codeOf((await collect(service.capture(undefined, OPTIONS, FOREVER))).error)).toBe('READER_STALLED');
    expect(service.list()).toMatchObject([{ state: 'error', error: { code: 'READER_STALLED' } }]);
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
    expect(service.get('simulated-1').state).toBe('ready');
  });

  test('over a slow link has the time to ask for a damaged picture again', async () => {
    const { service, clock } = await house({
      readers: [readerConfig({ baud: 9600, simulated: { paced: true, scenario: 'slow' } })],
      scenarios: {
        slow: {
          description: '',
          baud: 9600,
          presses: [{ placeAfterMs: 0, liftAfterMs: 0 }],
          faults: [{ kind: 'flip', atByte: 30_000, count: 1, times: 1 }],
        },
      },
    });
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
    expect(clock.monotonicMs()).toBeGreaterThan(80_000);
  });

  test('survives a handle that went stale without a sign, as after the machine slept', async () => {
    const { service, devices } = await house();
    devices[0]!.unplug();
    devices[0]!.plug();
    // Nothing looked in between: the service still thinks that it has the reader open.
    expect(service.get('simulated-1').state).toBe('ready');
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
  });

  test('finds its reader where it was plugged in a moment ago, before anybody looked', async () => {
    const { service, device, at } = await movable();
    device.unplug();
    at.path = '/dev/ttyUSB1';
    device.plug();
    expect((await collect(service.capture('ef01-S0', OPTIONS, FOREVER))).error).toBeNull();
    expect(states(service)).toEqual({ 'ef01-S0': 'ready' });
  });

  test('is READER_REMOVED where nobody plugged it in again', async () => {
    const { service, device } = await movable();
    device.unplug();
    expect(codeOf((await collect(service.capture('ef01-S0', OPTIONS, FOREVER))).error)).toBe('READER_REMOVED');
    expect(states(service)).toEqual({ 'ef01-S0': 'gone' });
  });

  test('ends with SHUTTING_DOWN when the service closes', async () => {
    const { service, clock } = await house({ readers: [readerConfig({ simulated: { scenario: 'no-finger' } })] });
    service.start();
    const capturing = collect(service.capture(undefined, OPTIONS, FOREVER));
    await clock.sleep(500);
    await service.close();
    expect(codeOf((await capturing).error)).toBe('SHUTTING_DOWN');
    expect(codeOf(thrownBy(() => service.capture(undefined, OPTIONS, FOREVER)))).toBe('SHUTTING_DOWN');
    expect(clock.waiting).toBe(0);
  });
});

describe('plugs', () => {
  test('pulled while idle are noticed, and so are those put back', async () => {
    const { service, devices, clock } = await house();
    const seen: string[] = [];
    service.onChange(() => seen.push(service.get('simulated-1').state));
    service.start();
    devices[0]!.unplug();
    await clock.sleep(2000);
    expect(states(service)).toEqual({ 'simulated-1': 'gone' });
    expect(codeOf(thrownBy(() => service.capture('simulated-1', OPTIONS, FOREVER)))).toBe('READER_REMOVED');
    expect(codeOf(thrownBy(() => service.capture(undefined, OPTIONS, FOREVER)))).toBe('READER_ABSENT');
    devices[0]!.plug();
    await clock.sleep(2000);
    expect(states(service)).toEqual({ 'simulated-1': 'ready' });
    expect(seen.filter((state, at) => state !== seen[at - 1])).toEqual(['gone', 'busy', 'ready']);
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
  });

  test('pulled in mid-image end the capture at once; put back, the same reader captures', async () => {
    const { service, clock } = await house({
      readers: [readerConfig({ simulated: { scenario: 'unplug-mid-image', paced: true } })],
    });
    service.start();
    const { error, events } = await collect(service.capture(undefined, OPTIONS, FOREVER));
    expect(codeOf(error)).toBe('READER_REMOVED');
    expect(story(events)).toEqual(['place', 'hold', 'progress']);
    expect(states(service)).toEqual({ 'simulated-1': 'gone' });
    await clock.sleep(6000);
    expect(states(service)).toEqual({ 'simulated-1': 'ready' });
    expect((await collect(service.capture(undefined, OPTIONS, FOREVER))).error).toBeNull();
  });

  test('of other readers are watched while one captures, and the capture goes on', async () => {
    const { service, devices, clock } = await house({
      readers: [readerConfig({ id: 'a', simulated: { paced: true } }), readerConfig({ id: 'b' })],
    });
    service.start();
    const seen: string[] = [];
    const { error } = await collect(service.capture('a', OPTIONS, FOREVER), (event) => {
      if (event.kind === 'progress' && event.progress === 0.2) devices[1]!.unplug();
      if (event.kind === 'progress' && event.progress === 0.6) devices[1]!.plug();
      expect(service.get('a').state).toBe('busy');
      const { state } = service.get('b');
      if (state !== seen.at(-1) && state !== 'busy') seen.push(state);
    });
    expect(error).toBeNull();
    expect(seen).toEqual(['ready', 'gone', 'ready']);
    await clock.sleep(2000);
    expect(states(service)).toEqual({ a: 'ready', b: 'ready' });
  });

  test('of the reader that captures are left to the capture, even where it shows under another name', async () => {
    const { service, clock, at } = await movable({ paced: true });
    service.start();
    const ids = new Set<string>();
    const { error } = await collect(service.capture(undefined, OPTIONS, FOREVER), (event) => {
      if (event.kind === 'progress' && event.progress === 0.2) at.path = '/dev/ttyUSB1';
      ids.add(
        service
          .list()
          .map(({ id, state }) => `${id} ${state}`)
          .join(),
      );
    });
    expect(error).toBeNull();
    expect([...ids]).toEqual(['ef01-S0 busy']);
    await clock.sleep(4000);
    expect(service.list().map(({ id }) => id)).toEqual(['ef01-S0']);
  });

  test('of a reader that does not open are tried again, ever more seldom', async () => {
    const opens: number[] = [];
    const clockOf: { clock?: JumpingClock } = {};
    const silent: LinkSource = {
      ...NOTHING,
      list: () => Promise.resolve([{ link: 'serial', path: '/dev/ttyUSB0', vendorId: 0x10c4, productId: 0xea60 }]),
      open() {
        opens.push(clockOf.clock?.monotonicMs() ?? 0);
        return Promise.reject(new AppError('READER_ACCESS_DENIED', '/dev/ttyUSB0'));
      },
    };
    const { service, clock } = await house({ readers: [readerConfig({ link: 'serial' })], links: { serial: silent } });
    clockOf.clock = clock;
    service.start();
    await clock.sleep(120_000);
    expect(service.list()).toMatchObject([{ id: 'ef01-1', state: 'error', error: { code: 'READER_ACCESS_DENIED' } }]);
    expect(opens.length).toBeGreaterThan(3);
    expect(opens.length).toBeLessThan(10);
  });

  test('of a reader moved to another port keep its id, and two of a kind have two', async () => {
    const ports = ['/dev/ttyUSB0', '/dev/ttyUSB1'];
    const bus: LinkSource = {
      ...NOTHING,
      list: () =>
        Promise.resolve(
          ports.map((path, at) => ({
            link: 'serial' as const,
            path,
            vendorId: 0x10c4,
            productId: 0xea60,
            serialNumber: `S${at}`,
          })),
        ),
    };
    const { service } = await house({ readers: [readerConfig({ link: 'serial' })], links: { serial: bus } });
    expect(service.list().map(({ id }) => id)).toEqual(['ef01-S0', 'ef01-S1']);
    ports[0] = '/dev/ttyUSB7';
    await service.refresh();
    expect(service.list().map(({ id }) => id)).toEqual(['ef01-S0', 'ef01-S1']);
    expect(states(service)).toEqual({ 'ef01-S0': 'error', 'ef01-S1': 'error' });
  });
});

test('a listener hears no more once it went', async () => {
  const { service } = await house();
  let heard = 0;
  const stop = service.onChange(() => {
    heard += 1;
  });
  stop();
  await collect(service.capture(undefined, OPTIONS, FOREVER));
  expect(heard).toBe(0);
});

test('events come as they happen, not at the end', async () => {
  const { service, clock } = await house({ readers: [readerConfig({ simulated: { paced: true } })] });
  const times: [CaptureEvent['kind'], number][] = [];
  await collect(service.capture(undefined, OPTIONS, FOREVER), (event) => times.push([event.kind, clock.monotonicMs()]));
  const half = times.filter(([kind]) => kind === 'progress')[50]!;
  expect(half[1]).toBeGreaterThan(3000);
  expect(half[1]).toBeLessThan(4500);
});
