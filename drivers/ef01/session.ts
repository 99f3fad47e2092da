/** One conversation with a device: half duplex, one command outstanding, every wait bounded, a damaged exchange mended where it may be. */
import { concatBytes } from '../../src/bytes.ts';
import type { Clock } from '../../src/clock.ts';
import { AppError, isAppError } from '../../src/errors.ts';
import type { Link } from '../../src/reader/driver.ts';
import { encodeFrame, FrameParser } from './codec.ts';
import type { Frame, ParsedItem } from './codec.ts';
import { CONFIRMATION, refusal } from './dialects.ts';
import type { Dialect } from './dialects.ts';
import { decodeReply, encodeCommand } from './instructions.ts';
import type { Fields, Instruction, Reply, SharedInstructions, Values } from './instructions.ts';

/** How often a repeatable command is sent before its failure counts. */
const ATTEMPTS = 3;

/** The rate that a dialect's times are meant for. */
const USUAL_BAUD = 57_600;

/** What the device has yet to send for what it was last told. */
type Owed = 'nothing' | 'answer' | 'answer-and-data' | 'data';

export class Session {
  readonly dialect: Dialect;
  /** Longest upload of data, with what is asked for again, milliseconds. */
  readonly uploadMs: number;
  readonly #link: Link;
  readonly #clock: Clock;
  readonly #address: number;
  readonly #parser: FrameParser;
  /** Found on the line and not yet looked at. */
  #items: ParsedItem[] = [];
  /** Bytes since the last command. */
  #heard = 0;
  #owed: Owed = 'nothing';

  /** `baud`: of the link, where it has a rate. */
  constructor(link: Link, clock: Clock, dialect: Dialect, address: number, baud = USUAL_BAUD) {
    this.dialect = dialect;
    this.uploadMs = Math.round(dialect.timing.upload * Math.max(1, USUAL_BAUD / baud));
    this.#link = link;
    this.#clock = clock;
    this.#address = address;
    this.#parser = new FrameParser(address);
  }

  /** Sends one command and waits for its acknowledgement, whatever its code. READER_SILENT, READER_PROTOCOL, READER_REMOVED or the signal's reason. */
  async command<A extends Fields, R extends Fields>(
    instruction: Instruction<A, R>,
    args: Values<A>,
    signal: AbortSignal,
    answerMs = this.dialect.timing.answer,
  ): Promise<Reply<R>> {
    const attempts = instruction.repeatable ? ATTEMPTS : 1;
    for (let attempt = 1; ; attempt++) {
      // Not repeated: a device that never stops sending hears no command.
      await this.#settle(signal);
      try {
        const reply = await this.#exchange(instruction, args, answerMs, signal);
        if (reply.code !== CONFIRMATION.packetError || attempt >= attempts) return reply;
      } catch (error) {
        if (attempt >= attempts || !isAppError(error, 'READER_SILENT', 'READER_PROTOCOL')) throw error;
      }
    }
  }

  /** Like `command`, but a code other than 0 is thrown as the failure that the dialect makes of it. */
  async request<N extends keyof SharedInstructions>(
    name: N,
    args: Values<SharedInstructions[N]['args']>,
    signal: AbortSignal,
    answerMs?: number,
  ): Promise<Values<SharedInstructions[N]['reply']>> {
    const instruction: Instruction<SharedInstructions[N]['args'], SharedInstructions[N]['reply']> =
      this.dialect.instructions[name];
    const reply = await this.command(instruction, args, signal, answerMs);
    if (reply.fields === null) throw refusal(this.dialect, name, reply.code);
    return reply.fields;
  }

  /**
   * The data that follows the acknowledgement just received.
   * `sizes`: those it can have, where they are known; they let an end be seen that no packet marks. More than `limit` bytes are refused.
   * `deadline`: of the whole upload, by the clock.
   */
  transfer(sizes: readonly number[] | null, limit: number, deadline: number, signal: AbortSignal): Transfer {
    return new Transfer(sizes, limit, {
      next: async () => {
        const item = await this.#next(this.dialect.timing.gap, deadline, signal);
        return item === null && this.#clock.monotonicMs() >= deadline ? { kind: 'late', afterMs: this.uploadMs } : item;
      },
      ended: () => {
        this.#owed = 'nothing';
      },
    });
  }

