/** What is asked of the sealer and what it answers: types only. */
import type { Hash } from 'node:crypto';
import type { Raster } from '../biometric/raster.ts';

/**
 * Where a mark or seal goes. Positions name the centre, in millimetres from the top left of the page as seen (after rotation and
 * CropBox); `keyword` centres on the words, `field` fills an empty signature field.
 */
export type Placement =
  | {
      readonly page: number;
      readonly xMm: number;
      readonly yMm: number;
      readonly widthMm?: number;
      /** Degrees, clockwise as seen. */
      readonly rotation?: number;
    }
  | { readonly keyword: string; readonly occurrence?: number; readonly dxMm?: number; readonly dyMm?: number }
  | { readonly field: string };

/** A person whose mark goes onto the agreement: parties by their order in it, from 0. */
export type Signatory = { readonly role: 'party'; readonly index: number } | { readonly role: 'mediator' };

/** The pages' edge that shows a paging seal. */
export type PagingEdge = 'right' | 'left';

export interface MarkRequest {
  readonly who: Signatory;
  /** Absent: the person's own line, by the product's rules. */
  readonly placement?: Placement;
  readonly picture:
    | { readonly kind: 'fingerprint'; readonly raster: Raster }
    | { readonly kind: 'signature' | 'stamp'; readonly png: Uint8Array };
}

export interface SealJob {
  /** The PDF, extended in place: on success its first `bytes` bytes are as they were, on failure all of it is. */
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 running over exactly those bytes; copied, not consumed. Absent: the file is read once more. */
  readonly midstate?: Hash;
  readonly marks: readonly MarkRequest[];
  /** How many parties have a signature line. */
  readonly parties: number;
  /** Null: astride the year and month of the date. */
  readonly seal: Placement | null;
  /** A paging seal too, at this edge; true: at the usual one. Absent: none. */
  readonly paging?: PagingEdge | true;
  /** Whether marks and a seal at coordinates are looked at for what they lie over: it reads the pages' text, beside everything else. */
  readonly checkOverlap?: boolean;
  readonly reason?: string;
  /** False where a mark comes from a simulated reader: then only a TEST seal will do. */
  readonly allowReal: boolean;
}

export interface Notice {
  readonly code: string;
  readonly message: string;
  readonly messageZh: string;
}

export interface SealedFile {
  /** SHA-256, hexadecimal, of the file before and after. */
  readonly sha256Before: string;
  readonly sha256After: string;
  readonly bytes: number;
  readonly sealedAt: Date;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly certificateSha256: string;
  readonly warnings: readonly Notice[];
}

export interface Sealer {
  seal(job: SealJob, signal: AbortSignal): Promise<SealedFile>;
}
