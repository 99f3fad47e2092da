/** The objects that one revision defines anew, and what of the document before they change by being referred to. */
import { AppError, isAppError } from '../errors.ts';
import type { DocumentAnchors } from './document-anchors.ts';
import { MAX_CHANGED_OBJECTS } from './limits.ts';
import { referredIn, sameValue } from './object-comparison.ts';
import { isKind } from './object.ts';
import type { PdfArray, PdfDict, PdfObject, PdfStream } from './object.ts';
import type { ReferenceGraph } from './reference-graph.ts';
import type { PdfFile } from './revision.ts';
import { entriesInForce } from './sound-xref.ts';
import type { XrefEntry, XrefSection } from './xref.ts';

/** Data of two streams are compared this much at a time. */
const CHUNK = 1 << 20;

type Container<K extends 'array' | 'dict'> = K extends 'array' ? PdfArray : PdfDict;

export class ChangeSet {
  readonly before: PdfFile;
  readonly after: PdfFile;
  readonly anchors: DocumentAnchors;
  readonly graph: ReferenceGraph;
  /** Objects whose value is another one now, the new and the freed among them. */
  readonly changed: ReadonlySet<number>;
  /** Changed objects whose new definition cannot be read. */
  readonly unreadable: ReadonlySet<number>;
  /** What leads to a changed object without passing an anchor, those objects included; no anchors. */
  readonly touched: ReadonlySet<number>;
  /** What leads to a changed object by whatever way, but for pages and the catalog. */
  readonly reached: ReadonlySet<number>;
  /** Anchors that are changed or refer to what is touched or reached. */
  readonly affected: ReadonlySet<number>;
  /** What object streams of before need to be read, themselves included, as far as it is changed. */
  readonly holding: ReadonlySet<number>;
  readonly #explained = new Set<number>();
  /** Objects whose references of before, and whose new ones, were followed by what was explained. */
  readonly #followedBefore = new Set<number>();
  readonly #followedAfter = new Set<number>();

  /** `sections`: of the new revision alone. Throws PDF_LIMIT. */
  constructor(
    before: PdfFile,
    after: PdfFile,
    sections: readonly XrefSection[],
    anchors: DocumentAnchors,
    graph: ReferenceGraph,
  ) {
    this.before = before;
    this.after = after;
    this.anchors = anchors;
    this.graph = graph;
    const { changed, unreadable } = changedObjects(before, after, sections);
    this.changed = changed;
    this.unreadable = unreadable;

    const affected = new Set([...changed].filter((number) => anchors.has(number)));
    const loose = [...changed, ...graph.unreadable].filter((number) => !anchors.has(number));
    this.touched = this.#upward(loose, (number) => anchors.has(number), affected);
    const all = [...this.touched, ...changed].filter((number) => !anchors.isPageOrCatalog(number));
    this.reached = this.#upward(all, (number) => anchors.isPageOrCatalog(number), affected);
    for (const number of this.reached) if (anchors.has(number)) affected.add(number);
    this.affected = affected;
    this.holding = this.#changedBelow(graph.holders);
  }

  /** Whether the object was not there before. */
  isNew(number: number): boolean {
    return this.changed.has(number) && absent(this.before, number);
  }

  /** Whether a value is another one, or refers to an object of `by`. */
  differs(
    before: PdfObject | undefined,
    after: PdfObject | undefined,
    by: ReadonlySet<number> = this.touched,
  ): boolean {
    return !sameValue(before, after) || referredIn(before).some((number) => by.has(number));
  }

  /** Keys of a dictionary whose values differ; `by` says for each by which objects. */
  differingKeys(before: PdfDict, after: PdfDict, by: (key: string) => ReadonlySet<number>): string[] {
    const keys = new Set([...before.entries.keys(), ...after.entries.keys()]);
    return [...keys].filter(
      (key) =>
        before.duplicates.includes(key) ||
        after.duplicates.includes(key) ||
        this.differs(before.entries.get(key), after.entries.get(key), by(key)),
    );
  }

