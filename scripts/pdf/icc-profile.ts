/** Colour profiles (ICC.1:2001-04, version 2.4) from published figures: enough for the output intent of a PDF/A. */

/** A monitor's or a grey printer's profile. */
export function iccProfile(kind: 'srgb' | 'gray'): Buffer {
  const tags = new Map<string, Buffer>([
    ['desc', description(kind === 'srgb' ? 'sRGB IEC61966-2.1, made from its figures' : 'Grey, gamma 2.2')],
    ['cprt', text('No rights reserved')],
    ['wtpt', xyz(0.9505, 1, 1.0891)],
  ]);
  if (kind === 'gray') tags.set('kTRC', gamma(2.2));
  else {
    // sRGB's primaries, adapted to D50 (Bradford).
    tags.set('rXYZ', xyz(0.43607, 0.22249, 0.01392));
    tags.set('gXYZ', xyz(0.38515, 0.71687, 0.09708));
    tags.set('bXYZ', xyz(0.14307, 0.06061, 0.7141));
    for (const name of ['rTRC', 'gTRC', 'bTRC']) tags.set(name, srgbCurve());
  }
  const table = Buffer.alloc(4 + 12 * tags.size);
  table.writeUInt32BE(tags.size);
  let at = 128 + table.length;
  const parts: Buffer[] = [];
  for (const [i, [name, data]] of [...tags].entries()) {
    table.write(name, 4 + 12 * i, 'latin1');
    table.writeUInt32BE(at, 8 + 12 * i);
    table.writeUInt32BE(data.length, 12 + 12 * i);
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    parts.push(padded);
    at += padded.length;
  }
  return Buffer.concat([header(kind, at), table, ...parts]);
}

/** 6.1 */
function header(kind: 'srgb' | 'gray', size: number): Buffer {
  const out = Buffer.alloc(128);
  out.writeUInt32BE(size);
  out.writeUInt32BE(0x02400000, 8);
  out.write(kind === 'srgb' ? 'mntrRGB XYZ ' : 'prtrGRAYXYZ ', 12, 'latin1');
  for (const [i, value] of [2023, 6, 15, 0, 0, 0].entries()) out.writeUInt16BE(value, 24 + 2 * i);
  out.write('acsp', 36, 'latin1');
  xyzNumbers(0.9642, 1, 0.8249).copy(out, 68); // D50, the profile connection space's white
  return out;
}

function typed(type: string, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from(type, 'latin1'), Buffer.alloc(4), data]);
}

/** s15Fixed16Number */
function xyzNumbers(...values: readonly number[]): Buffer {
  const out = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) out.writeInt32BE(Math.round(value * 65536), 4 * i);
  return out;
}

function xyz(x: number, y: number, z: number): Buffer {
  return typed('XYZ ', xyzNumbers(x, y, z));
}

function text(words: string): Buffer {
  return typed('text', Buffer.from(`${words}\0`, 'latin1'));
}

/** 6.5.17: in ASCII alone; empty in Unicode and for Macintosh. */
function description(words: string): Buffer {
  const ascii = Buffer.from(`${words}\0`, 'latin1');
  const count = Buffer.alloc(4);
  count.writeUInt32BE(ascii.length);
  return typed('desc', Buffer.concat([count, ascii, Buffer.alloc(8 + 3 + 67)]));
}

/** 6.5.3, one entry: u8Fixed8Number */
function gamma(value: number): Buffer {
  const out = Buffer.alloc(6);
  out.writeUInt32BE(1);
  out.writeUInt16BE(Math.round(value * 256), 4);
  return typed('curv', out);
}

/** IEC 61966-2-1, 5.2, at 1024 places. */
function srgbCurve(): Buffer {
  const count = 1024;
  const out = Buffer.alloc(4 + 2 * count);
  out.writeUInt32BE(count);
  for (let i = 0; i < count; i++) {
    const value = i / (count - 1);
    const linear = value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    out.writeUInt16BE(Math.round(linear * 65535), 4 + 2 * i);
  }
  return typed('curv', out);
}
