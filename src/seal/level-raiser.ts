/**
 * From one PAdES level to a higher one (ETSI EN 319 142-1, 6): what the authorities say is put behind a file that carries a signature,
 * step by step, each a revision of its own, as far as the authorities answer.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { concatBytes } from '../bytes.ts';
import type { Certificate } from '../cms/certificate.ts';
import { buildChain } from '../cms/chain.ts';
import type { Purpose } from '../cms/chain.ts';
import { ATTRIBUTE } from '../cms/signed-attributes.ts';
import { parseSignedData, withUnsignedAttribute } from '../cms/signed-data.ts';
import { parseTimestampToken, verifyTimestampToken } from '../cms/timestamp.ts';
import { AppError, isAppError } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import type { SecurityStore } from '../pdf/dss.ts';
import type { PdfPool } from '../pdf/pdf-pool.ts';
import { contentsIn, coveredDigest, fillContents, roomOf } from './contents.ts';
import { isAtLeast } from './level.ts';
import type { Level } from './level.ts';
import type { RevocationSource } from './revocation-source.ts';
import type { TimestampAuthority } from './timestamp-authority.ts';

export interface LevelRaiserOptions {
  readonly pool: PdfPool;
  /** Absent: nothing above B-B. */
  readonly timestamps?: TimestampAuthority;
  /** Absent: nothing above B-T. */
  readonly revocation?: {
    readonly source: RevocationSource;
    /** To which certificates of signatures, and of timestamps, must lead. */
    readonly roots: Readonly<Record<Witness['purpose'], () => Promise<readonly Certificate[]>>>;
  };
}

/** A certificate on which a signature or a timestamp rests. */
export interface Witness {
  readonly certificate: Certificate;
  /** Where its issuers may be. */
  readonly pool: readonly Certificate[];
  readonly purpose: Extract<Purpose, 'document' | 'timestamp'>;
  /** When it signed, as far as that is proven; null: it is proven by the first timestamp that is added. */
  readonly at: Date | null;
}

/** A file that carries a signature, as it stands. */
export interface Start {
  readonly path: string;
  /** What is to follow it, and is not written yet. */
  readonly tail: Uint8Array;
  /** SHA-256 running over both. */
  readonly hash: Hash;
  readonly level: Level;
  /** What proves witnesses that are not among `witnesses`. */
  readonly proven: readonly SecurityStore[];
  readonly witnesses: readonly Witness[];
  /** What the file holds already. */
  readonly stored: SecurityStore;
}

export interface Raised {
  /** To be put behind the file and its tail; empty where no step was done. */
  readonly bytes: Uint8Array;
  readonly level: Level;
  /** Why it is not the level that was asked for. */
  readonly shortfall?: AppError;
}

/** What an authority was asked for: had, or not and why. */
export type Attempt<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly shortfall: AppError };

export const EMPTY_STORE: SecurityStore = { certificates: [], crls: [], ocsps: [] };

/** The attribute around a token (RFC 3161, appendix A), and the lengths around that. */
const ATTRIBUTE_BYTES = 64;

/** Failures that are the authorities', or of what is configured for them: they leave a signature as good as it is without them. */
const NOT_HAD: readonly ErrorCode[] = [
  'TIMESTAMP_UNREACHABLE',
  'TIMESTAMP_REFUSED',
  'TIMESTAMP_INVALID',
  'TIMESTAMP_UNTRUSTED',
  'TIMESTAMP_TOO_LARGE',
  'REVOCATION_UNREACHABLE',
  'REVOCATION_UNKNOWN',
  'CRL_INVALID',
  'OCSP_INVALID',
  'OCSP_REFUSED',
  'CERTIFICATE_INVALID',
  'FILE_UNREADABLE',
  // Nobody waits any more.
  'SHUTTING_DOWN',
];

/** Failures of the document: it takes the signature, and no more, or no more in time. */
const NOT_TAKEN: readonly ErrorCode[] = ['PDF_SHAPE_UNSUPPORTED', 'PDF_SIGNED_LOCKED', 'PDF_LIMIT', 'PDF_TIMEOUT'];

