/** Simulated readers for tests: the fixtures' devices and scenarios, with prints drawn on the spot. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drivers } from '../../drivers/index.ts';
import { encodeFingerMinutiae } from '../../src/biometric/finger-minutiae.ts';
import type { Clock } from '../../src/clock.ts';
import type { ReaderConfig } from '../../src/config.ts';
import type { CaptureEvent, CaptureOptions, Driver, PeerPrint, Sample } from '../../src/reader/driver.ts';
import { simulatedLinks } from '../../src/reader/simulated-link.ts';
import type { PrintSource, Simulator } from '../../src/reader/simulated-link.ts';
import { parseDevice, parseScenarios } from '../../src/reader/simulated-scenario.ts';
import type { DeviceDescription, Scenario } from '../../src/reader/simulated-scenario.ts';

const folder = join(import.meta.dirname, '../../fixtures/readers');

export const ef01: Driver = drivers.find((driver) => driver.id === 'ef01')!;

export const OPTIONS: CaptureOptions = { timeoutMs: 10_000, liftTimeoutMs: 2000 };

export function describeDevice(name: string): DeviceDescription {
  return parseDevice(JSON.parse(readFileSync(join(folder, name, 'device.json'), 'utf8')), name);
}

export const scenarios: ReadonlyMap<string, Scenario> = parseScenarios(
  JSON.parse(readFileSync(join(folder, 'scenarios.json'), 'utf8')),
  'scenarios',
);

/** Stripes in the 16 greys that 4-bit pixels carry, different with each `seed`. */
export function drawPrint(width = 256, height = 288, seed = 0): PeerPrint {
  const pixels = Uint8Array.from({ length: width * height }, (_, at) => {
    const [x, y] = [at % width, Math.floor(at / width)];
    return (Math.floor(x / 3 + y / 5 + seed) % 16) * 17;
  });
  return {
    image: { width, height, dpi: 500, pixels },
    template: Uint8Array.from({ length: 512 }, (_, at) => (at * 7 + seed) & 0xff),
  };
}

/** An ISO template of 330 bytes, which no packet size divides, different with each `seed`. */
export function drawMinutiae(seed = 0): Uint8Array {
  const minutiae = Array.from({ length: 50 }, (_, at) => ({
    type: 'ending' as const,
    x: (at * 5 + seed) % 256,
    y: (at * 7 + seed) % 288,
    angle: at,
    quality: 0,
  }));
  return encodeFingerMinutiae({
    device: 0,
    width: 256,
    height: 288,
    xResolution: 197,
    yResolution: 197,
    views: [{ position: 0, impression: 0, quality: 80, minutiae }],
  });
}

/** A different print at each press. */
export function drawnPrints(): PrintSource & { readonly given: PeerPrint[] } {
  const given: PeerPrint[] = [];
  return {
    fingers: ['left-thumb', 'right-thumb'],
    given,
    next({ template, width, height }) {
      const print = drawPrint(width, height, given.length);
      const next = template === 'opaque' ? print : { ...print, template: drawMinutiae(given.length) };
      given.push(next);
      return next;
    },
  };
}

/** A section of the configuration; what is not given is as the defaults have it. */
export function readerConfig(
  section: Partial<Omit<ReaderConfig, 'simulated'>> & { readonly simulated?: Partial<ReaderConfig['simulated']> } = {},
): ReaderConfig {
  return {
    driver: 'ef01',
    link: 'simulated',
    baud: 57_600,
    stopBits: 1,
    framing: { reportId: 0, reportSize: 64, lengthPrefix: 0, pad: 0 },
    ...section,
    simulated: { device: 'as608', paced: false, scenario: 'good', ...section.simulated },
  };
}

export interface SimulatorForTests extends Simulator {
  readonly prints: ReturnType<typeof drawnPrints>;
}

export function simulator(
  clock: Clock,
  readers: readonly ReaderConfig[],
  extra: Readonly<Record<string, Scenario>> = {},
): SimulatorForTests {
  const prints = drawnPrints();
  const all = new Map([...scenarios, ...Object.entries(extra)]);
  return Object.assign(simulatedLinks({ readers, drivers, describe: describeDevice, scenarios: all, prints, clock }), {
    prints,
  });
}

/** All events of a capture, or what it threw beside those that came before. */
export async function collect(
  events: AsyncIterable<CaptureEvent>,
  onEvent: (event: CaptureEvent) => void = () => undefined,
): Promise<{ events: CaptureEvent[]; sample: Sample | null; error: unknown }> {
  const seen: CaptureEvent[] = [];
  let sample: Sample | null = null;
  try {
    for await (const event of events) {
      seen.push(event);
      if (event.kind === 'sample') ({ sample } = event);
      onEvent(event);
    }
  } catch (error) {
    return { events: seen, sample, error };
  }
  return { events: seen, sample, error: null };
}

/** What was told the person, in order, with `progress` and `sample` once each. */
export function story(events: readonly CaptureEvent[]): string[] {
  const told = events.map((event) => (event.kind === 'prompt' ? event.prompt : event.kind));
  return told.filter((word, at) => word !== told[at - 1]);
}
