/**
 * SVG (SVG 1.1, second edition; clauses are its) as shapes to be painted: what a seal is made of. Whatever else is found is refused by name,
 * because a seal that is drawn almost right is a wrong seal. Pure.
 */
import { SVGPathData } from 'svg-pathdata';
import type { SVGCommand } from 'svg-pathdata';
import { AppError } from '../errors.ts';
import type { Matrix } from '../pdf/geometry.ts';
import type { PathStep } from './glyph-outlines.ts';
import { INITIAL_STYLE, fillOf, lengthOf, opacityOf, strokeOf, styleOf, styleRules } from './svg-style.ts';
import type { Paint, Stroke, Style, StyleRule } from './svg-style.ts';
import { parseSvgTree, unsupported } from './svg-tree.ts';
import type { SvgElement } from './svg-tree.ts';

export interface SvgShape {
  readonly kind: 'shape';
  /** Absolute, in the shape's own units, y downwards. */
  readonly steps: readonly PathStep[];
  /** To the units of the picture. */
  readonly matrix: Matrix;
  readonly fill: Paint | null;
  readonly evenOdd: boolean;
  readonly stroke: Stroke | null;
  /** What is painted, in the units of the picture. */
  readonly bounds: Bounds;
}

/** Nodes that are laid on as one, thinner than each by itself. */
export interface SvgGroup {
  readonly kind: 'group';
  readonly opacity: number;
  readonly nodes: readonly SvgNode[];
}

export type SvgNode = SvgShape | SvgGroup;

export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface SvgPicture {
  /** In the order of painting. */
  readonly nodes: readonly SvgNode[];
  /** Of all that is painted and is not white, inside what is seen. */
  readonly ink: Bounds;
  /** Outside of it nothing is seen; null: of no end. */
  readonly window: Bounds | null;
}

const MAX_STEPS = 200_000;
/** Elements drawn, each `use` counted again. */
const MAX_DRAWN = 20_000;
const MAX_DEPTH = 64;
const IDENTITY: Matrix = [1, 0, 0, 1, 0, 0];

/** Elements that show nothing themselves; those that others refer to are refused where they are used. */
const UNSEEN = new Set(
  (
    'defs title desc metadata style symbol clipPath mask filter pattern marker linearGradient radialGradient ' +
    'cursor font font-face color-profile view'
  ).split(' '),
);

interface Context {
  readonly rules: readonly StyleRule[];
  readonly byId: ReadonlyMap<string, SvgElement>;
  drawn: number;
  steps: number;
}

/** Throws PICTURE_SVG_UNSUPPORTED with what was found, PICTURE_TOO_LARGE, PICTURE_BLANK. */
export function parseSvg(text: string): SvgPicture {
  const root = parseSvgTree(text);
  const all = flattened(root);
  const css = all.filter(({ name }) => name === 'style').map(({ text: sheet }) => sheet);
  const byId = new Map(
    all.flatMap((element) => (element.attributes['id'] ? [[element.attributes['id'], element]] : [])),
  );
  const context: Context = { rules: styleRules(css.join('\n')), byId, drawn: 0, steps: 0 };
  const style = styleOf(root, INITIAL_STYLE, context.rules);
  const matrix = transformOf(root.attributes['transform'] ?? '');
  const nodes = thinned(grouped(root.children, style, matrix, context, 0), opacityOf(style['opacity']));
  const window = windowOf(root);
  const ink = shapesOf(nodes)
    .filter((shape) => !isWhite(shape))
    .map(({ bounds }) => within(bounds, window))
    .filter((bounds) => bounds !== null)
    .reduce<Bounds | null>((a, b) => (a === null ? b : around(a, b)), null);
  if (ink === null) throw new AppError('PICTURE_BLANK', 'the SVG paints nothing but white');
  return { nodes, ink, window };
}

/** Whether a shape paints white alone: paper, or what is to be seen through. */
export function isWhite({ fill, stroke }: SvgShape): boolean {
  return [fill, stroke?.paint ?? null].every((paint) => paint === null || paint.color.every((value) => value >= 0.99));
}

export function shapesOf(nodes: readonly SvgNode[]): SvgShape[] {
  return nodes.flatMap((node) => (node.kind === 'shape' ? [node] : shapesOf(node.nodes)));
}

function flattened(element: SvgElement): SvgElement[] {
  return [element, ...element.children.flatMap(flattened)];
}

