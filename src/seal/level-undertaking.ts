/**
 * One seal's way to its level, beside the pipeline that makes it: asked for at its start, stamped when it is signed, raised when it is
 * whole. What an authority does not do is left out, and why is told in the end; a seal that is revoked ends all.
 */
import type { Clock } from '../clock.ts';
import type { Certificate } from '../cms/certificate.ts';
import { isAppError } from '../errors.ts';
import type { AppError } from '../errors.ts';
import type { SecurityStore } from '../pdf/dss.ts';
import { EMPTY_STORE, attempt } from './level-raiser.ts';
import type { Attempt, LevelRaiser, Raised, Start } from './level-raiser.ts';
import { isAtLeast } from './level.ts';
import type { Level } from './level.ts';

export interface UndertakingOptions {
  readonly raiser: LevelRaiser;
  readonly wanted: Level;
  /** Of the seal: its certificate, then its issuers as far as they are known. */
  readonly chain: readonly [Certificate, ...Certificate[]];
  readonly clock: Clock;
  /** Once it aborts no authority is waited for any more. */
  readonly patience: AbortSignal;
  readonly signal: AbortSignal;
}

export class LevelUndertaking {
  readonly #options: UndertakingOptions;
  /** What proves the seal's own certificate; null where that is not wanted. */
  readonly #own: Promise<Attempt<SecurityStore> | null>;
  #level: 'B-B' | 'B-T' = 'B-B';
  #proven: readonly SecurityStore[] = [];
  #shortfall: AppError | null = null;
  #stampedAt: Date | null = null;

  /** Begins to ask. Throws SEAL_REVOKED where that is known already. */
  constructor(options: UndertakingOptions) {
    const { raiser, chain } = options;
    raiser.requireNotRevoked(chain[0]);
    this.#options = options;
    this.#own = this.#proveSigner();
    this.#own.catch(() => undefined); // met where it is waited for, if nothing fails first
  }

  /** How many bytes the signature may grow by. */
  get room(): number {
    return this.#options.wanted === 'B-B' ? 0 : this.#options.raiser.signatureRoom;
  }

  /** What the signature's timestamp says; null where there is none. */
  get stampedAt(): Date | null {
    return this.#stampedAt;
  }

  /** Before the key is used. Throws SEAL_REVOKED, the signal's reason. */
  async requireNotRevoked(): Promise<void> {
    await this.#own;
  }

  /** The signature of at most `maxBytes` bytes, with a timestamp where one is wanted and can be had. Throws the signal's reason. */
  async stamp(cms: Uint8Array, maxBytes: number): Promise<Uint8Array> {
    const { raiser, wanted, clock, patience, signal } = this.#options;
    if (wanted === 'B-B') return cms;
    const stamp = await attempt(raiser.stampSignature(cms, maxBytes, patience), signal);
    if (!stamp.ok) {
      this.#shortfall = stamp.shortfall;
      return cms;
    }
    const { witness } = stamp.value;
    const own = await this.#own;
    if (own?.ok === true) {
      const proof = await attempt(raiser.prove(witness, clock.now(), patience), signal);
      if (proof.ok) this.#proven = [own.value, proof.value];
      else this.#shortfall = proof.shortfall;
      // A timestamp by a certificate that is revoked is none.
      if (!proof.ok && isAppError(proof.shortfall, 'TIMESTAMP_UNTRUSTED')) return cms;
    } else if (own !== null) {
      this.#shortfall = own.shortfall;
    }
    this.#level = 'B-T';
    this.#stampedAt = witness.at;
    return stamp.value.cms;
  }

  /** From the signature as it was stamped to the level that is wanted, or as high as it goes. Throws as LevelRaiser.raise. */
  async raise(signed: Pick<Start, 'path' | 'tail' | 'hash'>): Promise<Raised> {
    const { raiser, wanted, clock, patience, signal } = this.#options;
    const level = this.#level;
    if (this.#shortfall !== null) return { bytes: new Uint8Array(), level, shortfall: this.#shortfall };
    if (!isAtLeast(wanted, 'B-LT')) return { bytes: new Uint8Array(), level };
    const start = { ...signed, level, proven: this.#proven, witnesses: [], stored: EMPTY_STORE };
    return raiser.raise(start, wanted, clock.now(), signal, patience);
  }

  async #proveSigner(): Promise<Attempt<SecurityStore> | null> {
    const { raiser, wanted, chain, clock, patience, signal } = this.#options;
    if (!isAtLeast(wanted, 'B-LT')) return null;
    const now = clock.now();
    const witness = { certificate: chain[0], pool: chain, purpose: 'document', at: now } as const;
    return attempt(raiser.prove(witness, now, patience), signal);
  }
}
