/** The device's end of EF01: what an AS608 does with the bytes it is sent. No input, output or time but what it is given. */
import { concatBytes } from '../../src/bytes.ts';
import type { Clock } from '../../src/clock.ts';
import { AppError } from '../../src/errors.ts';
import type { FingerCondition, Peer, PeerPrint, PeerSettings } from '../../src/reader/driver.ts';
import type { Raster } from '../../src/biometric/raster.ts';
import { DEFAULT_ADDRESS, encodeData, encodeFrame, FrameParser } from './codec.ts';
import type { Frame } from './codec.ts';
import { CONFIRMATION } from './dialects.ts';
import type { Dialect } from './dialects.ts';
import {
  BAUD_UNIT,
  decodeCommand,
  encodeReply,
  PACKET_BYTES,
  REGISTERS,
  SHARED_INSTRUCTIONS,
  STATUS,
} from './instructions.ts';
import type { Fields, SharedInstructions, Values } from './instructions.ts';
import { TemplateMemory } from './peer-memory.ts';
import { decodePixels, encodePixels } from './pixels.ts';

const INFORMATION_BYTES = 512;
const NOTEPAD_PAGES = 16;
const NOTEPAD_BYTES = 32;
const SECURITY_LEVELS = 5;
const BAUD_FACTORS = 12;

/** A confirmation code alone, or 0 with the reply's fields and the data that follow. */
type Answer<R extends Fields> = number | { readonly fields: Values<R>; readonly upload?: Uint8Array };
type Handlers = {
  readonly [N in keyof SharedInstructions]: (
    args: Values<SharedInstructions[N]['args']>,
  ) => Answer<SharedInstructions[N]['reply']>;
};

/** What flash keeps and what a power-up makes of it. */
interface Registers {
  baudFactor: number;
  level: number;
  packetCode: number;
}

export function createPeer(dialect: Dialect, settings: PeerSettings, clock: Clock): Peer {
  return new Ef01Peer(dialect, settings, clock);
}

class Ef01Peer implements Peer {
  onSend: (bytes: Uint8Array) => void = () => undefined;
  onLook: () => void = () => undefined;

  readonly #dialect: Dialect;
  readonly #clock: Clock;
  readonly #size: { readonly width: number; readonly height: number; readonly dpi: number };
  readonly #handlers: Handlers;
  readonly #memory: TemplateMemory;
  readonly #notepad = Array.from({ length: NOTEPAD_PAGES }, () => new Uint8Array(NOTEPAD_BYTES));
  readonly #stored: Registers;
  #active: Registers;
  #address = DEFAULT_ADDRESS;
  #parser = new FrameParser(DEFAULT_ADDRESS);
  #password: number;
  #verified = false;
  #passed = false;
  #finger: PeerPrint | null = null;
  /** What GetImage saw: the picture, and with it what the extractor will find in it. */
  #image: Raster | null = null;
  #seen: PeerPrint | null = null;
  /** Takes the data packets that the host was told to send. */
  #download: { readonly parts: Uint8Array[]; readonly finish: (bytes: Uint8Array) => void } | null = null;
  #random = 0x2545_f491;

  constructor(dialect: Dialect, settings: PeerSettings, clock: Clock) {
    this.#dialect = dialect;
    this.#clock = clock;
    this.#size = settings.capabilities;
    this.#password = settings.password ?? 0;
    this.#stored = { baudFactor: (settings.baudRate ?? 57_600) / BAUD_UNIT, level: 3, packetCode: 2 };
    this.#active = { ...this.#stored };
    this.#memory = new TemplateMemory(dialect.capacity);
    this.#handlers = this.#instructions();
  }

  get baudRate(): number {
    return this.#active.baudFactor * BAUD_UNIT;
  }

  receive(bytes: Uint8Array): void {
    for (const item of this.#parser.push(bytes)) {
      if (item.kind === 'frame') this.#take(item.frame);
      else if (item.fault === 'sum') this.#acknowledge(Uint8Array.of(CONFIRMATION.packetError));
    }
  }

  setFinger(print: PeerPrint | null): void {
    if (print !== null) this.#checkSize(print.image);
    this.#finger = print;
  }

  powerUp(): void {
    this.#active = { ...this.#stored };
    this.#parser = new FrameParser(this.#address);
    this.#verified = false;
    this.#passed = false;
    this.#image = null;
    this.#seen = null;
    this.#download = null;
    this.#memory.clearBuffers();
    const { greeting } = this.#dialect;
    if (greeting !== null) {
      void this.#clock.sleep(greeting.afterMs).then(() => this.onSend(Uint8Array.of(greeting.byte)));
    }
  }

