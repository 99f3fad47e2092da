/** What a revision changed in the trailer and in the catalog (ISO 32000-2, 7.5.5 and 7.7.2), the form apart. */
import type { Place, Report } from './change.ts';
import type { ChangeSet } from './change-set.ts';
import { describesTheSame } from './metadata.ts';
import { referredIn, sameValue } from './object-comparison.ts';
import { isKind, isName, pdfDict } from './object.ts';
import type { PdfDict, PdfObject } from './object.ts';

/** What every section says for itself. */
const OF_SECTION = new Set(['Size', 'Prev', 'ID', 'XRefStm', 'Type', 'W', 'Index', 'Length', 'Filter', 'DecodeParms']);

/** What of the document information says when and by what program the file was written (14.3.3). */
const DATES = new Set(['ModDate', 'CreationDate', 'Producer']);

/** Where entries of the catalog belong; the form, the security store and what follows below apart. */
const PLACES: Readonly<Record<string, Place>> = {
  Pages: 'page-tree',
  PageLabels: 'page-tree',
  Names: 'names',
  Dests: 'names',
  OpenAction: 'actions',
  AA: 'actions',
  URI: 'actions',
  Threads: 'actions',
  OCProperties: 'layers',
  StructTreeRoot: 'structure',
  MarkInfo: 'structure',
  Outlines: 'outlines',
  AF: 'files',
  Collection: 'files',
  Metadata: 'description',
  Lang: 'description',
  Perms: 'permissions',
  Legal: 'permissions',
};
/** Entries that are drawn or lead to what is: compared by all that leads to a change, by whatever way. */
const DRAWN = new Set(['Pages', 'OCProperties', 'Names']);

export function compareTrailers(set: ChangeSet, report: Report): void {
  const [old, now] = [set.before.trailer, set.after.trailer];
  const keys = set.differingKeys(old, now, () => set.touched).filter((key) => !OF_SECTION.has(key) && key !== 'Root');
  for (const key of keys) {
    const [from, to] = [old.entries.get(key), now.entries.get(key)];
    if (key === 'Info') compareInformation(set, from, to, report);
    // Writers leave out what they do not know.
    else if (to !== undefined) report({ kind: 'other', place: 'trailer', detail: key });
    set.explain(from, to);
  }
  if (!sameValue(old.entries.get('Root'), now.entries.get('Root'))) {
    report({ kind: 'other', place: 'catalog', detail: 'Root' });
  }
  // Objects beyond it are taken for missing (7.5.5).
  const size = now.entries.get('Size');
  if (typeof size !== 'number' || set.after.sections.some(({ highest }) => highest >= size)) {
    report({ kind: 'other', place: 'trailer', detail: 'Size' });
  }
}

function compareInformation(
  set: ChangeSet,
  before: PdfObject | undefined,
  after: PdfObject | undefined,
  report: Report,
): void {
  const { old, now } = set.open('dict', before, after);
  const keys = set.differingKeys(old ?? pdfDict({}), now ?? pdfDict({}), () => set.touched);
  const onlyDates = keys.every((key) => DATES.has(key) && isKind(set.after.resolve(now?.entries.get(key)), 'string'));
  if (now !== null && onlyDates) report({ kind: 'dates' });
  else report({ kind: 'other', place: 'description', detail: 'Info' });
}

/** All of the catalog but its /AcroForm. */
export function compareCatalogs(set: ChangeSet, report: Report): void {
  const [old, now] = set.values(set.anchors.catalog);
  if (!isKind(old, 'dict') || !isKind(now, 'dict')) {
    report({ kind: 'other', place: 'catalog' });
    return;
  }
  for (const key of set.differingKeys(old, now, (key) => (DRAWN.has(key) ? set.reached : set.touched))) {
    const [from, to] = [old.entries.get(key), now.entries.get(key)];
    if (key === 'AcroForm') continue;
    if (key === 'DSS') compareSecurityStores(set, from, to, report);
    else if (key === 'Metadata' && describesTheSame(set, from, to)) report({ kind: 'dates' });
    else if (key === 'Extensions' && isDeclaration(set, to)) report({ kind: 'version' });
    else if (key === 'Pages' && sameValue(from, to) && !hasChangedNodes(set)) {
      report({ kind: 'other', place: 'page-content' });
    } else if (key === 'Version' && isHigher(set, from, to)) report({ kind: 'version' });
    else report({ kind: 'other', place: PLACES[key] ?? 'catalog', detail: key });
    set.explain(from, to);
  }
}

/** Whether nodes of the page tree are changed themselves, and not only in what they lead to. */
function hasChangedNodes(set: ChangeSet): boolean {
  return [...set.changed].some((number) => {
    const [old] = set.values(number);
    return isKind(old, 'dict') && isName(set.before.get(old, 'Type'), 'Pages');
  });
}

/** Developer extensions (7.12): names, numbers and strings, nothing that is shown. */
function isDeclaration(set: ChangeSet, extensions: PdfObject | undefined): boolean {
  const dict = set.after.resolve(extensions);
  return isKind(dict, 'dict') && [...dict.entries.values()].every((entry) => areExtensions(set, entry));
}

