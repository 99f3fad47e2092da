/**
 * The ledger of the seal's uses (E-Seal Measures, State Council Office 2025 no. 33: use is recorded, kept and traceable), and of what was
 * added to sealed documents later, so that a document is found by the hash it has now. Rows are only ever added, and each carries the hash of the one before, so that a row changed, dropped or put elsewhere shows.
 */
import { createHash } from 'node:crypto';
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';

/** One use of the seal. Hashes are SHA-256, lower-case hexadecimal. Nobody is named in it. */
export interface SealUse {
  readonly time: Date;
  /** The document before and after; after and `certificate` where the outcome is `sealed`. */
  readonly hashBefore: string;
  readonly hashAfter?: string;
  readonly certificate?: string;
  readonly idempotencyKey?: string;
  readonly requestHash?: string;
  /** `queue`: by the daemon itself, once an authority could be reached. */
  readonly via: 'http' | 'cli' | 'queue';
  /** `failed`: the key may have signed, but nothing was handed out. `extended`: a sealed document, without another use of the key. */
  readonly outcome: 'sealed' | 'failed' | 'extended';
  readonly agreementId?: string;
  /** PAdES level that was reached; absent where the outcome is `failed`, and in records of before there were levels. */
  readonly level?: 'B-B' | 'B-T' | 'B-LT' | 'B-LTA';
}

/** A use as it stands in the ledger. */
export interface LedgerRecord extends SealUse {
  /** 1, 2, 3... */
  readonly n: number;
  readonly previousHash: string;
  readonly hash: string;
}

export type ChainCheck =
  | { readonly ok: true; readonly records: number }
  /** `n`: the first record that is not as it was written, or is gone. */
  | { readonly ok: false; readonly n: number; readonly fault: 'changed' | 'missing' | 'misplaced' };

/** The hash before the first record. */
const ORIGIN = '0'.repeat(64);

export class Ledger {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Adds one record. Must run inside the transaction that makes what it records true. */
  record(use: SealUse): { readonly n: number; readonly hash: string } {
    if (!this.#database.isTransaction) throw new Error('the ledger is written in the transaction of what it records');
    const last = this.last();
    const row: Row = {
      n: (last?.n ?? 0) + 1,
      time: use.time.toISOString(),
      hash_before: use.hashBefore,
      hash_after: use.hashAfter ?? null,
      certificate: use.certificate ?? null,
      idempotency_key: use.idempotencyKey ?? null,
      request_hash: use.requestHash ?? null,
      via: use.via,
      outcome: use.outcome,
      agreement_id: use.agreementId ?? null,
      level: use.level ?? null,
      previous_hash: last?.hash ?? ORIGIN,
    };
    const hash = hashOf(row);
    const columns = Object.keys(row).concat('hash');
    this.#database
      .prepare(`INSERT INTO seal_use (${columns.join(', ')}) VALUES (:${columns.join(', :')})`)
      .run({ ...row, hash });
    return { n: Number(row['n']), hash };
  }

  /** The sealing that was done under this key. */
  byIdempotencyKey(key: string): LedgerRecord | null {
    return recordOf(
      this.#database.prepare(`SELECT * FROM seal_use WHERE idempotency_key = ? AND outcome = 'sealed'`).get(key),
    );
  }

  /** Whether the document with this hash carries the seal by what is recorded: it was sealed, or extended, to be that. */
  knows(hashAfter: string): boolean {
    return this.#database.prepare('SELECT n FROM seal_use WHERE hash_after = ?').get(hashAfter) !== undefined;
  }

  last(): LedgerRecord | null {
    return recordOf(this.#database.prepare('SELECT * FROM seal_use ORDER BY n DESC LIMIT 1').get());
  }

  /**
   * Reads the whole ledger and computes every hash anew. `known` is a record's number and hash as an answer once gave them: with it, a
   * chain that was made anew from some record on shows, too.
   */
  verifyChain(known?: { readonly n: number; readonly hash: string }): ChainCheck {
    let n = 0;
    let previousHash: SQLOutputValue | undefined = ORIGIN;
    for (const row of this.#database.prepare('SELECT * FROM seal_use ORDER BY n').iterate()) {
      n += 1;
      if (row['n'] !== n) return { ok: false, n, fault: 'missing' };
      if (row['previous_hash'] !== previousHash) return { ok: false, n, fault: 'misplaced' };
      previousHash = row['hash'];
      if (hashOf(row) !== previousHash || (known?.n === n && known.hash !== previousHash)) {
        return { ok: false, n, fault: 'changed' };
      }
    }
    // SQLite remembers the highest number that it gave: the newest records cannot just be left out.
    const given = this.#database.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'seal_use'`).get()?.['seq'] ?? 0;
    return n < Math.max(Number(given), known?.n ?? 0)
      ? { ok: false, n: n + 1, fault: 'missing' }
      : { ok: true, records: n };
  }
}

type Row = Record<string, SQLOutputValue>;

/** The columns that every record's hash covers, in the order in which it does. */
const HASHED = [
  'n',
  'time',
  'hash_before',
  'hash_after',
  'certificate',
  'idempotency_key',
  'request_hash',
  'via',
  'outcome',
  'agreement_id',
  'previous_hash',
] as const;

/**
 * SHA-256, hexadecimal, of the UTF-8 text of a JSON array without white space: "zhiyin-seal-use-1", then the columns of `HASHED` as they
 * stand in the table: n a number, times RFC 3339 in UTC with milliseconds, null for what is absent; where there is a level,
 * "zhiyin-seal-use-2" and the level at the end. All text is printable ASCII, so that any JSON library writes the same bytes.
 */
function hashOf(row: Row): string {
  const values = HASHED.map((column) => row[column]);
  const level = row['level'];
  const canonical = JSON.stringify(
    level === null ? ['zhiyin-seal-use-1', ...values] : ['zhiyin-seal-use-2', ...values, level],
  );
  return createHash('sha256').update(canonical, 'utf8').digest('hex');
}

function recordOf(row: Row | undefined): LedgerRecord | null {
  if (row === undefined) return null;
  const optional = <Name extends string>(name: Name, column: string): { readonly [N in Name]?: string } =>
    typeof row[column] === 'string' ? ({ [name]: row[column] } as Record<Name, string>) : {};
  return {
    n: Number(row['n']),
    time: new Date(String(row['time'])),
    hashBefore: String(row['hash_before']),
    ...optional('hashAfter', 'hash_after'),
    ...optional('certificate', 'certificate'),
    ...optional('idempotencyKey', 'idempotency_key'),
    ...optional('requestHash', 'request_hash'),
    via: row['via'] as LedgerRecord['via'],
    outcome: row['outcome'] as LedgerRecord['outcome'],
    ...optional('agreementId', 'agreement_id'),
    ...(typeof row['level'] === 'string' ? { level: row['level'] as NonNullable<LedgerRecord['level']> } : {}),
    previousHash: String(row['previous_hash']),
    hash: String(row['hash']),
  };
}
