/** Consents, and the captures that succeeded, in the database. The caller's transaction makes statements whole. */
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite';
import type { ConsentRecord, Withdrawal } from './consent.ts';

/** What is known of a capture that succeeded, and remains when its sample is gone. */
export interface CaptureRecord {
  readonly id: string;
  readonly agreementId: string;
  readonly partyId: string;
  readonly readerId: string;
  readonly simulated: boolean;
  /** ISO/IEC 19794-2 position, 0 = unknown. */
  readonly finger: number;
  /** 0-100 */
  readonly quality: number;
  readonly image: CaptureImage;
  readonly template?: CaptureTemplate;
  /** Times are RFC 3339 in UTC. */
  readonly doneAt: string;
  readonly expiresAt: string;
}

/** SHA-256, hexadecimal, is of the PNG. */
export interface CaptureImage {
  readonly width: number;
  readonly height: number;
  readonly dpi: number;
  readonly sha256: string;
}

export interface CaptureTemplate {
  readonly format: 'iso-19794-2' | 'opaque';
  readonly bytes: number;
  readonly sha256: string;
}

export interface KeptCapture extends CaptureRecord {
  /** When the sample was destroyed. */
  readonly destroyedAt?: string;
  /** Whether the party withdrew the consent. */
  readonly withdrawn: boolean;
}

const SELECT = 'SELECT capture.*, consent.withdrawn_at FROM capture JOIN consent ON consent.capture_id = capture.id';

export class CaptureStore {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  recordConsent(captureId: string, agreementId: string, partyId: string, consent: ConsentRecord): void {
    this.#database
      .prepare(
        `INSERT INTO consent (capture_id, agreement_id, party_id, document_sha256, purpose, retention_days, notice_version,
           given_at, guardian, recorded_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        captureId,
        agreementId,
        partyId,
        consent.documentSha256,
        consent.purpose,
        consent.retentionDays,
        consent.noticeVersion,
        consent.givenAt,
        consent.guardian ?? null,
        consent.recordedAt,
      );
  }

  withdrawConsent(captureId: string, at: Date): void {
    this.#database
      .prepare('UPDATE consent SET withdrawn_at = ifnull(withdrawn_at, ?) WHERE capture_id = ?')
      .run(at.toISOString(), captureId);
  }

  /** The party's last withdrawal of a consent to a capture for this agreement; null: there was none. */
  lastWithdrawal(agreementId: string, partyId: string): Withdrawal | null {
    const row = this.#database
      .prepare(
        `SELECT max(withdrawn_at) AS at, max(given_at) AS given_at FROM consent
         WHERE agreement_id = ? AND party_id = ? AND withdrawn_at IS NOT NULL`,
      )
      .get(agreementId, partyId);
    return typeof row?.['at'] === 'string' ? { at: row['at'], givenAt: String(row['given_at']) } : null;
  }

  insert(capture: CaptureRecord): void {
    this.#database
      .prepare(
        `INSERT INTO capture (id, agreement_id, party_id, reader_id, simulated, finger, quality, width, height, dpi, image_sha256,
           template_format, template_bytes, template_sha256, done_at, expires_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        capture.id,
        capture.agreementId,
        capture.partyId,
        capture.readerId,
        capture.simulated ? 1 : 0,
        capture.finger,
        capture.quality,
        capture.image.width,
        capture.image.height,
        capture.image.dpi,
        capture.image.sha256,
        capture.template?.format ?? null,
        capture.template?.bytes ?? null,
        capture.template?.sha256 ?? null,
        capture.doneAt,
        capture.expiresAt,
      );
  }

  find(id: string): KeptCapture | null {
    const row = this.#database.prepare(`${SELECT} WHERE capture.id = ?`).get(id);
    return row === undefined ? null : captureOf(row);
  }

  /** Those whose sample is still there. */
  withSample(agreementId: string): KeptCapture[] {
    const rows = this.#database
      .prepare(`${SELECT} WHERE capture.agreement_id = ? AND destroyed_at IS NULL`)
      .all(agreementId);
    return rows.map(captureOf);
  }

  /** Those whose sample is still there and should not be, but for agreements that are being sealed. */
  expired(now: Date): KeptCapture[] {
    const rows = this.#database
      .prepare(
        `${SELECT} JOIN agreement ON agreement.id = capture.agreement_id
         WHERE destroyed_at IS NULL AND expires_at <= ? AND agreement.stage <> 'sealing'`,
      )
      .all(now.toISOString());
    return rows.map(captureOf);
  }

  /** When the next sample expires; null where there is none. */
  nextExpiry(): Date | null {
    const at = this.#database.prepare('SELECT min(expires_at) AS at FROM capture WHERE destroyed_at IS NULL').get()?.[
      'at'
    ];
    return typeof at === 'string' ? new Date(at) : null;
  }

  /** Notes that the sample is destroyed, which the sample store does. */
  setDestroyed(id: string, at: Date): void {
    this.#database
      .prepare('UPDATE capture SET destroyed_at = ifnull(destroyed_at, ?) WHERE id = ?')
      .run(at.toISOString(), id);
  }
}

function captureOf(row: Record<string, SQLOutputValue>): KeptCapture {
  const { template_format: format, destroyed_at: destroyedAt } = row;
  return {
    id: String(row['id']),
    agreementId: String(row['agreement_id']),
    partyId: String(row['party_id']),
    readerId: String(row['reader_id']),
    simulated: row['simulated'] === 1,
    finger: Number(row['finger']),
    quality: Number(row['quality']),
    image: {
      width: Number(row['width']),
      height: Number(row['height']),
      dpi: Number(row['dpi']),
      sha256: String(row['image_sha256']),
    },
    ...(format === null
      ? {}
      : {
          template: {
            format: format as CaptureTemplate['format'],
            bytes: Number(row['template_bytes']),
            sha256: String(row['template_sha256']),
          },
        }),
    doneAt: String(row['done_at']),
    expiresAt: String(row['expires_at']),
    ...(typeof destroyedAt === 'string' ? { destroyedAt } : {}),
    withdrawn: row['withdrawn_at'] !== null,
  };
}
