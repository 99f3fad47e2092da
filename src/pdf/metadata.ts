/** Whether two metadata streams (ISO 32000-2, 14.3.2) describe a document in the same way. */
import { isAppError } from '../errors.ts';
import type { ChangeSet } from './change-set.ts';
import { isKind, isName } from './object.ts';
import type { PdfObject } from './object.ts';
import type { PdfFile } from './revision.ts';

const MAX_METADATA_BYTES = 1024 * 1024;

/** Properties of XMP (ISO 16684-1) that say when and by what program a file was written, and which version of it this is. */
const OF_VERSION =
  'xmp:ModifyDate|xmp:MetadataDate|xmp:CreateDate|pdf:Producer|xmpMM:InstanceID|xmpMM:VersionID|xmpMM:History|x:xmptk';
const AS_ELEMENT = new RegExp(`<(${OF_VERSION})(?=[\\s/>])[^<>]*(?:/>|>[^]*?</\\1\\s*>)`, 'g');
const AS_ATTRIBUTE = new RegExp(`\\s(?:${OF_VERSION})\\s*=\\s*(?:"[^"]*"|'[^']*')`, 'g');

/** Whether all but dates, programs and versions stayed as it was. */
export function describesTheSame(set: ChangeSet, before: PdfObject | undefined, after: PdfObject | undefined): boolean {
  const old = described(set.before, before);
  return old !== null && old === described(set.after, after);
}

function described(pdf: PdfFile, value: PdfObject | undefined): string | null {
  const stream = pdf.resolve(value);
  if (!isKind(stream, 'stream') || !isName(pdf.get(stream.dict, 'Subtype'), 'XML')) return null;
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(pdf.decodedData(stream, MAX_METADATA_BYTES));
    return text.replaceAll(AS_ELEMENT, '').replaceAll(AS_ATTRIBUTE, '').replaceAll(/\s+/g, '');
  } catch (error) {
    // Not to be read, or not in UTF-8.
    if (isAppError(error) || error instanceof TypeError) return null;
    throw error;
  }
}
