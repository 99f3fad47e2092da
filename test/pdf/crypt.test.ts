import { createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { latin1Bytes, toHex } from '../../src/bytes.ts';
import { decryptStream, decryptStrings, encryptor, withoutCryptFilter } from '../../src/pdf/crypt.ts';
import type { CryptMethod, Encryption } from '../../src/pdf/crypt.ts';
import { isKind, pdfArray, pdfDict, pdfName, pdfRef, pdfText } from '../../src/pdf/object.ts';
import type { PdfObject, PdfString } from '../../src/pdf/object.ts';
import { codeOf } from '../support/app-error.ts';

const KEY_BYTES = { identity: 0, rc4: 5, aes128: 16, aes256: 32 } as const satisfies Record<CryptMethod, number>;
const METHODS = ['identity', 'rc4', 'aes128', 'aes256'] as const;
const SEED = new Uint8Array(16).fill(7);

function encryptionBy(method: CryptMethod, change: Partial<Encryption> = {}): Encryption {
  return {
    fileKey: Uint8Array.from({ length: KEY_BYTES[method] }, (_, i) => 3 * i + 1),
    strings: method,
    streams: method,
    embeddedFiles: method,
    filters: new Map([['Identity', 'identity']]),
    encryptMetadata: true,
    permissions: { changePages: true, addFields: true, fillFields: true },
    fileId: new Uint8Array(0),
    dictionary: null,
    ...change,
  };
}

function literal(bytes: Uint8Array): PdfString {
  return { kind: 'string', bytes, hex: true };
}

const refs = fc
  .tuple(fc.integer({ min: 1, max: 8_388_607 }), fc.integer({ min: 0, max: 65_535 }))
  .map(([number, generation]) => pdfRef(number, generation));

/** Objects with strings at any depth. */
const { objects } = fc.letrec<{ objects: PdfObject }>((tie) => ({
  objects: fc.oneof(
    { maxDepth: 3 },
    fc.uint8Array({ maxLength: 70 }).map(literal),
    fc.constantFrom<PdfObject>(null, true, 12, pdfName('Title'), pdfRef(4)),
    fc.array(tie('objects'), { maxLength: 4 }).map((items) => pdfArray(items)),
    fc
      .dictionary(fc.constantFrom('A', 'Title', 'Contents', 'Kids'), tie('objects'), { maxKeys: 3 })
      .map((entries) => pdfDict(entries)),
  ),
}));

describe.each(METHODS)('%s', (method) => {
  const encryption = encryptionBy(method);

  it('gives back every string of an object, wherever it is in it', () => {
    fc.assert(
      fc.property(refs, objects, (ref, object) => {
        const encrypted = encryptor(encryption, SEED).strings(ref, object);
        expect(decryptStrings(encryption, ref, encrypted)).toEqual(object);
      }),
    );
  });

  it('gives back the data of a stream', () => {
    fc.assert(
      fc.property(refs, fc.uint8Array({ maxLength: 500 }), (ref, data) => {
        const encrypted = encryptor(encryption, SEED).stream(ref, data);
        expect(decryptStream(encryption, ref, pdfDict({}), encrypted)).toEqual(data);
      }),
    );
  });

  it('decrypts anything to no more than it was', () => {
    fc.assert(
      fc.property(refs, fc.uint8Array({ maxLength: 100 }), (ref, noise) => {
        const decrypted = decryptStrings(encryption, ref, literal(noise));
        expect(isKind(decrypted, 'string') && decrypted.bytes.length <= noise.length).toBe(true);
        expect(decryptStream(encryption, ref, pdfDict({}), noise).length).toBeLessThanOrEqual(noise.length);
      }),
    );
  });
});

describe('what is encrypted', () => {
  const encryption = encryptionBy('aes128');
  const ref = pdfRef(12);
  const encrypted = (entries: Readonly<Record<string, PdfObject>>): ReadonlyMap<string, PdfObject> => {
    const dict = encryptor(encryption, SEED).strings(ref, pdfDict(entries));
    return dict.entries;
  };
  const Contents = literal(Uint8Array.of(0x30, 0x80));

  it.each([
    ['Type Sig', { Type: pdfName('Sig') }],
    ['Type DocTimeStamp', { Type: pdfName('DocTimeStamp') }],
    ['a ByteRange and no type', { ByteRange: pdfArray([0, 1, 2, 3]) }],
  ])('is all of a signature but its Contents: %s', (_, entries) => {
    const found = encrypted({ ...entries, Contents, Name: pdfText('TEST') });
    expect(found.get('Contents')).toBe(Contents);
    expect(found.get('Name')).not.toEqual(pdfText('TEST'));
    expect(decryptStrings(encryption, ref, pdfDict(found))).toEqual(
      pdfDict({ ...entries, Contents, Name: { ...pdfText('TEST'), hex: true } }),
    );
  });

  it('is the Contents of an annotation as well', () => {
    expect(encrypted({ Type: pdfName('Annot'), Contents }).get('Contents')).not.toEqual(Contents);
  });

  it('is no string of the encryption dictionary, and no string of an object stream’s objects by itself', () => {
    const own = encryptionBy('aes128', { dictionary: 12 });
    expect(decryptStrings(own, ref, Contents)).toBe(Contents);
    expect(decryptStrings(own, pdfRef(13), Contents)).not.toEqual(Contents);
  });

  it('keeps where a string stood', () => {
    const span = { start: 100, end: 170 };
    const string = encryptor(encryption, SEED).strings(ref, pdfText('here'));
    const read = { ...string, span, hex: false };
    expect(decryptStrings(encryption, ref, read)).toEqual({ ...pdfText('here'), span, hex: false });
  });
});

describe('streams that are not encrypted as the others', () => {
  const ref = pdfRef(5);
  const data = latin1Bytes('the data of a stream, longer than two blocks');
  const filters = new Map<string, CryptMethod>([
    ['Identity', 'identity'],
    ['StdCF', 'aes128'],
  ]);
  const encryption = encryptionBy('aes128', { filters, embeddedFiles: 'identity', encryptMetadata: false });
  const plain = (entries: Readonly<Record<string, PdfObject>>, how = encryption): boolean =>
    decryptStream(how, ref, pdfDict(entries), data) === data;
  const crypt = (name?: PdfObject): Record<string, PdfObject> => ({
    Filter: pdfArray([pdfName('Crypt'), pdfName('FlateDecode')]),
    ...(name === undefined ? {} : { DecodeParms: pdfArray([pdfDict({ Name: name }), null]) }),
  });

  it('name the crypt filter Identity, or none of a name', () => {
    expect(plain({})).toBe(false);
    expect(plain(crypt(pdfName('Identity')))).toBe(true);
    expect(plain(crypt())).toBe(true);
    expect(plain(crypt(pdfName('StdCF')))).toBe(false);
    expect(plain({ Filter: pdfName('Crypt') })).toBe(true);
  });

  it.each([pdfName('Other'), pdfText('Identity')])('name no filter that is not defined: %j', (name) => {
    expect(codeOf(() => plain(crypt(name)))).toBe('PDF_ENCRYPTED');
  });

  it('are metadata, where those are left out', () => {
    const metadata = { Type: pdfName('Metadata'), Subtype: pdfName('XML') };
    expect(plain(metadata)).toBe(true);
    expect(plain(metadata, { ...encryption, encryptMetadata: true })).toBe(false);
  });

  it('are embedded files, where those have a filter of their own', () => {
    expect(plain({ Type: pdfName('EmbeddedFile') })).toBe(true);
    expect(plain({ Type: pdfName('EmbeddedFile') }, encryptionBy('aes128'))).toBe(false);
  });

  it('are decoded without their crypt filter', () => {
    const dict = withoutCryptFilter(pdfDict(crypt(pdfName('Identity'))));
    expect(dict.entries.get('Filter')).toEqual(pdfArray([pdfName('FlateDecode')]));
    expect(dict.entries.get('DecodeParms')).toEqual(pdfArray([null]));
    const other = pdfDict({ Filter: pdfName('FlateDecode') });
    expect(withoutCryptFilter(other)).toBe(other);
  });
});

describe('AES that was not written by the rules', () => {
  const encryption = encryptionBy('aes256');
  const ref = pdfRef(3);
  const text = 'twenty-two characters!';
  const whole = encryptor(encryption, SEED).strings(ref, pdfText(text)).bytes;
  const read = (bytes: Uint8Array): PdfObject => decryptStrings(encryption, ref, literal(bytes));

  it('is an empty string where there is nothing', () => {
    expect(read(new Uint8Array(0))).toEqual(literal(new Uint8Array(0)));
  });

  it.each([
    ['less than a vector', whole.subarray(0, 15), ''],
    ['a vector alone', whole.subarray(0, 16), ''],
    ['half a block', whole.subarray(0, 40), text.slice(0, 16)],
    ['padding of another sort', whole.subarray(0, 32), text.slice(0, 16)],
  ])('is read as far as it goes: %s', (_, bytes, text) => {
    expect(read(bytes)).toMatchObject({ bytes: latin1Bytes(text), irregular: { bytes, ref } });
  });

  it('is written as it was where it was, and nowhere else', () => {
    const cut = whole.subarray(0, 40);
    const object = pdfArray([read(cut)]);
    const encrypt = encryptor(encryption, SEED);
    expect(encrypt.strings(ref, object)).toEqual(pdfArray([literal(cut)]));
    expect(codeOf(() => encrypt.strings(pdfRef(4), object))).toBe('PDF_SHAPE_UNSUPPORTED');
    expect(codeOf(() => encrypt.strings(pdfRef(3, 1), object))).toBe('PDF_SHAPE_UNSUPPORTED');
  });
});

describe('initialization vectors', () => {
  const encryption = encryptionBy('aes256');
  const strings = pdfArray(Array.from({ length: 50 }, () => pdfText('always the same')));
  const vectors = (seed: Uint8Array): string[] => {
    const encrypt = encryptor(encryption, seed);
    const found = [encrypt.strings(pdfRef(1), strings), encrypt.strings(pdfRef(2), strings)];
    return found.flatMap(({ items }) =>
      items.map((item) => (isKind(item, 'string') ? toHex(item.bytes.subarray(0, 16)) : '')),
    );
  };

  it('are all different, and others under another seed', () => {
    const [some, others] = [vectors(SEED), vectors(new Uint8Array(16).fill(8))];
    expect(new Set([...some, ...others]).size).toBe(200);
  });

  it('are the same under the same seed', () => {
    expect(vectors(SEED)).toEqual(vectors(SEED));
  });

  it('stand before what any AES decrypts with them', () => {
    const bytes = encryptor(encryption, SEED).stream(pdfRef(9), latin1Bytes('in clear'));
    const decipher = createDecipheriv('aes-256-cbc', encryption.fileKey, bytes.subarray(0, 16));
    expect(`${decipher.update(bytes.subarray(16), undefined, 'latin1')}${decipher.final('latin1')}`).toBe('in clear');
  });
});