function areExtensions(set: ChangeSet, entry: PdfObject): boolean {
  const value = set.after.resolve(entry);
  if (isKind(value, 'name')) return true; // the /Type of the whole
  const list = isKind(value, 'array') ? value.items.map((item) => set.after.resolve(item)) : [value];
  return list.every(
    (extension) =>
      isKind(extension, 'dict') &&
      [...extension.entries.values()].every((said) => {
        const plain = set.after.resolve(said);
        return typeof plain === 'number' || isKind(plain, 'name') || isKind(plain, 'string');
      }),
  );
}

function isHigher(set: ChangeSet, before: PdfObject | undefined, after: PdfObject | undefined): boolean {
  const version = (value: PdfObject): number =>
    isKind(value, 'name') && /^[12]\.\d$/.test(value.value) ? Number(value.value) : 0;
  return version(set.after.resolve(after)) > version(set.before.resolve(before));
}

// --- the document security store (12.8.4.3) ---------------------------------------------------------------------------------

const STORE_LISTS = ['Certs', 'OCSPs', 'CRLs'] as const;
/** Of a signature (12.8.4.4), with whether it is a list of streams, one stream, or a date. */
const RELATED: Readonly<Record<string, 'list' | 'stream' | 'date'>> = {
  Cert: 'list',
  OCSP: 'list',
  CRL: 'list',
  TS: 'stream',
  TU: 'date',
};
/** A stream of DER, plain or deflated: nothing that could lead anywhere but to its length. */
const DER_STREAM = new Set(['Type', 'Length', 'Filter', 'DecodeParms']);

/** What is in a store may not go, nor become anything else; what comes has to be what a store holds. */
function compareSecurityStores(
  set: ChangeSet,
  before: PdfObject | undefined,
  after: PdfObject | undefined,
  report: Report,
): void {
  const { old, now } = set.open('dict', before, after);
  const related = set.open('dict', old?.entries.get('VRI'), now?.entries.get('VRI'));
  const fine =
    now !== null &&
    hasOnly(now, new Set(['Type', 'VRI', ...STORE_LISTS])) &&
    STORE_LISTS.every((key) => isLongerList(set, old?.entries.get(key), now.entries.get(key))) &&
    (related.now !== null || (related.old === null && !now.entries.has('VRI'))) &&
    [...(related.old?.entries.keys() ?? [])].every((key) => related.now?.entries.has(key) === true) &&
    [...(related.now?.entries ?? [])].every(
      ([key, value]) => isName(value, 'VRI') || isRelated(set, related.old, key, value),
    );
  report(fine ? { kind: 'validation-data' } : { kind: 'other', place: 'validation-data' });
}

function hasOnly(dict: PdfDict, keys: ReadonlySet<string>): boolean {
  return dict.duplicates.length === 0 && [...dict.entries.keys()].every((key) => keys.has(key));
}

function isRelated(set: ChangeSet, olds: PdfDict | null, key: string, value: PdfObject): boolean {
  const { old, now } = set.open('dict', olds?.entries.get(key), value);
  if (now === null || !hasOnly(now, new Set(['Type', ...Object.keys(RELATED)]))) return false;
  if ([...(old?.entries.keys() ?? [])].some((name) => !now.entries.has(name))) return false;
  return [...now.entries].every(([name, entry]) => {
    const was = old?.entries.get(name);
    switch (RELATED[name]) {
      case 'list':
        return isLongerList(set, was, entry);
      case 'stream':
        return (was === undefined || sameValue(was, entry)) && isEvidence(set, entry);
      case 'date':
        return isKind(set.after.resolve(entry), 'string');
      default:
        return true; // its /Type
    }
  });
}

/** Streams of evidence, all of those of before among them. */
function isLongerList(set: ChangeSet, before: PdfObject | undefined, after: PdfObject | undefined): boolean {
  const { old, now } = set.open('array', before, after);
  const items = now?.items ?? [];
  const listed = new Set(items.map((item) => (isKind(item, 'ref') ? item.number : -1)));
  const kept = (old?.items ?? []).every((item) => isKind(item, 'ref') && listed.has(item.number));
  return kept && (now !== null || set.after.resolve(after) === null) && items.every((item) => isEvidence(set, item));
}

/** A stream that is as it was, whatever it is, or a new one of DER. */
function isEvidence(set: ChangeSet, item: PdfObject): boolean {
  if (!isKind(item, 'ref')) return false;
  const stream = set.after.resolve(item);
  if (!isKind(stream, 'stream')) return false;
  if (!set.isNew(item.number)) return !set.reached.has(item.number);
  const { entries } = stream.dict;
  const filters = set.after.resolve(entries.get('Filter'));
  const names = isKind(filters, 'array') ? filters.items : filters === null ? [] : [filters];
  return (
    hasOnly(stream.dict, DER_STREAM) &&
    names.every((name) => isName(name, 'FlateDecode')) &&
    [...entries].every(([key, value]) => key === 'Length' || referredIn(value).length === 0)
  );
}
