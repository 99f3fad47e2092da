/**
 * Encrypted strings and streams, read and written (ISO 32000-2, 7.6.2 and 7.6.3). Pure: what is random is passed in. Which file key there
 * is and what is encrypted how, the security handler tells (security-handler.ts).
 */
import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';
import { concatBytes } from '../bytes.ts';
import { AppError } from '../errors.ts';
import { isKind, isName, pdfArray } from './object.ts';
import type { PdfDict, PdfObject, PdfRef, PdfString } from './object.ts';
import { rc4 } from './rc4.ts';

export type CryptMethod = 'identity' | 'rc4' | 'aes128' | 'aes256';

/** What the owner lets be done by whoever opens the document as its user (Table 22). */
export interface Permissions {
  /** Bit 4: pages may change. */
  readonly changePages: boolean;
  /** Bits 4 and 6: form fields may be made, those for signatures too. */
  readonly addFields: boolean;
  /** Bit 6 or, from revision 3 on, bit 9: form fields that are there may be filled. */
  readonly fillFields: boolean;
}

/** How a document is encrypted, with the key that opens it. */
export interface Encryption {
  readonly fileKey: Uint8Array;
  readonly strings: CryptMethod;
  /** Of streams that do not name a crypt filter themselves. */
  readonly streams: CryptMethod;
  /** Of embedded files among them. */
  readonly embeddedFiles: CryptMethod;
  /** The crypt filters that a stream can name. */
  readonly filters: ReadonlyMap<string, CryptMethod>;
  readonly encryptMetadata: boolean;
  readonly permissions: Permissions;
  /** The first file identifier, of which the key was made: empty where the file has none. It must stay. */
  readonly fileId: Uint8Array;
  /** Object number of the encryption dictionary, whose strings are not encrypted; null where the trailer holds it. */
  readonly dictionary: number | null;
}

const AES_BLOCK = 16;

/** 7.6.3.2, Algorithm 1, steps a to d, and 7.6.3.3, Algorithm 1.A. */
function objectKey({ fileKey }: Encryption, { number, generation }: PdfRef, method: CryptMethod): Uint8Array {
  if (method === 'aes256') return fileKey;
  const md5 = createHash('md5').update(fileKey);
  md5.update(Uint8Array.of(number, number >> 8, number >> 16, generation, generation >> 8));
  if (method === 'aes128') md5.update('sAlT');
  return md5.digest().subarray(0, Math.min(fileKey.length + 5, 16));
}

// --- reading ----------------------------------------------------------------------------------------------------------------

/** `regular`: false where the bytes are not what the standard has writers write, and readers make different things of them. */
interface Decrypted {
  readonly bytes: Uint8Array;
  readonly regular: boolean;
}

function decrypt(key: Uint8Array, method: CryptMethod, bytes: Uint8Array): Decrypted {
  switch (method) {
    case 'identity':
      return { bytes, regular: true };
    case 'rc4':
      return { bytes: rc4(key, bytes), regular: true };
    case 'aes128':
    case 'aes256':
      return decryptAes(key, bytes);
  }
}

/**
 * CBC behind its initialization vector, padded as in RFC 8018, 6.1.1. Where that was not obeyed this does what most readers do: a block
 * that is cut short is left out, padding that is none is taken for data. Nothing at all stands for an empty string.
 */
function decryptAes(key: Uint8Array, bytes: Uint8Array): Decrypted {
  const whole = bytes.length - (bytes.length % AES_BLOCK);
  if (whole < 2 * AES_BLOCK) return { bytes: new Uint8Array(0), regular: bytes.length === 0 };
  const decipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, bytes.subarray(0, AES_BLOCK));
  const padded = decipher.setAutoPadding(false).update(bytes.subarray(AES_BLOCK, whole));
  const data = new Uint8Array(padded.buffer, padded.byteOffset, padded.length);
  const padding = data.at(-1) ?? 0;
  const padsRight = padding >= 1 && padding <= AES_BLOCK && data.subarray(-padding).every((byte) => byte === padding);
  return {
    bytes: padsRight ? data.subarray(0, data.length - padding) : data,
    regular: padsRight && whole === bytes.length,
  };
}

/**
 * An indirect object with its strings decrypted, each where it stood. `ref` is the object itself: the key depends on it. A stream's
 * data are another matter (`decryptStream`).
 */
export function decryptStrings(encryption: Encryption, ref: PdfRef, object: PdfObject): PdfObject {
  const { strings, dictionary } = encryption;
  if (strings === 'identity' || ref.number === dictionary) return object;
  const key = objectKey(encryption, ref, strings);
  return withStrings(object, (string) => {
    const { bytes, regular } = decrypt(key, strings, string.bytes);
    return regular ? { ...string, bytes } : { ...string, bytes, irregular: { bytes: string.bytes, ref } };
  });
}

/**
 * The data of a stream, as its filters left them. `dict` is its dictionary, what it says of filters resolved. Cross-reference streams
 * are never encrypted (7.5.8.2), which the caller knows.
 * Throws PDF_ENCRYPTED for a crypt filter that the document does not define.
 */
export function decryptStream(encryption: Encryption, ref: PdfRef, dict: PdfDict, raw: Uint8Array): Uint8Array {
  const method = streamMethod(encryption, dict);
  return method === 'identity' ? raw : decrypt(objectKey(encryption, ref, method), method, raw).bytes;
}

