/** The other end of a link as a test writes it: answers by instruction code, and nothing that it was not told to say. */
import { DEFAULT_ADDRESS, encodeData, encodeFrame } from '../../../drivers/ef01/codec.ts';
import { CONFIRMATION, dialectNamed } from '../../../drivers/ef01/dialects.ts';
import type { Dialect } from '../../../drivers/ef01/dialects.ts';
import { openDevice } from '../../../drivers/ef01/driver.ts';
import { encodePixels } from '../../../drivers/ef01/pixels.ts';
import { toHex } from '../../../src/bytes.ts';
import { ByteQueue } from '../../../src/reader/byte-queue.ts';
import type { DriverSettings, Link, OpenReader } from '../../../src/reader/driver.ts';
import { drawPrint } from '../../reader/simulator.ts';
import { JumpingClock } from '../../reader/jumping-clock.ts';

export function ack(payload: readonly number[], address = DEFAULT_ADDRESS): Uint8Array {
  return encodeFrame({ kind: 'acknowledge', address, payload: Uint8Array.from(payload) });
}

export function dataFrame(payload: Uint8Array): Uint8Array {
  return encodeFrame({ kind: 'data', address: DEFAULT_ADDRESS, payload });
}

/** By itself: a finger that is seen once, a picture, a template. `answers` stand in for those of their instruction codes. */
export class Script implements Link {
  readonly kind = 'simulated';
  readonly clock = new JumpingClock();
  /** Whole frames from the host, and their payloads in hexadecimal. */
  readonly frames: Uint8Array[] = [];
  readonly heard: string[] = [];
  readonly #answers: Map<number, () => Uint8Array[]>;
  readonly #queue = new ByteQueue();

  constructor(answers: readonly (readonly [number, () => Uint8Array[]])[], address = DEFAULT_ADDRESS) {
    const { image, template } = drawPrint();
    let looks = 0;
    this.#answers = new Map<number, () => Uint8Array[]>([
      [0x13, () => [ack([0], address)]],
      [0x0f, () => [ack([0, ...new Uint8Array(16)], address)]],
      [0x01, () => [ack([looks++ === 0 ? 0 : CONFIRMATION.noFinger], address)]],
      [0x0a, () => [ack([0], address), ...encodeData(address, encodePixels(image.pixels), 128)]],
      [0x02, () => [ack([0], address)]],
      [0x08, () => [ack([0], address), ...encodeData(address, template, 128)]],
      ...answers,
    ]);
  }

  open(settings: DriverSettings = {}, dialect: Dialect = dialectNamed('as608')): Promise<OpenReader> {
    return openDevice(this, dialect, { clock: this.clock, settings }, new AbortController().signal);
  }

  /** Bytes from the device that nobody asked for, or that come late. */
  say(...frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#queue.push(frame);
  }

  read(signal: AbortSignal): Promise<Uint8Array> {
    return this.#queue.read(signal);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.frames.push(bytes);
    this.heard.push(toHex(bytes.subarray(9, -2)));
    this.say(...(this.#answers.get(bytes[9]!)?.() ?? []));
    return Promise.resolve();
  }

  drain(): void {
    this.#queue.drain();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
