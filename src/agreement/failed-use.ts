/** Which failed sealings the ledger tells of. Pure. */
import { isAppError } from '../errors.ts';

/** Whether the key may have signed before the sealer failed so: what is refused before that is no use of the seal. */
export function mayHaveSigned(error: unknown): boolean {
  return !isAppError(error) || isAppError(error, 'SEAL_SELF_CHECK', 'SEAL_FAILED', 'FILE_UNWRITABLE', 'STATE_UNUSABLE');
}
