/** Simulated readers: the real driver at one end of a wire in memory, the driver's peer at the other, and a scenario between them. */
import type { Clock } from '../clock.ts';
import type { ReaderConfig } from '../config.ts';
import { AppError } from '../errors.ts';
import { ByteQueue } from './byte-queue.ts';
import type { Driver, Link, Peer, PeerPrint } from './driver.ts';
import { FaultPlayer } from './fault-player.ts';
import type { LinkSource } from './link-source.ts';
import { sectionsOf, simulatedPath } from './match.ts';
import type { AttachedDevice } from './match.ts';
import { SimulatedPerson } from './simulated-person.ts';
import type { DeviceDescription, Scenario } from './simulated-scenario.ts';
import { SimulatedWire } from './simulated-wire.ts';
import { resample } from './uart.ts';

/** Where simulated fingers come from. */
export interface PrintSource {
  /** Names of the fingers that there are. */
  readonly fingers: readonly string[];
  /**
   * The print of the next press: a picture of exactly that size, and a template of that kind. `finger`: one of `fingers`; absent:
   * whichever is next.
   */
  next(reader: {
    readonly finger?: string;
    readonly template: 'opaque' | 'iso-19794-2';
    readonly width: number;
    readonly height: number;
  }): PeerPrint;
}

export interface SimulatorOptions {
  /** All of the configuration's readers: a simulated one brings its device with it. */
  readonly readers: readonly ReaderConfig[];
  readonly drivers: readonly Driver[];
  /** What the device of a name is. CONFIG_INVALID for a name that there isn't. */
  readonly describe: (device: string) => DeviceDescription;
  readonly scenarios: ReadonlyMap<string, Scenario>;
  readonly prints: PrintSource;
  readonly clock: Clock;
}

export interface Simulator extends LinkSource {
  /** By path. */
  readonly devices: ReadonlyMap<string, SimulatedDevice>;
}

/** One simulated device for each simulated section of the configuration. */
export function simulatedLinks(options: SimulatorOptions): Simulator {
  const { readers, drivers, describe, scenarios, prints, clock } = options;
  const devices = new Map<string, SimulatedDevice>();
  for (const { index, config, driver } of sectionsOf(readers, drivers)) {
    if (config.link !== 'simulated') continue;
    const { device, scenario: name, paced, finger } = config.simulated;
    const scenario = scenarios.get(name);
    if (scenario === undefined) {
      const known = [...scenarios.keys()].join(', ');
      throw new AppError('CONFIG_INVALID', `reader[${index}].simulated.scenario: expected one of ${known}`);
    }
    // Now, because a press comes by itself later on, and nobody is there to be told.
    if (finger !== undefined && !prints.fingers.includes(finger)) {
      const known = prints.fingers.join(', ');
      throw new AppError('CONFIG_INVALID', `reader[${index}].simulated.finger: expected one of ${known}`);
    }
    const description = describe(device);
    if (description.driver !== driver.id) {
      throw new AppError('CONFIG_INVALID', `reader[${index}].driver: ${device} speaks ${description.driver}`);
    }
    const { template, width, height } = description;
    const nextPrint = (): PeerPrint =>
      prints.next({ template, width, height, ...(finger === undefined ? {} : { finger }) });
    const path = simulatedPath(index);
    devices.set(path, new SimulatedDevice(path, { driver, description, scenario, nextPrint, paced, clock }));
  }
  const at = (path: string): SimulatedDevice => {
    const device = devices.get(path);
    if (device === undefined) throw new AppError('READER_REMOVED', `${path} is not there`);
    return device;
  };
  return {
    devices,
    list: () =>
      Promise.resolve([...devices.values()].filter((device) => device.plugged).map((device) => device.attached)),
    open: async (device, config) => at(device.path).open(config),
    close() {
      for (const device of devices.values()) device.close();
      return Promise.resolve();
    },
  };
}

export interface SimulatedDeviceOptions {
  readonly driver: Driver;
  readonly description: DeviceDescription;
  readonly scenario: Scenario;
  readonly nextPrint: () => PeerPrint;
  /** Whether bytes take their time on the wire. */
  readonly paced: boolean;
  readonly clock: Clock;
}

export class SimulatedDevice {
  readonly attached: AttachedDevice;
  readonly #peer: Peer;
  readonly #person: SimulatedPerson;
  readonly #faults: FaultPlayer;
  readonly #clock: Clock;
  readonly #paced: boolean;
  readonly #closing = new AbortController();
  #plugged = true;
  #link: SimulatedLink | null = null;

