/** What a metadata stream says (XMP, ISO 16684-1): its properties, however they are written. No entities of its own, no DTD. */

/** Properties by `namespace local-name`; each value written out in one way, so that equal texts say the same. */
export type XmpProperties = ReadonlyMap<string, string>;

const RDF = 'http://www.w3.org/1999/02/22-rdf-syntax-ns#';
const XML = 'http://www.w3.org/XML/1998/namespace';
const MAX_DEPTH = 32;
const MAX_PREFIXES = 256;

interface Attribute {
  readonly namespace: string;
  readonly name: string;
  readonly value: string;
}

interface Element {
  readonly namespace: string;
  readonly name: string;
  readonly attributes: readonly Attribute[];
  readonly children: Element[];
  text: string;
}

/** Null for what is no XMP, or is written in a way that is not understood. */
export function readXmp(text: string): XmpProperties | null {
  const root = parse(text);
  const rdf = root === null ? undefined : [root, ...root.children].find((element) => isRdf(element, 'RDF'));
  if (rdf === undefined) return null;
  const properties = new Map<string, string>();
  for (const description of rdf.children) {
    if (!isRdf(description, 'Description')) return null;
    for (const [key, value] of propertiesOf(description)) {
      if (properties.has(key)) return null;
      properties.set(key, value);
    }
  }
  return properties;
}

function isRdf({ namespace, name }: Element, wanted: string): boolean {
  return namespace === RDF && name === wanted;
}

/** As attributes or as elements (ISO 16684-1, 7.9.2.2): empty ones say nothing. */
function propertiesOf({ attributes, children }: Element): (readonly [string, string])[] {
  const found = [
    ...attributes.filter(({ namespace }) => namespace !== RDF && namespace !== XML && namespace !== ''),
    ...children.map((child) => ({ ...child, value: valueOf(child) })),
  ];
  return found.flatMap(({ namespace, name, value }) =>
    value === '' ? [] : [[`${namespace} ${name}`, value] as const],
  );
}

