/** Whether two metadata streams (ISO 32000-2, 14.3.2) describe a document in the same way. */
import { isAppError } from '../errors.ts';
import type { ChangeSet } from './change-set.ts';
import { isKind, isName } from './object.ts';
import type { PdfObject } from './object.ts';
import type { PdfFile } from './revision.ts';
import { readXmp } from './xmp.ts';
import type { XmpProperties } from './xmp.ts';

const MAX_METADATA_BYTES = 1024 * 1024;

const [XMP, XMP_MM] = ['http://ns.adobe.com/xap/1.0/', 'http://ns.adobe.com/xap/1.0/mm/'];
/** Properties that say when and by what program a file was written, and which version of it this is. */
const OF_VERSION: ReadonlySet<string> = new Set([
  ...['ModifyDate', 'MetadataDate', 'CreateDate'].map((name) => `${XMP} ${name}`),
  ...['InstanceID', 'VersionID', 'History'].map((name) => `${XMP_MM} ${name}`),
  'http://ns.adobe.com/pdf/1.3/ Producer',
]);

/** Whether all but dates, programs and versions stayed as it was. */
export function describesTheSame(set: ChangeSet, before: PdfObject | undefined, after: PdfObject | undefined): boolean {
  const [old, now] = [described(set.before, before), described(set.after, after)];
  if (old === null || now === null) return false;
  const keys = new Set([...old.keys(), ...now.keys()]);
  return [...keys].every((key) => OF_VERSION.has(key) || old.get(key) === now.get(key));
}

function described(pdf: PdfFile, value: PdfObject | undefined): XmpProperties | null {
  const stream = pdf.resolve(value);
  if (!isKind(stream, 'stream') || !isName(pdf.get(stream.dict, 'Subtype'), 'XML')) return null;
  try {
    return readXmp(new TextDecoder('utf-8', { fatal: true }).decode(pdf.decodedData(stream, MAX_METADATA_BYTES)));
  } catch (error) {
    // Not to be read, or not in UTF-8.
    if (isAppError(error) || error instanceof TypeError) return null;
    throw error;
  }
}
