/**
 * A document timestamp (ISO 32000-2, 12.8.5; ETSI EN 319 142-1, 5.4.3): a signature that is no person's but a time-stamp token over all
 * that the file holds. It may follow any signature, a certification that permits no changes as well (12.8.2.2, Table 257).
 */
import { AppError } from '../errors.ts';
import { Forms } from './appearance.ts';
import { IncrementDraft } from './increment-draft.ts';
import { checkContentsBytes } from './increment.ts';
import type { PlannedIncrement } from './increment.ts';
import { pdfDict, pdfName } from './object.ts';
import { overridesPermissions } from './owner-permissions.ts';
import { readPermissions } from './permissions-dictionary.ts';
import type { PdfFile } from './revision.ts';
import { addSignatureField, listFields, newFieldName } from './signature-widget.ts';

/**
 * The increment with a field that nobody sees and room of `contentsBytes` bytes for a TimeStampToken over the ByteRange. `random16`
 * becomes the second file identifier. Throws PDF_SHAPE_UNSUPPORTED, PDF_SIGNED_LOCKED, and what reading the document throws.
 */
export function planDocumentTimestamp(pdf: PdfFile, contentsBytes: number, random16: Uint8Array): PlannedIncrement {
  checkContentsBytes(contentsBytes);
  const form = pdf.form();
  if (form !== null && pdf.get(form, 'XFA') !== null) throw new AppError('PDF_SHAPE_UNSUPPORTED', 'an XFA form');
  const { usageRights } = readPermissions(pdf, pdf.catalog);
  if (usageRights?.binding === true && !usageRights.mayAddFields) {
    throw new AppError('PDF_SIGNED_LOCKED', 'usage rights without that to add fields');
  }
  const signedBefore = pdf.signatureFields().filter(({ value }) => value !== null).length;
  const draft = new IncrementDraft(pdf);
  const ref = draft.reserve();
  const fieldName = newFieldName(pdf, 'Timestamp');
  const unseen = { signature: ref, place: null, appearance: null, lock: null };
  listFields(draft, [addSignatureField(draft, new Forms(draft), fieldName, unseen)], signedBefore > 0);
  const written = draft.finish(ref, TIMESTAMP_DICTIONARY, contentsBytes, random16);
  return {
    ...written,
    fieldName,
    addsFields: true,
    signedBefore,
    transforms: { docMdp: null, fieldMdp: null },
    overridesPermissions: overridesPermissions(pdf, { drawsOnPages: false, addsField: true }),
    endsUsageRights: false,
    coveredMarks: [],
  };
}

/** 12.8.5: none of the entries by which a signature tells who signed, when and why. */
const TIMESTAMP_DICTIONARY = pdfDict({
  Type: pdfName('DocTimeStamp'),
  Filter: pdfName('Adobe.PPKLite'),
  SubFilter: pdfName('ETSI.RFC3161'),
});
