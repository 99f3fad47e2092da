import fc from 'fast-check';
import forge from 'node-forge';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, latin1Bytes, toHex } from '../../src/bytes.ts';
import { oid, toDer } from '../../src/cms/asn1.ts';
import { DerError, DerFields, TAG, decoding, readDer, setOfDer } from '../../src/cms/der.ts';
import type { DerLimits, DerNode } from '../../src/cms/der.ts';
import {
  readBitOctets,
  readBitString,
  readBoolean,
  readInteger,
  readOctets,
  readOid,
  readSmallInteger,
  readText,
  readTime,
} from '../../src/cms/der-values.ts';
import { isAppError } from '../../src/errors.ts';

const read = (hex: string, limits: Partial<DerLimits> = {}): DerNode =>
  readDer(fromHex(hex), { maxBytes: 1 << 20, ...limits });

describe('reading DER', () => {
  it('gives views of the bytes that came', () => {
    const bytes = fromHex('30 06 02 01 05 04 01 ff');
    const node = readDer(bytes, { maxBytes: 100 });
    expect(node.children.map(({ tag }) => tag)).toEqual([TAG.integer, TAG.octetString]);
    expect(toHex(node.children[1]?.bytes ?? new Uint8Array())).toBe('0401ff');
    expect(node.children[0]?.bytes.buffer).toBe(bytes.buffer);
  });

  it.each([
    ['nothing', ''],
    ['a tag alone', '30'],
    ['a value cut off', '04 05 01'],
    ['a child that leaves its parent', '30 03 04 02 01'],
    ['bytes after the end', '05 00 00'],
    ['a length in more octets than needed', '04 81 01 ff'],
    ['a length with a leading zero', '04 82 00 81'],
    ['an indefinite length', '30 80 05 00 00 00'],
    ['a length of five octets', '04 85 00 00 00 00 01 ff'],
    ['a multi-byte tag', '1f 81 01 00'],
  ])('refuses %s', (_, hex) => {
    expect(() => read(hex)).toThrow(DerError);
  });

  it('takes BER lengths where they are allowed', () => {
    expect(read('30 80 04 81 01 ff 00 00', { ber: true }).children).toHaveLength(1);
    expect(() => read('30 80 05 00', { ber: true })).toThrow('cut off');
    expect(() => read('04 80 00 00', { ber: true })).toThrow('indefinite length of a primitive');
  });

  it('takes zero padding where it is allowed, and nothing else', () => {
    expect(read('05 00 00 00', { zeroPadded: true }).tag).toBe(TAG.null);
    expect(() => read('05 00 00 01', { zeroPadded: true })).toThrow('2 bytes after the end');
  });

  it('stops at its bounds', () => {
    expect(() => read('04 03 01 02 03', { maxBytes: 4 })).toThrow('at most 4');
    expect(() => read('30 80'.repeat(500_000), { ber: true })).toThrow('nested deeper');
    const flat = concatBytes(fromHex('30 83 03 0d 40'), ...Array.from({ length: 100_000 }, () => fromHex('05 00')));
    expect(() => readDer(flat, { maxBytes: 1 << 20 })).toThrow('more than');
  });

  it('never throws anything but a DerError, whatever comes', () => {
    const shapes = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc
        .array(fc.constantFrom(0x30, 0x80, 0x31, 0xa0, 0x02, 0x01, 0x00, 0x04), { maxLength: 64 })
        .map((all) => Uint8Array.from(all)),
    );
    fc.assert(
      fc.property(shapes, fc.boolean(), (bytes, ber) => {
        try {
          readDer(bytes, { maxBytes: 64, ber });
        } catch (error) {
          if (!(error instanceof DerError)) throw error;
        }
      }),
    );
  });

  it('sees what forge.asn1 writes', () => {
    const { asn1 } = forge;
    const leaf = fc
      .uint8Array({ maxLength: 300 })
      .map((bytes) =>
        asn1.create(asn1.Class.UNIVERSAL, asn1.Type.OCTETSTRING, false, Buffer.from(bytes).toString('latin1')),
      );
    const { tree } = fc.letrec<{ tree: forge.asn1.Asn1 }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc
          .array(tie('tree'), { maxLength: 5 })
          .map((all) => asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, all)),
      ),
    }));
    type Shape = string | readonly Shape[];
    const read = ({ tag, body, children }: DerNode): Shape => (tag === TAG.sequence ? children.map(read) : toHex(body));
    const wrote = ({ value }: forge.asn1.Asn1): Shape =>
      typeof value === 'string' ? toHex(latin1Bytes(value)) : value.map(wrote);
    fc.assert(
      fc.property(tree, (written) => {
        expect(read(readDer(latin1Bytes(asn1.toDer(written).getBytes()), { maxBytes: 1 << 20 }))).toEqual(
          wrote(written),
        );
      }),
    );
  });
});

describe('the members of a sequence', () => {
  it('names the one that is absent, of another tag, or too many', () => {
    const fields = (): DerFields => new DerFields(read('30 05 02 01 05 05 00'), 'thing');
    expect(() => fields().next('size', TAG.oid)).toThrow('thing.size: expected tag 0x06, got 0x02');
    expect(() => fields().end()).toThrow('thing: 2 members too many');
    const all = fields();
    expect(all.optional(TAG.boolean)).toBeUndefined();
    all.next('size');
    all.next('nothing');
    expect(() => all.next('more')).toThrow('thing.more: absent');
  });

  it('opens an explicit tag around exactly one value', () => {
    expect(new DerFields(read('30 05 a0 03 02 01 05'), 'thing').optionalExplicit(0, 'n')?.tag).toBe(TAG.integer);
    expect(() => new DerFields(read('30 06 a0 04 05 00 05 00'), 'thing').optionalExplicit(0, 'n')).toThrow('got 2');
  });

  it('becomes an AppError at the edge', () => {
    const thrown = (): unknown => {
      try {
        return decoding('CMS_INVALID', () => read('ff'));
      } catch (error) {
        return error;
      }
    };
    expect(isAppError(thrown(), 'CMS_INVALID')).toBe(true);
  });
});

