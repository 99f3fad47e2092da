/** The state folder: the database, the uploads, the daemon's token and the key of the samples. Nobody else on the PC may read it. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { AppError, isAppError } from './errors.ts';

export interface State {
  readonly folder: string;
  /** Folder of the uploaded PDFs. */
  readonly uploads: string;
  /** Folder of what can be made again. */
  readonly cache: string;
  readonly database: DatabaseSync;
  /** What a local program shows to be let in; the same at every start. */
  readonly token: string;
  readonly tokenFile: string;
  /** 32 bytes: encrypts samples at rest. */
  readonly sampleKey: Uint8Array;
  /** Runs `work`, which waits for nothing, whole or not at all; the database is this caller's from the start. */
  transaction<T>(work: () => T): T;
  /**
   * Takes what was deleted out of the write-ahead log, too: the database itself overwrites it at once. Never throws, since what was
   * committed stands: what cannot be cleared now, encrypted as it is, goes with the next purge or at the next start.
   */
  purge(): void;
  close(): void;
}

const TOKEN_FORM = /^[A-Za-z0-9_-]{43}$/;
const SAMPLE_KEY_BYTES = 32;

/**
 * Opens `folder`, making it and what it holds where absent, and brings the database's schema up to date.
 * Throws STATE_UNUSABLE with what is wrong.
 */
export function openState(folder: string): State {
  const uploads = join(folder, 'uploads');
  const cache = join(folder, 'cache');
  const tokenFile = join(folder, 'token');
  try {
    for (const path of [folder, uploads, cache]) {
      mkdirSync(path, { recursive: true, mode: 0o700 });
      chmodSync(path, 0o700); // a folder that was there may be open to others; Windows has no such bits and ignores it
    }
    const token = ownFile(tokenFile, () => `${randomBytes(32).toString('base64url')}\n`)
      .toString('ascii')
      .trimEnd();
    if (!TOKEN_FORM.test(token))
      throw new AppError('STATE_UNUSABLE', `${tokenFile}: not a token; delete it to get a new one`);
    const sampleKeyFile = join(folder, 'sample.key');
    const sampleKey = ownFile(sampleKeyFile, () => randomBytes(SAMPLE_KEY_BYTES));
    if (sampleKey.length !== SAMPLE_KEY_BYTES) {
      throw new AppError(
        'STATE_UNUSABLE',
        `${sampleKeyFile}: expected ${SAMPLE_KEY_BYTES} bytes, got ${sampleKey.length}`,
      );
    }
    const database = openDatabase(join(folder, 'zhiyin.db'));
    return {
      folder,
      uploads,
      cache,
      database,
      token,
      tokenFile,
      sampleKey,
      transaction: (work) => inTransaction(database, work),
      purge: () => purge(database),
      close: () => database.close(),
    };
  } catch (cause) {
    if (isAppError(cause)) throw cause;
    throw new AppError('STATE_UNUSABLE', `${folder}: ${reasonOf(cause)}`, { cause });
  }
}

/** The bytes of a file that only its owner may read; made whole, once, where absent. */
function ownFile(path: string, make: () => string | Uint8Array): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  const draft = `${path}.${process.pid}.new`;
  const file = openSync(draft, 'w', 0o600);
  try {
    const bytes = Buffer.from(make());
    writeSync(file, bytes);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    linkSync(draft, path); // fails where another process was first: then its file holds
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') renameSync(draft, path); // a file system without links
  }
  rmSync(draft, { force: true });
  return readFileSync(path);
}

