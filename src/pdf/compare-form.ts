/** What a revision changed in the form, in its fields and in their widgets (ISO 32000-2, 12.7). */
import { isAppError } from '../errors.ts';
import type { Report } from './change.ts';
import type { ChangeSet } from './change-set.ts';
import { kidsOf } from './document-anchors.ts';
import type { FieldAnchor } from './document-anchors.ts';
import { referredIn, sameValue } from './object-comparison.ts';
import { isKind, isName, pdfDict, textOf } from './object.ts';
import type { PdfDict, PdfObject, PdfRef } from './object.ts';
import { numbersOf } from './signature-fields.ts';

/** A field that the form lists and did not before. */
interface NewField {
  readonly ref: PdfRef;
  /** The name and the type of the fields above it. */
  readonly prefix: string;
  readonly type: string | null;
}

/** Entries of a widget by which it is drawn: what they lead to by whatever way shows in it. */
const DRAWN = new Set(['AP', 'MK']);
/** What signing changes in an empty field and its widget. */
const SIGNING = new Set(['V', 'AP', 'AS', 'F', 'M', 'MK', 'P', 'Type']);
/** What filling in changes in a field and its widgets. */
const FILLING = new Set(['V', 'RV', 'I', 'TI', 'AP', 'AS', 'M']);
/** Tables 166, 191, 226 and 235, without what acts (A, AA) or hides (OC), and with what inherited values may be given for. */
const NEW_SIGNATURE_FIELD: ReadonlySet<string> = new Set(
  `Type Subtype Rect P NM M F AP AS Border C BS MK H Contents Lang FT Parent Kids T TU TM Ff V DA Q DR
   Lock SV`.split(/\s+/),
);

/** What a field apart from its widget has not: readers would draw it as well. */
const OF_WIDGETS = ['Subtype', 'Rect', 'AP', 'AS', 'MK', 'BS', 'Border', 'F', 'H', 'P'];

export class FormComparison {
  readonly #set: ChangeSet;
  readonly #report: Report;
  readonly #added: NewField[] = [];
  /** Objects that are a field or a widget of one now. */
  readonly #taken = new Set<number>();
  /** Widgets of fields that this revision signed. */
  readonly #signedWidgets = new Set<number>();

  constructor(set: ChangeSet, report: Report) {
    this.#set = set;
    this.#report = report;
  }

  /** The form itself: what fields it lists and what it says of all of them. */
  compareForm(before: PdfObject | undefined, after: PdfObject | undefined): void {
    const set = this.#set;
    if (!set.differs(before, after)) return;
    const { old, now } = set.open('dict', before, after);
    if (now === null) {
      this.#report({ kind: 'other', place: 'form' });
      return;
    }
    const [was, is] = [old ?? pdfDict({}), now];
    for (const key of set.differingKeys(was, is, () => set.touched)) {
      const [from, to] = [was.entries.get(key), is.entries.get(key)];
      if (key === 'Fields') this.#compareList(from, to, '', null);
      else if (!this.#isHarmless(key, from, to)) this.#report({ kind: 'other', place: 'form', detail: key });
      set.explain(from, to);
    }
  }

  #isHarmless(key: string, before: PdfObject | undefined, after: PdfObject | undefined): boolean {
    const [old, now] = [this.#set.before.resolve(before), this.#set.after.resolve(after)];
    switch (key) {
      case 'SigFlags': {
        const flags = old ?? 0;
        return typeof flags === 'number' && typeof now === 'number' && (flags & ~now) === 0;
      }
      case 'DR':
        return this.#isAddition(before, after, 2);
      case 'DA':
        return old === null && isKind(now, 'string');
      case 'NeedAppearances':
        // True makes readers draw anew what the fields are signed with.
        return now === false || now === null;
      default:
        return false;
    }
  }

  /** Whether a dictionary only has more entries than before, those of the dictionaries in it too, `levels` deep. */
  #isAddition(before: PdfObject | undefined, after: PdfObject | undefined, levels: number): boolean {
    const set = this.#set;
    if (!set.differs(before, after, set.reached)) return true;
    if (set.before.resolve(before) === null) return true;
    const { old, now } = set.open('dict', before, after);
    if (old === null || now === null || levels === 0 || now.duplicates.length > 0) return false;
    return [...old.entries].every(([key, value]) => this.#isAddition(value, now.entries.get(key), levels - 1));
  }

  /** A list of fields: those of before in their order, then new ones. */
  #compareList(before: PdfObject | undefined, after: PdfObject | undefined, prefix: string, type: string | null): void {
    const set = this.#set;
    const { old, now } = set.open('array', before, after);
    const [was, is] = [old?.items ?? [], now?.items ?? []];
    const kept = was.every((item, i) => sameValue(item, is[i]) && (isKind(item, 'ref') || !touches(item, set.reached)));
    const added = is.slice(was.length);
    if (!kept || !added.every((item) => isKind(item, 'ref'))) {
      this.#report({ kind: 'other', place: 'form', detail: prefix === '' ? 'Fields' : prefix });
      return;
    }
    for (const ref of added) this.#added.push({ ref, prefix, type });
  }

