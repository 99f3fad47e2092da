/** What a document may ask for. Whatever goes beyond ends in PDF_LIMIT, in bounded time and memory. */

/** ISO 32000-2, Annex C.2: the largest object number that readers are known to take. */
export const MAX_OBJECT_NUMBER = 8_388_607;
/** Arrays and dictionaries inside each other. */
export const MAX_DEPTH = 100;
/** Bytes of one object as written, streams' data apart. */
export const MAX_OBJECT_BYTES = 8 * 1024 * 1024;
/** Values inside one object. */
export const MAX_OBJECT_VALUES = 1_000_000;
/** References that lead to references. */
export const MAX_INDIRECTIONS = 16;
/** Cross-reference sections, that is, revisions of the document. */
export const MAX_SECTIONS = 1000;
/** Objects that are looked for without a cross-reference. */
export const MAX_SCANNED_OBJECTS = 500_000;
/** Subsections of one cross-reference section. */
export const MAX_SUBSECTIONS = 200_000;
/** All cross-reference streams of a document together, inflated: what they say is kept. */
export const MAX_XREF_BYTES = 64 * 1024 * 1024;
/** One object stream, inflated. */
export const MAX_OBJECT_STREAM_BYTES = 16 * 1024 * 1024;
/** All that is inflated while one document is open; all of its streams that are decrypted, too. */
export const MAX_INFLATED_BYTES = 256 * 1024 * 1024;
/** Crypt filters that an encryption dictionary defines; one is what writers need. */
export const MAX_CRYPT_FILTERS = 64;
/** All content of the pages that are drawn on, inflated. */
export const MAX_CONTENT_BYTES = 512 * 1024 * 1024;
export const MAX_PAGE_NODES = 200_000;
export const MAX_PAGE_DEPTH = 64;
export const MAX_FIELD_NODES = 100_000;
export const MAX_FIELD_DEPTH = 64;
/** Entries of one list of a security store. */
export const MAX_STORE_ENTRIES = 1000;
/** All entries of a security store together, inflated. */
export const MAX_STORE_BYTES = 64 * 1024 * 1024;
/** References of one signature: a DocMDP and a FieldMDP transform are all that has a meaning together. */
export const MAX_SIGNATURE_REFERENCES = 16;
/** Names in one lock of fields. */
export const MAX_LOCKED_FIELDS = 10_000;
/** Values of one constraint on a signature. */
export const MAX_SEED_VALUES = 1000;
/** Objects of a document, and references between them, that are looked through for what a change reaches. */
export const MAX_GRAPH_OBJECTS = 1_000_000;
export const MAX_GRAPH_REFERENCES = 8_000_000;
/** Objects that one revision may define anew. */
export const MAX_CHANGED_OBJECTS = 200_000;
