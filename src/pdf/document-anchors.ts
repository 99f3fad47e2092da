/**
 * The objects of a document whose entries are compared one by one, each by its own rules: the catalog, the pages, their annotations, the
 * form's fields and these fields' widgets. Everything else is judged by which of them it is reached from.
 */
import { isKind, isName } from './object.ts';
import type { PdfDict, PdfObject } from './object.ts';
import type { PdfFile } from './revision.ts';
import { walkFieldNodes } from './signature-fields.ts';

export interface FieldAnchor {
  /** Fully qualified. */
  readonly name: string;
  /** /FT, its own or inherited. */
  readonly type: string | null;
  readonly terminal: boolean;
  /** Whether it is a signature field with a signature in it. */
  readonly signed: boolean;
  /** The field itself, then the widgets below it; for one that is not terminal only itself. */
  readonly nodes: readonly number[];
}

export class DocumentAnchors {
  readonly catalog: number;
  /** Numbers from 1, by object. */
  readonly pages: ReadonlyMap<number, number>;
  /** Pages by annotation, widgets included: the first page that lists it. */
  readonly annotations = new Map<number, number>();
  readonly fields = new Map<number, FieldAnchor>();
  /** Fields by widget, for widgets that are objects apart from their field. */
  readonly widgets = new Map<number, number>();
  /** Names of all fields, of those too that are no objects of their own. */
  readonly names = new Set<string>();

  /** Throws what walking pages and form throws. */
  constructor(pdf: PdfFile) {
    this.catalog = pdf.catalogRef.number;
    const pages = new Map<number, number>();
    for (const { ref, number, dict } of pdf.walkPages()) {
      pages.set(ref.number, number);
      for (const annotation of annotationsOf(pdf, dict)) this.addAnnotation(annotation, number);
    }
    this.pages = pages;
    const form = pdf.form();
    if (form === null) return;
    for (const { node, dict, name, type, value, terminal } of walkFieldNodes(pdf, form)) {
      this.names.add(name);
      if (!isKind(node, 'ref')) continue;
      const signed = terminal && isName(type, 'Sig') && pdf.resolve(value) !== null;
      const nodes = [node.number, ...(terminal ? kidsOf(pdf, dict) : [])];
      this.addField(node.number, { name, type: isKind(type, 'name') ? type.value : null, terminal, signed, nodes });
    }
  }

  /** Whether paths of references end at the object. */
  has(number: number): boolean {
    return this.isPageOrCatalog(number) || this.annotations.has(number) || this.isField(number);
  }

  isPageOrCatalog(number: number): boolean {
    return number === this.catalog || this.pages.has(number);
  }

  /** Whether it is a field or a field's widget. */
  isField(number: number): boolean {
    return this.fields.has(number) || this.widgets.has(number);
  }

  addAnnotation(number: number, page: number): void {
    if (!this.annotations.has(number)) this.annotations.set(number, page);
  }

  addField(number: number, field: FieldAnchor): void {
    this.names.add(field.name);
    this.fields.set(number, field);
    for (const node of field.nodes) if (node !== number) this.widgets.set(node, number);
  }
}

/** Objects that a page lists as annotations. */
function annotationsOf(pdf: PdfFile, page: PdfDict): number[] {
  return objectsIn(pdf.get(page, 'Annots'));
}

/** Objects that a field lists as kids. */
export function kidsOf(pdf: PdfFile, field: PdfDict): number[] {
  return objectsIn(pdf.get(field, 'Kids'));
}

function objectsIn(list: PdfObject): number[] {
  return isKind(list, 'array') ? list.items.flatMap((item) => (isKind(item, 'ref') ? item.number : [])) : [];
}
