/** Why a certificate was revoked (RFC 5280, 5.3.1). Pure. */
import type { DerNode } from './der.ts';
import { fail } from './der.ts';
import { readEnumerated } from './der-values.ts';

const REASONS = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  null, // 7 is not used
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;
export type CrlReason = NonNullable<(typeof REASONS)[number]>;

/** Throws DerError. */
export function readCrlReason(node: DerNode | undefined, field: string): CrlReason {
  const value = readEnumerated(node, field);
  return REASONS[value] ?? fail(`${field}: no reason ${value}`);
}
