/**
 * When things were there for certain: each timestamp that is trusted proves that everything it covers was there at its time. Timestamps are
 * judged from the newest to the oldest, since a later one proves when an earlier one was made (ETSI EN 319 102-1, 5.6).
 */
import { reason } from '../cms/reason.ts';
import type { TimestampToken } from '../cms/timestamp.ts';
import { finding, findingOf } from './finding.ts';
import type { ReadSignature } from './read-signature.ts';
import type { Trust, TrustBase } from './trust.ts';

/** A clock or a time zone that is off by hours is no lie. */
export const CLOCK_TOLERANCE_MS = 24 * 3_600_000;

type Stamp = ReadSignature & { readonly kind: 'timestamp' };

export class Timeline {
  readonly #base: TrustBase;
  /** Of document timestamps that are trusted. */
  readonly #proofs: { readonly revision: number; readonly time: Date }[] = [];
  readonly #trust = new Map<Stamp, Trust>();

  constructor(base: TrustBase, signatures: readonly ReadSignature[]) {
    this.#base = base;
    const stamps = signatures.filter((signature): signature is Stamp => signature.kind === 'timestamp');
    const revisionOf = ({ covers }: Stamp): number => covers?.revision ?? -1;
    for (const stamp of stamps.toSorted((a, b) => revisionOf(b) - revisionOf(a))) {
      const { token, covers, broken } = stamp;
      if (token === null || covers === null) continue;
      const trust = this.judge(token, covers.revision);
      this.#trust.set(stamp, trust);
      if (trust.reasons.length === 0 && broken.length === 0) {
        this.#proofs.push({ revision: covers.revision, time: token.time });
      }
    }
  }

  /** The earliest time at which what a revision holds was there for certain; null where nothing proves one. */
  provenAt(revision: number): Date | null {
    return earliest(this.#proofs.filter((proof) => proof.revision > revision).map(({ time }) => time));
  }

  /** Whether the authority of a token that stands in a revision is trusted. */
  judge(token: TimestampToken, revision: number): Trust {
    const { signer, certificates } = token.signedData;
    const { now } = this.#base;
    if (signer === null) {
      const revocation = { status: 'UNKNOWN', ...finding('REVOCATION_UNTOLD') } as const;
      return { reasons: [findingOf(reason('SIGNER_CERTIFICATE_ABSENT'))], revocation };
    }
    const knownAt = this.provenAt(revision) ?? now;
    const trust = this.#base.judge(signer, certificates, 'timestamp', { at: token.time, knownAt });
    const ahead = token.time.getTime() - now.getTime() > CLOCK_TOLERANCE_MS;
    return ahead
      ? { ...trust, reasons: [...trust.reasons, finding('TIMESTAMP_AHEAD', token.time.toISOString())] }
      : trust;
  }

  /** What was found of a document timestamp; null for one that cannot be read. */
  trustOf(stamp: Stamp): Trust | null {
    return this.#trust.get(stamp) ?? null;
  }
}

export function earliest(times: readonly Date[]): Date | null {
  return times.reduce<Date | null>((first, time) => (first === null || time < first ? time : first), null);
}
