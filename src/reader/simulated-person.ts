/** Whoever presses a finger on a simulated reader, at the times and in the state that the scenario says. */
import type { Clock } from '../clock.ts';
import type { Peer, PeerPrint } from './driver.ts';
import type { Press } from './simulated-scenario.ts';

/** `left`: the finger is off, and the host has yet to see that. */
type Whereabouts = 'away' | 'arriving' | 'down' | 'leaving' | 'left';

export class SimulatedPerson {
  readonly #peer: Peer;
  readonly #clock: Clock;
  readonly #presses: readonly Press[];
  readonly #nextPrint: () => PeerPrint;
  #where: Whereabouts = 'away';
  #pressed = 0;
  /** How often the device has looked since the finger is down: the second time it waits for it to go. */
  #looks = 0;
  #plans = new AbortController();

  /** Reacts when the device looks for a finger, as to a lamp that goes on. */
  constructor(peer: Peer, clock: Clock, presses: readonly Press[], nextPrint: () => PeerPrint) {
    this.#peer = peer;
    this.#clock = clock;
    this.#presses = presses;
    this.#nextPrint = nextPrint;
    peer.onLook = () => this.#look();
  }

  /** Takes the finger off and forgets what was going on. */
  leave(): void {
    this.#plans.abort();
    this.#plans = new AbortController();
    this.#where = 'away';
    this.#peer.setFinger(null);
  }

  #look(): void {
    const press = this.#presses[Math.min(this.#pressed, this.#presses.length - 1)];
    if (press === undefined) return;
    if (this.#where === 'left') this.#where = 'away';
    else if (this.#where === 'away') {
      this.#where = 'arriving';
      this.#after(press.placeAfterMs, () => this.#place(press));
    }
    if (this.#where !== 'down') return;
    this.#looks += 1;
    if (this.#looks === 2) {
      this.#where = 'leaving';
      this.#after(press.liftAfterMs, () => this.#lift());
    }
  }

  #place(press: Press): void {
    const print = this.#nextPrint();
    this.#peer.setFinger(press.condition === undefined ? print : { ...print, condition: press.condition });
    this.#where = 'down';
    this.#looks = 0;
  }

  #lift(): void {
    this.#peer.setFinger(null);
    this.#where = 'left';
    this.#pressed += 1;
  }

  #after(ms: number, act: () => void): void {
    if (ms === 0) act();
    else {
      void this.#clock.sleep(ms, this.#plans.signal).then(act, () => {
        // Left before it came to that.
      });
    }
  }
}