  async #exchange<A extends Fields, R extends Fields>(
    instruction: Instruction<A, R>,
    args: Values<A>,
    answerMs: number,
    signal: AbortSignal,
  ): Promise<Reply<R>> {
    this.#link.drain();
    this.#parser.reset();
    this.#items = [];
    const payload = encodeCommand(instruction, args);
    this.#owed = instruction.data === 'to-host' ? 'answer-and-data' : 'answer';
    const written = await this.#within(answerMs, signal, async (timed) => {
      await this.#link.write(encodeFrame({ kind: 'command', address: this.#address, payload }), timed);
      return true;
    });
    if (written === null) throw new AppError('READER_SILENT', `a command could not be sent in ${answerMs} ms`);
    const frame = await this.#acknowledgement(answerMs, signal);
    const reply = decodeReply(instruction, frame.payload);
    this.#answered(reply.code);
    return reply;
  }

  async #acknowledgement(answerMs: number, signal: AbortSignal): Promise<Frame> {
    const { gap } = this.dialect.timing;
    const deadline = this.#clock.monotonicMs() + answerMs;
    this.#heard = 0;
    let damaged = false;
    for (;;) {
      // After a damaged frame nothing else will come: a device says a thing once.
      const item = await this.#next(damaged ? gap : answerMs, deadline, signal);
      if (item === null) {
        this.#owed = 'nothing';
        if (this.#heard === 0) throw new AppError('READER_SILENT', `no answer in ${answerMs} ms`);
        throw new AppError('READER_PROTOCOL', `${this.#heard} bytes arrived, no whole answer among them`);
      }
      if (item.kind === 'frame' && isAnswer(item.frame)) return item.frame;
      if (item.kind === 'fault' && item.fault !== 'noise') damaged = true;
    }
  }

  /** Lets what an interrupted exchange still sends pass by, so that it isn't taken for the answer to the next command. */
  async #settle(signal: AbortSignal): Promise<void> {
    const { answer, gap } = this.dialect.timing;
    const deadline = this.#clock.monotonicMs() + this.uploadMs;
    while (this.#owed !== 'nothing') {
      const item = await this.#next(this.#owed === 'data' ? gap : answer, deadline, signal);
      if (this.#clock.monotonicMs() >= deadline) {
        throw new AppError('READER_PROTOCOL', `the device did not stop sending in ${this.uploadMs} ms`);
      }
      if (item === null) this.#owed = 'nothing';
      else if (item.kind === 'frame') this.#passBy(item.frame);
    }
  }

  #passBy(frame: Frame): void {
    if (frame.kind === 'end-of-data') this.#owed = 'nothing';
    else if (frame.kind === 'data') this.#owed = 'data';
    else if (this.#owed !== 'data' && isAnswer(frame)) this.#answered(frame.payload[0]);
  }

  /** What comes next on the line; null: nothing in `idleMs`, or not before `deadline`. The beginning of a frame waits for a gap at most. */
  async #next(idleMs: number, deadline: number, signal: AbortSignal): Promise<ParsedItem | null> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) return item;
      const idle = this.#parser.pending ? Math.min(idleMs, this.dialect.timing.gap) : idleMs;
      const patience = Math.min(idle, deadline - this.#clock.monotonicMs());
      const chunk = patience > 0 ? await this.#within(patience, signal, (timed) => this.#link.read(timed)) : null;
      if (chunk !== null) {
        this.#heard += chunk.length;
        this.#items = this.#parser.push(chunk);
      } else if (this.#parser.pending) this.#items = this.#parser.abandon();
      else return null;
    }
  }

  #answered(code: number | undefined): void {
    this.#owed = this.#owed === 'answer-and-data' && code === CONFIRMATION.ok ? 'data' : 'nothing';
  }

  /** The outcome of `wait`, or null where it takes longer than `ms`. */
  async #within<T>(ms: number, signal: AbortSignal, wait: (timed: AbortSignal) => Promise<T>): Promise<T | null> {
    signal.throwIfAborted();
    const late = new AbortController();
    const timer = new AbortController();
    const alarm = this.#clock.sleep(ms, timer.signal).then(
      () => late.abort(),
      () => undefined, // The wait ended first.
    );
    try {
      return await wait(AbortSignal.any([signal, late.signal]));
    } catch (error) {
      if (late.signal.aborted && !signal.aborted && error === late.signal.reason) return null;
      throw error;
    } finally {
      timer.abort();
      await alarm;
    }
  }
}

