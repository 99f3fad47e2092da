/** What a revision changed on the pages and in their annotations (ISO 32000-2, 7.7.3.3 and 12.5). */
import type { Change, Report } from './change.ts';
import type { ChangeSet } from './change-set.ts';
import { referredIn, sameValue } from './object-comparison.ts';
import { MAX_PAGE_DEPTH } from './limits.ts';
import { isKind } from './object.ts';
import type { PdfDict, PdfObject } from './object.ts';
import type { PdfFile } from './revision.ts';

/** Entries of a page that are drawn: what they lead to by whatever way shows on it. */
const CONTENT = new Set(['Contents', 'Resources', 'Group', 'Thumb']);

const INHERITED = new Set(['Resources', 'MediaBox', 'CropBox', 'Rotate']);
const NONE: ReadonlySet<number> = new Set();

/** Annotations that comment on a page (12.5.6.2) and hold nothing but that, and their pop-ups. */
const COMMENTS: ReadonlySet<string> = new Set(
  `Text FreeText Line Square Circle Polygon PolyLine Highlight Underline Squiggly StrikeOut Caret Stamp
   Ink Popup`.split(/\s+/),
);
/** Tables 166, 172 and those of the kinds above, without what acts (A, AA), hides (OC), measures or holds files. */
const COMMENT_KEYS: ReadonlySet<string> = new Set(
  `Type Subtype Rect Contents P NM M F AP AS Border C ca CA BM Lang T Popup RC CreationDate IRT Subj RT
   IT Open Name State StateModel Parent L BS BE LE IC LL LLE LLO Cap CP CO RD Vertices DA Q DS CL
   QuadPoints InkList Sy Rotate`.split(/\s+/),
);

export class PageComparison {
  readonly #set: ChangeSet;
  readonly #report: Report;
  /** Annotations that pages list and did not before, with these pages. */
  readonly listed = new Map<number, number[]>();
  /** Annotations that the page they were on lists no longer. */
  readonly #removed = new Set<number>();

  constructor(set: ChangeSet, report: Report) {
    this.#set = set;
    this.#report = report;
  }

  comparePage(number: number, page: number): void {
    const set = this.#set;
    const [old, now] = set.values(number);
    if (!isKind(old, 'dict') || !isKind(now, 'dict')) {
      this.#report({ kind: 'other', place: 'page', page });
      return;
    }
    // What the nodes above it say is the tree's.
    const by = (key: string): ReadonlySet<number> =>
      CONTENT.has(key) ? set.reached : key === 'Parent' ? NONE : set.touched;
    for (const key of set.differingKeys(old, now, by)) {
      const [from, to] = [old.entries.get(key), now.entries.get(key)];
      if (key === 'Annots') this.#compareList(from, to, page);
      else if (INHERITED.has(key) && this.#isInherited(old, now, key)) continue;
      else if (key === 'Contents' || key === 'Resources') this.#report({ kind: 'other', place: 'page-content', page });
      else if (key !== 'LastModified' || !isKind(set.after.resolve(to), 'string')) {
        this.#report({ kind: 'other', place: 'page', page, detail: key });
      }
      set.explain(from, to);
    }
  }

  /** Whether what a page now says itself, or no longer, is what it has from the nodes above it. */
  #isInherited(old: PdfDict, now: PdfDict, key: string): boolean {
    const { before, after, reached } = this.#set;
    return !this.#set.differs(effective(before, old, key), effective(after, now, key), reached);
  }

