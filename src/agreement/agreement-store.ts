/** Agreements in the database. Every method is one or more statements; the caller's transaction makes them whole. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { ErrorCode } from '../errors.ts';
import type { Level } from '../seal/level.ts';
import type {
  Agreement,
  AgreementKind,
  Mark,
  MarkKind,
  Mediator,
  PageSize,
  Party,
  PendingLevel,
  SealedDocument,
} from './agreement.ts';

type Row = Record<string, SQLOutputValue>;

export class AgreementStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The next number of that year, from 1. */
  takeNumber(year: number): number {
    const row = this.#database
      .prepare(
        `INSERT INTO agreement_number (year, last) VALUES (?, 1)
         ON CONFLICT (year) DO UPDATE SET last = last + 1 RETURNING last`,
      )
      .get(year);
    return Number(row?.['last']);
  }

  insert(
    agreement: Pick<Agreement, 'id' | 'createdAt' | 'sha256' | 'bytes' | 'pages' | 'signatures' | 'openFields'> & {
      readonly number: string | null;
    },
  ): void {
    const { id, createdAt, sha256, bytes, pages, signatures, openFields, number } = agreement;
    this.#run(
      `INSERT INTO agreement (id, created_at, sha256, bytes, pages, signatures, open_fields, number, stage)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open')`,
      id,
      createdAt,
      sha256,
      bytes,
      JSON.stringify(pages),
      signatures,
      JSON.stringify(openFields),
      number,
    );
  }

  find(id: string): Agreement | null {
    const row = this.#database.prepare('SELECT * FROM agreement WHERE id = ?').get(id);
    if (row === undefined) return null;
    const pending = this.#database.prepare('SELECT * FROM pending_level WHERE agreement_id = ?').get(id);
    const people = this.#database.prepare('SELECT * FROM signatory WHERE agreement_id = ? ORDER BY position').all(id);
    const marks = this.#database.prepare('SELECT * FROM mark WHERE agreement_id = ? ORDER BY made_at, rowid').all(id);
    const { number, kind, seal_answer: answer } = row;
    return {
      id,
      createdAt: String(row['created_at']),
      sha256: String(row['sha256']),
      bytes: Number(row['bytes']),
      pages: JSON.parse(String(row['pages'])) as PageSize[],
      signatures: Number(row['signatures']),
      openFields: JSON.parse(String(row['open_fields'])) as string[],
      stage: row['stage'] as Agreement['stage'],
      ...(typeof number === 'string' ? { number } : {}),
      ...(typeof kind === 'string' ? { kind: kind as AgreementKind } : {}),
      paperOriginal: row['paper_original'] === 1,
      parties: people.filter(({ role }) => role === 'party').map(partyOf),
      mediator: people.filter(({ role }) => role === 'mediator').map(mediatorOf)[0] ?? null,
      marks: marks.map(markOf),
      ...(typeof answer === 'string' ? { sealed: sealedOf(row, pending, answer) } : {}),
    };
  }

  ids(stage?: Agreement['stage']): string[] {
    const rows = this.#database.prepare('SELECT id FROM agreement WHERE stage = ifnull(?, stage)').all(stage ?? null);
    return rows.map(({ id }) => String(id));
  }

  /** Writes number, kind, paper original, parties and mediator; people of `gone` lose their marks, those who stay keep them. */
  update(agreement: Agreement, gone: readonly string[]): void {
    const { id, number, kind, paperOriginal, parties, mediator } = agreement;
    this.#run(
      'UPDATE agreement SET number = ?, kind = ?, paper_original = ? WHERE id = ?',
      number ?? null,
      kind ?? null,
      paperOriginal ? 1 : 0,
      id,
    );
    for (const person of gone) this.#run('DELETE FROM signatory WHERE agreement_id = ? AND id = ?', id, person);
    const people = [
      ...parties.map((party) => ({ ...party, role: 'party' })),
      ...(mediator === null ? [] : [{ ...mediator, minor: undefined, role: 'mediator' }]),
    ];
    for (const [position, person] of people.entries()) {
      this.#run(
        `INSERT INTO signatory (agreement_id, id, role, position, name, minor) VALUES (?, ?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET role = excluded.role, position = excluded.position, minor = excluded.minor`,
        id,
        person.id,
        person.role,
        position,
        person.name,
        person.minor === undefined ? null : Number(person.minor),
      );
    }
  }

  /** A person's mark of a kind replaces the one before. Gives the id of that, whose picture may have to go. */
  putMark(agreementId: string, mark: Mark): string | null {
    const before = this.#database
      .prepare('DELETE FROM mark WHERE agreement_id = ? AND signatory_id = ? AND kind = ? RETURNING id')
      .get(agreementId, mark.signatoryId, mark.kind);
    this.#run(
      `INSERT INTO mark (id, agreement_id, signatory_id, kind, capture_id, placement, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      mark.id,
      agreementId,
      mark.signatoryId,
      mark.kind,
      mark.captureId ?? null,
      mark.placement === undefined ? null : JSON.stringify(mark.placement),
      mark.madeAt,
    );
    return before === undefined ? null : String(before['id']);
  }

  removeMarksOfCapture(captureId: string): void {
    this.#run('DELETE FROM mark WHERE capture_id = ?', captureId);
  }

  setStage(id: string, stage: 'open' | 'sealing'): void {
    this.#run('UPDATE agreement SET stage = ? WHERE id = ?', stage, id);
  }

  setSealed(id: string, { sha256, bytes, level, answer }: Omit<SealedDocument, 'pending'>): void {
    this.#run(
      `UPDATE agreement SET stage = 'sealed', sealed_sha256 = ?, sealed_bytes = ?, level = ?, seal_answer = ? WHERE id = ?`,
      sha256,
      bytes,
      level,
      JSON.stringify(answer),
      id,
    );
  }

  /** What the sealed document has become. */
  setExtended(id: string, { sha256, bytes, level }: Pick<SealedDocument, 'sha256' | 'bytes' | 'level'>): void {
    this.#run(
      'UPDATE agreement SET sealed_sha256 = ?, sealed_bytes = ?, level = ? WHERE id = ?',
      sha256,
      bytes,
      level,
      id,
    );
  }

  /** Null: there is none any more. */
  setPending(id: string, pending: PendingLevel | null): void {
    this.#run('DELETE FROM pending_level WHERE agreement_id = ?', id);
    if (pending === null) return;
    const { level, since, attempts, nextAttemptAt, problem } = pending;
    this.#run(
      `INSERT INTO pending_level (agreement_id, level, since, attempts, next_attempt_at, problem_code, problem_detail)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      level,
      since,
      attempts,
      nextAttemptAt,
      problem.code,
      problem.detail,
    );
  }

  /** Whose level is pending. */
  pendingIds(): string[] {
    const rows = this.#database.prepare('SELECT agreement_id FROM pending_level').all();
    return rows.map(({ agreement_id: id }) => String(id));
  }

  /** Whose pending level is tried next, and when; of several at once the one that was tried least. `held` are passed over. */
  nextPending(held: readonly string[]): { readonly id: string; readonly at: Date } | null {
    const row = this.#database
      .prepare(
        `SELECT agreement_id, next_attempt_at FROM pending_level JOIN agreement ON id = agreement_id AND stage = 'sealed'
         WHERE agreement_id NOT IN (SELECT value FROM json_each(?)) ORDER BY next_attempt_at, attempts, since, agreement_id`,
      )
      .get(JSON.stringify(held));
    return row === undefined ? null : { id: String(row['agreement_id']), at: new Date(String(row['next_attempt_at'])) };
  }

  /** No pending level is tried before `at`. */
  postponePending(at: Date): void {
    this.#run('UPDATE pending_level SET next_attempt_at = max(next_attempt_at, ?)', at.toISOString());
  }

  /** Every pending level may be tried from `at` on. */
  advancePending(at: Date): void {
    this.#run('UPDATE pending_level SET next_attempt_at = min(next_attempt_at, ?)', at.toISOString());
  }

  /** With everything that hangs on it: people, marks, consents, captures, samples. */
  remove(id: string): void {
    this.#run('DELETE FROM agreement WHERE id = ?', id);
  }

  #run(sql: string, ...values: readonly (string | number | null)[]): void {
    this.#database.prepare(sql).run(...values);
  }
}

