/** Pictures and drawings as form XObjects (ISO 32000-2, 8.10), built with pdf-lib, as the document's standard lets them be. */
import { PDFHexString, PDFRef } from 'pdf-lib';
import { toHex } from '../bytes.ts';
import { drawingRules } from './drawing-rules.ts';
import type { Matrix } from './geometry.ts';
import type { IncrementDraft } from './increment-draft.ts';
import { serialize } from './object.ts';
import type { PdfRef } from './object.ts';

/** A picture inside a drawing. All sample data are deflated (zlib), rows from the top. */
export type ImageSource = SampledImage | StencilImage;

/** 8 bits a component. */
export interface SampledImage {
  readonly kind: 'samples';
  readonly width: number;
  readonly height: number;
  /** `indexed`: a palette, three bytes (RGB) a colour. */
  readonly colorSpace: 'gray' | 'rgb' | { readonly indexed: Uint8Array };
  readonly flate: Uint8Array;
  /** Opacity, one byte a pixel, 255 opaque; deflated too. */
  readonly alpha?: Uint8Array;
  /** Which of it is painted at all: as fine as it likes. */
  readonly mask?: Omit<StencilImage, 'kind'>;
}

/** One bit a pixel, rows filled up to whole bytes: where it is 0 the colour in force is painted, where it is 1 nothing is. */
export interface StencilImage {
  readonly kind: 'stencil';
  readonly width: number;
  readonly height: number;
  readonly flate: Uint8Array;
}

export interface Drawing {
  /** Operators of a content stream, deflated (zlib), drawing in 0..widthPt x 0..heightPt, origin at the lower left. Colours: `SET_RGB`. */
  readonly contentFlate: Uint8Array;
  /** By the names that the operators use: letters and digits. */
  readonly images: Readonly<Record<string, ImageSource>>;
  /** Drawings inside it, each laid on as one. */
  readonly groups?: Readonly<Record<string, Drawing>>;
  /** Opacities, 0 to 1, that `gs` sets for what is filled, stroked and laid on. */
  readonly opacities?: Readonly<Record<string, number>>;
}

/** Something to draw, upright, in a box of its own. Plain data: it crosses threads. */
export interface Appearance {
  /** What it is, for who looks into the file: nothing personal. */
  readonly title: string;
  /** Points. */
  readonly widthPt: number;
  readonly heightPt: number;
  /** How it is drawn where it may lie on the page as ink does: multiplied with what is there already. */
  readonly ink: Drawing;
  /** The same for documents that know no transparency (PDF/A-1): what it paints hides what is below. */
  readonly opaque: Drawing;
}

/** What begins a colour in a drawing's operators: `/Rgb cs 0.8 0 0 sc`, `/Rgb CS 0.8 0 0 SC`. Which RGB that is the document decides. */
export const RGB_SPACE = 'Rgb';

/** A dictionary as pdf-lib takes it. */
export type DictLiteral = NonNullable<Parameters<IncrementDraft['context']['stream']>[1]>;

/** Numbers of a content stream: five decimals are a third of a micrometre. */
export function operand(value: number): string {
  return serialize(Number(value.toFixed(5)));
}

export function matrixOperands(matrix: Matrix): string {
  return matrix.map(operand).join(' ');
}

/** pdf-lib's reference to an object of the increment or of the document. */
export function libRef({ number, generation }: PdfRef): PDFRef {
  return PDFRef.of(number, generation);
}

/** A stream whose data are encoded already, as `dict` says. */
export function addStream(draft: IncrementDraft, data: Uint8Array, dict: DictLiteral): PdfRef {
  return draft.add(draft.context.stream(data, dict));
}

/** The forms of one increment: each appearance becomes one object, however often it is drawn. */
export class Forms {
  readonly #draft: IncrementDraft;
  readonly #made = new Map<Appearance, PdfRef>();
  /** The blend mode in which forms are to be drawn; null: none, they are opaque. */
  readonly blend: 'Multiply' | null;
  readonly #deviceColor: boolean;
  readonly #calibrated = new Map<'gray' | 'rgb', PDFRef>();

  constructor(draft: IncrementDraft) {
    const { transparency, deviceColor } = drawingRules(draft.pdf);
    this.#draft = draft;
    this.blend = transparency ? 'Multiply' : null;
    this.#deviceColor = deviceColor;
  }