  /**
   * Says that a value that became another one, and whatever it leads to as far as it is changed and up to anchors, is accounted for:
   * of the objects that were there only those that the value of before led to, and all new ones. What is reached from elsewhere too
   * is accounted for there.
   */
  explain(before: PdfObject | undefined, after: PdfObject | undefined): void {
    const added = referredIn(after);
    const queue = referredIn(before);
    for (let number = queue.pop(); number !== undefined; number = queue.pop()) {
      if (!this.#follows(this.#followedBefore, number)) continue;
      this.#explained.add(number);
      for (const next of this.graph.refs(number)) queue.push(next);
      if (this.changed.has(number)) added.push(...referredIn(this.newValue(number)));
    }
    for (let number = added.pop(); number !== undefined; number = added.pop()) {
      const changed = this.changed.has(number);
      if ((changed && !this.isNew(number)) || !this.#follows(this.#followedAfter, number)) continue;
      this.#explained.add(number);
      for (const next of changed ? referredIn(this.newValue(number)) : this.graph.refs(number)) added.push(next);
    }
  }

  #follows(followed: Set<number>, number: number): boolean {
    if (followed.has(number) || this.anchors.has(number)) return false;
    if (!this.changed.has(number) && !this.reached.has(number)) return false;
    followed.add(number);
    return true;
  }

  /** Says so of one object alone. */
  explainObject(number: number): void {
    this.#explained.add(number);
  }

  /**
   * A value before and after as what it stands for, where that is an array or a dictionary, else null. The objects that hold it are
   * accounted for: who asks goes through what is in it.
   */
  open<K extends 'array' | 'dict'>(
    kind: K,
    before: PdfObject | undefined,
    after: PdfObject | undefined,
  ): { readonly old: Container<K> | null; readonly now: Container<K> | null } {
    if (isKind(before, 'ref')) this.#explained.add(before.number);
    if (isKind(after, 'ref') && this.isNew(after.number)) this.#explained.add(after.number);
    const [old, now] = [this.before.resolve(before), this.after.resolve(after)];
    return {
      old: isKind(old, kind) ? (old as Container<K>) : null,
      now: isKind(now, kind) ? (now as Container<K>) : null,
    };
  }

  /**
   * Changed objects that nobody accounted for. Anchors are not among them: each of those is compared. What object streams need to be read
   * nobody can account for: with it changes all that they hold, whatever the cross-reference says of that.
   */
  unexplained(): number[] {
    return [...this.changed].filter(
      (number) => this.holding.has(number) || (!this.#explained.has(number) && !this.anchors.has(number)),
    );
  }

  /** The new value of a changed object; null for one that cannot be read. */
  newValue(number: number): PdfObject {
    return this.unreadable.has(number) ? null : valueOf(this.after, number);
  }

  /** The values of an object before and after, under the generation that it had before if it was there. */
  values(number: number): readonly [before: PdfObject, after: PdfObject] {
    if (absent(this.before, number)) return [null, this.newValue(number)];
    const ref = { kind: 'ref', number, generation: generationOf(this.before, number) } as const;
    return [this.before.getObject(ref), this.unreadable.has(number) ? null : this.after.getObject(ref)];
  }

  /** What of `from`, and of what they lead to without passing a page or the catalog, is changed. */
  #changedBelow(from: ReadonlySet<number>): Set<number> {
    const seen = new Set(from);
    // What is added on the way is gone through as well.
    for (const number of seen) {
      if (this.anchors.isPageOrCatalog(number)) continue;
      for (const next of this.graph.refs(number)) seen.add(next);
    }
    return new Set([...seen].filter((number) => this.changed.has(number)));
  }

  /** All that lead to `from`, no further than to objects that `stops`, which go into `into`. */
  #upward(from: readonly number[], stops: (number: number) => boolean, into: Set<number>): Set<number> {
    const found = new Set(from);
    const queue = [...from];
    for (let number = queue.pop(); number !== undefined; number = queue.pop()) {
      for (const referrer of this.graph.referrers(number)) {
        if (found.has(referrer)) continue;
        if (stops(referrer)) into.add(referrer);
        else {
          found.add(referrer);
          queue.push(referrer);
        }
      }
    }
    return found;
  }
}