function streamMethod({ filters, streams, embeddedFiles, encryptMetadata }: Encryption, dict: PdfDict): CryptMethod {
  const type = dict.entries.get('Type');
  const named = cryptFilter(dict);
  if (named !== null) {
    const method = named === 'Identity' ? 'identity' : filters.get(named);
    if (method === undefined) throw new AppError('PDF_ENCRYPTED', 'a stream names a crypt filter that is not known');
    return method;
  }
  // Said of the document's metadata only (Table 21), but told by the type in other readers too: PDFium, qpdf.
  if (!encryptMetadata && isName(type, 'Metadata') && isName(dict.entries.get('Subtype'), 'XML')) return 'identity';
  return isName(type, 'EmbeddedFile') ? embeddedFiles : streams;
}

/** The crypt filter that a stream names, which has to be its first filter (7.4.10); null where it names none. */
function cryptFilter({ entries }: PdfDict): string | null {
  if (!isName(firstOf(entries.get('Filter')), 'Crypt')) return null;
  const parameters = firstOf(entries.get('DecodeParms'));
  const name = (isKind(parameters, 'dict') ? parameters.entries.get('Name') : null) ?? null;
  if (name === null) return 'Identity';
  return isKind(name, 'name') ? name.value : '';
}

function firstOf(object: PdfObject | undefined): PdfObject {
  return (isKind(object, 'array') ? object.items[0] : object) ?? null;
}

/** A stream's dictionary as it holds for decrypted data: without the crypt filter and its parameters. */
export function withoutCryptFilter(dict: PdfDict): PdfDict {
  if (cryptFilter(dict) === null) return dict;
  const entries = new Map(dict.entries);
  for (const key of ['Filter', 'DecodeParms']) {
    const value = entries.get(key);
    entries.set(key, isKind(value, 'array') ? pdfArray(value.items.slice(1)) : null);
  }
  return { ...dict, entries };
}

// --- writing ----------------------------------------------------------------------------------------------------------------

/** Encrypts what is added to a document. */
export interface Encryptor {
  /** The object `ref` with its strings encrypted. Throws PDF_SHAPE_UNSUPPORTED where one came from elsewhere and was not decrypted for certain. */
  strings<T extends PdfObject>(ref: PdfRef, object: T): T;
  /** Data of the stream `ref`, which names no crypt filter. */
  stream(ref: PdfRef, data: Uint8Array): Uint8Array;
}

/**
 * `seed` gives all initialization vectors: nobody may be able to guess it before what is encrypted is chosen, and no two increments may
 * have the same. It may be known afterwards: the vectors themselves stand in the file.
 */
export function encryptor(encryption: Encryption, seed: Uint8Array): Encryptor {
  let used = 0;
  const vector = (): Uint8Array => {
    const hash = createHash('sha256').update('PDF initialization vector').update(seed).update(String(used++));
    return hash.digest().subarray(0, AES_BLOCK);
  };
  const encrypt = (key: Uint8Array, method: CryptMethod, bytes: Uint8Array): Uint8Array => {
    if (method === 'identity') return bytes;
    if (method === 'rc4') return rc4(key, bytes);
    const iv = vector();
    const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, iv);
    return concatBytes(iv, cipher.update(bytes), cipher.final());
  };
  return {
    strings(ref, object) {
      const { strings } = encryption;
      if (strings === 'identity') return object;
      const key = objectKey(encryption, ref, strings);
      return withStrings(object, ({ bytes, irregular }) => {
        if (irregular === undefined) return { kind: 'string', bytes: encrypt(key, strings, bytes), hex: true };
        if (irregular.ref.number !== ref.number || irregular.ref.generation !== ref.generation) {
          const from = irregular.ref.number;
          throw new AppError('PDF_SHAPE_UNSUPPORTED', `object ${from} has a string that is not encrypted by the rules`);
        }
        return { kind: 'string', bytes: irregular.bytes, hex: true };
      });
    },
    stream(ref, data) {
      const { streams } = encryption;
      return streams === 'identity' ? data : encrypt(objectKey(encryption, ref, streams), streams, data);
    },
  };
}

// --- which strings ----------------------------------------------------------------------------------------------------------

/** The same kind of object, each of its strings changed. */
function withStrings<T extends PdfObject>(object: T, change: (string: PdfString) => PdfString): T;
function withStrings(object: PdfObject, change: (string: PdfString) => PdfString): PdfObject {
  if (isKind(object, 'string')) return change(object);
  if (isKind(object, 'array')) return pdfArray(object.items.map((item) => withStrings(item, change)));
  if (isKind(object, 'dict')) return withStringsOf(object, change);
  return isKind(object, 'stream') ? { ...object, dict: withStringsOf(object.dict, change) } : object;
}

function withStringsOf(dict: PdfDict, change: (string: PdfString) => PdfString): PdfDict {
  const plain = holdsSignature(dict) ? 'Contents' : null;
  const entries = Array.from(dict.entries, ([key, value]) => {
    return [key, key === plain && isKind(value, 'string') ? value : withStrings(value, change)] as const;
  });
  return { ...dict, entries: new Map(entries) };
}

/**
 * A signature dictionary's Contents are not encrypted (7.6.2): they are filled in when all else is written. Its Type may be absent
 * (Table 255), but what leaves Contents out of a digest has a ByteRange.
 */
function holdsSignature({ entries }: PdfDict): boolean {
  const type = entries.get('Type');
  return entries.has('ByteRange') || isName(type, 'Sig') || isName(type, 'DocTimeStamp');
}
