/** An SVG's shapes as operators of PDF, vector to vector. Pure. */
import {
  LineCapStyle,
  LineJoinStyle,
  PDFNumber,
  concatTransformationMatrix,
  clip,
  closePath,
  drawObject,
  endPath,
  fill,
  fillEvenOdd,
  lineTo,
  moveTo,
  popGraphicsState,
  pushGraphicsState,
  setDashPattern,
  setGraphicsState,
  setLineCap,
  setLineJoin,
  setLineWidth,
  stroke,
  PDFOperator,
  PDFOperatorNames,
} from 'pdf-lib';
import type { Matrix } from '../pdf/geometry.ts';
import { fillColor, pathOperators, strokeColor } from './drawing.ts';
import type { Rgb } from './drawing.ts';
import type { PathStep } from './glyph-outlines.ts';
import { isWhite, times } from './svg-picture.ts';
import type { SvgNode, SvgPicture, SvgShape } from './svg-picture.ts';
import type { Paint, Stroke } from './svg-style.ts';

/** Operators, and what they name. */
export interface Operators {
  readonly operators: readonly PDFOperator[];
  readonly groups: Readonly<Record<string, Operators>>;
  readonly opacities: Readonly<Record<string, number>>;
}

/** Points of a box that a picture's ink fills, and points to a unit of the picture. */
export interface Fitted {
  readonly widthPt: number;
  readonly heightPt: number;
  readonly scale: number;
}

/** The picture's ink as large as its longer side being `side` points makes it. */
export function fitted({ ink }: SvgPicture, side: number): Fitted {
  const [width, height] = [ink.right - ink.left, ink.bottom - ink.top];
  const scale = side / Math.max(width, height);
  return { widthPt: width * scale, heightPt: height * scale, scale };
}

/** To the box, its origin at the lower left. */
function toBox({ ink }: SvgPicture, { scale }: Fitted): Matrix {
  return [scale, 0, 0, -scale, -ink.left * scale, ink.bottom * scale];
}

/** As ink: white in it is what is seen through. */
export function drawSvg(picture: SvgPicture, fit: Fitted): Operators {
  return drawn(picture.nodes, toBox(picture, fit));
}

function drawn(nodes: readonly SvgNode[], root: Matrix): Operators {
  const groups: Record<string, Operators> = {};
  const opacities: Record<string, number> = {};
  const state = (opacity: number): PDFOperator[] => {
    if (opacity >= 1) return [];
    const thousandths = Math.round(opacity * 1000);
    opacities[`Op${thousandths}`] = thousandths / 1000;
    return [setGraphicsState(`Op${thousandths}`)];
  };
  const operators = nodes.flatMap((node) => {
    if (node.kind === 'shape') return shape(node, root, (paint) => ({ rgb: paint.color, state: state(paint.opacity) }));
    const name = `Gr${Object.keys(groups).length + 1}`;
    groups[name] = drawn(node.nodes, root);
    return [pushGraphicsState(), ...state(node.opacity), drawObject(name), popGraphicsState()];
  });
  return { operators, groups, opacities };
}

/** Points: of the lines that paint where nothing can be seen through, and from one to the next. Text below is read between them. */
const LINE = 0.7;
const PITCH = 1;

/**
 * Where nothing is seen through: all of it as lines, thin colours as pale ones, and without the white that it begins with, which is paper.
 */
export function drawSvgOpaque(picture: SvgPicture, fit: Fitted): PDFOperator[] {
  const root = toBox(picture, fit);
  const flat = flattened(picture.nodes, 1);
  const first = flat.findIndex(({ node }) => !isWhite(node));
  return [
    pushGraphicsState(),
    ...lines(fit),
    clip(),
    endPath(),
    ...flat.slice(Math.max(0, first)).flatMap(({ node, opacity }) =>
      shape(node, root, (paint) => {
        const pale = (value: number): number => 1 - (1 - value) * paint.opacity * opacity;
        const [r, g, b] = paint.color;
        return { rgb: [pale(r), pale(g), pale(b)], state: [] };
      }),
    ),
    popGraphicsState(),
  ];
}

function flattened(nodes: readonly SvgNode[], opacity: number): { node: SvgShape; opacity: number }[] {
  return nodes.flatMap((node) =>
    node.kind === 'shape' ? [{ node, opacity }] : flattened(node.nodes, opacity * node.opacity),
  );
}

/** Slanting bars over the whole box, as one path. */
function lines({ widthPt, heightPt }: Fitted): PDFOperator[] {
  const step = PITCH * Math.SQRT2;
  const thickness = LINE * Math.SQRT2;
  const count = Math.ceil((widthPt + heightPt) / step);
  return Array.from({ length: count + 1 }, (_, i) => {
    const x = round(i * step - heightPt);
    const corners = [
      [x, 0],
      [round(x + thickness), 0],
      [round(x + thickness + heightPt), heightPt],
      [round(x + heightPt), heightPt],
    ] as const;
    return [...corners.map(([cx, cy], k) => (k === 0 ? moveTo(cx, cy) : lineTo(cx, cy))), closePath()];
  }).flat();
}

type Inked = (paint: Paint) => { readonly rgb: Rgb; readonly state: readonly PDFOperator[] };

function shape(node: SvgShape, root: Matrix, inked: Inked): PDFOperator[] {
  const [a, b, c, d, e, f] = times(root, node.matrix);
  const path = pathOperators(node.steps.map(rounded));
  const painted: PDFOperator[] = [];
  if (node.fill !== null) {
    const { rgb, state } = inked(node.fill);
    painted.push(...state, ...fillColor(rgb), ...path, node.evenOdd ? fillEvenOdd() : fill());
  }
  if (node.stroke !== null) {
    const { rgb, state } = inked(node.stroke.paint);
    // A state that the fill has set would hold for the line, too.
    const own = node.fill === null ? [] : [popGraphicsState(), pushGraphicsState(), concatenated([a, b, c, d, e, f])];
    painted.push(...own, ...state, ...strokeColor(rgb), ...lineOperators(node.stroke), ...path, stroke());
  }
  return [pushGraphicsState(), concatenated([a, b, c, d, e, f]), ...painted, popGraphicsState()];
}

function concatenated(matrix: Matrix): PDFOperator {
  const [a, b, c, d, e, f] = matrix.map((value) => Math.round(value * 1e8) / 1e8) as unknown as Matrix;
  return concatTransformationMatrix(a, b, c, d, e, f);
}

const CAPS = [LineCapStyle.Butt, LineCapStyle.Round, LineCapStyle.Projecting] as const;
const JOINS = [LineJoinStyle.Miter, LineJoinStyle.Round, LineJoinStyle.Bevel] as const;

function lineOperators({ width, cap, join, miterLimit, dashes, dashOffset }: Stroke): PDFOperator[] {
  return [
    setLineWidth(round(width)),
    setLineCap(CAPS[cap]),
    setLineJoin(JOINS[join]),
    PDFOperator.of(PDFOperatorNames.SetLineMiterLimit, [PDFNumber.of(round(miterLimit))]),
    ...(dashes.length === 0 ? [] : [setDashPattern(dashes.map(round), round(dashOffset))]),
  ];
}

/** Five decimals of a unit: a seal is some hundred of them wide. */
function round(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}

function rounded(step: PathStep): PathStep {
  const [name, ...values] = step;
  return [name, ...values.map(round)] as unknown as PathStep;
}
