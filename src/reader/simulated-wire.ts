/** A half-duplex wire in memory: bytes take as long as on a real one, or no time at all. */
import type { Clock } from '../clock.ts';

/** What a USB bridge hands over at once. */
const SLICE = 62;
/** Closer than this a timer cannot come, and waiting for it again would be for ever. */
const CLOSE_ENOUGH_MS = 1e-3;

interface Shipment {
  readonly bytes: Uint8Array;
  readonly startMs: number;
  readonly msPerByte: number;
  readonly deliver: (bytes: Uint8Array) => void;
}

export class SimulatedWire {
  readonly #clock: Clock;
  readonly #paced: boolean;
  readonly #cut = new AbortController();
  readonly #shipments: Shipment[] = [];
  #running = false;
  /** When the last byte accepted so far is through. Fractions of milliseconds add up here, so they are kept. */
  #freeAtMs = 0;

  constructor(clock: Clock, paced: boolean) {
    this.#clock = clock;
    this.#paced = paced;
  }

  /** Hands `bytes` to `deliver` in the slices and at the times at which they arrive. */
  send(bytes: Uint8Array, msPerByte: number, deliver: (bytes: Uint8Array) => void): void {
    if (this.#cut.signal.aborted) return;
    if (!this.#paced) {
      deliver(bytes);
      return;
    }
    const startMs = Math.max(this.#clock.monotonicMs(), this.#freeAtMs);
    this.#freeAtMs = startMs + bytes.length * msPerByte;
    this.#shipments.push({ bytes, startMs, msPerByte, deliver });
    if (!this.#running) void this.#run();
  }

  /** What is under way is lost. */
  cut(): void {
    this.#cut.abort();
    this.#shipments.length = 0;
  }

  async #run(): Promise<void> {
    this.#running = true;
    for (let shipment = this.#shipments.shift(); shipment !== undefined; shipment = this.#shipments.shift()) {
      const whole = await this.#carry(shipment);
      if (!whole) break;
    }
    this.#running = false;
  }

  async #carry({ bytes, startMs, msPerByte, deliver }: Shipment): Promise<boolean> {
    let sent = 0;
    // An empty shipment is a message of its own: its place in the order is what counts.
    do {
      const next = Math.min(bytes.length, sent + SLICE);
      if (!(await this.#until(startMs + next * msPerByte))) return false;
      // A timer that came late found more bytes arrived: the wire did not wait for it.
      const arrived = Math.floor((this.#clock.monotonicMs() - startMs) / msPerByte);
      const upTo = Math.min(bytes.length, Math.max(next, arrived));
      deliver(bytes.subarray(sent, upTo));
      sent = upTo;
    } while (sent < bytes.length && !this.#cut.signal.aborted);
    return !this.#cut.signal.aborted;
  }

  async #until(moment: number): Promise<boolean> {
    for (;;) {
      if (this.#cut.signal.aborted) return false;
      const left = moment - this.#clock.monotonicMs();
      if (left < CLOSE_ENOUGH_MS) return true;
      try {
        await this.#clock.sleep(left, this.#cut.signal);
      } catch {
        return false; // Cut.
      }
    }
  }
}