export class LevelRaiser {
  readonly #options: LevelRaiserOptions;
  /** Certificates of seals, by their SHA-256, that an authority called revoked: it is not asked at every level, and that ends every one. */
  readonly #revoked = new Set<string>();

  constructor(options: LevelRaiserOptions) {
    this.#options = options;
  }

  get available(): readonly Level[] {
    const { timestamps, revocation } = this.#options;
    if (timestamps === undefined) return ['B-B'];
    return revocation === undefined ? ['B-B', 'B-T'] : ['B-B', 'B-T', 'B-LT', 'B-LTA'];
  }

  /** How many bytes a signature grows by when it is stamped, at most. */
  get signatureRoom(): number {
    return this.#authority().room + ATTRIBUTE_BYTES;
  }

  /**
   * The signature with a timestamp over its value (RFC 3161, appendix A; ETSI EN 319 122-1, 5.3), of at most `maxBytes` bytes, and the
   * timestamp's witness. Throws as TimestampAuthority.stamp.
   */
  async stampSignature(
    cms: Uint8Array,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<{ readonly cms: Uint8Array; readonly witness: Witness }> {
    const { signature } = parseSignedData(cms);
    const room = maxBytes - cms.length - ATTRIBUTE_BYTES;
    const { token, chain } = await this.#authority().stamp(
      createHash('sha256').update(signature).digest(),
      room,
      signal,
    );
    return {
      cms: withUnsignedAttribute(cms, ATTRIBUTE.timestampToken, token.der),
      witness: witnessOf(chain, token.time),
    };
  }

  /**
   * What proves that the certificate was good. Throws SEAL_REVOKED or TIMESTAMP_UNTRUSTED where it was not, REVOCATION_UNREACHABLE,
   * REVOCATION_UNKNOWN, what reading the roots throws, and the signal's reason.
   */
  async prove(witness: Witness, now: Date, signal: AbortSignal, stored = EMPTY_STORE): Promise<SecurityStore> {
    const { certificate, pool, purpose } = witness;
    const at = witness.at ?? now;
    const { revocation } = this.#options;
    if (revocation === undefined) {
      throw new AppError('SEAL_LEVEL_UNSUPPORTED', 'neither revocation.ocsp nor revocation.crls is set');
    }
    const { chain, reasons } = buildChain(certificate, pool, await revocation.roots[purpose](), at, purpose);
    const incomplete = reasons.find(({ code }) => code === 'CHAIN_INCOMPLETE');
    if (incomplete !== undefined) throw new AppError('REVOCATION_UNKNOWN', `${incomplete.code}: ${incomplete.message}`);
    const proposition =
      purpose === 'document'
        ? ({ at, provenAt: at, revoked: 'SEAL_REVOKED' } as const)
        : ({ at, provenAt: now, revoked: 'TIMESTAMP_UNTRUSTED' } as const);
    try {
      return await revocation.source.prove({ ...proposition, chain, stored }, signal);
    } catch (error) {
      if (isAppError(error, 'SEAL_REVOKED')) this.#revoked.add(certificate.sha256);
      throw error;
    }
  }