  /** The drawing as a form XObject of its size in points; where it is blended, a transparency group, so that it is blended as a whole. */
  add(appearance: Appearance): PdfRef {
    const made = this.#made.get(appearance);
    if (made !== undefined) return made;
    const { title, widthPt, heightPt, ink, opaque } = appearance;
    const form = this.#form(this.blend === null ? opaque : ink, [widthPt, heightPt], title);
    this.#made.set(appearance, form);
    return form;
  }

  #form(drawing: Drawing, [width, height]: readonly [number, number], title?: string): PdfRef {
    const { contentFlate, images, groups = {}, opacities = {} } = drawing;
    const rgb = this.#colorSpace('rgb');
    const objects = [
      ...Object.entries(images).map(([name, image]) => [name, libRef(this.#image(image))] as const),
      ...Object.entries(groups).map(([name, group]) => [name, libRef(this.#form(group, [width, height]))] as const),
    ];
    const states = Object.entries(opacities).map(([name, value]) => [
      name,
      { Type: 'ExtGState', CA: value, ca: value },
    ]);
    return addStream(this.#draft, contentFlate, {
      Type: 'XObject',
      Subtype: 'Form',
      ...(title === undefined ? {} : { Title: PDFHexString.fromText(title) }),
      BBox: [0, 0, width, height],
      Resources: {
        ColorSpace: { [RGB_SPACE]: rgb },
        ...(objects.length === 0 ? {} : { XObject: Object.fromEntries(objects) }),
        ...(states.length === 0 ? {} : { ExtGState: Object.fromEntries(states) as Record<string, object> }),
      },
      ...(this.blend === null ? {} : { Group: { S: 'Transparency', CS: rgb, I: true } }),
      Filter: 'FlateDecode',
    });
  }

  #image(image: ImageSource): PdfRef {
    if (image.kind === 'stencil') return this.#stencil(image);
    const { width, height, colorSpace, flate, alpha, mask } = image;
    const samples = {
      Type: 'XObject',
      Subtype: 'Image',
      Width: width,
      Height: height,
      BitsPerComponent: 8,
      Filter: 'FlateDecode',
    };
    const soft = alpha === undefined ? null : addStream(this.#draft, alpha, { ...samples, ColorSpace: 'DeviceGray' });
    const hard = mask === undefined ? null : this.#stencil(mask);
    return addStream(this.#draft, flate, {
      ...samples,
      ColorSpace: typeof colorSpace === 'string' ? this.#colorSpace(colorSpace) : this.#palette(colorSpace.indexed),
      ...(soft === null ? {} : { SMask: libRef(soft) }),
      ...(hard === null ? {} : { Mask: libRef(hard) }),
    });
  }

  /** ISO 32000-2, 8.9.6.2; also what an image's Mask is (8.9.6.3). */
  #stencil({ width, height, flate }: Omit<StencilImage, 'kind'>): PdfRef {
    return addStream(this.#draft, flate, {
      Type: 'XObject',
      Subtype: 'Image',
      ImageMask: true,
      Width: width,
      Height: height,
      BitsPerComponent: 1,
      Filter: 'FlateDecode',
    });
  }

  /** 8.6.6.3 */
  #palette(rgb: Uint8Array): (string | number | PDFHexString | PDFRef)[] {
    return ['Indexed', this.#colorSpace('rgb'), rgb.length / 3 - 1, PDFHexString.of(toHex(rgb))];
  }

  #colorSpace(kind: 'gray' | 'rgb'): string | PDFRef {
    if (this.#deviceColor) return kind === 'gray' ? 'DeviceGray' : 'DeviceRGB';
    const known = this.#calibrated.get(kind);
    if (known !== undefined) return known;
    const { context } = this.#draft;
    const made = context.register(context.obj(kind === 'gray' ? CALIBRATED_GRAY : CALIBRATED_RGB));
    this.#calibrated.set(kind, made);
    return made;
  }
}

/** sRGB said without a profile (ISO 32000-2, 8.6.5.2, 8.6.5.3; IEC 61966-2-1). */
const D65 = [0.9505, 1, 1.089];
const CALIBRATED_GRAY = ['CalGray', { WhitePoint: D65, Gamma: 2.2 }];
const CALIBRATED_RGB = [
  'CalRGB',
  {
    WhitePoint: D65,
    Gamma: [2.2, 2.2, 2.2],
    Matrix: [0.4124, 0.2126, 0.0193, 0.3576, 0.7152, 0.1192, 0.1805, 0.0722, 0.9505],
  },
];
