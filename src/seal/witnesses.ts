/** The certificates on which the signatures and timestamps of a document rest, as they are found in it. */
import { parseCertificate } from '../cms/certificate.ts';
import type { Certificate } from '../cms/certificate.ts';
import { parseSignedData } from '../cms/signed-data.ts';
import { parseTimestampToken, timestampsOf } from '../cms/timestamp.ts';
import type { TimestampToken } from '../cms/timestamp.ts';
import { AppError, isAppError } from '../errors.ts';
import type { SignedFacts } from '../pdf/pdf-worker.ts';
import type { Witness } from './level-raiser.ts';

export interface FoundWitnesses {
  readonly witnesses: readonly Witness[];
  /** Whether there is a timestamp over the newest signature: one of its own, or of the document. */
  readonly isTimed: boolean;
}

/** A signature of the document, or a document timestamp, with the tokens that say when. */
interface Signed {
  /** Null for a document timestamp, whose signer is its token's, and where it is not told. */
  readonly signer: Certificate | null;
  readonly embedded: readonly Certificate[];
  readonly tokens: readonly TimestampToken[];
}

/**
 * `newest`: of the last signature that is no timestamp, and of every timestamp over it; `all`: of everything in the document. Whether
 * they are what they say is for a verifier. Throws CMS_INVALID, and SEAL_FAILED where there is no signature.
 */
export function witnessesIn({ signatures, store }: SignedFacts, which: 'newest' | 'all'): FoundWitnesses {
  const inOrder = signatures.toSorted((a, b) => a.end - b.end);
  const newest = inOrder.findLastIndex(({ subFilter }) => subFilter !== TIMESTAMP);
  if (newest === -1) throw new AppError('SEAL_FAILED', 'the document carries no signature');
  const wanted = inOrder.slice(which === 'all' ? 0 : newest).map(readSigned);
  const stored = store.certificates.flatMap((der) => readable(der) ?? []);
  const witnesses = wanted.flatMap(({ signer, embedded, tokens }, place): Witness[] => {
    const stamps = tokens.flatMap((token) => witnessOfToken(token, stored));
    if (signer === null) return stamps;
    // Whoever signed later signed this, too.
    const over = [tokens, ...wanted.slice(place + 1).map((later) => later.tokens)].find(({ length }) => length > 0);
    const at = over?.[0]?.time ?? null;
    return [{ certificate: signer, pool: [...embedded, ...stored], purpose: 'document', at }, ...stamps];
  });
  const isTimed = wanted.slice(newest - inOrder.length).some(({ tokens }) => tokens.length > 0);
  return { witnesses, isTimed };
}

const TIMESTAMP = 'ETSI.RFC3161';

function readSigned({ subFilter, contents }: SignedFacts['signatures'][number]): Signed {
  if (subFilter === TIMESTAMP) {
    return { signer: null, embedded: [], tokens: [parseTimestampToken(contents)] };
  }
  const parsed = parseSignedData(contents);
  const tokens = timestampsOf(parsed).map((token) => parseTimestampToken(token));
  return { signer: parsed.signer, embedded: parsed.certificates, tokens };
}

function witnessOfToken({ time, signedData }: TimestampToken, stored: readonly Certificate[]): Witness[] {
  const { signer, certificates } = signedData;
  if (signer === null) return [];
  return [{ certificate: signer, pool: [...certificates, ...stored], purpose: 'timestamp', at: time }];
}

/** One that cannot be read is as one that is not there. */
function readable(der: Uint8Array): Certificate | null {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (isAppError(error, 'CERTIFICATE_INVALID')) return null;
    throw error;
  }
}