/** What a transfer needs of its session. */
interface Incoming {
  /** null: silence. `late`: the upload's time, so many milliseconds, was over while the device was sending. */
  next(): Promise<ParsedItem | { readonly kind: 'late'; readonly afterMs: number } | null>;
  /** The device owes nothing more. */
  ended(): void;
}

/** Data on its way to the host. */
export class Transfer {
  readonly #sizes: readonly number[] | null;
  readonly #limit: number;
  readonly #incoming: Incoming;
  readonly #payloads: Uint8Array[] = [];
  #received = 0;
  /** Bytes that belong to no packet: a line's noise, or what a transport fills up with; a packet can have perished among them. */
  #noisy = false;
  /** A packet that did not arrive as it was sent. */
  #damaged = false;
  /** A packet whose end did not come: damage if more follows, and else where the device stopped. */
  #cut = false;
  #ended = false;

  constructor(sizes: readonly number[] | null, limit: number, incoming: Incoming) {
    this.#sizes = sizes;
    this.#limit = limit;
    this.#incoming = incoming;
  }

  /** Bytes so far. */
  get received(): number {
    return this.#received;
  }

  /** Whether the device owes nothing more: else it isn't to be asked for anything. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Waits for the next packet; false: that was the last. READER_STALLED where the device falls silent, READER_PROTOCOL where it sends too much
   * or too long.
   */
  async next(): Promise<boolean> {
    for (;;) {
      const item = await this.#incoming.next();
      if (item === null) return this.#silence();
      if (item.kind === 'late') {
        throw new AppError('READER_PROTOCOL', `no end of data in ${item.afterMs} ms, but ${this.#received} bytes`);
      }
      if (item.kind === 'fault') {
        this.#noisy ||= item.fault === 'noise';
        this.#cut ||= item.fault === 'cut';
        this.#damaged ||= item.fault !== 'noise' && item.fault !== 'cut';
      } else if (item.frame.kind === 'data' || item.frame.kind === 'end-of-data') {
        this.#received += item.frame.payload.length;
        if (this.#received > this.#limit) {
          throw new AppError('READER_PROTOCOL', `more than ${this.#limit} bytes in one transfer`);
        }
        this.#payloads.push(item.frame.payload);
        if (item.frame.kind === 'data') return true;
        this.#end();
        return false;
      }
    }
  }

  /**
   * All of it, once `next` said that it ended. READER_PROTOCOL where packets were damaged on the way, or may have been: a size that it can
   * have clears noise and nothing else, and where no size is known the caller must know its data by other marks.
   */
  bytes(): Uint8Array {
    if (this.#damaged || this.#cut) {
      throw new AppError('READER_PROTOCOL', `damaged packets among ${this.#received} bytes`);
    }
    if (this.#noisy && this.#sizes?.includes(this.#received) === false) {
      throw new AppError('READER_PROTOCOL', `noise among ${this.#received} bytes`);
    }
    return concatBytes(...this.#payloads);
  }

  #silence(): false {
    this.#end();
    // Clones that mark no end have sent everything; and where packets were damaged, the end may have been among them.
    const whole = this.#sizes?.includes(this.#received) === true && !this.#cut;
    if (whole || this.#damaged) return false;
    throw new AppError('READER_STALLED', `the device stopped after ${this.#received} bytes`);
  }

  #end(): void {
    this.#ended = true;
    this.#incoming.ended();
  }
}

/** An acknowledgement, unless it's the one that a touch sends unasked. */
function isAnswer(frame: Frame): boolean {
  return frame.kind === 'acknowledge' && frame.payload.length > 0 && frame.payload[0] !== CONFIRMATION.touch;
}
