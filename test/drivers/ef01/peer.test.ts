/** The device's end, asked in bytes: what an AS608 answers to every instruction of the table. */
import { describe, expect, test } from 'vitest';
import { decodeFrame, DEFAULT_ADDRESS, encodeData, encodeFrame, FrameParser } from '../../../drivers/ef01/codec.ts';
import { dialectNamed } from '../../../drivers/ef01/dialects.ts';
import type { Dialect } from '../../../drivers/ef01/dialects.ts';
import { createPeer } from '../../../drivers/ef01/peer.ts';
import { decodePixels, encodePixels } from '../../../drivers/ef01/pixels.ts';
import { concatBytes, fromHex, toHex } from '../../../src/bytes.ts';
import type { FingerCondition, Peer, PeerSettings } from '../../../src/reader/driver.ts';
import { drawPrint } from '../../reader/simulator.ts';
import { JumpingClock } from '../../reader/jumping-clock.ts';

const CAPABILITIES = { image: true, template: 'opaque', width: 256, height: 288, dpi: 500 } as const;

class Host {
  readonly peer: Peer;
  sent: Uint8Array[] = [];

  constructor(
    settings: Partial<PeerSettings> = {},
    dialect: Dialect = dialectNamed('as608'),
    clock = new JumpingClock(),
  ) {
    this.peer = createPeer(dialect, { dialect: dialect.id, capabilities: CAPABILITIES, ...settings }, clock);
    this.peer.onSend = (bytes) => this.sent.push(bytes);
  }

  /** The acknowledgement's payload to a command's payload, both hexadecimal, and the data behind it. */
  ask(command: string, address = DEFAULT_ADDRESS): { ack: string; data: Uint8Array; packets: number[] } {
    this.sent = [];
    this.peer.receive(encodeFrame({ kind: 'command', address, payload: fromHex(command) }));
    const [first, ...rest] = this.sent.map((bytes) => decodeFrame(bytes));
    return {
      ack: first === undefined ? 'silence' : toHex(first.payload),
      data: concatBytes(...rest.map((frame) => frame.payload)),
      packets: rest.map((frame) => frame.payload.length),
    };
  }

  ack(command: string): string {
    return this.ask(command).ack;
  }

  download(bytes: Uint8Array): void {
    for (const frame of encodeData(DEFAULT_ADDRESS, bytes, 128)) this.peer.receive(frame);
  }

  /** Finger down, picture taken, features in `buffer`. */
  press(seed: number, buffer = 1): void {
    this.peer.setFinger(drawPrint(256, 288, seed));
    expect(this.ack('01')).toBe('00');
    expect(this.ack(`02 0${buffer}`)).toBe('00');
  }
}

describe('a finger', () => {
  test('is seen when it is there, and its picture comes up in packets whose last is marked', () => {
    const host = new Host();
    expect(host.ack('01')).toBe('02');
    expect(host.ack('0A')).toBe('0f');
    expect(host.ack('02 01')).toBe('15');
    const print = drawPrint();
    host.peer.setFinger(print);
    expect(host.ack('01')).toBe('00');
    const { ack, data, packets } = host.ask('0A');
    expect(ack).toBe('00');
    expect(packets).toEqual(Array.from({ length: 288 }, () => 128));
    expect(decodePixels(data)).toEqual(print.image.pixels);
    // High half = left pixel.
    expect(data[0]! >> 4).toBe(print.image.pixels[0]! / 17);
  });

  test('stays in the image buffer when it is lifted', () => {
    const host = new Host();
    host.press(1);
    host.peer.setFinger(null);
    expect(host.ack('01')).toBe('02');
    expect(host.ask('0A').data.length).toBe(36_864);
  });

  test('lets the person know that it is looked for', () => {
    const host = new Host();
    let looks = 0;
    host.peer.onLook = () => {
      looks += 1;
      host.peer.setFinger(drawPrint());
    };
    expect(host.ack('01')).toBe('00');
    expect(looks).toBe(1);
  });

  test.each<[FingerCondition, string, string]>([
    ['lifted', '03', '15'],
    ['residual', '17', '15'],
    ['dry', '00', '04'],
    ['wet', '00', '05'],
    ['smudged', '00', '06'],
    ['partial', '00', '07'],
  ])('that is %s is complained of', (condition, image, features) => {
    const host = new Host();
    host.peer.setFinger({ ...drawPrint(), condition });
    expect(host.ack('01')).toBe(image);
    expect(host.ack('02 01')).toBe(features);
  });

  test('of another size than the window is a mistake of the simulation', () => {
    expect(() => new Host().peer.setFinger(drawPrint(192, 192))).toThrow(RangeError);
  });
});

