/** The committee's key while it is unlocked. */
import type { Clock } from '../clock.ts';
import type { Certificate } from '../cms/certificate.ts';
import { AppError, ERRORS, isAppError } from '../errors.ts';
import { readWhole } from '../file-chunks.ts';
import { openP12, sealFault } from './seal-key.ts';
import type { SealKey, SealRules } from './seal-key.ts';
import type { Notice } from './seal-job.ts';

export { openP12 } from './seal-key.ts';
export type { SealKey } from './seal-key.ts';

export interface KeyStoreOptions extends SealRules {
  /** Absent: there is no seal. */
  readonly p12Path?: string;
  readonly clock: Clock;
  /** The key is dropped after so many minutes without use; 0: never. */
  readonly idleLockMinutes: number;
}

export type SealState = 'locked' | 'unlocked' | 'absent';

/** The seal as the API shows it. */
export interface SealInfo {
  readonly state: SealState;
  readonly committee: string;
  /** Known since the first unlock. */
  readonly certificate?: {
    readonly subject: string;
    readonly issuer: string;
    readonly serial: string;
    /** RFC 3339. */
    readonly notBefore: string;
    readonly notAfter: string;
    readonly sha256: string;
  };
  readonly warnings: readonly Notice[];
}

const MAX_P12_BYTES = 1024 * 1024;
const DAY_MS = 86_400_000;
const WARN_DAYS = 30;
/** Wrong passphrases that cost nothing; from then on each one doubles the wait, up to a quarter of an hour. */
const FREE_ATTEMPTS = 5;
const FIRST_WAIT_SECONDS = 5;
const LONGEST_WAIT_SECONDS = 900;

export class KeyStore {
  readonly #options: KeyStoreOptions;
  #key: SealKey | null = null;
  /** Of the P12 that was opened last; not secret, so it stays after a lock. */
  #certificate: Certificate | null = null;
  /** One unlock at a time, so that attempts cannot be made faster by making them together. */
  #queue: Promise<void> = Promise.resolve();
  /** Counts locks: a key that was on its way in when the seal was locked stays out. */
  #locks = 0;
  #wrongAttempts = 0;
  #nextAttemptMs = 0;
  #lastUse = { monotonicMs: 0, wallMs: 0 };
  #watch: AbortController | null = null;

  constructor(options: KeyStoreOptions) {
    this.#options = options;
  }

