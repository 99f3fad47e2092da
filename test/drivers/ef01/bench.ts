/** The driver at one end of a simulated wire, the device at the other. */
import { AppError } from '../../../src/errors.ts';
import type { ErrorCode } from '../../../src/errors.ts';
import type { CaptureOptions, DriverSettings, OpenReader } from '../../../src/reader/driver.ts';
import type { Scenario } from '../../../src/reader/simulated-scenario.ts';
import { collect, ef01, OPTIONS, readerConfig, simulator } from '../../reader/simulator.ts';
import { JumpingClock } from '../../reader/jumping-clock.ts';

const FOREVER = new AbortController().signal;

export interface Bench {
  readonly clock: JumpingClock;
  readonly reader: OpenReader;
  readonly prints: ReturnType<typeof simulator>['prints'];
  readonly capture: (options?: Partial<CaptureOptions>, signal?: AbortSignal) => ReturnType<typeof collect>;
}

interface BenchOptions {
  readonly scenario?: string | Scenario;
  readonly device?: string;
  readonly paced?: boolean;
  readonly settings?: DriverSettings;
}

export async function bench({
  scenario = 'good',
  device = 'as608',
  paced = false,
  settings = {},
}: BenchOptions = {}): Promise<Bench> {
  const clock = new JumpingClock();
  const name = typeof scenario === 'string' ? scenario : 'own';
  const config = readerConfig({ simulated: { device, paced, scenario: name } });
  const sim = simulator(clock, [config], typeof scenario === 'string' ? {} : { own: scenario });
  const [attached] = await sim.list([], FOREVER);
  const link = await sim.open(attached!, config, FOREVER);
  const reader = await ef01.open(link, { clock, settings }, FOREVER);
  return {
    clock,
    reader,
    prints: sim.prints,
    capture: (options = {}, signal = FOREVER) => collect(reader.capture({ ...OPTIONS, ...options }, signal)),
  };
}

export function codeOf(error: unknown): ErrorCode | null {
  return error instanceof AppError ? error.code : null;
}
