/**
 * The separate consent that comes before a fingerprint (Personal Information Protection Law, art. 28-31): without it no reader is
 * touched; for a child under 14 a guardian gives it. Pure.
 */
import { AppError } from '../errors.ts';
import type { Party } from './agreement.ts';

/** As the page reports it. */
export interface GivenConsent {
  readonly noticeVersion: string;
  readonly purpose: string;
  readonly retentionDays: number;
  /** RFC 3339. */
  readonly givenAt: string;
  readonly guardian?: { readonly name: string };
}

/** As it is kept. Times are RFC 3339 in UTC. */
export interface ConsentRecord {
  readonly documentSha256: string;
  readonly purpose: string;
  readonly retentionDays: number;
  readonly noticeVersion: string;
  readonly givenAt: string;
  readonly guardian?: string;
  readonly recordedAt: string;
}

/** Times are RFC 3339 in UTC. */
export interface Withdrawal {
  readonly at: string;
  /** The latest time at which, by the page's clock, a consent was given that is withdrawn by now. */
  readonly givenAt: string;
}

interface Circumstances {
  readonly party: Party;
  /** The document that the print is for. */
  readonly documentSha256: string;
  /** The party's last withdrawal of a consent to prints on it. */
  readonly withdrawal: Withdrawal | null;
  readonly now: Date;
}

/** How far a page's clock may run ahead of this one. */
const SKEW_MS = 5 * 60_000;
const DAY_MS = 86_400_000;

/** Throws CONSENT_REQUIRED, GUARDIAN_CONSENT_REQUIRED; BAD_REQUEST where a time is none, or a text blank. */
export function acceptConsent(given: GivenConsent | undefined, circumstances: Circumstances): ConsentRecord {
  const { party, documentSha256, withdrawal, now } = circumstances;
  if (given === undefined) throw new AppError('CONSENT_REQUIRED', 'consent: expected the consent, got nothing');
  for (const [member, text] of [
    ['noticeVersion', given.noticeVersion],
    ['purpose', given.purpose],
    ['guardian.name', given.guardian?.name],
  ] as const) {
    if (text?.trim() === '') throw new AppError('BAD_REQUEST', `consent.${member}: expected text, got blanks`);
  }
  const givenAt = new Date(given.givenAt);
  if (Number.isNaN(givenAt.getTime())) throw new AppError('BAD_REQUEST', 'consent.givenAt: expected an RFC 3339 time');
  if (givenAt.getTime() > now.getTime() + SKEW_MS) {
    throw new AppError(
      'CONSENT_REQUIRED',
      `consent.givenAt: expected a time not after ${now.toISOString()}, got ${givenAt.toISOString()}`,
    );
  }
  if (withdrawal !== null && !isAnew(givenAt, withdrawal)) {
    throw new AppError('CONSENT_REQUIRED', `consent.givenAt: that consent was withdrawn at ${withdrawal.at}`);
  }
  if (party.minor === true && given.guardian === undefined) {
    throw new AppError('GUARDIAN_CONSENT_REQUIRED', 'consent.guardian: expected the guardian, got nothing');
  }
  return {
    documentSha256,
    purpose: given.purpose,
    retentionDays: given.retentionDays,
    noticeVersion: given.noticeVersion,
    givenAt: givenAt.toISOString(),
    ...(given.guardian === undefined ? {} : { guardian: given.guardian.name }),
    recordedAt: now.toISOString(),
  };
}

/**
 * When a sample taken at `takenAt` must be gone at the latest: after the configured time, or the time consented to where that is
 * shorter. A consent to 0 days is one to the day of the capture.
 */
export function sampleExpiry(takenAt: Date, consent: ConsentRecord, samplesHours: number): Date {
  return new Date(takenAt.getTime() + Math.min(samplesHours * 3_600_000, Math.max(1, consent.retentionDays) * DAY_MS));
}

/**
 * Whether a consent was given after the withdrawal. Pages often write whole seconds: one given anew in the second of the withdrawal
 * counts. By a page's clock that runs ahead the withdrawn one itself was given after its withdrawal, and is told by its own time.
 */
function isAnew(givenAt: Date, { at, givenAt: withdrawnOne }: Withdrawal): boolean {
  return wholeSecond(givenAt) >= wholeSecond(new Date(at)) && givenAt.getTime() > new Date(withdrawnOne).getTime();
}

function wholeSecond(time: Date): number {
  return Math.floor(time.getTime() / 1000);
}