  constructor(path: string, { driver, description, scenario, nextPrint, paced, clock }: SimulatedDeviceOptions) {
    const { name, dialect, serialNumber, width, height, dpi, template } = description;
    this.attached = { link: 'simulated', path, name, dialect, serialNumber };
    this.#peer = driver.createPeer(
      {
        dialect,
        password: scenario.password ?? description.password,
        baudRate: scenario.baud ?? description.baud,
        capabilities: { image: true, template, width, height, dpi },
      },
      clock,
    );
    this.#person = new SimulatedPerson(this.#peer, clock, scenario.presses, nextPrint);
    this.#faults = new FaultPlayer(scenario.faults);
    this.#clock = clock;
    this.#paced = paced;
    this.#peer.onSend = (bytes) => this.#send(bytes);
  }

  get plugged(): boolean {
    return this.#plugged;
  }

  plug(): void {
    if (this.#plugged) return;
    this.#plugged = true;
    this.#peer.powerUp();
  }

  unplug(): void {
    this.#plugged = false;
    this.#link?.lose();
    this.#link = null;
    this.#person.leave();
  }

  /** Ends all that goes on by itself. */
  close(): void {
    this.#closing.abort();
    this.unplug();
  }

  /** A link at the host's rate. READER_REMOVED while it's unplugged, READER_IN_USE while another link is open. */
  open(settings: { readonly baud: number; readonly stopBits: number }): Link {
    if (!this.#plugged) throw new AppError('READER_REMOVED', `${this.attached.path} is unplugged`);
    if (this.#link !== null) throw new AppError('READER_IN_USE', `${this.attached.path} is open already`);
    const link = new SimulatedLink(new SimulatedWire(this.#clock, this.#paced), settings, {
      receive: (bytes) => this.#receive(bytes, settings.baud),
      closed: () => {
        this.#link = null;
      },
    });
    this.#link = link;
    return link;
  }

  #receive(bytes: Uint8Array, sentAt: number): void {
    const { baudRate } = this.#peer;
    this.#faults.beginAnswer();
    this.#peer.receive(sentAt === baudRate ? bytes : resample(bytes, sentAt, baudRate));
  }

  #send(burst: Uint8Array): void {
    const { bytes, unplug } = this.#faults.play(burst);
    this.#link?.deliver(bytes, this.#peer.baudRate, () => {
      if (unplug === null) return;
      this.unplug();
      if (unplug.replugAfterMs === null) return;
      void this.#clock.sleep(unplug.replugAfterMs, this.#closing.signal).then(
        () => this.plug(),
        () => undefined, // Closed before.
      );
    });
  }
}

interface DeviceEnd {
  receive(bytes: Uint8Array): void;
  closed(): void;
}

class SimulatedLink implements Link {
  readonly kind = 'simulated';
  readonly #wire: SimulatedWire;
  readonly #baud: number;
  readonly #bitsPerByte: number;
  readonly #device: DeviceEnd;
  readonly #arrived = new ByteQueue();

  constructor(wire: SimulatedWire, settings: { readonly baud: number; readonly stopBits: number }, device: DeviceEnd) {
    this.#wire = wire;
    this.#baud = settings.baud;
    this.#bitsPerByte = 9 + settings.stopBits;
    this.#device = device;
  }

  read(signal: AbortSignal): Promise<Uint8Array> {
    return this.#arrived.read(signal);
  }

  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#arrived.failure !== null) throw this.#arrived.failure;
    let heard = 0;
    this.#wire.send(bytes, this.#msPerByte(this.#baud), (slice) => {
      heard += slice.length;
      if (heard === bytes.length) this.#device.receive(bytes);
    });
  }

  drain(): void {
    this.#arrived.drain();
  }

  async close(): Promise<void> {
    if (this.#arrived.failure !== null) return;
    this.#arrived.fail(new AppError('READER_REMOVED', 'the link was closed'));
    this.#wire.cut();
    this.#device.closed();
  }

  /** Bytes from the device; `then` once the last has arrived. */
  deliver(bytes: Uint8Array, sentAt: number, then: () => void): void {
    let arrived = 0;
    const seen = sentAt === this.#baud ? null : resample(bytes, sentAt, this.#baud);
    this.#wire.send(bytes, this.#msPerByte(sentAt), (slice) => {
      arrived += slice.length;
      if (seen === null) this.#arrived.push(slice.slice());
      if (arrived < bytes.length) return;
      if (seen !== null) this.#arrived.push(seen);
      then();
    });
  }

  /** The plug is pulled. */
  lose(): void {
    this.#wire.cut();
    this.#arrived.fail(new AppError('READER_REMOVED', 'the simulated reader was unplugged'));
  }

  #msPerByte(baud: number): number {
    return (1000 * this.#bitsPerByte) / baud;
  }
}
