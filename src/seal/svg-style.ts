/** How a shape is to be painted (SVG 1.1, 6 and 11): attributes, style sheets with simple selectors, style attributes, inherited. Pure. */
import type { Rgb } from './drawing.ts';
import { unsupported } from './svg-tree.ts';
import type { SvgElement } from './svg-tree.ts';

export interface Stroke {
  readonly paint: Paint;
  readonly width: number;
  readonly cap: 0 | 1 | 2;
  readonly join: 0 | 1 | 2;
  readonly miterLimit: number;
  readonly dashes: readonly number[];
  readonly dashOffset: number;
}

export interface Paint {
  readonly color: Rgb;
  readonly opacity: number;
}

/** Computed values, as text, by property. */
export type Style = Readonly<Record<string, string>>;

/** What elements inside have too, unless they say otherwise. */
const INHERITED = new Set(
  (
    'color fill fill-opacity fill-rule stroke stroke-opacity stroke-width stroke-linecap stroke-linejoin stroke-miterlimit ' +
    'stroke-dasharray stroke-dashoffset visibility'
  ).split(' '),
);
const OWN = new Set(['opacity', 'display', 'clip-path']);

/** What changes a picture in ways that are not drawn here, and the value that does not. */
const NOT_DRAWN: Readonly<Record<string, string>> = {
  clip: 'auto',
  mask: 'none',
  'mask-image': 'none',
  filter: 'none',
  marker: 'none',
  'marker-start': 'none',
  'marker-mid': 'none',
  'marker-end': 'none',
  'mix-blend-mode': 'normal',
  'paint-order': 'normal',
  'vector-effect': 'none',
};
/** Of style sheets alone: as attributes they are no style. */
const GEOMETRY = new Set(
  'transform transform-origin transform-box translate rotate scale d x y cx cy r rx ry width height'.split(' '),
);

export const INITIAL_STYLE: Style = {
  color: 'black',
  fill: 'black',
  'fill-opacity': '1',
  'fill-rule': 'nonzero',
  stroke: 'none',
  'stroke-opacity': '1',
  'stroke-width': '1',
  'stroke-linecap': 'butt',
  'stroke-linejoin': 'miter',
  'stroke-miterlimit': '4',
  'stroke-dasharray': 'none',
  'stroke-dashoffset': '0',
  visibility: 'visible',
};

/** A rule with one simple selector: an element's name, `.class`, `#id`, or a name and a class. */
export interface StyleRule {
  readonly name: string;
  readonly className: string;
  readonly id: string;
  readonly declarations: Readonly<Record<string, string>>;
}

const MAX_RULES = 2000;