function valueOf(element: Element): string {
  const { attributes, children, text } = element;
  const [only] = children;
  if (children.length === 1 && only !== undefined && ['Alt', 'Bag', 'Seq'].some((list) => isRdf(only, list))) {
    const items = only.children.map((item) => [attribute(item, XML, 'lang') ?? '', valueOf(item)] as const);
    const [first] = items;
    // A text in no other language is as good as a text.
    if (items.length === 1 && first !== undefined && (first[0] === '' || first[0] === 'x-default')) return first[1];
    return items.length === 0 ? '' : JSON.stringify([only.name, items]);
  }
  const resource = attribute(element, RDF, 'resource');
  if (resource !== undefined) return JSON.stringify(['resource', resource]);
  const inner = children.length === 1 && only !== undefined && isRdf(only, 'Description') ? only : element;
  const properties = propertiesOf(inner === element ? element : (only ?? element));
  const own = attributes.some(({ namespace }) => namespace !== RDF && namespace !== XML);
  if (children.length === 0 && !own) return text.trim();
  return JSON.stringify(properties.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function attribute({ attributes }: Element, namespace: string, name: string): string | undefined {
  return attributes.find((each) => each.namespace === namespace && each.name === name)?.value;
}

// --- XML, as far as it goes here ---------------------------------------------------------------------------------------------

type Prefixes = ReadonlyMap<string, string>;

/** The one element of a document; null where it is not well-formed. */
function parse(text: string): Element | null {
  const root: Element = { namespace: '', name: '', attributes: [], children: [], text: '' };
  const open: { readonly element: Element; readonly tag: string; readonly prefixes: Prefixes }[] = [
    { element: root, tag: '', prefixes: new Map([['xml', XML]]) },
  ];
  for (let at = 0; at < text.length;) {
    const last = open.at(-1);
    if (last === undefined) return null;
    const next = text.indexOf('<', at);
    const plain = decode(text.slice(at, next < 0 ? text.length : next));
    if (plain === null) return null;
    last.element.text += plain;
    if (next < 0) break;
    const skipped = afterMisc(text, next);
    if (skipped !== null) {
      at = skipped;
      continue;
    }
    const end = tagEnd(text, next);
    if (end < 0) return null;
    const inside = text.slice(next + 1, end);
    at = end + 1;
    if (inside.startsWith('/')) {
      if (open.length === 1 || last.tag !== inside.slice(1).trim()) return null;
      open.pop();
      continue;
    }
    const closed = inside.endsWith('/');
    const started = startTag(closed ? inside.slice(0, -1) : inside, last.prefixes);
    if (started === null || open.length > MAX_DEPTH) return null;
    last.element.children.push(started.element);
    if (!closed) open.push(started);
  }
  const [element] = root.children;
  return open.length === 1 && root.children.length === 1 && element !== undefined ? element : null;
}

/** Offset after a processing instruction or a comment at `at`; null where something else stands. */
function afterMisc(text: string, at: number): number | null {
  for (const [begin, end] of [
    ['<?', '?>'],
    ['<!--', '-->'],
  ] as const) {
    if (!text.startsWith(begin, at)) continue;
    const found = text.indexOf(end, at + begin.length);
    return found < 0 ? text.length : found + end.length;
  }
  return null;
}

/** Offset of the `>` that ends a tag; -1 where none does, or where it is no tag. */
function tagEnd(text: string, at: number): number {
  if (text[at + 1] === '!') return -1;
  let quote = '';
  for (let i = at + 1; i < text.length; i++) {
    const char = text[i] ?? '';
    if (quote !== '') quote = char === quote ? '' : quote;
    else if (char === '"' || char === "'") quote = char;
    else if (char === '>') return i;
    else if (char === '<') return -1;
  }
  return -1;
}

const ATTRIBUTE = /\s+([^\s=/"'<>]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;

function startTag(inside: string, above: Prefixes): { element: Element; tag: string; prefixes: Prefixes } | null {
  const tag = /^[^\s/"'<>=]+/.exec(inside)?.[0];
  if (tag === undefined) return null;
  const declared: [string, string][] = [];
  const written: [string, string][] = [];
  let at = tag.length;
  ATTRIBUTE.lastIndex = at;
  for (let match = ATTRIBUTE.exec(inside); match !== null; match = ATTRIBUTE.exec(inside)) {
    const [all, name = '', double, single] = match;
    const value = decode(double ?? single ?? '');
    if (value === null) return null;
    if (name === 'xmlns' || name.startsWith('xmlns:')) declared.push([name.slice(6), value]);
    else written.push([name, value]);
    at += all.length;
  }
  if (inside.slice(at).trim() !== '' || declared.length + above.size > MAX_PREFIXES) return null;
  const prefixes = declared.length === 0 ? above : new Map([...above, ...declared]);
  const named = qualified(tag, prefixes, true);
  const attributes = written.map(([name, value]) => {
    const each = qualified(name, prefixes, false);
    return each === null ? null : { ...each, value };
  });
  if (named === null || !attributes.every((each) => each !== null)) return null;
  return { element: { ...named, attributes, children: [], text: '' }, tag, prefixes };
}

function qualified(name: string, prefixes: Prefixes, isElement: boolean): { namespace: string; name: string } | null {
  const colon = name.indexOf(':');
  if (colon < 0) return { namespace: isElement ? (prefixes.get('') ?? '') : '', name };
  const namespace = prefixes.get(name.slice(0, colon));
  return namespace === undefined ? null : { namespace, name: name.slice(colon + 1) };
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Null for an entity that is none of XML's own. */
function decode(text: string): string | null {
  if (!text.includes('&')) return text;
  let known = true;
  const decoded = text.replaceAll(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([^;&]{0,10}));?/g, (_, decimal, hex, name) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? parseInt(String(hex), 16) : -1;
    if (code > 0x10ffff) known = false;
    const entity = ENTITIES[String(name)];
    if (code >= 0 && code <= 0x10ffff) return String.fromCodePoint(code);
    if (entity === undefined) known = false;
    return entity ?? '';
  });
  return known ? decoded : null;
}
