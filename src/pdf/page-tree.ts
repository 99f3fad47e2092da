/** The pages of a document in order (ISO 32000-2, 7.7.3), with the attributes they inherit. */
import { AppError } from '../errors.ts';
import { MAX_PAGE_DEPTH, MAX_PAGE_NODES } from './limits.ts';
import type { ObjectStore } from './object-store.ts';
import { isKind, isName } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';

/** Attributes that a page has from its ancestors where it has none itself (Table 31), UserUnit apart: that one is the page's own. */
const INHERITABLE = ['Resources', 'MediaBox', 'CropBox', 'Rotate'] as const;

export interface PageAttributes {
  readonly Resources?: PdfObject;
  readonly MediaBox?: PdfObject;
  readonly CropBox?: PdfObject;
  readonly Rotate?: PdfObject;
}

export interface PageNode {
  /** From 1. */
  readonly number: number;
  readonly ref: PdfRef;
  readonly dict: PdfDict;
  /** The page's own attributes over the inherited ones, references not followed. */
  readonly attributes: PageAttributes;
}

interface Visit {
  readonly ref: PdfRef;
  readonly depth: number;
  readonly inherited: PageAttributes;
}

/**
 * Walks the whole tree down to each leaf and believes no /Count. Throws PDF_LIMIT for circles and for trees too deep or too large,
 * PDF_UNREADABLE for what is no page tree.
 */
export function* walkPages(store: ObjectStore, catalog: PdfDict): Generator<PageNode, void, void> {
  const root = catalog.entries.get('Pages');
  if (!isKind(root, 'ref')) throw new AppError('PDF_UNREADABLE', 'the catalog refers to no page tree');
  const seen = new Set<number>();
  const stack: Visit[] = [{ ref: root, depth: 0, inherited: {} }];
  let pages = 0;
  for (let visit = stack.pop(); visit !== undefined; visit = stack.pop()) {
    const { ref, depth, inherited } = visit;
    if (seen.has(ref.number)) throw new AppError('PDF_LIMIT', `the page tree meets object ${ref.number} twice`);
    seen.add(ref.number);
    if (seen.size > MAX_PAGE_NODES)
      throw new AppError('PDF_LIMIT', `more than ${MAX_PAGE_NODES} nodes in the page tree`);
    if (depth > MAX_PAGE_DEPTH) throw new AppError('PDF_LIMIT', `a page tree deeper than ${MAX_PAGE_DEPTH}`);
    const dict = store.getObject(ref);
    if (!isKind(dict, 'dict'))
      throw new AppError('PDF_UNREADABLE', `node ${ref.number} of the page tree is no dictionary`);
    const attributes = inherit(dict, inherited);
    const kids = store.get(dict, 'Kids');
    if (isName(store.get(dict, 'Type'), 'Page') || kids === null) {
      if (depth === 0) throw new AppError('PDF_UNREADABLE', 'the page tree has no /Kids');
      pages++;
      yield { number: pages, ref, dict, attributes };
      continue;
    }
    if (!isKind(kids, 'array')) throw new AppError('PDF_UNREADABLE', `/Kids of object ${ref.number} is no array`);
    if (seen.size + stack.length + kids.items.length > MAX_PAGE_NODES) {
      throw new AppError('PDF_LIMIT', `more than ${MAX_PAGE_NODES} nodes in the page tree`);
    }
    for (let i = kids.items.length - 1; i >= 0; i--) {
      const kid = kids.items[i];
      if (!isKind(kid, 'ref')) throw new AppError('PDF_UNREADABLE', `/Kids of object ${ref.number} holds no reference`);
      stack.push({ ref: kid, depth: depth + 1, inherited: attributes });
    }
  }
}

function inherit(dict: PdfDict, inherited: PageAttributes): PageAttributes {
  const attributes: Record<string, PdfObject> = { ...inherited };
  for (const key of INHERITABLE) {
    const own = dict.entries.get(key);
    if (own !== undefined && own !== null) attributes[key] = own;
  }
  return attributes;
}