/** The rules of style sheets, the least specific first. Throws PICTURE_SVG_UNSUPPORTED for what is no simple selector. */
export function styleRules(css: string): StyleRule[] {
  const plain = withoutComments(css);
  if (/[@\\]/.test(plain)) unsupported('a style sheet with @ rules or escapes');
  const rules: StyleRule[] = [];
  // A rule ends with its brace; what is behind the last one is white space.
  const blocks = plain.split('}');
  if (blocks.pop()?.trim() !== '') unsupported('a style sheet that cannot be read');
  for (const block of blocks) {
    const [selectors = '', body, ...others] = block.split('{');
    if (body === undefined || others.length > 0) return unsupported('a style sheet that cannot be read');
    const declarations = declarationsOf(body);
    for (const selector of selectors.split(',')) {
      const simple = /^([A-Za-z]*)(?:\.([\w-]+)|#([\w-]+))?$/.exec(selector.trim());
      const [, name = '', className = '', id = ''] = simple ?? [];
      if (simple === null || name + className + id === '')
        unsupported(`the style selector “${selector.trim().slice(0, 60)}”`);
      rules.push({ name, className, id, declarations });
      if (rules.length > MAX_RULES) unsupported(`more than ${MAX_RULES} style rules`);
    }
  }
  const specificity = ({ name, className, id }: StyleRule): number =>
    (id === '' ? 0 : 100) + (className === '' ? 0 : 10) + (name === '' ? 0 : 1);
  return rules.toSorted((a, b) => specificity(a) - specificity(b));
}

/** Old sheets are inside an XML comment, to hide them from what does not know style. */
function withoutComments(css: string): string {
  const parts = css.replaceAll(/<!--|-->/g, ' ').split('/*');
  const [before = '', ...commented] = parts;
  return [
    before,
    ...commented.map((part) => {
      const end = part.indexOf('*/');
      return end < 0 ? unsupported('a comment without an end') : part.slice(end + 2);
    }),
  ].join(' ');
}

function declarationsOf(text: string): Record<string, string> {
  const out: Record<string, string> = {};
  for (const declaration of text.split(';')) {
    if (declaration.trim() === '') continue;
    const colon = declaration.indexOf(':');
    if (colon < 0) unsupported('a style declaration without a colon');
    const value = declaration.slice(colon + 1).trim();
    if (value.includes('!')) unsupported('a style that is called important');
    out[declaration.slice(0, colon).trim().toLowerCase()] = value;
  }
  return out;
}

/** The style of an element inside one of style `parent`. Throws PICTURE_SVG_UNSUPPORTED. */
export function styleOf(element: SvgElement, parent: Style, rules: readonly StyleRule[]): Style {
  const { attributes } = element;
  const out: Record<string, string> = { ...parent, opacity: '1', display: 'inline', 'clip-path': 'none' };
  const set = (property: string, value: string, sheet: boolean): void => {
    const neutral = NOT_DRAWN[property];
    if (neutral !== undefined && value !== neutral) unsupported(`${property}: ${value.slice(0, 60)}`);
    if (sheet && GEOMETRY.has(property)) unsupported(`${property} in a style`);
    if (!INHERITED.has(property) && !OWN.has(property)) return;
    if (value === 'inherit') out[property] = parent[property] ?? out[property] ?? '';
    else out[property] = value;
  };
  for (const [name, value] of Object.entries(attributes)) set(name, value.trim(), false);
  const classes = new Set((attributes['class'] ?? '').split(/\s+/));
  for (const rule of rules) {
    const fits =
      (rule.name === '' || rule.name === element.name) &&
      (rule.className === '' || classes.has(rule.className)) &&
      (rule.id === '' || rule.id === attributes['id']);
    if (fits) for (const [property, value] of Object.entries(rule.declarations)) set(property, value, true);
  }
  for (const [property, value] of Object.entries(declarationsOf(attributes['style'] ?? ''))) set(property, value, true);
  return out;
}

/** What fills the shape; null: nothing does. */
export function fillOf(style: Style): Paint | null {
  return paintOf(style, 'fill');
}

export function strokeOf(style: Style): Stroke | null {
  const paint = paintOf(style, 'stroke');
  const width = lengthOf(style['stroke-width'] ?? '', 'stroke-width');
  if (paint === null || width <= 0) return null;
  const dashes = style['stroke-dasharray'] ?? 'none';
  const lengths = dashes === 'none' ? [] : dashes.split(/[\s,]+/).map((dash) => lengthOf(dash, 'stroke-dasharray'));
  const isDashed = lengths.some((length) => length > 0) && lengths.every((length) => length >= 0);
  return {
    paint,
    width,
    cap: oneOf(style, 'stroke-linecap', ['butt', 'round', 'square']),
    join: oneOf(style, 'stroke-linejoin', ['miter', 'round', 'bevel']),
    miterLimit: Math.max(1, Number(style['stroke-miterlimit']) || 4),
    dashes: isDashed ? lengths : [],
    dashOffset: lengthOf(style['stroke-dashoffset'] ?? '0', 'stroke-dashoffset'),
  };
}

function oneOf(style: Style, property: string, values: readonly [string, string, string]): 0 | 1 | 2 {
  const at = values.indexOf(style[property] ?? '');
  if (at < 0) unsupported(`${property}: ${style[property]?.slice(0, 60) ?? ''}`);
  return at as 0 | 1 | 2;
}

function paintOf(style: Style, property: 'fill' | 'stroke'): Paint | null {
  const value = (style[property] ?? 'none').toLowerCase();
  if (value === 'none' || value === 'transparent') return null;
  const color = colorOf(value === 'currentcolor' ? (style['color'] ?? 'black').toLowerCase() : value);
  if (color === null) return unsupported(`${property}: ${value.slice(0, 60)}`);
  const opacity = color.opacity * opacityOf(style[`${property}-opacity`]);
  return opacity === 0 ? null : { color: color.color, opacity };
}

/** 0 to 1. */
export function opacityOf(text: string | undefined): number {
  const value = /^([\d.eE+-]+)(%?)$/.exec((text ?? '1').trim());
  const number = Number(value?.[1]) / (value?.[2] === '%' ? 100 : 1);
  if (!Number.isFinite(number)) unsupported(`opacity: ${text?.slice(0, 60) ?? ''}`);
  return Math.min(1, Math.max(0, number));
}

function colorOf(text: string): Paint | null {
  const hex = /^#([\da-f]{3,4}|[\da-f]{6}|[\da-f]{8})$/.exec(text)?.[1] ?? NAMED[text]?.toString(16).padStart(6, '0');
  if (hex !== undefined) {
    const digits = hex.length < 6 ? Array.from(hex, (digit) => digit + digit).join('') : hex;
    const [r = 0, g = 0, b = 0, a = 1] = (digits.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16) / 255);
    return { color: [r, g, b], opacity: a };
  }
  const [, body = ''] = /^rgba?\(([^()]*)\)$/.exec(text) ?? [];
  const parts = body.trim().split(/\s*[\s,/]\s*/);
  if (body === '' || parts.length < 3 || parts.length > 4) return null;
  const [r = NaN, g = NaN, b = NaN] = parts.slice(0, 3).map((part) => {
    const value = part.endsWith('%') ? Number(part.slice(0, -1)) / 100 : Number(part) / 255;
    return Math.min(1, Math.max(0, value));
  });
  if (![r, g, b].every(Number.isFinite)) return null;
  return { color: [r, g, b], opacity: opacityOf(parts[3]) };
}

