/** What is asked of the sealer and what it answers: types only. */
import type { Hash } from 'node:crypto';
import type { Raster } from '../biometric/raster.ts';
import type { AppError } from '../errors.ts';
import type { Level } from './level.ts';

/** A centre, in millimetres from the top left of the page as seen (after rotation and CropBox). */
export interface PagePlacement {
  readonly page: number;
  readonly xMm: number;
  readonly yMm: number;
  readonly widthMm?: number;
  /** Degrees, clockwise as seen. */
  readonly rotation?: number;
}

/** Centred on words of the document. */
export interface KeywordPlacement {
  readonly keyword: string;
  readonly occurrence?: number;
  readonly dxMm?: number;
  readonly dyMm?: number;
}

/** Where a mark or seal goes; `field` fills an empty signature field. */
export type Placement = PagePlacement | KeywordPlacement | { readonly field: string };

/** A seal that another committee is to put on the document after this one. */
export interface ExpectedSeal {
  /** What the signature field that is kept for it is called. */
  readonly name: string;
  readonly placement: Omit<PagePlacement, 'rotation'> | KeywordPlacement;
}

/** A person whose mark goes onto the agreement: parties by their order in it, from 0. */
export type Signatory = { readonly role: 'party'; readonly index: number } | { readonly role: 'mediator' };

/** The pages' edge that shows a paging seal. */
export type PagingEdge = 'right' | 'left';

export interface MarkRequest {
  readonly who: Signatory;
  /** Absent: the person's own line, by the product's rules. */
  readonly placement?: Placement;
  readonly picture:
    | {
        readonly kind: 'fingerprint';
        readonly raster: Raster;
        /** Written across the print: the agreement's number, or where it has none the start of its SHA-256. */
        readonly inscription: string;
      }
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
  /** Null: astride the year and month of the date; on a signed document in the field that was kept for it. */
  readonly seal: Placement | null;
  /** A paging seal too, at this edge; true: at the usual one. Absent: none. */
  readonly paging?: PagingEdge | true;
  /** Whether marks and a seal at coordinates are looked at for what they lie over: it reads the pages' text, beside everything else. */
  readonly checkOverlap?: boolean;
  /** Nothing may follow but timestamps and what proves the signature later. */
  readonly final?: boolean;
  /** The seals to come: fields are kept for them. */
  readonly expect?: readonly ExpectedSeal[];
  readonly reason?: string;
  /** False where a mark comes from a simulated reader: then only a TEST seal will do. */
  readonly allowReal: boolean;
  /** What to reach where the authorities answer. Default: B-B, for which nobody is asked. */
  readonly level?: Level;
  /** Called when the key is about to sign: from then on there was a use of the seal, however it ends. */
  readonly onKeyUse?: () => void;
  /** Once it aborts nobody is waited for any more: what the authorities have not said by then is left out. */
  readonly hurry?: AbortSignal;
}

/**
 * A sealed file that is to reach a higher level, extended in place: on failure it is what it was. B-LTA adds a document timestamp in any
 * case, and so renews a file that has one.
 */
export interface ExtensionJob {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256, hexadecimal, that the file must have. */
  readonly sha256: string;
  /** What its newest signature has; absent: not known, and then all its signatures are raised, whoever made them. */
  readonly from?: Level;
  readonly to: Level;
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
  readonly level: Level;
  /** Why that is not the level that was asked for. */
  readonly shortfall?: AppError;
  readonly warnings: readonly Notice[];
}

export interface ExtendedFile {
  /** SHA-256, hexadecimal, of the file after. */
  readonly sha256: string;
  readonly bytes: number;
  readonly extendedAt: Date;
  /** Higher than it was. */
  readonly level: Level;
  /** Why that is not the level that was asked for. */
  readonly shortfall?: AppError;
}

/** What may be asked for, by the authorities that are configured. */
export interface Levels {
  /** Where nobody asks for another. */
  readonly preset: Level;
  readonly available: readonly Level[];
}

export interface Sealer {
  readonly levels: Levels;
  seal(job: SealJob, signal: AbortSignal): Promise<SealedFile>;
  /** Needs no key. Throws why no higher level was reached, and leaves the file as it was then. */
  extend(job: ExtensionJob, signal: AbortSignal): Promise<ExtendedFile>;
}
