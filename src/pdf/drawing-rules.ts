/** What a document's own standard, PDF/A, lets be drawn on its pages (ISO 19005-1, -2, -3, -4). */
import { isAppError } from '../errors.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, isName } from './object.ts';
import type { PdfFile } from './revision.ts';

export interface DrawingRules {
  readonly transparency: boolean;
  /** DeviceGray and DeviceRGB. */
  readonly deviceColor: boolean;
}

const ANYTHING: DrawingRules = { transparency: true, deviceColor: true };

/** The metadata of a document say who wrote it and which standard it keeps: a few thousand bytes. */
const MAX_METADATA_BYTES = 1024 * 1024;
const PDFA_NAMESPACE = 'http://www.aiim.org/pdfa/ns/id/';

/**
 * PDF/A-1 forbids transparency (ISO 19005-1, 6.4). The later parts want the colour space that a page is blended in to be known: from
 * an output intent, else from a group of every such page (ISO 19005-2, 6.2.10); pages are left as they are, so without an intent
 * nothing is blended. Device colours hold where the intent's profile is of their kind (6.2.4.3): ours need none.
 */
export function drawingRules(pdf: PdfFile): DrawingRules {
  const part = pdfaPart(pdf);
  if (part === null) return ANYTHING;
  return { transparency: part >= 2 && hasOutputIntent(pdf), deviceColor: false };
}

/** The part of PDF/A that the document claims to keep; 1, the strictest, where it claims one and does not say which; null: none. */
function pdfaPart(pdf: PdfFile): number | null {
  let text: string;
  try {
    const metadata = pdf.get(pdf.catalog, 'Metadata');
    if (!isKind(metadata, 'stream')) return null;
    text = xmpText(pdf.decodedData(metadata, MAX_METADATA_BYTES));
  } catch (error) {
    if (!isAppError(error)) throw error;
    // Beyond its bound it may claim anything; what cannot be read claims nothing to anyone.
    return error.code === 'PDF_LIMIT' ? 1 : null;
  }
  const prefix = new RegExp(`xmlns:([\\w.-]{1,64})\\s*=\\s*["']${PDFA_NAMESPACE}["']`).exec(text)?.[1];
  if (prefix === undefined) return null;
  const name = `${prefix.replaceAll('.', '\\.')}:part`;
  const part = new RegExp(`<${name}[^>]{0,200}>\\s{0,20}(\\d{1,3})|\\s${name}\\s*=\\s*["'](\\d{1,3})["']`).exec(text);
  return part === null ? 1 : Number(part[1] ?? part[2]);
}

/** ISO 16684-1, 7.1: XML, in UTF-8 or UTF-16. */
function xmpText(data: Uint8Array): string {
  const utf16 = data[0] === 0xfe || data[0] === 0 ? 'utf-16be' : data[0] === 0xff || data[1] === 0 ? 'utf-16le' : null;
  return new TextDecoder(utf16 ?? 'utf-8').decode(data);
}

function hasOutputIntent(pdf: ObjectStore & Pick<PdfFile, 'catalog'>): boolean {
  const intents = pdf.get(pdf.catalog, 'OutputIntents');
  return (
    isKind(intents, 'array') &&
    intents.items.some((item) => {
      const intent = pdf.resolve(item);
      if (!isKind(intent, 'dict') || !isName(pdf.get(intent, 'S'), 'GTS_PDFA1')) return false;
      return isKind(pdf.get(intent, 'DestOutputProfile'), 'stream');
    })
  );
}
