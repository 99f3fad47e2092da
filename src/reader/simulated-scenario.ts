/** What a simulated reader is, and what is played on it: data, read from fixtures/readers. */
import { fromHex } from '../bytes.ts';
import { AppError } from '../errors.ts';
import type { FingerCondition } from './driver.ts';

export interface DeviceDescription {
  readonly name: string;
  readonly driver: string;
  readonly dialect: string;
  readonly serialNumber: string;
  readonly baud: number;
  readonly password: number;
  readonly template: 'opaque' | 'iso-19794-2';
  /** Pixels and pixels per inch. */
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
}

/** How a person presses: so long after the device first looks, and until so long after it looks again. */
export interface Press {
  readonly placeAfterMs: number;
  readonly liftAfterMs: number;
  readonly condition?: FingerCondition;
}

/**
 * `atByte` counts in the answer to one command, so a fault far along strikes pictures only. `skip`: how many answers that long it
 * spares first, so the template that follows a picture can be struck alone. `times`: in how many answers; null: in all.
 */
interface Struck {
  readonly atByte: number;
  readonly skip?: number;
  readonly times: number | null;
}
export type Fault = Struck &
  (
    | { readonly kind: 'flip'; readonly count: number }
    | { readonly kind: 'drop'; readonly count: number }
    | { readonly kind: 'repeat'; readonly count: number }
    | { readonly kind: 'insert'; readonly bytes: Uint8Array }
    /** Nothing more comes of that answer. */
    | { readonly kind: 'stall' }
    /** The plug is pulled; null: for good. */
    | { readonly kind: 'unplug'; readonly replugAfterMs: number | null }
  );

export interface Scenario {
  readonly description: string;
  /** One after the other, the last for ever; none: nobody comes. */
  readonly presses: readonly Press[];
  readonly faults: readonly Fault[];
  /** Where the device is not as its description says. */
  readonly baud?: number;
  readonly password?: number;
}

/** Reads a device.json. CONFIG_INVALID names the member that is wrong. */
export function parseDevice(json: unknown, path: string): DeviceDescription {
  const device = new Members(json, path);
  return {
    name: device.text('name'),
    driver: device.text('driver'),
    dialect: device.text('dialect'),
    serialNumber: device.text('serialNumber'),
    baud: device.number('baud'),
    password: device.number('password', 0),
    template: device.oneOf('template', ['opaque', 'iso-19794-2']),
    width: device.number('width'),
    height: device.number('height'),
    dpi: device.number('dpi'),
  };
}

/** Reads a scenarios.json: name -> scenario. CONFIG_INVALID names the member that is wrong. */
export function parseScenarios(json: unknown, path: string): ReadonlyMap<string, Scenario> {
  const all = new Members(json, path);
  return new Map(all.names().map((name) => [name, parseScenario(all.members(name))]));
}

const CONDITIONS = ['dry', 'wet', 'smudged', 'partial', 'lifted', 'residual'] as const satisfies FingerCondition[];

function parseScenario(scenario: Members): Scenario {
  return {
    description: scenario.text('description'),
    presses: scenario.list('presses').map((press) => ({
      placeAfterMs: press.number('placeAfterMs'),
      liftAfterMs: press.number('liftAfterMs'),
      ...(press.has('condition') ? { condition: press.oneOf('condition', CONDITIONS) } : {}),
    })),
    faults: scenario.has('faults') ? scenario.list('faults').map(parseFault) : [],
    ...(scenario.has('baud') ? { baud: scenario.number('baud') } : {}),
    ...(scenario.has('password') ? { password: scenario.number('password') } : {}),
  };
}

function parseFault(fault: Members): Fault {
  const struck = {
    atByte: fault.number('atByte'),
    skip: fault.number('skip', 0),
    times: fault.has('times') ? fault.number('times') : null,
  };
  const kind = fault.oneOf('kind', ['flip', 'drop', 'repeat', 'insert', 'stall', 'unplug']);
  switch (kind) {
    case 'flip':
    case 'drop':
    case 'repeat':
      return { ...struck, kind, count: fault.number('count', 1) };
    case 'insert':
      return { ...struck, kind, bytes: fault.bytes('bytes') };
    case 'stall':
      return { ...struck, kind };
    case 'unplug':
      return { ...struck, kind, replugAfterMs: fault.has('replugAfterMs') ? fault.number('replugAfterMs') : null };
  }
}

/** The members of a JSON object, each asked for as what it must be. */
class Members {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(json: unknown, path: string) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong(path, 'an object');
    this.#members = json as Record<string, unknown>;
    this.#path = path;
  }

  names(): string[] {
    return Object.keys(this.#members);
  }

  has(name: string): boolean {
    return this.#members[name] !== undefined;
  }

  text(name: string): string {
    const value = this.#members[name];
    if (typeof value !== 'string') throw wrong(this.#at(name), 'text');
    return value;
  }

  number(name: string, otherwise?: number): number {
    const value = this.#members[name] ?? otherwise;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
      throw wrong(this.#at(name), 'a whole number');
    }
    return value;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = values.find((candidate) => candidate === this.#members[name]);
    if (value === undefined) throw wrong(this.#at(name), `one of ${values.join(', ')}`);
    return value;
  }

  bytes(name: string): Uint8Array {
    try {
      return fromHex(this.text(name));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw wrong(this.#at(name), 'hexadecimal bytes');
    }
  }

  members(name: string): Members {
    return new Members(this.#members[name], this.#at(name));
  }

  list(name: string): Members[] {
    const value = this.#members[name];
    if (!Array.isArray(value)) throw wrong(this.#at(name), 'a list');
    return value.map((item, index) => new Members(item, `${this.#at(name)}[${index}]`));
  }

  #at(name: string): string {
    return `${this.#path}.${name}`;
  }
}

function wrong(path: string, expected: string): AppError {
  return new AppError('CONFIG_INVALID', `${path}: expected ${expected}`);
}