/** In user units: CSS pixels (SVG 1.1, 7.10). Throws PICTURE_SVG_UNSUPPORTED for what depends on a font or a window. */
export function lengthOf(text: string, what: string): number {
  const [, number = '', unit = ''] =
    /^([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)(px|pt|pc|mm|cm|in|)$/.exec(text.trim()) ?? [];
  if (number === '') unsupported(`${what}: ${text.slice(0, 60)}`);
  return Number(number) * (UNITS[unit] ?? 1);
}

const UNITS: Readonly<Record<string, number>> = { px: 1, pt: 96 / 72, pc: 16, mm: 96 / 25.4, cm: 96 / 2.54, in: 96 };

/** CSS Color Level 4, 6.1: the basic ones and every red. */
const NAMED: Readonly<Record<string, number>> = {
  black: 0x000000,
  silver: 0xc0c0c0,
  gray: 0x808080,
  grey: 0x808080,
  white: 0xffffff,
  maroon: 0x800000,
  red: 0xff0000,
  purple: 0x800080,
  fuchsia: 0xff00ff,
  magenta: 0xff00ff,
  green: 0x008000,
  lime: 0x00ff00,
  olive: 0x808000,
  yellow: 0xffff00,
  navy: 0x000080,
  blue: 0x0000ff,
  teal: 0x008080,
  aqua: 0x00ffff,
  cyan: 0x00ffff,
  orange: 0xffa500,
  brown: 0xa52a2a,
  crimson: 0xdc143c,
  darkred: 0x8b0000,
  firebrick: 0xb22222,
  indianred: 0xcd5c5c,
  orangered: 0xff4500,
  tomato: 0xff6347,
  salmon: 0xfa8072,
  snow: 0xfffafa,
  ivory: 0xfffff0,
  whitesmoke: 0xf5f5f5,
  darkblue: 0x00008b,
  dimgray: 0x696969,
  dimgrey: 0x696969,
  darkgray: 0xa9a9a9,
  darkgrey: 0xa9a9a9,
  lightgray: 0xd3d3d3,
  lightgrey: 0xd3d3d3,
};
