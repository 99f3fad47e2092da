/**
 * What later revisions of a document changed: object by object, by the cross-reference sections of each, every changed object named by
 * the place that it is reached from. What cannot be named is named that: whoever judges lets nothing pass that he does not know.
 */
import { isAppError } from '../errors.ts';
import { prefixSource } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import type { Change, Report } from './change.ts';
import { ChangeSet } from './change-set.ts';
import { compareCatalogs, compareTrailers } from './compare-catalog.ts';
import { FormComparison } from './compare-form.ts';
import { PageComparison } from './compare-pages.ts';
import { DocumentAnchors } from './document-anchors.ts';
import { isKind, isName } from './object.ts';
import { ReferenceGraph } from './reference-graph.ts';
import { openPdf } from './revision.ts';
import type { PdfFile, Revision } from './revision.ts';
import { unreachedBytes } from './update-bytes.ts';
import { partsOf } from './xref.ts';
import type { XrefSection } from './xref.ts';

/** What is known of a revision when the next one is compared with it. */
interface Known {
  readonly pdf: PdfFile;
  readonly anchors: DocumentAnchors;
  readonly graph: ReferenceGraph;
}

/**
 * The changes of each of `revisions`, oldest first, in the one before it; the first is what the second is compared with. Empty for one
 * that changed nothing. Never throws for what is in the document.
 */
export function laterChanges(source: ByteSource, revisions: readonly Revision[]): Change[][] {
  const [first, ...later] = revisions;
  if (first === undefined) return [];
  let known: Known | null = null;
  let before = first;
  return later.map((revision) => {
    const changes: Change[] = [];
    const report = (change: Change): number => changes.push(change);
    known = reading(report, () => compared(source, before, revision, known, report));
    before = revision;
    // After what cannot be allowed the objects are other ones than were followed: the next comparison starts anew.
    if (changes.some(({ kind }) => kind === 'other')) known = null;
    return changes;
  });
}

/** What `work` gives; null, and reported, where the document cannot be read. */
function reading<T>(report: Report, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!isAppError(error) || error.code === 'FILE_UNREADABLE') throw error;
    report({ kind: 'other', place: 'unreadable', detail: error.detail });
    return null;
  }
}

function compared(source: ByteSource, earlier: Revision, later: Revision, known: Known | null, report: Report): Known {
  const { pdf: before, anchors, graph } = known ?? knowAll(openPdf(prefixSource(source, earlier.endOfLine)));
  const after = openPdf(prefixSource(source, later.endOfLine));
  const sections = newSections(before, after);
  if (sections === null) {
    report({ kind: 'other', place: 'history' });
    return { pdf: after, anchors, graph };
  }
  const unreached = unreachedBytes(after, sections, earlier.end);
  if (unreached !== null) report({ kind: 'other', place: 'bytes', detail: unreached });
  const set = new ChangeSet(before, after, sections, anchors, graph);
  compareAll(set, report);
  explainStructure(set, sections);
  for (const number of set.unreadable) report({ kind: 'other', place: 'unreadable', detail: `object ${number}` });
  for (const number of set.unexplained()) {
    if (isUnused(set, number)) report({ kind: 'unused' });
    else report({ kind: 'other', place: 'object', detail: `${number}` });
  }
  for (const number of set.changed) graph.set(number, set.newValue(number));
  for (const section of sections) for (const [, entry] of section.entries()) graph.place(entry);
  return { pdf: after, anchors, graph };
}

/**
 * Whether an object that nothing accounts for is one that writers leave behind: it is new, nothing of before waited for it, and what is
 * new refers to it from nowhere that is accounted for. Whoever looks for a catalog or for pages by their types must not find any.
 */
function isUnused(set: ChangeSet, number: number): boolean {
  if (!set.isNew(number) || set.holding.has(number)) return false;
  for (const _ of set.graph.referrers(number)) return false;
  const value = set.newValue(number);
  const dict = isKind(value, 'stream') ? value.dict : value;
  const type = isKind(dict, 'dict') ? set.after.resolve(dict.entries.get('Type')) : null;
  return !isKind(type, 'name') || !STRUCTURE_TYPES.has(type.value);
}

const STRUCTURE_TYPES: ReadonlySet<string> = new Set([
  'Catalog',
  'Pages',
  'Page',
  'ObjStm',
  'XRef',
  'Sig',
  'DocTimeStamp',
]);

function knowAll(pdf: PdfFile): Known {
  return { pdf, anchors: new DocumentAnchors(pdf), graph: new ReferenceGraph(pdf) };
}

/** The sections that a revision added to those of the one before; null where it does not go on from them. */
function newSections(before: PdfFile, after: PdfFile): readonly XrefSection[] | null {
  const added = after.sections.length - before.sections.length;
  const goesOn = before.sections.every(({ offset }, i) => after.sections[added + i]?.offset === offset);
  return added > 0 && goesOn ? after.sections.slice(0, added) : null;
}

function compareAll(set: ChangeSet, report: Report): void {
  const { anchors, affected } = set;
  const form = new FormComparison(set, report);
  const pages = new PageComparison(set, report);
  compareTrailers(set, report);
  if (affected.has(anchors.catalog)) {
    compareCatalogs(set, report);
    form.compareForm(set.before.catalog.entries.get('AcroForm'), set.after.catalog.entries.get('AcroForm'));
  }
  const fields = new Set<number>();
  for (const number of affected) {
    const page = anchors.pages.get(number);
    if (page !== undefined) pages.comparePage(number, page);
    if (anchors.fields.has(number)) fields.add(number);
    const field = anchors.widgets.get(number);
    if (field !== undefined) fields.add(field);
  }
  for (const number of fields) form.compareField(number);
  for (const number of affected) {
    const page = anchors.annotations.get(number);
    if (page !== undefined && !anchors.isField(number)) pages.compareAnnotation(number, page);
  }
  form.takeNewFields(pages.listed);
  pages.takeNewAnnotations();
}

/** Accounts for the objects that hold others, and for cross-reference streams. */
function explainStructure(set: ChangeSet, sections: readonly XrefSection[]): void {
  for (const section of sections) {
    const places = new Set(partsOf(section).map(({ offset }) => offset));
    for (const [number, entry] of section.entries()) {
      if (entry.kind === 'compressed' && holds(set, entry.stream, 'ObjStm')) set.explainObject(entry.stream);
      if (entry.kind === 'offset' && places.has(entry.offset) && holds(set, number, 'XRef')) set.explainObject(number);
    }
  }
}

function holds(set: ChangeSet, number: number, type: 'ObjStm' | 'XRef'): boolean {
  const value = set.changed.has(number) ? set.newValue(number) : null;
  return isKind(value, 'stream') && isName(set.after.get(value.dict, 'Type'), type);
}