describe('a SET OF', () => {
  it('is written in DER order with the fewest length octets, however it came', () => {
    const { children } = read('31 80 04 81 02 09 09 30 80 05 00 00 00 04 01 ff 00 00', { ber: true });
    expect(toHex(setOfDer(children))).toBe('310b0401ff0402090930020500');
  });
});

describe('values', () => {
  it.each([
    ['06 06 2a 86 48 86 f7 0d', '1.2.840.113549'],
    ['06 03 81 34 03', '2.100.3'], // X.690, 8.19.5
    ['06 01 00', '0.0'],
    ['06 01 4f', '1.39'],
    ['06 01 50', '2.0'],
    ['06 0a 2b 90 80 80 80 80 80 80 80 01', '1.3.1152921504606846977'], // 2^60 + 1, past the 32 bits, where node-forge cuts
  ])('object identifier %s is %s', (hex, dotted) => {
    expect(readOid(read(hex), 'oid')).toBe(dotted);
  });

  it.each(['06 00', '06 01 80', '06 02 80 01', '06 02 2a 86'])('object identifier %s is refused', (hex) => {
    expect(() => readOid(read(hex), 'oid')).toThrow(DerError);
  });

  it('object identifiers are read as they were written', () => {
    const arcs = fc.array(fc.bigInt({ min: 0n, max: 1n << 64n }), { maxLength: 5 });
    const start = fc.oneof(
      fc.tuple(fc.constantFrom(0n, 1n), fc.bigInt({ min: 0n, max: 39n })),
      fc.tuple(fc.constant(2n), fc.bigInt({ min: 0n, max: 1n << 40n })),
    );
    fc.assert(
      fc.property(start, arcs, (first, rest) => {
        const dotted = [...first, ...rest].join('.');
        expect(readOid(readDer(toDer(oid(dotted)), { maxBytes: 100 }), 'oid')).toBe(dotted);
      }),
    );
  });

  it('integers are in the fewest bytes', () => {
    expect(readSmallInteger(read('02 02 00 80'), 'n')).toBe(128);
    expect(toHex(readInteger(read('02 01 ff'), 'n'))).toBe('ff');
    for (const hex of ['02 00', '02 02 00 7f', '02 02 ff 80'])
      expect(() => readInteger(read(hex), 'n')).toThrow(DerError);
    for (const hex of ['02 01 ff', '02 05 01 00 00 00 00'])
      expect(() => readSmallInteger(read(hex), 'n')).toThrow(DerError);
  });

  it('booleans are 00 or ff, unused bits zero', () => {
    expect([readBoolean(read('01 01 ff'), 'b'), readBoolean(read('01 01 00'), 'b')]).toEqual([true, false]);
    expect(() => readBoolean(read('01 01 01'), 'b')).toThrow(DerError);
    expect(readBitString(read('03 02 04 f0'), 'b')).toEqual({ bytes: Uint8Array.of(0xf0), unusedBits: 4 });
    for (const hex of ['03 00', '03 02 04 f8', '03 02 08 00', '03 01 01']) {
      expect(() => readBitString(read(hex), 'b')).toThrow(DerError);
    }
  });

  it('bit strings that hold octets leave no bit unused', () => {
    expect(toHex(readBitOctets(read('03 02 00 f0'), 'b'))).toBe('f0');
    expect(() => readBitOctets(read('03 02 04 f0'), 'b')).toThrow('4 unused bits');
  });

  it('octet strings in parts are put together', () => {
    expect(toHex(readOctets(read('24 80 04 02 01 02 24 03 04 01 03 00 00', { ber: true }), 'o'))).toBe('010203');
    expect(() => readOctets(read('24 03 02 01 03'), 'o')).toThrow(DerError);
  });

  it('times are those of RFC 5280', () => {
    const time = (tag: number, text: string): string =>
      readTime(
        readDer(concatBytes(Uint8Array.of(tag, text.length), latin1Bytes(text)), { maxBytes: 64 }),
        't',
      ).toISOString();
    expect(time(TAG.utcTime, '490101000000Z')).toBe('2049-01-01T00:00:00.000Z');
    expect(time(TAG.utcTime, '500101000000Z')).toBe('1950-01-01T00:00:00.000Z');
    expect(time(TAG.generalizedTime, '00010101000000Z')).toBe('0001-01-01T00:00:00.000Z');
    expect(time(TAG.generalizedTime, '20240229235959Z')).toBe('2024-02-29T23:59:59.000Z');
    for (const text of [
      '20230229000000Z',
      '20240101240000Z',
      '20240101000060Z',
      '20240101000000+0800',
      '2024010100Z',
    ]) {
      expect(() => time(TAG.generalizedTime, text)).toThrow(DerError);
    }
  });

  it('texts are read in every string type that names use', () => {
    expect(readText(read('0c 06 e6 b5 8b e8 af 95'))).toBe('测试');
    expect(readText(read('1e 04 6d 4b 8b d5'))).toBe('测试');
    expect(readText(read('1c 04 00 00 6d 4b'))).toBe('测');
    expect(readText(read('13 02 43 4e'))).toBe('CN');
    expect(readText(read('14 01 e9'))).toBe('é');
    for (const hex of ['0c 01 ff', '1e 01 00', '1e 02 d8 00', '1c 04 00 11 00 00', '13 01 e9', '02 01 05']) {
      expect(readText(read(hex))).toBeNull();
    }
  });
});