  /** A field, with all of its widgets. */
  compareField(number: number): void {
    const field = this.#set.anchors.fields.get(number);
    if (field === undefined) return;
    if (field.terminal) this.#compareTerminal(number, field);
    else this.#compareGroup(number, field);
  }

  #compareGroup(number: number, { name, type }: FieldAnchor): void {
    const set = this.#set;
    const [old, now] = set.values(number);
    if (!isKind(old, 'dict') || !isKind(now, 'dict')) {
      this.#report({ kind: 'other', place: 'field', detail: name });
      return;
    }
    for (const key of set.differingKeys(old, now, () => set.touched)) {
      const [from, to] = [old.entries.get(key), now.entries.get(key)];
      if (key === 'Kids') this.#compareList(from, to, name, type);
      else this.#report({ kind: 'other', place: 'field', detail: name });
      set.explain(from, to);
    }
  }

  #compareTerminal(number: number, field: FieldAnchor): void {
    const set = this.#set;
    const keys = new Set<string>();
    let destroyed = false;
    for (const node of field.nodes) {
      const [old, now] = set.values(node);
      if (!isKind(old, 'dict') || !isKind(now, 'dict')) {
        destroyed ||= set.changed.has(node);
        continue;
      }
      for (const key of set.differingKeys(old, now, (key) => (DRAWN.has(key) ? set.reached : set.touched))) {
        const [from, to] = [old.entries.get(key), now.entries.get(key)];
        if (key === 'Kids' && sameList(set, from, to)) continue;
        keys.add(key);
        set.explain(from, to);
      }
    }
    if (keys.size === 0 && !destroyed) return;
    const page = this.#pageOf(field.nodes);
    const other = { kind: 'other', detail: field.name, ...(page === undefined ? {} : { page }) } as const;
    const [, now] = set.values(number);
    if (field.signed) this.#report({ ...other, place: 'signature' });
    else if (destroyed || !isKind(now, 'dict')) this.#report({ ...other, place: 'field' });
    else if (field.type === 'Sig' && this.#signs(now, keys, field.nodes)) {
      for (const node of field.nodes) this.#signedWidgets.add(node);
      set.anchors.addField(number, { ...field, signed: true });
      this.#reportSignature(field, now, page, false);
    } else if (this.#fills(field, now, keys)) {
      this.#report({ kind: 'field-value', field: field.name, ...(page === undefined ? {} : { page }) });
    } else this.#report({ ...other, place: 'field' });
  }

  /** Whether nothing changed but that an empty signature field got a signature of its own, and perhaps lost its place on the page. */
  #signs(field: PdfDict, keys: ReadonlySet<string>, nodes: readonly number[]): boolean {
    const isSigning = (key: string): boolean =>
      SIGNING.has(key) || (key === 'Rect' && !hasArea(this.#set, widgetOf(this.#set, nodes)));
    return [...keys].every(isSigning) && this.#isNewSignature(field.entries.get('V'));
  }

  /** A signature that was there before, and is another field's, signs nothing here. */
  #isNewSignature(value: PdfObject | undefined): boolean {
    const set = this.#set;
    return isKind(set.after.resolve(value), 'dict') && (!isKind(value, 'ref') || set.isNew(value.number));
  }

  /** Whether nothing changed but a value and what shows it: a new look for an old value is none. */
  #fills({ type }: FieldAnchor, field: PdfDict, keys: ReadonlySet<string>): boolean {
    if (!keys.has('V') || ![...keys].every((key) => FILLING.has(key))) return false;
    const value = this.#set.after.get(field, 'V');
    if (value === null) return type !== 'Sig';
    switch (type) {
      case 'Tx':
        return isKind(value, 'string') || isKind(value, 'stream');
      case 'Ch':
        return isKind(value, 'string') || isKind(value, 'array');
      case 'Btn':
        return isKind(value, 'name');
      default:
        return false;
    }
  }

  /**
   * The fields that were added, after all else was compared. `listed`: annotations that pages list and did not before, with their pages;
   * what is accounted for here is taken out.
   */
  takeNewFields(listed: Map<number, readonly number[]>): void {
    for (const widget of this.#signedWidgets) if (listed.get(widget)?.length === 1) listed.delete(widget);
    for (const field of this.#added) this.#takeNewField(field, listed);
  }

  #takeNewField({ ref, prefix, type }: NewField, listed: Map<number, readonly number[]>): void {
    const set = this.#set;
    set.explain(undefined, ref);
    const dict = set.isNew(ref.number) ? set.newValue(ref.number) : null;
    const nodes = [ref.number, ...(isKind(dict, 'dict') ? kidsOf(set.after, dict) : [])];
    const pages = nodes.flatMap((node) => listed.get(node) ?? []);
    const [page] = pages;
    // What a page shows has to be the node that is judged by its looks: the last.
    const isField = nodes.slice(0, -1).every((node) => !listed.has(node));
    for (const node of nodes) listed.delete(node);
    const name = [prefix, isKind(dict, 'dict') ? partialName(set, dict) : ''].filter((part) => part !== '').join('.');
    const shown = page === undefined ? {} : { page };
    if (!isKind(dict, 'dict') || !isField || pages.length > 1 || !this.#isSignatureField(dict, name, type, nodes)) {
      this.#report({ kind: 'other', place: 'field', detail: name, ...shown });
      return;
    }
    const field = { name, type: 'Sig', terminal: true, signed: set.after.get(dict, 'V') !== null, nodes };
    set.anchors.addField(ref.number, field);
    for (const node of nodes) if (page !== undefined) set.anchors.addAnnotation(node, page);
    if (this.#isNewSignature(dict.entries.get('V'))) this.#reportSignature(field, dict, page, true);
    else if (!field.signed && looksLikeNothing(set, widgetOf(set, nodes))) {
      this.#report({ kind: 'empty-field', field: name, isShown: hasArea(set, widgetOf(set, nodes)), ...shown });
    } else this.#report({ kind: 'other', place: 'field', detail: name, ...shown });
  }

  /** Whether new objects are a signature field and, if it is one apart, its widget, and no more than that. */
  #isSignatureField(field: PdfDict, name: string, inherited: string | null, nodes: readonly number[]): boolean {
    const set = this.#set;
    const type = field.entries.has('FT') ? set.after.get(field, 'FT') : inherited;
    if (!(type === 'Sig' || (typeof type === 'object' && isName(type, 'Sig')))) return false;
    if (partialName(set, field) === '' || set.anchors.names.has(name) || nodes.length > 2) return false;
    return nodes.every((node, i) => {
      const value = set.isNew(node) && !this.#taken.has(node) ? set.newValue(node) : null;
      this.#taken.add(node);
      if (!isKind(value, 'dict') || value.duplicates.length > 0) return false;
      const isWidget = i === nodes.length - 1;
      if (isWidget && value.entries.has('Rect') && !isName(set.after.get(value, 'Subtype'), 'Widget')) return false;
      if (i > 0 && (value.entries.has('T') || value.entries.has('Kids'))) return false;
      if (!isWidget && OF_WIDGETS.some((key) => value.entries.has(key))) return false;
      const kids = set.after.get(value, 'Kids');
      if (kids !== null && !(isKind(kids, 'array') && kids.items.length === nodes.length - 1)) return false;
      if (value.entries.has('Rect') && numbersOf(set.after, set.after.get(value, 'Rect'))?.length !== 4) return false;
      return [...value.entries.keys()].every((key) => NEW_SIGNATURE_FIELD.has(key));
    });
  }

  #reportSignature({ name, nodes }: FieldAnchor, field: PdfDict, page: number | undefined, isNewField: boolean): void {
    const set = this.#set;
    const value = set.after.get(field, 'V');
    const isShown = nodes.length > 2 || hasArea(set, widgetOf(set, nodes));
    const isTimestamp = isKind(value, 'dict') && isName(set.after.get(value, 'SubFilter'), 'ETSI.RFC3161');
    if (isTimestamp && !isShown) this.#report({ kind: 'timestamp', field: name });
    else
      this.#report({
        kind: 'signature',
        field: name,
        isNewField,
        isShown,
        ...(isShown && page !== undefined ? { page } : {}),
      });
  }

  #pageOf(nodes: readonly number[]): number | undefined {
    for (const node of nodes) {
      const page = this.#set.anchors.annotations.get(node);
      if (page !== undefined) return page;
    }
    return undefined;
  }
}

