/** SVG as a tree of its elements: well-formed XML from people we do not know, read under bounds, nothing of it fetched or run. Pure. */
import { SaxesParser } from 'saxes';
import { AppError } from '../errors.ts';

export interface SvgElement {
  /** Its name without a prefix; of another namespace than SVG's: empty, and its content is not kept. */
  readonly name: string;
  /** By their names, `xlink:href` as `href`. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly SvgElement[];
  /** The character data directly inside. */
  readonly text: string;
}

const SVG_NAMESPACE = 'http://www.w3.org/2000/svg';
const XLINK_NAMESPACE = 'http://www.w3.org/1999/xlink';

/** Outlines of a long name take some hundred thousand. */
const MAX_CHARACTERS = 4_000_000;
const MAX_ELEMENTS = 20_000;
const MAX_DEPTH = 64;

/** What acts rather than is drawn (SVG 1.1, 18 to 20): not even looked past. */
const ACTIVE = new Set([
  'script',
  'foreignObject',
  'animate',
  'animateColor',
  'animateMotion',
  'animateTransform',
  'set',
]);

/** Throws PICTURE_SVG_UNSUPPORTED with what was found. */
export function unsupported(found: string): never {
  throw new AppError('PICTURE_SVG_UNSUPPORTED', found);
}

interface Open {
  readonly name: string;
  readonly attributes: Record<string, string>;
  readonly children: Open[];
  text: string;
}

/** The root element. Throws PICTURE_SVG_UNSUPPORTED, PICTURE_TOO_LARGE. */
export function parseSvgTree(text: string): SvgElement {
  if (text.length > MAX_CHARACTERS) throw new AppError('PICTURE_TOO_LARGE', `an SVG of ${text.length} characters`);
  const parser = new SaxesParser({ xmlns: true });
  const stack: Open[] = [];
  let root: Open | undefined;
  let elements = 0;
  /** How deep inside something of another namespace. */
  let foreign = 0;
  parser.on('error', (error) => unsupported(`not well-formed XML: ${error.message.slice(0, 200)}`));
  parser.on('doctype', (doctype) => {
    // Its entities could be anything, and its address is never asked.
    if (doctype.includes('[')) unsupported('a DOCTYPE with declarations of its own');
  });
  parser.on('processinginstruction', ({ target }) => {
    if (target === 'xml-stylesheet') unsupported('a style sheet in another file');
  });
  parser.on('opentag', ({ local, uri, attributes }) => {
    elements++;
    if (elements > MAX_ELEMENTS)
      throw new AppError('PICTURE_TOO_LARGE', `an SVG of more than ${MAX_ELEMENTS} elements`);
    if (foreign > 0 || uri !== SVG_NAMESPACE) {
      if (root === undefined) unsupported('a root that is no SVG element');
      foreign++;
      return;
    }
    if (ACTIVE.has(local)) unsupported(`<${local}>`);
    const element: Open = { name: local, attributes: {}, children: [], text: '' };
    for (const attribute of Object.values(attributes)) {
      if (/^on/i.test(attribute.name)) unsupported(`an event handler, ${attribute.name}`);
      if (attribute.uri === '' || attribute.uri === XLINK_NAMESPACE)
        element.attributes[attribute.local] ??= attribute.value;
    }
    stack.at(-1)?.children.push(element);
    root ??= element;
    stack.push(element);
    if (stack.length > MAX_DEPTH) throw new AppError('PICTURE_TOO_LARGE', `an SVG nested deeper than ${MAX_DEPTH}`);
  });
  parser.on('closetag', () => {
    if (foreign > 0) foreign--;
    else stack.pop();
  });
  const keep = (data: string): void => {
    const open = stack.at(-1);
    if (foreign === 0 && open !== undefined) open.text += data;
  };
  parser.on('text', keep);
  parser.on('cdata', keep);
  parser.write(text).close();
  if (root?.name !== 'svg') return unsupported('a root that is not <svg>');
  return root;
}
