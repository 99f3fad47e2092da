/** The writing side of the standard security handler (ISO 32000-2, 7.6.4), for fixtures: the same bytes at every run, and so no secrets. */
import { createCipheriv, createHash } from 'node:crypto';
import { concatBytes, latin1Bytes, toHex } from '../../src/bytes.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { encryptor } from '../../src/pdf/crypt.ts';
import type { CryptMethod } from '../../src/pdf/crypt.ts';
import { Lexer } from '../../src/pdf/lexer.ts';
import { pdfRef, serialize } from '../../src/pdf/object.ts';
import { rc4 } from '../../src/pdf/rc4.ts';
import { fileKeyFrom, paddedPassword, passwordHash, proofOf, rc4Twenty } from '../../src/pdf/security-handler.ts';
import type { StandardHandler } from '../../src/pdf/security-handler.ts';
import type { RawCipher } from './raw-pdf.ts';

export type Algorithm = 'rc4-40' | 'rc4-128' | 'aes-128' | 'aes-256-r5' | 'aes-256';

export interface EncryptOptions {
  readonly algorithm: Algorithm;
  /** Empty unless given: the document opens for everyone. */
  readonly userPassword?: string;
  /** /P; all is granted unless given. */
  readonly permissions?: number;
  readonly encryptMetadata?: boolean;
  /** First file identifier; empty for a file without. */
  readonly fileId: Uint8Array;
}

const OWNER = latin1Bytes('owner');

const ALGORITHMS = {
  'rc4-40': { method: 'rc4', revision: 2, keyBytes: 5, entries: '/V 1 /R 2' },
  'rc4-128': { method: 'rc4', revision: 3, keyBytes: 16, entries: '/V 2 /R 3 /Length 128' },
  'aes-128': { method: 'aes128', revision: 4, keyBytes: 16, entries: filters(4, 4, 'AESV2', 16) },
  'aes-256-r5': { method: 'aes256', revision: 5, keyBytes: 32, entries: filters(5, 5, 'AESV3', 32) },
  'aes-256': { method: 'aes256', revision: 6, keyBytes: 32, entries: filters(5, 6, 'AESV3', 32) },
} as const satisfies Record<
  Algorithm,
  { method: CryptMethod; revision: StandardHandler['revision']; keyBytes: number; entries: string }
>;

function filters(version: number, revision: number, cfm: string, keyBytes: number): string {
  const filter = `<< /Type /CryptFilter /CFM /${cfm} /AuthEvent /DocOpen /Length ${keyBytes} >>`;
  return `/V ${version} /R ${revision} /Length ${8 * keyBytes} /CF << /StdCF ${filter} >> /StmF /StdCF /StrF /StdCF`;
}

/** Bytes that look random and are not. */
function arbitrary(label: string, length: number): Uint8Array {
  return createHash('sha256').update(label).digest().subarray(0, length);
}

/** The encryption dictionary, which has to be written in the clear, and what encrypts the rest. */
export function encryption(options: EncryptOptions): { dictionary: string; cipher: RawCipher } {
  const { algorithm, permissions = -4, encryptMetadata = true, fileId } = options;
  const user = latin1Bytes(options.userPassword ?? '');
  const { method, revision, keyBytes, entries } = ALGORITHMS[algorithm];
  const base = { revision, keyBytes, permissions, encryptMetadata, fileId };
  const made = revision >= 5 ? keyed256(base, user) : keyed128(base, user);
  const metadata = encryptMetadata ? '' : ' /EncryptMetadata false';
  const text = `<< /Filter /Standard ${entries} /P ${permissions}${metadata} ${hexEntries(made.strings)} >>`;
  const encrypt = encryptor(
    {
      fileKey: made.fileKey,
      strings: method,
      streams: method,
      embeddedFiles: method,
      filters: new Map(),
      encryptMetadata,
      permissions: { changePages: true, addFields: true, fillFields: true },
      fileId,
      dictionary: null,
    },
    arbitrary(`vectors for ${text}`, 16),
  );
  return {
    dictionary: text,
    cipher: {
      body(number, generation, body) {
        const object = new Lexer(memorySource(latin1Bytes(body)), 0, false).object();
        return serialize(encrypt.strings(pdfRef(number, generation), object));
      },
      data: (number, data) => encrypt.stream(pdfRef(number), data),
    },
  };
}

interface Keyed {
  readonly fileKey: Uint8Array;
  readonly strings: Readonly<Record<string, Uint8Array>>;
}

type Base = Omit<StandardHandler, 'owner' | 'user'>;

function hexEntries(strings: Readonly<Record<string, Uint8Array>>): string {
  return Object.entries(strings)
    .map(([key, bytes]) => `/${key} <${toHex(bytes)}>`)
    .join(' ');
}

/** Algorithms 3, 4 and 5. */
function keyed128(base: Base, user: Uint8Array): Keyed {
  let ownerKey: Uint8Array = createHash('md5').update(paddedPassword(OWNER)).digest();
  if (base.revision >= 3) for (let i = 0; i < 50; i++) ownerKey = createHash('md5').update(ownerKey).digest();
  const key = ownerKey.subarray(0, base.keyBytes);
  const owner = base.revision === 2 ? rc4(key, paddedPassword(user)) : rc4Twenty(key, paddedPassword(user));
  const fileKey = fileKeyFrom({ ...base, owner, user: new Uint8Array(0) }, user);
  const proof = new Uint8Array(32);
  proof.set(proofOf(fileKey, base));
  return { fileKey, strings: { O: owner, U: proof } };
}

/** Algorithms 8, 9 and 10. */
function keyed256({ revision, permissions, encryptMetadata }: Base, user: Uint8Array): Keyed {
  const fileKey = arbitrary(`file key, revision ${revision}`, 32);
  const wrap = (password: Uint8Array, label: string, userEntry?: Uint8Array): [Uint8Array, Uint8Array] => {
    const [proofSalt, keySalt] = [arbitrary(`${label} proof`, 8), arbitrary(`${label} key`, 8)];
    const proof = passwordHash(revision, password, proofSalt, userEntry);
    const cipher = createCipheriv(
      'aes-256-cbc',
      passwordHash(revision, password, keySalt, userEntry),
      new Uint8Array(16),
    );
    return [concatBytes(proof, proofSalt, keySalt), cipher.setAutoPadding(false).update(fileKey)];
  };
  const [U, UE] = wrap(user, 'user');
  const [O, OE] = wrap(OWNER, 'owner', U);
  const flags = Buffer.alloc(16, 0xff);
  flags.writeInt32LE(permissions, 0);
  flags.set(latin1Bytes(encryptMetadata ? 'Tadb' : 'Fadb'), 8);
  const Perms = createCipheriv('aes-256-ecb', fileKey, null).setAutoPadding(false).update(flags);
  return { fileKey, strings: { O, U, OE, UE, Perms } };
}