describe('templates', () => {
  test('go up as the extractor made them', () => {
    const host = new Host();
    expect(host.ack('08 01')).toBe('0d');
    host.press(3);
    const { data, packets } = host.ask('08 01');
    expect(data).toEqual(drawPrint(256, 288, 3).template);
    expect(packets).toEqual([128, 128, 128, 128]);
  });

  test('come down, with no acknowledgement at their end', () => {
    const host = new Host();
    const template = new Uint8Array(300).fill(7);
    expect(host.ack('09 02')).toBe('00');
    host.sent = [];
    host.download(template);
    expect(host.sent).toEqual([]);
    expect(host.ask('08 02').data).toEqual(template);
  });

  test('match where they are the same, in a status bit too', () => {
    const host = new Host();
    expect(host.ack('03')).toBe('08');
    host.press(1, 1);
    host.press(1, 2);
    expect(host.ack('03')).toBe('0000c8');
    expect(host.ack('05')).toBe('00');
    expect(host.ack('0F').slice(2, 6)).toBe('000a');
    host.press(2, 2);
    expect(host.ack('03')).toBe('08');
    expect(host.ack('05')).toBe('0a');
    expect(host.ack('0F').slice(2, 6)).toBe('0008');
  });

  test('are stored, found, counted, listed, loaded and deleted', () => {
    const host = new Host();
    host.press(1);
    expect(host.ack('06 01 012B')).toBe('00');
    expect(host.ack('06 01 012C')).toBe('0b');
    expect(host.ack('06 01 0002')).toBe('00');
    expect(host.ack('1D')).toBe('000002');
    expect(host.ack('1F 00')).toBe(`0004${'00'.repeat(31)}`);
    expect(host.ack('1F 01')).toBe(`00${'00'.repeat(5)}08${'00'.repeat(26)}`);
    expect(host.ack('04 01 0000 012C')).toBe('00000200c8');
    expect(host.ack('1B 01 0003 0129')).toBe('00012b00c8');
    expect(host.ack('04 01 0003 0010')).toBe('09');
    expect(host.ack('07 02 0002')).toBe('00');
    expect(host.ack('03')).toBe('0000c8');
    expect(host.ack('07 02 0003')).toBe('0c');
    expect(host.ack('07 02 012C')).toBe('0b');
    expect(host.ack('0C 0002 0001')).toBe('00');
    expect(host.ack('0C 012B 0002')).toBe('10');
    expect(host.ack('1D')).toBe('000001');
    expect(host.ack('0D')).toBe('00');
    expect(host.ack('1D')).toBe('000000');
  });

  test('survive a power-up in the library, not in the buffers', () => {
    const host = new Host();
    host.press(1);
    host.ack('06 01 0000');
    host.peer.powerUp();
    expect(host.ack('1D')).toBe('000001');
    expect(host.ack('08 01')).toBe('0d');
    expect(host.ack('0A')).toBe('0f');
  });
});

test('a picture comes down into the image buffer', () => {
  const host = new Host();
  const { pixels } = drawPrint(256, 288, 5).image;
  expect(host.ack('0B')).toBe('00');
  host.download(encodePixels(pixels));
  expect(decodePixels(host.ask('0A').data)).toEqual(pixels);
  // Nobody pressed it, so the simulated extractor has no features for it.
  expect(host.ack('02 01')).toBe('15');
});

describe('settings', () => {
  test('are told: status, system, capacity, level, address, packet code, baud factor', () => {
    expect(new Host().ack('0F')).toBe('00 0000 0009 012C 0003 FFFFFFFF 0002 0006'.replaceAll(' ', '').toLowerCase());
  });

  test('of the packet size hold from the next power-up', () => {
    const host = new Host();
    host.peer.setFinger(drawPrint());
    host.ack('01');
    expect(host.ack('0E 06 03')).toBe('00');
    expect(host.ask('0A').packets[0]).toBe(128);
    host.peer.powerUp();
    host.ack('01');
    expect(host.ask('0A').packets).toEqual(Array.from({ length: 144 }, () => 256));
  });

  test('of the rate hold from the next power-up', () => {
    const host = new Host();
    expect(host.ack('0E 04 0C')).toBe('00');
    expect(host.peer.baudRate).toBe(57_600);
    host.peer.powerUp();
    expect(host.peer.baudRate).toBe(115_200);
    expect(host.ack('0F').slice(-4)).toBe('000c');
  });

  test('hold at once where the dialect says so', () => {
    const host = new Host({}, { ...dialectNamed('as608'), registersApply: 'at-once' });
    host.ack('0E 05 05');
    expect(host.ack('0F').slice(14, 18)).toBe('0005');
  });

  test.each([
    ['0E 03 01', '1a'],
    ['0E 04 00', '1b'],
    ['0E 04 0D', '1b'],
    ['0E 05 06', '1b'],
    ['0E 06 04', '1b'],
  ])('that there are not are refused: %s', (command, code) => {
    expect(new Host().ack(command)).toBe(code);
  });

  test('of the address hold from the next command', () => {
    const host = new Host();
    const { ack } = host.ask('15 00000042');
    expect(ack).toBe('00');
    expect(decodeFrame(host.sent[0]!).address).toBe(DEFAULT_ADDRESS);
    expect(host.ask('0F').ack).toBe('silence');
    expect(host.ask('0F', 0x42).ack).toContain('00000042');
    expect(decodeFrame(host.sent[0]!).address).toBe(0x42);
  });
});