/** 7.7: the root's viewBox, else its size; nothing outside is seen (14.3.3). */
function windowOf({ attributes }: SvgElement): Bounds | null {
  const { viewBox, width, height } = attributes;
  const size = [width, height].map((text) =>
    text === undefined || text.endsWith('%') ? null : lengthOf(text, 'a size'),
  );
  const [wide = null, high = null] = size;
  if (viewBox !== undefined) {
    const numbers = viewBox
      .trim()
      .split(/[\s,]+/)
      .map(Number);
    const [left = NaN, top = NaN, boxWide = NaN, boxHigh = NaN] = numbers;
    if (numbers.length !== 4 || !numbers.every(Number.isFinite) || !(boxWide > 0 && boxHigh > 0)) {
      return unsupported(`viewBox: ${viewBox.slice(0, 60)}`);
    }
    const stretched = wide !== null && high !== null && Math.abs(wide / high / (boxWide / boxHigh) - 1) > 0.001;
    const [how] = (attributes['preserveAspectRatio'] ?? 'xMidYMid').trim().split(/\s+/);
    if (stretched && how === 'none') unsupported('preserveAspectRatio: none, which pulls the picture out of shape');
    return { left, top, right: left + boxWide, bottom: top + boxHigh };
  }
  return wide === null || high === null ? null : { left: 0, top: 0, right: wide, bottom: high };
}

function grouped(
  elements: readonly SvgElement[],
  parent: Style,
  matrix: Matrix,
  context: Context,
  depth: number,
): SvgNode[] {
  return elements.flatMap((element) => nodesOf(element, parent, matrix, context, depth + 1));
}

function nodesOf(element: SvgElement, parent: Style, outer: Matrix, context: Context, depth: number): SvgNode[] {
  if (UNSEEN.has(element.name)) return [];
  context.drawn++;
  if (context.drawn > MAX_DRAWN || depth > MAX_DEPTH) {
    throw new AppError('PICTURE_TOO_LARGE', 'an SVG that draws more elements, or deeper ones, than a seal has');
  }
  const style = styleOf(element, parent, context.rules);
  if (style['display'] === 'none') return [];
  const { attributes } = element;
  const matrix = times(outer, transformOf(attributes['transform'] ?? ''));
  const opacity = opacityOf(style['opacity']);
  if (opacity === 0) return [];
  const nodes =
    element.name === 'g'
      ? grouped(element.children, style, matrix, context, depth)
      : element.name === 'use'
        ? used(element, style, matrix, context, depth)
        : shapeOf(element, style, matrix, context);
  requireUncut(nodes, style['clip-path'] ?? 'none', matrix, context);
  return thinned(nodes, opacity);
}

/** Programs put a clip of the whole sheet around everything (14.3.5): one that cuts nothing off is none. */
function requireUncut(nodes: readonly SvgNode[], clip: string, matrix: Matrix, { byId }: Context): void {
  if (clip === 'none' || nodes.length === 0) return;
  const refuse = (): never => unsupported(`clip-path: ${clip.slice(0, 60)}`);
  const path = byId.get(/^url\(\s*["']?#([^"')]+)["']?\s*\)$/.exec(clip)?.[1] ?? '');
  const [rect, ...others] = path?.children ?? [];
  const plain = path?.name === 'clipPath' && rect?.name === 'rect' && others.length === 0;
  const moved = [path, rect].some((element) => element?.attributes['transform'] !== undefined);
  if (!plain || moved || (path?.attributes['clipPathUnits'] ?? 'userSpaceOnUse') !== 'userSpaceOnUse') return refuse();
  const [a, b, c, d] = matrix;
  const outline = pathOf(rect);
  if (outline === null || (b !== 0 && a !== 0) || (c !== 0 && d !== 0)) return refuse();
  const room = boundsOf(outline, matrix, null);
  const slack = (room.right - room.left + room.bottom - room.top) / 2000;
  const inside = shapesOf(nodes).every(
    ({ bounds }) =>
      bounds.left >= room.left - slack &&
      bounds.top >= room.top - slack &&
      bounds.right <= room.right + slack &&
      bounds.bottom <= room.bottom + slack,
  );
  if (!inside) refuse();
}

/** 14.5: opacity is of the whole; of one shape that is filled or stroked alone, it is that paint's. */
function thinned(nodes: readonly SvgNode[], opacity: number): SvgNode[] {
  if (opacity === 1 || nodes.length === 0) return [...nodes];
  const [only] = nodes;
  if (nodes.length > 1 || only?.kind !== 'shape' || (only.fill !== null && only.stroke !== null)) {
    return [{ kind: 'group', opacity, nodes }];
  }
  const { fill, stroke } = only;
  const thinner = (paint: Paint): Paint => ({ ...paint, opacity: paint.opacity * opacity });
  return [
    {
      ...only,
      fill: fill === null ? null : thinner(fill),
      stroke: stroke === null ? null : { ...stroke, paint: thinner(stroke.paint) },
    },
  ];
}