function changedObjects(
  before: PdfFile,
  after: PdfFile,
  sections: readonly XrefSection[],
): { changed: Set<number>; unreadable: Set<number> } {
  const changed = new Set<number>();
  const unreadable = new Set<number>();
  const seen = new Set<number>();
  for (const section of sections) {
    for (const [number] of section.entries()) {
      if (seen.has(number)) continue;
      seen.add(number);
      if (seen.size > MAX_CHANGED_OBJECTS) {
        throw new AppError('PDF_LIMIT', `a revision that lists more than ${MAX_CHANGED_OBJECTS} objects`);
      }
      const [old, now] = [before.lookup(number), after.lookup(number)];
      if (samePlace(old, now)) continue;
      try {
        if (!sameObject(before, after, number)) changed.add(number);
      } catch (error) {
        if (!isAppError(error) || isAppError(error, 'PDF_LIMIT', 'FILE_UNREADABLE')) throw error;
        changed.add(number);
        if (!readable(after, number)) unreadable.add(number);
      }
    }
  }
  for (const number of beyondSize(before)) changed.add(number);
  return { changed, unreadable };
}

/** Objects that readers who go by /Size took for missing (ISO 32000-2, 7.5.5): a larger one would bring them to light. */
function* beyondSize({ sections, trailer }: PdfFile): Iterable<number> {
  const size = Number(trailer.entries.get('Size'));
  if (sections.every(({ highest }) => highest < size)) return;
  for (const [number] of entriesInForce(sections)) if (number >= size) yield number;
}

function samePlace(a: XrefEntry | undefined, b: XrefEntry | undefined): boolean {
  if (a === undefined || a.kind === 'free') return b === undefined || b.kind === 'free';
  if (a.kind === 'offset') return b?.kind === 'offset' && a.offset === b.offset && a.generation === b.generation;
  // What is in an object stream is where it was only as long as the stream is.
  return false;
}

function sameObject(before: PdfFile, after: PdfFile, number: number): boolean {
  if (generationOf(before, number) !== generationOf(after, number)) return false;
  const [old, now] = [valueOf(before, number), valueOf(after, number)];
  if (!isKind(old, 'stream') || !isKind(now, 'stream')) return sameValue(old, now);
  return sameValue(old.dict, now.dict) && sameData(before, old, after, now);
}

function sameData(before: PdfFile, old: PdfStream, after: PdfFile, now: PdfStream): boolean {
  const length = before.get(old.dict, 'Length');
  if (typeof length !== 'number' || length !== after.get(now.dict, 'Length')) return false;
  for (let at = 0; at < length; at += CHUNK) {
    const size = Math.min(CHUNK, length - at);
    const data = before.source.read(old.dataOffset + at, size);
    if (Buffer.compare(data, after.source.read(now.dataOffset + at, size)) !== 0) return false;
  }
  return true;
}

function generationOf(pdf: PdfFile, number: number): number {
  const entry = pdf.lookup(number);
  return entry?.kind === 'offset' ? entry.generation : 0;
}

function valueOf(pdf: PdfFile, number: number): PdfObject {
  return pdf.getObject({ kind: 'ref', number, generation: generationOf(pdf, number) });
}

function absent(pdf: PdfFile, number: number): boolean {
  const entry = pdf.lookup(number);
  return entry === undefined || entry.kind === 'free';
}

function readable(pdf: PdfFile, number: number): boolean {
  try {
    valueOf(pdf, number);
    return true;
  } catch (error) {
    if (!isAppError(error)) throw error;
    return false;
  }
}