  /** A page's annotations: those of before in their order, without some, then new ones. */
  #compareList(before: PdfObject | undefined, after: PdfObject | undefined, page: number): void {
    const set = this.#set;
    const { old, now } = set.open('array', before, after);
    // What is no list has nothing on it, but may be drawn by somebody else.
    if ((old === null && set.before.resolve(before) !== null) || (now === null && set.after.resolve(after) !== null)) {
      this.#report({ kind: 'other', place: 'page', page, detail: 'Annots' });
    }
    const [was, is] = [old?.items ?? [], now?.items ?? []];
    const inline = was.filter((item) => !isKind(item, 'ref'));
    const inlineNow = is.filter((item) => !isKind(item, 'ref'));
    const sameInline =
      inline.length === inlineNow.length &&
      inline.every((item, i) => sameValue(item, inlineNow[i]) && !referredIn(item).some((n) => set.reached.has(n)));
    const [wasListed, isListed] = [numbers(was), numbers(is)];
    const [wasSet, isSet] = [new Set(wasListed), new Set(isListed)];
    const kept = wasListed.filter((number) => isSet.has(number));
    const added = isListed.slice(kept.length);
    const inOrder = kept.every((number, i) => number === isListed[i]) && isSet.size === isListed.length;
    if (!sameInline || !inOrder || added.some((number) => wasSet.has(number))) {
      this.#report({ kind: 'other', place: 'page', page, detail: 'Annots' });
    }
    for (const number of wasListed) if (!isSet.has(number)) this.#remove(number, page);
    for (const number of added) this.listed.set(number, [...(this.listed.get(number) ?? []), page]);
  }

  #remove(number: number, page: number): void {
    const { anchors } = this.#set;
    this.#removed.add(number);
    const field = anchors.fields.get(anchors.widgets.get(number) ?? number);
    if (field !== undefined) {
      this.#report({ kind: 'other', place: field.signed ? 'signature' : 'field', page, detail: field.name });
      return;
    }
    const [old] = this.#set.values(number);
    this.#set.explainObject(number);
    this.#set.explain(old, undefined);
    if (old !== null) this.#reportAnnotation('removed', isKind(old, 'dict') ? old : null, page, []);
  }

  /** An annotation that is no field or widget of one. */
  compareAnnotation(number: number, page: number): void {
    if (this.#removed.has(number)) return;
    const set = this.#set;
    const [old, now] = set.values(number);
    if (!isKind(old, 'dict') || !isKind(now, 'dict')) {
      if (set.changed.has(number)) this.#report({ kind: 'other', place: 'annotation', page });
      return;
    }
    const keys = set.differingKeys(old, now, (key) => (key === 'AP' ? set.reached : set.touched));
    if (keys.length === 0) return;
    for (const key of keys) set.explain(old.entries.get(key), now.entries.get(key));
    const isSame = sameValue(old.entries.get('Subtype'), now.entries.get('Subtype'));
    this.#reportAnnotation('changed', isSame ? now : null, page, keys);
  }

  /** What pages list anew and no field accounts for, after all else was compared. */
  takeNewAnnotations(): void {
    const set = this.#set;
    for (const number of this.#removed) set.anchors.annotations.delete(number);
    for (const [number, [page = 0, ...more]] of this.listed) {
      const value = set.isNew(number) ? set.newValue(number) : null;
      set.explain(undefined, { kind: 'ref', number, generation: 0 });
      const dict = isKind(value, 'dict') && value.duplicates.length === 0 && more.length === 0 ? value : null;
      this.#reportAnnotation('added', dict, page, [...(dict?.entries.keys() ?? [])]);
      set.anchors.addAnnotation(number, page);
    }
  }

  #reportAnnotation(
    how: (Change & { kind: 'annotation' })['how'],
    dict: PdfDict | null,
    page: number,
    keys: readonly string[],
  ): void {
    const subtype = dict === null ? null : this.#set.after.resolve(dict.entries.get('Subtype'));
    const name = isKind(subtype, 'name') ? subtype.value : '-';
    if (COMMENTS.has(name) && keys.every((key) => COMMENT_KEYS.has(key))) {
      this.#report({ kind: 'annotation', how, subtype: name, page });
    } else if (name === 'Widget') this.#report({ kind: 'other', place: 'field', page });
    else this.#report({ kind: 'other', place: 'annotation', page, detail: name });
  }
}

/** A page's attribute, its own or inherited (Table 31). */
function effective(pdf: PdfFile, page: PdfDict, key: string): PdfObject {
  let node: PdfObject = page;
  for (let depth = 0; isKind(node, 'dict') && depth <= MAX_PAGE_DEPTH; depth++) {
    const own = node.entries.get(key) ?? null;
    if (own !== null) return own;
    node = pdf.get(node, 'Parent');
  }
  return null;
}

function numbers(list: readonly PdfObject[]): number[] {
  return list.flatMap((item) => (isKind(item, 'ref') ? item.number : []));
}
