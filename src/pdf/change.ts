/** What one revision of a document changed in the one before, as its readers would name it. */

export type Change =
  | {
      /** A signature in a field that was empty or was not there. */
      readonly kind: 'signature';
      readonly field: string;
      /** Whether the field is new as well. */
      readonly isNewField: boolean;
      /** Whether its widget has an area. */
      readonly isShown: boolean;
      /** Where it is shown; absent where it is not. */
      readonly page?: number;
    }
  /** A document timestamp that is shown nowhere (ISO 32000-2, 12.8.5). */
  | { readonly kind: 'timestamp'; readonly field: string }
  /** An empty signature field that looks like nothing. */
  | { readonly kind: 'empty-field'; readonly field: string; readonly isShown: boolean; readonly page?: number }
  /** The value of a form field that is no signature, and what the field looks like. */
  | { readonly kind: 'field-value'; readonly field: string; readonly page?: number }
  | {
      readonly kind: 'annotation';
      readonly how: 'added' | 'changed' | 'removed';
      /** Such as `Highlight`; one of those that comment on a page. */
      readonly subtype: string;
      readonly page: number;
    }
  /** Certificates and revocation data in the document security store (12.8.4.3). */
  | { readonly kind: 'validation-data' }
  /** When and by what program the file was written: nothing else of its description. */
  | { readonly kind: 'dates' }
  /** A higher version of the format, or extensions of it that are declared. */
  | { readonly kind: 'version' }
  /** New objects that nothing refers to. */
  | { readonly kind: 'unused' }
  | OtherChange;

/** A change that no signature lets happen. */
export interface OtherChange {
  readonly kind: 'other';
  readonly place: Place;
  readonly page?: number;
  /** Name of a field, a key, an object's number, in the words of the format. */
  readonly detail?: string;
}

export type Place =
  /** Bytes that no cross-reference section reaches. */
  | 'bytes'
  /** The cross-reference does not go on from that of the revision before. */
  | 'history'
  /** The revision cannot be read, or not be compared. */
  | 'unreadable'
  /** An object of before that nothing accounts for. */
  | 'object'
  | 'trailer'
  | 'catalog'
  | 'page-tree'
  /** A page's entries, its content and resources apart. */
  | 'page'
  | 'page-content'
  | 'names'
  | 'actions'
  | 'layers'
  | 'structure'
  | 'outlines'
  | 'files'
  | 'description'
  | 'permissions'
  | 'form'
  | 'field'
  /** A signature that was made already: its dictionary, its field, what it looks like. */
  | 'signature'
  | 'annotation'
  | 'validation-data';

export type Report = (change: Change) => void;