/** 5.6 */
function used(element: SvgElement, style: Style, matrix: Matrix, context: Context, depth: number): SvgNode[] {
  const { attributes } = element;
  const href = attributes['href'] ?? '';
  if (!href.startsWith('#')) unsupported(`<use> of ${href === '' ? 'nothing' : 'something in another file'}`);
  const target = context.byId.get(href.slice(1));
  if (target === undefined) return unsupported(`<use> of ${href.slice(0, 60)}, which is not there`);
  const moved = times(matrix, [1, 0, 0, 1, number(attributes, 'x'), number(attributes, 'y')]);
  if (target.name !== 'symbol') return nodesOf(target, style, moved, context, depth + 1);
  if (target.attributes['viewBox'] !== undefined) unsupported('<symbol> with a viewBox');
  return grouped(target.children, styleOf(target, style, context.rules), moved, context, depth + 1);
}

function shapeOf(element: SvgElement, style: Style, matrix: Matrix, context: Context): SvgShape[] {
  const path = pathOf(element);
  const fill = fillOf(style);
  const stroke = strokeOf(style);
  if (path === null || style['visibility'] !== 'visible' || (fill === null && stroke === null)) return [];
  const steps = stepsOf(path);
  context.steps += steps.length;
  if (context.steps > MAX_STEPS) throw new AppError('PICTURE_TOO_LARGE', `an SVG of more than ${MAX_STEPS} path steps`);
  if (steps.length < 2) return [];
  const rule = style['fill-rule'];
  if (rule !== 'nonzero' && rule !== 'evenodd') unsupported(`fill-rule: ${rule?.slice(0, 60) ?? ''}`);
  const bounds = boundsOf(path, matrix, stroke);
  return [{ kind: 'shape', steps, matrix, fill, evenOdd: rule === 'evenodd', stroke, bounds }];
}

/** 9: the basic shapes as paths; null for one without an extent. */
function pathOf({ name, attributes }: SvgElement): SVGCommand[] | null {
  const at = (attribute: string): number => number(attributes, attribute);
  switch (name) {
    case 'path':
      return commandsOf(attributes['d'] ?? '');
    case 'circle':
      return ellipse(at('cx'), at('cy'), at('r'), at('r'));
    case 'ellipse':
      return ellipse(at('cx'), at('cy'), at('rx'), at('ry'));
    case 'line':
      return commandsOf(`M${at('x1')} ${at('y1')}L${at('x2')} ${at('y2')}`);
    case 'rect':
      return rectangle(attributes);
    case 'polyline':
    case 'polygon': {
      const points = (attributes['points'] ?? '').trim();
      return points === '' ? null : commandsOf(`M${points}${name === 'polygon' ? 'Z' : ''}`);
    }
    case 'text':
      return unsupported('<text>: turn text into outlines');
    default:
      return unsupported(`<${name.slice(0, 40)}>`);
  }
}

function ellipse(cx: number, cy: number, rx: number, ry: number): SVGCommand[] | null {
  if (!(rx > 0 && ry > 0)) return null;
  const half = (x: number): string => `A${rx} ${ry} 0 0 1 ${x} ${cy}`;
  return commandsOf(`M${cx - rx} ${cy}${half(cx + rx)}${half(cx - rx)}Z`);
}

function rectangle(attributes: Readonly<Record<string, string>>): SVGCommand[] | null {
  const [x, y, width, height] = ['x', 'y', 'width', 'height'].map((name) => number(attributes, name)) as [
    number,
    number,
    number,
    number,
  ];
  if (!(width > 0 && height > 0)) return null;
  const given = ['rx', 'ry'].map((name) => (attributes[name] === undefined ? null : number(attributes, name)));
  const rx = Math.min(width / 2, Math.max(0, given[0] ?? given[1] ?? 0));
  const ry = Math.min(height / 2, Math.max(0, given[1] ?? given[0] ?? 0));
  if (rx === 0 || ry === 0) return commandsOf(`M${x} ${y}h${width}v${height}h${-width}Z`);
  const corner = (dx: number, dy: number): string => `a${rx} ${ry} 0 0 1 ${dx} ${dy}`;
  const [flat, upright] = [width - 2 * rx, height - 2 * ry];
  return commandsOf(
    `M${x + rx} ${y}h${flat}${corner(rx, ry)}v${upright}${corner(-rx, ry)}h${-flat}${corner(-rx, -ry)}v${-upright}${corner(rx, -ry)}Z`,
  );
}

/** 8.3: absolute, of lines and cubic curves alone. */
function commandsOf(d: string): SVGCommand[] | null {
  if (d.trim() === '') return null;
  try {
    const data = new SVGPathData(d);
    if (data.commands[0]?.type !== SVGPathData.MOVE_TO) return unsupported('a path that does not begin with a point');
    // Straight pieces last: until then a smooth curve asks for the control point of the one before it.
    return data.toAbs().normalizeST().qtToC().aToC().normalizeHVZ(false).commands;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    return unsupported(`a path that cannot be read: ${cause instanceof Error ? cause.message.slice(0, 120) : ''}`);
  }
}