  state(): SealState {
    if (this.#options.p12Path === undefined) return 'absent';
    this.#lockWhenIdle();
    return this.#key === null ? 'locked' : 'unlocked';
  }

  info(): SealInfo {
    const state = this.state();
    const { committeeName } = this.#options;
    const certificate = this.#certificate;
    if (certificate === null) return { state, committee: committeeName, warnings: [] };
    return {
      state,
      committee: committeeName,
      certificate: {
        subject: certificate.subject.text,
        issuer: certificate.issuer.text,
        serial: certificate.serialHex,
        notBefore: certificate.notBefore.toISOString(),
        notAfter: certificate.notAfter.toISOString(),
        sha256: certificate.sha256,
      },
      warnings: this.#warnings(certificate),
    };
  }

  /**
   * Takes the key from the P12. Throws SEAL_ABSENT, FILE_UNREADABLE, SEAL_FILE_INVALID, SEAL_PASSPHRASE_WRONG, SEAL_KEY_UNSUPPORTED, SEAL_KEY_MISMATCH;
   * for a certificate that may not seal what `use` throws, and then the key is not kept; TOO_MANY_REQUESTS with
   * `extras.retryAfterSeconds` after wrong passphrases.
   */
  async unlock(passphrase: string): Promise<void> {
    const locks = this.#locks;
    const turn = this.#queue.then(() => this.#unlock(passphrase, locks));
    // The next in line waits for this one and does not care what became of it.
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  /** Drops the key. */
  lock(): void {
    this.#locks += 1;
    this.#key = null;
    this.#watch?.abort();
    this.#watch = null;
  }

  /**
   * The key, for one use now; do not keep it. Throws SEAL_ABSENT; SEAL_FOREIGN, SEAL_USAGE, SEAL_NOT_YET_VALID or SEAL_EXPIRED as the
   * certificate is at this moment; SEAL_LOCKED.
   */
  use(): SealKey {
    if (this.state() === 'absent') throw new AppError('SEAL_ABSENT');
    if (this.#certificate !== null) this.#refuse(this.#certificate);
    if (this.#key === null) throw new AppError('SEAL_LOCKED');
    this.#touch();
    return this.#key;
  }

  async #unlock(passphrase: string, locks: number): Promise<void> {
    const { p12Path, clock } = this.#options;
    if (p12Path === undefined) throw new AppError('SEAL_ABSENT');
    const waitMs = this.#nextAttemptMs - clock.monotonicMs();
    if (waitMs > 0) {
      const retryAfterSeconds = Math.ceil(waitMs / 1000);
      throw new AppError('TOO_MANY_REQUESTS', `${this.#wrongAttempts} wrong passphrases`, {
        extras: { retryAfterSeconds },
      });
    }
    const key = await this.#open(p12Path, passphrase);
    this.#wrongAttempts = 0;
    // Whatever was unlocked before was this file's predecessor.
    this.#key = null;
    this.#certificate = key.certificate;
    this.#refuse(key.certificate);
    if (this.#locks !== locks) return;
    this.#key = key;
    this.#touch();
    this.#startWatch();
  }

  async #open(path: string, passphrase: string): Promise<SealKey> {
    const bytes = await readBounded(path);
    try {
      return await openP12(bytes, passphrase);
    } catch (error) {
      if (isAppError(error, 'SEAL_PASSPHRASE_WRONG')) this.#countWrongAttempt();
      throw error;
    }
  }

  #countWrongAttempt(): void {
    this.#wrongAttempts += 1;
    const over = this.#wrongAttempts - FREE_ATTEMPTS;
    if (over < 0) return;
    const seconds = Math.min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** over);
    this.#nextAttemptMs = this.#options.clock.monotonicMs() + seconds * 1000;
  }

  #refuse(certificate: Certificate): void {
    const fault = sealFault(certificate, this.#options, this.#options.clock.now());
    if (fault !== null) throw fault;
  }

  #warnings(certificate: Certificate): Notice[] {
    const now = this.#options.clock.now();
    const fault = sealFault(certificate, this.#options, now);
    const daysLeft = Math.floor((certificate.notAfter.getTime() - now.getTime()) / DAY_MS);
    const warnings: Notice[] = [];
    if (fault !== null) {
      const { title, titleZh } = ERRORS[fault.code];
      warnings.push({ code: fault.code, message: `${title}.`, messageZh: `${titleZh}。` });
    }
    if (daysLeft >= 0 && daysLeft < WARN_DAYS) {
      warnings.push({
        code: 'SEAL_EXPIRES_SOON',
        message: `The seal’s certificate expires in ${daysLeft} days; have it renewed.`,
        messageZh: `印章证书将在 ${daysLeft} 天后到期，请及时换发。`,
      });
    }
    if (certificate.isTest) {
      warnings.push({
        code: 'SEAL_TEST',
        message: 'This is a TEST seal: what it seals has no legal effect.',
        messageZh: '这是测试印章，所盖文书不具法律效力。',
      });
    }
    return warnings;
  }

  #touch(): void {
    const { clock } = this.#options;
    this.#lastUse = { monotonicMs: clock.monotonicMs(), wallMs: clock.now().getTime() };
  }

  /** Milliseconds until the key is dropped. Counts by both clocks: the monotonic one stands still while a laptop sleeps. */
  #idleLeftMs(): number {
    const { clock, idleLockMinutes } = this.#options;
    const idleMs = Math.max(
      clock.monotonicMs() - this.#lastUse.monotonicMs,
      clock.now().getTime() - this.#lastUse.wallMs,
    );
    return idleLockMinutes * 60_000 - idleMs;
  }

  #lockWhenIdle(): void {
    if (this.#options.idleLockMinutes > 0 && this.#key !== null && this.#idleLeftMs() <= 0) this.lock();
  }

  /** Drops the key on time even if nobody asks for it. */
  #startWatch(): void {
    this.#watch?.abort();
    this.#watch = null;
    if (this.#options.idleLockMinutes === 0) return;
    const watch = new AbortController();
    this.#watch = watch;
    // Rejects only when aborted: locked, or unlocked anew.
    this.#watchIdle(watch.signal).catch(() => undefined);
  }

  async #watchIdle(signal: AbortSignal): Promise<void> {
    while (this.#key !== null) {
      await this.#options.clock.sleep(Math.max(this.#idleLeftMs(), 0), signal);
      this.#lockWhenIdle();
    }
  }
}

function readBounded(path: string): Promise<Uint8Array> {
  return readWhole(path, MAX_P12_BYTES, (size) => new AppError('SEAL_FILE_INVALID', `${path}: ${size} bytes`));
}