  /** Throws SEAL_REVOKED where an authority said so before. */
  requireNotRevoked({ sha256 }: Certificate): void {
    if (this.#revoked.has(sha256)) throw new AppError('SEAL_REVOKED', 'as an authority said before');
  }

  /**
   * Raises the file to `to`, or as far as the authorities answer and the file lets; to B-LTA with one more timestamp in any case. Throws
   * SEAL_SELF_CHECK, and the signal's reason. Once `patience` aborts no authority is waited for any more.
   */
  async raise(start: Start, to: Level, now: Date, signal: AbortSignal, patience = signal): Promise<Raised> {
    const growth = new Growth(start);
    const witnesses = [...start.witnesses];
    let { level } = start;
    const steps = async (): Promise<void> => {
      if (!isAtLeast(level, 'B-T') && isAtLeast(to, 'B-T')) {
        witnesses.push(await this.#stampDocument(growth, patience));
        level = 'B-T';
      }
      if (!isAtLeast(level, 'B-LT') && isAtLeast(to, 'B-LT')) {
        // What no timestamp was over before is proven by the one that was just added, the last.
        const provenAt = witnesses.at(-1)?.at ?? now;
        const timed = witnesses.map((witness) => ({ ...witness, at: witness.at ?? provenAt }));
        await this.#store(growth, { ...start, witnesses: timed }, now, patience);
        level = 'B-LT';
      }
      if (to === 'B-LTA') {
        await this.#stampDocument(growth, patience);
        level = 'B-LTA';
      }
    };
    const done = await attempt(steps(), signal, 'SEAL_REVOKED', 'SEAL_LEVEL_UNSUPPORTED', ...NOT_TAKEN);
    return { bytes: growth.added(), level, ...(done.ok ? {} : { shortfall: done.shortfall }) };
  }

  /** Adds a document timestamp. */
  async #stampDocument(growth: Growth, signal: AbortSignal): Promise<Witness> {
    const { pool } = this.#options;
    const authority = this.#authority();
    const request = { tail: growth.tail(), contentsBytes: authority.room, random16: randomBytes(16) };
    const plan = await pool.planTimestamp(growth.path, request, signal);
    const digest = coveredDigest(plan, growth.hash);
    const { token, chain } = await authority.stamp(digest, roomOf(plan), signal);
    fillContents(plan, token.der);
    const written = parseTimestampToken(contentsIn(Buffer.from(plan.bytes), plan));
    const check = verifyTimestampToken(written, digest);
    if (!check.ok) throw new AppError('SEAL_SELF_CHECK', check.code);
    growth.add(plan.bytes);
    return witnessOf(chain, token.time);
  }

  /** Adds what proves the witnesses, as far as the document has it not. */
  async #store(
    growth: Growth,
    { proven, witnesses, stored }: Pick<Start, 'proven' | 'witnesses' | 'stored'>,
    now: Date,
    signal: AbortSignal,
  ): Promise<void> {
    const proofs = await Promise.all(witnesses.map((witness) => this.prove(witness, now, signal, stored)));
    const stores = [...proven, ...proofs];
    const store = {
      certificates: stores.flatMap(({ certificates }) => certificates),
      crls: stores.flatMap(({ crls }) => crls),
      ocsps: stores.flatMap(({ ocsps }) => ocsps),
    };
    const request = { tail: growth.tail(), store, random16: randomBytes(16) };
    const plan = await this.#options.pool.planStore(growth.path, request, signal);
    if (plan !== null) growth.add(plan.bytes);
  }

  #authority(): TimestampAuthority {
    const { timestamps } = this.#options;
    if (timestamps === undefined) throw new AppError('SEAL_LEVEL_UNSUPPORTED', 'timestamp.url is not set');
    return timestamps;
  }
}

/** A file, and the steps that were done to it. */
class Growth {
  readonly path: string;
  readonly hash: Hash;
  readonly #tail: Uint8Array;
  readonly #added: Uint8Array[] = [];

  constructor({ path, tail, hash }: Start) {
    this.path = path;
    this.#tail = tail;
    this.hash = hash.copy();
  }

  add(bytes: Uint8Array): void {
    this.#added.push(bytes);
    this.hash.update(bytes);
  }

  added(): Uint8Array {
    return concatBytes(...this.#added);
  }

  tail(): Uint8Array {
    return concatBytes(this.#tail, ...this.#added);
  }
}

function witnessOf(chain: readonly Certificate[], at: Date): Witness {
  const [certificate] = chain;
  if (certificate === undefined) throw new AppError('INTERNAL', 'an empty chain');
  return { certificate, pool: chain, purpose: 'timestamp', at };
}

/** Rejects with what is neither a failure of an authority nor of `codes`, and with the reason of a `signal` that aborted. */
export async function attempt<T>(
  work: Promise<T>,
  signal: AbortSignal,
  ...codes: readonly ErrorCode[]
): Promise<Attempt<T>> {
  try {
    return { ok: true, value: await work };
  } catch (error) {
    if (signal.aborted) throw error;
    if (isAppError(error, ...NOT_HAD, ...codes)) return { ok: false, shortfall: error };
    throw error;
  }
}
