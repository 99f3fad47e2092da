/**
 * Fingerprints and signature pictures at rest: AES-256-GCM (NIST SP 800-38D) under the state folder's key, each with a random
 * nonce of 96 bits, bound to whose and what it is. What is destroyed here is nowhere else.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { concatBytes } from '../bytes.ts';
import { AppError } from '../errors.ts';

/** What a sample belongs to: a capture's picture or template, or the picture of a mark. */
export interface SampleName {
  readonly agreementId: string;
  readonly ownerId: string;
  readonly kind: 'image' | 'template' | 'picture';
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export class SampleStore {
  readonly #database: DatabaseSync;
  readonly #key: Uint8Array;

  /** `key`: 32 bytes. */
  constructor(database: DatabaseSync, key: Uint8Array) {
    this.#database = database;
    this.#key = key;
  }

  put(name: SampleName, bytes: Uint8Array): void {
    this.#database
      .prepare('INSERT INTO sample (owner_id, kind, agreement_id, sealed_box) VALUES (?, ?, ?, ?)')
      .run(name.ownerId, name.kind, name.agreementId, encrypt(this.#key, name, bytes));
  }

  /** Null where there is none, or none any more. Throws STATE_KEY_WRONG where it was encrypted under another key, or changed. */
  get(name: SampleName): Uint8Array | null {
    const row = this.#database
      .prepare('SELECT sealed_box FROM sample WHERE owner_id = ? AND kind = ? AND agreement_id = ?')
      .get(name.ownerId, name.kind, name.agreementId);
    return row === undefined ? null : decrypt(this.#key, name, row['sealed_box'] as Uint8Array);
  }

  /** Destroys what belongs to one capture or mark. The database overwrites it; `State.purge` clears its log of it. */
  destroy(ownerId: string): void {
    this.#database.prepare('DELETE FROM sample WHERE owner_id = ?').run(ownerId);
  }

  destroyOfAgreement(agreementId: string): void {
    this.#database.prepare('DELETE FROM sample WHERE agreement_id = ?').run(agreementId);
  }
}

/** Nonce, ciphertext, tag. */
function encrypt(key: Uint8Array, name: SampleName, bytes: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES }).setAAD(nameBytes(name));
  return concatBytes(nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag());
}

function decrypt(key: Uint8Array, name: SampleName, box: Uint8Array): Uint8Array {
  try {
    const end = box.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, box.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(nameBytes(name))
      .setAuthTag(box.subarray(end));
    return concatBytes(decipher.update(box.subarray(NONCE_BYTES, end)), decipher.final());
  } catch (cause) {
    throw new AppError('STATE_KEY_WRONG', '', { cause });
  }
}

/** The additional authenticated data. */
function nameBytes({ agreementId, ownerId, kind }: SampleName): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(['zhiyin-sample-1', agreementId, ownerId, kind]));
}