  #take(frame: Frame): void {
    if (frame.kind === 'command') {
      this.#download = null;
      this.#obey(frame.payload);
    } else if (this.#download !== null && frame.kind !== 'acknowledge') {
      const { parts, finish } = this.#download;
      parts.push(frame.payload);
      if (frame.kind === 'end-of-data') {
        this.#download = null;
        finish(concatBytes(...parts));
      }
    }
  }

  #obey(payload: Uint8Array): void {
    const { instructions } = this.#dialect;
    let command;
    try {
      command = decodeCommand(instructions, payload);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#acknowledge(Uint8Array.of(CONFIRMATION.packetError));
      return;
    }
    const instruction = command === null ? undefined : instructions[command.name];
    if (command === null || instruction === undefined || !isShared(command.name)) {
      // A light or a sleep has no effect that the host could see; what nobody knows is refused.
      this.#acknowledge(Uint8Array.of(command === null ? CONFIRMATION.unsupported : CONFIRMATION.ok));
      return;
    }
    if (this.#locked && command.name !== 'vfyPwd') {
      this.#acknowledge(Uint8Array.of(CONFIRMATION.passwordFirst));
      return;
    }
    // The name and the arguments come out of one row, which the type of a table of handlers cannot say.
    const handle = this.#handlers[command.name] as (args: Values<Fields>) => Answer<Fields>;
    // An address or a packet size that the command itself changes holds from the next one.
    const address = this.#address;
    const packetBytes = PACKET_BYTES[this.#active.packetCode] ?? PACKET_BYTES[2];
    const answer = handle(command.args);
    if (typeof answer === 'number') {
      this.#acknowledge(Uint8Array.of(answer), address);
      return;
    }
    this.#acknowledge(encodeReply(instruction, { code: 0, fields: answer.fields }), address);
    if (answer.upload !== undefined) {
      for (const frame of encodeData(address, answer.upload, packetBytes)) this.onSend(frame);
    }
  }

  get #locked(): boolean {
    return this.#password !== 0 && !this.#verified;
  }

  #acknowledge(payload: Uint8Array, address = this.#address): void {
    this.onSend(encodeFrame({ kind: 'acknowledge', address, payload }));
  }

  #instructions(): Handlers {
    const memory = this.#memory;
    return {
      getImage: () => this.#look(),
      genChar: ({ buffer }) => {
        if (this.#image === null) return CONFIRMATION.noImage;
        const symptom = this.#symptom('genChar', this.#seen?.condition);
        if (symptom !== null) return symptom;
        // A picture that the host sent down was never pressed: there is no telling what the extractor finds in it.
        if (this.#seen === null) return CONFIRMATION.noImage;
        memory.setBuffer(buffer, this.#seen.template);
        return CONFIRMATION.ok;
      },
      match: () => {
        const score = memory.match();
        this.#passed = score > 0;
        return score > 0 ? { fields: { score } } : CONFIRMATION.noMatch;
      },
      search: (args) => this.#search(args),
      fastSearch: (args) => this.#search(args),
      regModel: () => (memory.merge() ? CONFIRMATION.ok : CONFIRMATION.mergeFailed),
      store: ({ buffer, page }) => (memory.store(buffer, page) ? CONFIRMATION.ok : CONFIRMATION.pageRange),
      load: ({ buffer, page }) => {
        if (page >= memory.capacity) return CONFIRMATION.pageRange;
        return memory.load(buffer, page) ? CONFIRMATION.ok : CONFIRMATION.templateRead;
      },
      upChar: ({ buffer }) => {
        const template = memory.buffer(buffer);
        return template === null ? CONFIRMATION.featureUpload : { fields: {}, upload: template };
      },
      downChar: ({ buffer }) => this.#expectData((bytes) => memory.setBuffer(buffer, bytes)),
      upImage: () => {
        if (this.#image === null) return CONFIRMATION.imageUpload;
        return { fields: {}, upload: encodePixels(this.#image.pixels) };
      },
      downImage: () =>
        this.#expectData((bytes) => {
          const pixels = decodePixels(bytes);
          if (pixels.length !== this.#size.width * this.#size.height) return;
          const { width, height, dpi } = this.#size;
          this.#image = { width, height, dpi, pixels };
          this.#seen = null;
        }),
      delete: ({ page, count }) => (memory.delete(page, count) ? CONFIRMATION.ok : CONFIRMATION.deleteFailed),
      empty: () => {
        memory.empty();
        return CONFIRMATION.ok;
      },
      writeReg: ({ register, value }) => this.#writeRegister(register, value),
      readSysPara: () => ({ fields: this.#parameters() }),
      setPwd: ({ password }) => {
        this.#password = password;
        return CONFIRMATION.ok;
      },
      vfyPwd: ({ password }) => {
        if (password !== this.#password) return CONFIRMATION.wrongPassword;
        this.#verified = true;
        return CONFIRMATION.ok;
      },
      random: () => ({ fields: { value: this.#nextRandom() } }),
      setAddr: ({ address }) => {
        this.#address = address;
        this.#parser = new FrameParser(address);
        return CONFIRMATION.ok;
      },
      readInfPage: () => {
        const page = new Uint8Array(INFORMATION_BYTES).fill(0xff);
        page.set(encodeReply(SHARED_INSTRUCTIONS.readSysPara, { code: 0, fields: this.#parameters() }).subarray(1));
        return { fields: {}, upload: page };
      },
      writeNotepad: ({ page, content }) => {
        const sheet = this.#notepad[page];
        if (sheet === undefined) return CONFIRMATION.notepadPage;
        sheet.set(content);
        return CONFIRMATION.ok;
      },
      readNotepad: ({ page }) => {
        const sheet = this.#notepad[page];
        return sheet === undefined ? CONFIRMATION.notepadPage : { fields: { content: sheet } };
      },
      templateCount: () => ({ fields: { count: memory.count } }),
      templateIndex: ({ page }) => ({ fields: { bitmap: memory.index(page) } }),
    };
  }

  #look(): number {
    this.onLook();
    if (this.#finger === null) return CONFIRMATION.noFinger;
    const symptom = this.#symptom('getImage', this.#finger.condition);
    if (symptom !== null) return symptom;
    this.#image = this.#finger.image;
    this.#seen = this.#finger;
    return CONFIRMATION.ok;
  }

  #search(args: { readonly buffer: number; readonly start: number; readonly count: number }): Answer<{
    page: 'u16';
    score: 'u16';
  }> {
    const found = this.#memory.search(args.buffer, args.start, args.count);
    this.#passed = found !== null;
    return found === null ? CONFIRMATION.notFound : { fields: found };
  }

  #symptom(instruction: 'getImage' | 'genChar', condition: FingerCondition | undefined): number | null {
    if (condition === undefined) return null;
    const symptom = this.#dialect.symptoms[condition];
    return symptom.instruction === instruction ? symptom.code : null;
  }

  #writeRegister(register: number, value: number): number {
    if (register === REGISTERS.baud) {
      if (value < 1 || value > BAUD_FACTORS) return CONFIRMATION.badValue;
      this.#stored.baudFactor = value;
    } else if (register === REGISTERS.security) {
      if (value < 1 || value > SECURITY_LEVELS) return CONFIRMATION.badValue;
      this.#stored.level = value;
    } else if (register === REGISTERS.packet) {
      if (value >= PACKET_BYTES.length) return CONFIRMATION.badValue;
      this.#stored.packetCode = value;
    } else return CONFIRMATION.badRegister;
    if (this.#dialect.registersApply === 'at-once') this.#active = { ...this.#stored };
    return CONFIRMATION.ok;
  }

  #parameters(): Values<SharedInstructions['readSysPara']['reply']> {
    const status =
      (this.#passed ? STATUS.pass : 0) |
      (this.#verified ? STATUS.passwordVerified : 0) |
      (this.#image === null ? 0 : STATUS.imageValid);
    const { systemId, capacity } = this.#dialect;
    return { status, systemId, capacity, address: this.#address, ...this.#active };
  }

  #expectData(finish: (bytes: Uint8Array) => void): number {
    this.#download = { parts: [], finish };
    return CONFIRMATION.ok;
  }

  /** Xorshift: a simulated device is the same each time. */
  #nextRandom(): number {
    let value = this.#random;
    value ^= value << 13;
    value ^= value >>> 17;
    value ^= value << 5;
    this.#random = value >>> 0;
    return this.#random;
  }

  #checkSize(image: Raster): void {
    const { width, height } = this.#size;
    if (image.width !== width || image.height !== height) {
      throw new RangeError(`a print of ${image.width} x ${image.height} on a window of ${width} x ${height}`);
    }
  }
}

function isShared(name: string): name is keyof SharedInstructions {
  return Object.hasOwn(SHARED_INSTRUCTIONS, name);
}