describe('a password', () => {
  test('closes everything but its own check', () => {
    const host = new Host({ password: 0xdead_beef });
    expect(host.ack('01')).toBe('21');
    expect(host.ack('0F')).toBe('21');
    expect(host.ack('12 00000000')).toBe('21');
    expect(host.ack('13 00000000')).toBe('13');
    expect(host.ack('01')).toBe('21');
    expect(host.ack('13 DEADBEEF')).toBe('00');
    expect(host.ack('01')).toBe('02');
    expect(host.ack('0F').slice(2, 6)).toBe('0004');
    host.peer.powerUp();
    expect(host.ack('01')).toBe('21');
  });

  test('of zero closes nothing', () => {
    const host = new Host();
    expect(host.ack('01')).toBe('02');
    expect(host.ack('13 00000001')).toBe('13');
    expect(host.ack('13 00000000')).toBe('00');
  });

  test('can be given', () => {
    const host = new Host();
    expect(host.ack('12 00000007')).toBe('00');
    host.peer.powerUp();
    expect(host.ack('01')).toBe('21');
    expect(host.ack('13 00000007')).toBe('00');
  });
});

describe('the rest of the table', () => {
  test('notepad', () => {
    const host = new Host();
    expect(host.ack('19 0F')).toBe(`00${'00'.repeat(32)}`);
    expect(host.ack(`18 0F ${'5A'.repeat(32)}`)).toBe('00');
    expect(host.ack('19 0F')).toBe(`00${'5a'.repeat(32)}`);
    expect(host.ack('19 10')).toBe('1c');
    expect(host.ack(`18 10 ${'5A'.repeat(32)}`)).toBe('1c');
  });

  test('random numbers differ, and are the same each time', () => {
    const [a, b] = [new Host(), new Host()];
    const first = a.ack('14');
    expect(first).toMatch(/^00[0-9a-f]{8}$/);
    expect(a.ack('14')).not.toBe(first);
    expect(b.ack('14')).toBe(first);
  });

  test('information page of 512 bytes', () => {
    const { ack, data, packets } = new Host().ask('16');
    expect(ack).toBe('00');
    expect(data.length).toBe(512);
    expect(packets).toEqual([128, 128, 128, 128]);
  });

  test('light and standby do nothing that can be seen', () => {
    const host = new Host();
    expect(['50', '51', '33'].map((command) => host.ack(command))).toEqual(['00', '00', '00']);
  });

  test('what nobody knows is refused, and so are arguments that do not fit', () => {
    const host = new Host();
    expect(host.ack('77')).toBe('fc');
    expect(host.ack('13 00')).toBe('01');
  });

  test('a damaged command is answered as such; noise and other addresses are not answered', () => {
    const host = new Host();
    host.peer.receive(fromHex('EF01FFFFFFFF 01 0003 01 0006'));
    expect(host.sent.map((bytes) => toHex(decodeFrame(bytes).payload))).toEqual(['01']);
    host.sent = [];
    host.peer.receive(fromHex('55 00 EF 01 FFFFFFFE 01 0003 01 0005'));
    expect(host.sent).toEqual([]);
    expect(host.ack('01')).toBe('02');
  });

  test('commands may come in any pieces', () => {
    const host = new Host();
    for (const byte of fromHex('EF01FFFFFFFF 01 0003 01 0005')) host.peer.receive(Uint8Array.of(byte));
    expect(new FrameParser(null).push(host.sent[0]!)).toHaveLength(1);
  });

  test('a dialect that greets does so a while after power-up', async () => {
    const clock = new JumpingClock();
    const host = new Host({}, { ...dialectNamed('as608'), greeting: { byte: 0x55, afterMs: 50 } }, clock);
    host.peer.powerUp();
    expect(host.sent).toEqual([]);
    await clock.sleep(60);
    expect(host.sent.map(toHex)).toEqual(['55']);
  });
});
