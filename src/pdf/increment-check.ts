/** A second look at a planned increment, by the reader and not by the writer: what would be appended, opened as anyone would open it. */
import { createHash } from 'node:crypto';
import { AppError, isAppError } from '../errors.ts';
import { appendedSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { readSecurityStore } from './dss.ts';
import type { PlannedStore, SecurityStore } from './dss.ts';
import type { PlannedIncrement } from './increment.ts';
import { openPdf } from './revision.ts';
import type { PdfFile } from './revision.ts';
import { isSound } from './sound-xref.ts';

/**
 * Throws SEAL_SELF_CHECK unless the document with the increment behind it opens, ends with that revision, and shows the planned field
 * with a signature whose ByteRange leaves out its Contents and nothing else, and which says of what may follow what was planned.
 */
export function checkPlanned(source: ByteSource, planned: PlannedIncrement): void {
  let fault: string | null;
  try {
    fault = faultOf(source, planned);
  } catch (cause) {
    if (!isAppError(cause) || cause.code === 'FILE_UNREADABLE') throw cause;
    throw new AppError('SEAL_SELF_CHECK', cause.message, { cause });
  }
  if (fault !== null) throw new AppError('SEAL_SELF_CHECK', fault);
}

function faultOf(source: ByteSource, planned: PlannedIncrement): string | null {
  const { bytes, byteRange, contents, fieldName, transforms, repaired } = planned;
  const whole = appendedSource(source, bytes);
  const pdf = openPdf(whole);
  const value = pdf.signatureFields().find(({ name }) => name === fieldName)?.value;
  const span = value?.contents?.span;
  if (value?.byteRange?.length !== 4 || span === undefined) return 'the signature cannot be found';
  const [start, before, from, after] = byteRange;
  if (value.byteRange.some((number, i) => number !== byteRange[i])) return 'the ByteRange is not as planned';
  if (span.start !== contents.offset - 1 || span.end !== contents.offset + contents.length + 1) {
    return 'Contents is not where it was planned';
  }
  if (start !== 0 || before !== span.start || from !== span.end || from + after !== whole.size) {
    return 'the ByteRange does not leave out Contents alone';
  }
  const { docMdp, fieldMdp } = value;
  if (JSON.stringify({ docMdp, fieldMdp }) !== JSON.stringify(transforms))
    return 'other changes may follow than planned';
  if (pdf.revisions().at(-1)?.endOfLine !== whole.size) return 'the file does not end with the revision';
  return chainFault(pdf, repaired);
}

/** Every reader must find every object where the new section says, and through it the sections before, unless it is complete itself. */
function chainFault(pdf: PdfFile, complete: boolean): string | null {
  if (pdf.fault !== null) return pdf.fault;
  if (complete !== (pdf.sections.length === 1)) return 'the cross-reference does not go on from the one before';
  for (const [number, entry] of pdf.sections[0]?.entries() ?? []) {
    if (!isSound(pdf, number, entry)) return `object ${number} is not where the cross-reference has it`;
  }
  return null;
}

/**
 * Throws SEAL_SELF_CHECK unless the document with the increment behind it opens, ends with that revision, has the signatures that it had,
 * and its security store holds what it held and all that was added.
 */
export function checkStored(source: ByteSource, { bytes, added }: PlannedStore): void {
  const before = openPdf(source);
  const whole = appendedSource(source, bytes);
  const after = openPdf(whole);
  if (after.revisions().at(-1)?.endOfLine !== whole.size) {
    throw new AppError('SEAL_SELF_CHECK', 'the file does not end with the revision');
  }
  if (signaturesOf(before) !== signaturesOf(after)) throw new AppError('SEAL_SELF_CHECK', 'the signatures are others');
  const expected = idsOf(readSecurityStore(before)).concat(idsOf(added));
  const found = new Set(idsOf(readSecurityStore(after)));
  if (!expected.every((id) => found.has(id))) {
    throw new AppError('SEAL_SELF_CHECK', 'the security store is not as planned');
  }
}

function signaturesOf(pdf: PdfFile): string {
  return JSON.stringify(
    pdf.signatureFields().map(({ name, value }) => [name, value?.contents?.span, value?.byteRange]),
  );
}

function idsOf({ certificates, crls, ocsps }: SecurityStore): string[] {
  const idOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  return [
    ...certificates.map((bytes) => `certificate ${idOf(bytes)}`),
    ...crls.map((bytes) => `crl ${idOf(bytes)}`),
    ...ocsps.map((bytes) => `ocsp ${idOf(bytes)}`),
  ];
}