function touches(value: PdfObject, by: ReadonlySet<number>): boolean {
  return referredIn(value).some((number) => by.has(number));
}

function sameList(set: ChangeSet, before: PdfObject | undefined, after: PdfObject | undefined): boolean {
  const { old, now } = set.open('array', before, after);
  return old !== null && now !== null && sameValue(old, now);
}

function partialName(set: ChangeSet, field: PdfDict): string {
  const name = set.after.get(field, 'T');
  return isKind(name, 'string') ? textOf(name) : '';
}

/** The one widget of a field: itself, or its only kid. */
function widgetOf(set: ChangeSet, nodes: readonly number[]): PdfDict | null {
  const number = nodes[1] ?? nodes[0];
  const value = number === undefined || nodes.length > 2 ? null : set.values(number)[1];
  return isKind(value, 'dict') ? value : null;
}

/** One whose rectangle is malformed has: readers make something of it. */
function hasArea(set: ChangeSet, widget: PdfDict | null): boolean {
  const rect = widget === null ? null : set.after.get(widget, 'Rect');
  if (rect === null) return false;
  const [x0, y0, x1, y1, ...more] = numbersOf(set.after, rect) ?? [];
  return y1 === undefined || more.length > 0 || (x0 !== x1 && y0 !== y1);
}

/** A stream of no more than white space. */
const NOTHING_BYTES = 64;

/** Whether a widget is drawn as nothing: without an appearance, or with an empty one. */
function looksLikeNothing(set: ChangeSet, widget: PdfDict | null): boolean {
  if (widget === null || !hasArea(set, widget)) return true;
  if (set.after.get(widget, 'MK') !== null) return false;
  const appearances = set.after.get(widget, 'AP');
  if (appearances === null) return true;
  if (!isKind(appearances, 'dict')) return false;
  return [...appearances.entries.keys()].every((key) => {
    const appearance = set.after.get(appearances, key);
    if (!isKind(appearance, 'stream')) return false;
    try {
      return set.after.decodedData(appearance, NOTHING_BYTES).every((byte) => byte <= 0x20);
    } catch (error) {
      if (!isAppError(error)) throw error;
      return false; // longer than nothing
    }
  });
}
