/** Where links come from: one source for each kind. */
import type { ReaderConfig } from '../config.ts';
import type { Link, LinkKind } from './driver.ts';
import type { AttachedDevice } from './match.ts';

export interface LinkSource {
  /**
   * The devices of this kind that are plugged in. `paths`: ones to look for by name beside those that have USB ids.
   * READER_LIBRARY_MISSING where the system lacks what it takes to look.
   */
  list(paths: readonly string[], signal: AbortSignal): Promise<AttachedDevice[]>;
  /** READER_ACCESS_DENIED, READER_IN_USE, READER_REMOVED, READER_LIBRARY_MISSING, or READER_PROTOCOL where it is no device of the kind. */
  open(device: AttachedDevice, config: ReaderConfig, signal: AbortSignal): Promise<Link>;
  /** Ends what the source itself runs. Links are closed by who opened them. */
  close(): Promise<void>;
}

export type LinkFactories = Readonly<Record<LinkKind, LinkSource>>;
