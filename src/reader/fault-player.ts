/** Does to a device's bytes what a scenario says that a bad line, or a hand at the plug, does to them. */
import type { Fault } from './simulated-scenario.ts';

export interface Played {
  readonly bytes: Uint8Array;
  /** The plug goes once these bytes are through. */
  readonly unplug: Extract<Fault, { kind: 'unplug' }> | null;
}

export class FaultPlayer {
  readonly #faults: { readonly fault: Fault; spared: number; left: number }[];
  /** Of the next byte in the answer to the last command. */
  #position = 0;
  #stalled = false;

  constructor(faults: readonly Fault[]) {
    this.#faults = faults.map((fault) => ({
      fault,
      spared: fault.skip ?? 0,
      left: fault.times ?? Number.POSITIVE_INFINITY,
    }));
  }

  /** The host says something: what the device sends from here on is another answer. */
  beginAnswer(): void {
    this.#position = 0;
    this.#stalled = false;
  }

  play(burst: Uint8Array): Played {
    if (this.#faults.length === 0) return { bytes: burst, unplug: null };
    const first = this.#position;
    this.#position += burst.length;
    if (this.#stalled) return { bytes: new Uint8Array(0), unplug: null };
    let bytes = [...burst];
    // From the back, so that what one changes does not move the place of the next.
    const strikes = this.#faults
      .filter(({ fault, left }) => left > 0 && fault.atByte >= first && fault.atByte < this.#position)
      .toSorted((a, b) => b.fault.atByte - a.fault.atByte);
    let unplug: Played['unplug'] = null;
    for (const strike of strikes) {
      if (strike.spared > 0) {
        strike.spared -= 1;
        continue;
      }
      strike.left -= 1;
      const at = strike.fault.atByte - first;
      const { fault } = strike;
      switch (fault.kind) {
        case 'flip':
          bytes = bytes.map((byte, index) => (index >= at && index < at + fault.count ? byte ^ 0x5a : byte));
          break;
        case 'drop':
          bytes.splice(at, fault.count);
          break;
        case 'repeat':
          bytes.splice(at, 0, ...bytes.slice(at, at + fault.count));
          break;
        case 'insert':
          bytes.splice(at, 0, ...fault.bytes);
          break;
        case 'stall':
          bytes.length = at;
          this.#stalled = true;
          break;
        case 'unplug':
          bytes.length = at;
          this.#stalled = true;
          unplug = fault;
          break;
      }
    }
    return { bytes: Uint8Array.from(bytes), unplug };
  }
}