function stepsOf(commands: readonly SVGCommand[]): PathStep[] {
  return commands.map((command): PathStep => {
    switch (command.type) {
      case SVGPathData.MOVE_TO:
        return ['m', finite(command.x), finite(command.y)];
      case SVGPathData.LINE_TO:
        return ['l', finite(command.x), finite(command.y)];
      case SVGPathData.CURVE_TO: {
        const [x1, y1, x2, y2] = [command.x1, command.y1, command.x2, command.y2].map(finite);
        return ['c', x1 ?? 0, y1 ?? 0, x2 ?? 0, y2 ?? 0, finite(command.x), finite(command.y)];
      }
      case SVGPathData.CLOSE_PATH:
        return ['h'];
      default:
        return unsupported('a path step that is no line and no curve');
    }
  });
}

function finite(value: number): number {
  if (!Number.isFinite(value) || Math.abs(value) > 1e7) unsupported('a coordinate out of all proportion');
  return value;
}

/** What the path covers, half a line wider where it is stroked: corners that are mitred may reach out further, on paper never by much. */
function boundsOf(commands: readonly SVGCommand[], matrix: Matrix, stroke: Stroke | null): Bounds {
  const path = new SVGPathData(structuredClone([...commands])).matrix(...matrix);
  const { minX, maxX, minY, maxY } = path.getBounds();
  const [a, b, c, d] = matrix;
  const reach = (stroke?.width ?? 0) / 2;
  const [dx, dy] = [reach * Math.hypot(a, c), reach * Math.hypot(b, d)];
  return { left: minX - dx, top: minY - dy, right: maxX + dx, bottom: maxY + dy };
}

function number(attributes: Readonly<Record<string, string>>, name: string): number {
  const text = attributes[name];
  return text === undefined ? 0 : finite(lengthOf(text, name));
}

/** 7.6 */
function transformOf(text: string): Matrix {
  const list = text.replaceAll(/[\s,]+/g, ' ').trim();
  const one = /([A-Za-z]+) ?\(([^()]*)\) ?/y;
  let matrix = IDENTITY;
  while (one.lastIndex < list.length) {
    const [, name = '', values = ''] = one.exec(list) ?? [];
    if (name === '') return unsupported(`transform: ${text.slice(0, 60)}`);
    const numbers = values.trim() === '' ? [] : values.trim().split(' ').map(Number);
    matrix = times(matrix, oneTransform(name, numbers));
  }
  if (!matrix.every((value) => Number.isFinite(value) && Math.abs(value) < 1e7))
    unsupported('a transform out of all proportion');
  return matrix;
}

function oneTransform(name: string, values: readonly number[]): Matrix {
  const [a = NaN, b = NaN, c = NaN] = values;
  const turn = (degrees: number): Matrix => {
    const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
    return [cos, sin, -sin, cos, 0, 0];
  };
  switch (`${name} ${values.length}`) {
    case 'matrix 6':
      return values as unknown as Matrix;
    case 'translate 1':
      return [1, 0, 0, 1, a, 0];
    case 'translate 2':
      return [1, 0, 0, 1, a, b];
    case 'scale 1':
      return [a, 0, 0, a, 0, 0];
    case 'scale 2':
      return [a, 0, 0, b, 0, 0];
    case 'rotate 1':
      return turn(a);
    case 'rotate 3':
      return times(times([1, 0, 0, 1, b, c], turn(a)), [1, 0, 0, 1, -b, -c]);
    case 'skewX 1':
      return [1, 0, Math.tan((a * Math.PI) / 180), 1, 0, 0];
    case 'skewY 1':
      return [1, Math.tan((a * Math.PI) / 180), 0, 1, 0, 0];
    default:
      return unsupported(`transform: ${name.slice(0, 40)} of ${values.length} numbers`);
  }
}

/** First `inner`, then `outer`. */
export function times(outer: Matrix, inner: Matrix): Matrix {
  const [a, b, c, d, e, f] = outer;
  const [p, q, r, s, t, u] = inner;
  return [a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f];
}

function around(a: Bounds, b: Bounds): Bounds {
  return {
    left: Math.min(a.left, b.left),
    top: Math.min(a.top, b.top),
    right: Math.max(a.right, b.right),
    bottom: Math.max(a.bottom, b.bottom),
  };
}

function within(bounds: Bounds, window: Bounds | null): Bounds | null {
  const { left, top, right, bottom } = bounds;
  const cut =
    window === null
      ? bounds
      : {
          left: Math.max(left, window.left),
          top: Math.max(top, window.top),
          right: Math.min(right, window.right),
          bottom: Math.min(bottom, window.bottom),
        };
  return cut.right > cut.left && cut.bottom > cut.top ? cut : null;
}