function partyOf(row: Row): Party {
  const { minor } = row;
  return { ...mediatorOf(row), ...(minor === null ? {} : { minor: minor === 1 }) };
}

function mediatorOf(row: Row): Mediator {
  return { id: String(row['id']), name: String(row['name']) };
}

function markOf(row: Row): Mark {
  const { capture_id: captureId, placement } = row;
  return {
    id: String(row['id']),
    signatoryId: String(row['signatory_id']),
    kind: row['kind'] as MarkKind,
    ...(typeof captureId === 'string' ? { captureId } : {}),
    ...(typeof placement === 'string' ? { placement: JSON.parse(placement) as NonNullable<Mark['placement']> } : {}),
    madeAt: String(row['made_at']),
  };
}

function sealedOf(row: Row, pending: Row | undefined, answer: string): SealedDocument {
  return {
    sha256: String(row['sealed_sha256']),
    bytes: Number(row['sealed_bytes']),
    level: row['level'] as Level,
    ...(pending === undefined ? {} : { pending: pendingOf(pending) }),
    answer: JSON.parse(answer) as SealedDocument['answer'],
  };
}

function pendingOf(row: Row): PendingLevel {
  return {
    level: row['level'] as Level,
    since: String(row['since']),
    attempts: Number(row['attempts']),
    nextAttemptAt: String(row['next_attempt_at']),
    problem: { code: row['problem_code'] as ErrorCode, detail: String(row['problem_detail']) },
  };
}