function openDatabase(path: string): DatabaseSync {
  closeSync(openSync(path, 'a', 0o600)); // SQLite gives its log files the mode of the database
  const database = new DatabaseSync(path, { timeout: 5000, enableForeignKeyConstraints: true });
  try {
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      PRAGMA secure_delete = ON;
      PRAGMA trusted_schema = OFF;
    `);
    migrate(database);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  if (database.isTransaction) throw new Error('a transaction within a transaction');
  try {
    database.exec('BEGIN IMMEDIATE');
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    if (codeOf(error) !== 'ERR_SQLITE_ERROR') throw error;
    throw new AppError('STATE_UNUSABLE', `the database: ${reasonOf(error)}`, { cause: error });
  }
}

function purge(database: DatabaseSync): void {
  try {
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  } catch (error) {
    if (codeOf(error) !== 'ERR_SQLITE_ERROR') throw error;
  }
}

/** Step n brings version n to version n + 1; a step that was released is never edited. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE agreement (
    id TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,
    -- The document as it was uploaded: SHA-256 and length.
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    pages TEXT NOT NULL CHECK (json_valid(pages)),
    -- 'sealing': the upload may have grown beyond its bytes, and is cut back to them at the next start.
    stage TEXT NOT NULL CHECK (stage IN ('open', 'sealing', 'sealed')),
    number TEXT,
    kind TEXT,
    paper_original INTEGER NOT NULL DEFAULT 0 CHECK (paper_original IN (0, 1)),
    sealed_sha256 TEXT,
    sealed_bytes INTEGER,
    -- What was answered, to be answered again.
    seal_answer TEXT CHECK (seal_answer IS NULL OR json_valid(seal_answer)),
    CHECK ((stage = 'sealed') = (seal_answer IS NOT NULL AND sealed_sha256 IS NOT NULL AND sealed_bytes IS NOT NULL))
  ) STRICT;

  -- The last number of each year that an agreement was given; one that was given is not given again.
  CREATE TABLE agreement_number (
    year INTEGER PRIMARY KEY,
    last INTEGER NOT NULL
  ) STRICT;

  -- Parties in their order, and the mediator.
  CREATE TABLE signatory (
    agreement_id TEXT NOT NULL REFERENCES agreement ON DELETE CASCADE,
    id TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('party', 'mediator')),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    minor INTEGER CHECK (minor IN (0, 1)),
    PRIMARY KEY (agreement_id, id)
  ) STRICT;

  -- A party's separate consent to one capture.
  CREATE TABLE consent (
    capture_id TEXT PRIMARY KEY,
    agreement_id TEXT NOT NULL REFERENCES agreement ON DELETE CASCADE,
    party_id TEXT NOT NULL,
    document_sha256 TEXT NOT NULL,
    purpose TEXT NOT NULL,
    retention_days INTEGER NOT NULL,
    notice_version TEXT NOT NULL,
    given_at TEXT NOT NULL,
    guardian TEXT,
    recorded_at TEXT NOT NULL,
    withdrawn_at TEXT
  ) STRICT;
  CREATE INDEX consent_of_party ON consent (agreement_id, party_id);

  -- A capture that succeeded: what remains when its sample is gone.
  CREATE TABLE capture (
    id TEXT PRIMARY KEY REFERENCES consent ON DELETE CASCADE,
    agreement_id TEXT NOT NULL REFERENCES agreement ON DELETE CASCADE,
    party_id TEXT NOT NULL,
    reader_id TEXT NOT NULL,
    simulated INTEGER NOT NULL CHECK (simulated IN (0, 1)),
    finger INTEGER NOT NULL,
    quality INTEGER NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    dpi INTEGER NOT NULL,
    image_sha256 TEXT NOT NULL,
    template_format TEXT,
    template_bytes INTEGER,
    template_sha256 TEXT,
    done_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    destroyed_at TEXT
  ) STRICT;
  CREATE INDEX capture_of_agreement ON capture (agreement_id);
  CREATE INDEX capture_to_expire ON capture (expires_at) WHERE destroyed_at IS NULL;

  CREATE TABLE mark (
    id TEXT PRIMARY KEY,
    agreement_id TEXT NOT NULL,
    signatory_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('fingerprint', 'signature', 'stamp', 'paper')),
    capture_id TEXT REFERENCES capture ON DELETE CASCADE,
    placement TEXT CHECK (placement IS NULL OR json_valid(placement)),
    made_at TEXT NOT NULL,
    UNIQUE (agreement_id, signatory_id, kind),
    CHECK ((kind = 'fingerprint') = (capture_id IS NOT NULL)),
    FOREIGN KEY (agreement_id, signatory_id) REFERENCES signatory ON DELETE CASCADE
  ) STRICT;
  CREATE INDEX mark_of_capture ON mark (capture_id);

  -- Encrypted: nonce, ciphertext, tag. The owner is a capture or a mark.
  CREATE TABLE sample (
    owner_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('image', 'template', 'picture')),
    agreement_id TEXT NOT NULL REFERENCES agreement ON DELETE CASCADE,
    sealed_box BLOB NOT NULL,
    PRIMARY KEY (owner_id, kind)
  ) STRICT;
  CREATE INDEX sample_of_agreement ON sample (agreement_id);

  -- The ledger: knows its agreement by name only, and outlives it.
  CREATE TABLE seal_use (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    hash_before TEXT NOT NULL,
    hash_after TEXT,
    certificate TEXT,
    idempotency_key TEXT,
    request_hash TEXT,
    via TEXT NOT NULL CHECK (via IN ('http', 'cli')),
    outcome TEXT NOT NULL CHECK (outcome IN ('sealed', 'failed')),
    agreement_id TEXT,
    previous_hash TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    CHECK ((outcome = 'sealed') = (hash_after IS NOT NULL AND certificate IS NOT NULL))
  ) STRICT;
  CREATE UNIQUE INDEX seal_use_once ON seal_use (idempotency_key) WHERE outcome = 'sealed';
  CREATE TRIGGER seal_use_is_not_changed BEFORE UPDATE ON seal_use BEGIN SELECT RAISE(ABORT, 'append-only'); END;
  CREATE TRIGGER seal_use_is_not_dropped BEFORE DELETE ON seal_use BEGIN SELECT RAISE(ABORT, 'append-only'); END;
  `,
  `
  -- The PAdES level that the sealed document has now.
  ALTER TABLE agreement ADD COLUMN level TEXT CHECK (level IN ('B-B', 'B-T', 'B-LT', 'B-LTA'));
  UPDATE agreement SET level = 'B-B' WHERE stage = 'sealed';

  -- Sealed documents that are to reach a higher level than they have. The document may have grown beyond its sealed bytes, and is cut
  -- back to them at the next start.
  CREATE TABLE pending_level (
    agreement_id TEXT PRIMARY KEY REFERENCES agreement ON DELETE CASCADE,
    level TEXT NOT NULL CHECK (level IN ('B-T', 'B-LT', 'B-LTA')),
    since TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at TEXT NOT NULL,
    -- Why it was not reached: a code and its detail.
    problem_code TEXT NOT NULL,
    problem_detail TEXT NOT NULL
  ) STRICT;

  -- The ledger learns levels, and tells of documents that were extended later; its records and its count stay as they are.
  CREATE TABLE new_seal_use (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    hash_before TEXT NOT NULL,
    hash_after TEXT,
    certificate TEXT,
    idempotency_key TEXT,
    request_hash TEXT,
    via TEXT NOT NULL CHECK (via IN ('http', 'cli', 'queue')),
    outcome TEXT NOT NULL CHECK (outcome IN ('sealed', 'failed', 'extended')),
    agreement_id TEXT,
    -- Null in records of before there were levels, and where nothing was reached.
    level TEXT CHECK (level IN ('B-B', 'B-T', 'B-LT', 'B-LTA')),
    previous_hash TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL UNIQUE,
    CHECK ((outcome = 'sealed') = (hash_after IS NOT NULL AND certificate IS NOT NULL)),
    CHECK (outcome <> 'extended' OR (hash_after IS NOT NULL AND level IS NOT NULL))
  ) STRICT;
  INSERT INTO new_seal_use
    SELECT n, time, hash_before, hash_after, certificate, idempotency_key, request_hash, via, outcome, agreement_id, NULL,
      previous_hash, hash
    FROM seal_use;
  -- The highest number that was ever given, whether or not its record is there still.
  DELETE FROM sqlite_sequence WHERE name = 'new_seal_use';
  INSERT INTO sqlite_sequence (name, seq) SELECT 'new_seal_use', seq FROM sqlite_sequence WHERE name = 'seal_use';
  DROP TABLE seal_use;
  ALTER TABLE new_seal_use RENAME TO seal_use;
  CREATE UNIQUE INDEX seal_use_once ON seal_use (idempotency_key) WHERE outcome = 'sealed';
  CREATE TRIGGER seal_use_is_not_changed BEFORE UPDATE ON seal_use BEGIN SELECT RAISE(ABORT, 'append-only'); END;
  CREATE TRIGGER seal_use_is_not_dropped BEFORE DELETE ON seal_use BEGIN SELECT RAISE(ABORT, 'append-only'); END;
  `,
  `
  -- What the document had when it was uploaded: signatures, and signature fields to be filled. What came before is looked at when sealed.
  ALTER TABLE agreement ADD COLUMN signatures INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE agreement ADD COLUMN open_fields TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(open_fields));
  `,
];

function migrate(database: DatabaseSync): void {
  inTransaction(database, () => {
    const version = Number(database.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > MIGRATIONS.length) {
      throw new AppError(
        'STATE_UNUSABLE',
        `the database is of version ${version}, this program knows ${MIGRATIONS.length}`,
      );
    }
    for (const step of MIGRATIONS.slice(version)) database.exec(step);
    database.exec(`PRAGMA user_version = ${MIGRATIONS.length}`);
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The system's or SQLite's name for what went wrong: neither quotes data, as whole messages may. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error && 'errstr' in error ? error.errstr : codeOf(error);
  return typeof text === 'string' ? text : 'unknown reason';
}
