/**
 * Which objects of a document refer to which, whatever for: the way from a changed object to all that it changes. Each object is read
 * once, in the order in which the file has them; streams' data refer to nothing.
 */
import { AppError, isAppError } from '../errors.ts';
import { textAt } from './byte-source.ts';
import { MAX_GRAPH_OBJECTS, MAX_GRAPH_REFERENCES, MAX_OBJECT_NUMBER } from './limits.ts';
import { referredIn } from './object-comparison.ts';
import type { ObjectStore } from './object-store.ts';
import type { PdfObject } from './object.ts';
import { entriesInForce } from './sound-xref.ts';
import type { XrefEntry } from './xref.ts';

/** Growing list of integers, outside JavaScript's heap. */
class Integers {
  #values = new Int32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  get values(): Int32Array {
    return this.#values.subarray(0, this.length);
  }
}

/** Edges of one kind, by the number that they start from. */
interface Adjacency {
  /** Where the edges of a number start; those of the next start where they end. */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export class ReferenceGraph {
  readonly #from: Adjacency;
  readonly #to: Adjacency;
  /** What the objects that `set` gave refer to now. */
  readonly #set = new Map<number, ReadonlySet<number>>();
  /** Objects that `set` gave, by what they refer to or once did. */
  readonly #setReferrers = new Map<number, Set<number>>();
  /** Objects of which it is not known what they refer to. */
  readonly unreadable: ReadonlySet<number>;
  readonly #holders = new Set<number>();

  /** Reads all objects of a document. Throws PDF_LIMIT. */
  constructor(store: ObjectStore) {
    const sources = new Integers();
    const targets = new Integers();
    const unreadable = new Set<number>();
    const objects = inFileOrder(store);
    for (const [i, [number, entry]] of objects.entries()) {
      this.place(entry);
      const value = read(store, number, entry);
      const referred = value === undefined ? looselyReferredIn(store, entry, objects[i + 1]?.[1]) : referredIn(value);
      if (referred === null) unreadable.add(number);
      for (const target of referred ?? []) {
        if (target > MAX_OBJECT_NUMBER) continue; // nothing can ever be there
        if (targets.length === MAX_GRAPH_REFERENCES) {
          throw new AppError('PDF_LIMIT', `more than ${MAX_GRAPH_REFERENCES} references`);
        }
        sources.push(number);
        targets.push(target);
      }
    }
    this.unreadable = unreadable;
    this.#from = adjacency(sources.values, targets.values);
    this.#to = adjacency(targets.values, sources.values);
  }

  /** Object streams that hold, or once held, objects in force. */
  get holders(): ReadonlySet<number> {
    return this.#holders;
  }

  /** Says where an object stands. */
  place(entry: XrefEntry): void {
    if (entry.kind === 'compressed') this.#holders.add(entry.stream);
  }

  /** What an object refers to. */
  refs(number: number): Iterable<number> {
    return this.#set.get(number) ?? edges(this.#from, number);
  }

  /** Who refers to an object, which need not exist. */
  *referrers(number: number): Iterable<number> {
    for (const referrer of edges(this.#to, number)) if (!this.#set.has(referrer)) yield referrer;
    for (const referrer of this.#setReferrers.get(number) ?? []) {
      if (this.#set.get(referrer)?.has(number) === true) yield referrer;
    }
  }

  /** Gives an object a new value. */
  set(number: number, value: PdfObject): void {
    const refs = new Set(referredIn(value));
    this.#set.set(number, refs);
    for (const target of refs) {
      const referrers = this.#setReferrers.get(target);
      if (referrers === undefined) this.#setReferrers.set(target, new Set([number]));
      else referrers.add(number);
    }
  }
}

/** Counting sort of edges by where they start. */
function adjacency(from: Int32Array, to: Int32Array): Adjacency {
  const highest = from.reduce((max, number) => Math.max(max, number), -1);
  const starts = new Int32Array(highest + 2);
  for (const number of from) starts[number + 1] = (starts[number + 1] ?? 0) + 1;
  for (let i = 1; i < starts.length; i++) starts[i] = (starts[i] ?? 0) + (starts[i - 1] ?? 0);
  const next = starts.slice();
  const ends = new Int32Array(to.length);
  for (const [i, number] of from.entries()) {
    const at = next[number] ?? 0;
    ends[at] = to[i] ?? 0;
    next[number] = at + 1;
  }
  return { starts, ends };
}

function edges({ starts, ends }: Adjacency, number: number): Int32Array {
  return number + 1 < starts.length ? ends.subarray(starts[number], starts[number + 1]) : ends.subarray(0, 0);
}

/** The newest definition of every object, by where it stands: each object stream is inflated once. */
function inFileOrder({ sections }: ObjectStore): (readonly [number, XrefEntry])[] {
  const found: (readonly [number, XrefEntry])[] = [];
  for (const item of entriesInForce(sections)) {
    if (found.length === MAX_GRAPH_OBJECTS) throw new AppError('PDF_LIMIT', `more than ${MAX_GRAPH_OBJECTS} objects`);
    found.push(item);
  }
  return found.toSorted(([, a], [, b]) => {
    if (a.kind === 'offset' && b.kind === 'offset') return a.offset - b.offset;
    if (a.kind === 'compressed' && b.kind === 'compressed') return a.stream - b.stream || a.index - b.index;
    return a.kind === 'offset' ? -1 : 1;
  });
}

const MAX_LOOSE_BYTES = 1024 * 1024;
const REFERENCE = /(\d{1,10})[\0\t\n\f\r ]{1,32}\d{1,5}[\0\t\n\f\r ]{1,32}R/g;

/**
 * What an object that cannot be read may refer to for readers that make something of it: all between it and the next one that looks like
 * a reference. Null where that cannot be said.
 */
function looselyReferredIn({ source }: ObjectStore, entry: XrefEntry, next: XrefEntry | undefined): number[] | null {
  if (entry.kind !== 'offset' || entry.offset >= source.size) return null;
  const end = next?.kind === 'offset' ? Math.min(next.offset, source.size) : source.size;
  if (end - entry.offset > MAX_LOOSE_BYTES) return null;
  const text = textAt(source, entry.offset, end - entry.offset);
  return Array.from(text.matchAll(REFERENCE), ([, number]) => Number(number));
}

/** Undefined where it cannot be read. */
function read(store: ObjectStore, number: number, entry: XrefEntry): PdfObject | undefined {
  try {
    return store.getObject({ kind: 'ref', number, generation: entry.kind === 'offset' ? entry.generation : 0 });
  } catch (error) {
    if (!isAppError(error) || isAppError(error, 'PDF_LIMIT', 'FILE_UNREADABLE')) throw error;
    return undefined;
  }
}
