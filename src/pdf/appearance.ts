/** Pictures and drawings as form XObjects (ISO 32000-2, 8.10), built with pdf-lib. */
import { PDFHexString, PDFRef } from 'pdf-lib';
import { toHex } from '../bytes.ts';
import type { Matrix } from './geometry.ts';
import type { IncrementDraft } from './increment-draft.ts';
import { serialize } from './object.ts';
import type { PdfRef } from './object.ts';

/** A picture inside an appearance. All sample data are deflated (zlib), 8 bits a component, rows from the top. */
export interface ImageSource {
  readonly width: number;
  readonly height: number;
  readonly bitsPerComponent: 8;
  /** `indexed`: a palette, three bytes (RGB) a colour. */
  readonly colorSpace: 'DeviceGray' | 'DeviceRGB' | { readonly indexed: Uint8Array };
  readonly flate: Uint8Array;
  /** Opacity, one byte a pixel, 255 opaque; deflated too. */
  readonly alpha?: Uint8Array;
}

/** Something to draw, upright, in a box of its own. Plain data: it crosses threads. */
export interface Appearance {
  /** Points. */
  readonly widthPt: number;
  readonly heightPt: number;
  /** Operators of a content stream, deflated (zlib), drawing in 0..widthPt x 0..heightPt, origin at the lower left. */
  readonly contentFlate: Uint8Array;
  /** How it mixes with what is on the page already. */
  readonly blend: 'Normal' | 'Multiply';
  /** By the names that the operators use: letters and digits. */
  readonly images: Readonly<Record<string, ImageSource>>;
}

type DictLiteral = NonNullable<Parameters<IncrementDraft['context']['stream']>[1]>;

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

/** Resources that make `/Gs gs` set a blend mode; empty for the normal one. */
export function blendState(blend: Appearance['blend']): Record<string, Record<string, string>> {
  return blend === 'Normal' ? {} : { Gs: { Type: 'ExtGState', BM: blend } };
}

/**
 * The drawing as a form XObject of its size in points; a transparency group of its own where it is to be blended as a whole. `title`
 * says in the file what it is.
 */
export function addForm(draft: IncrementDraft, appearance: Appearance, title: string): PdfRef {
  const { widthPt, heightPt, contentFlate, blend } = appearance;
  const images = Object.entries(appearance.images).map(([name, image]) => [name, libRef(addImage(draft, image))]);
  return addStream(draft, contentFlate, {
    Type: 'XObject',
    Subtype: 'Form',
    Title: PDFHexString.fromText(title),
    BBox: [0, 0, widthPt, heightPt],
    Resources: images.length === 0 ? {} : { XObject: Object.fromEntries(images) },
    ...(blend === 'Normal' ? {} : { Group: { S: 'Transparency', CS: 'DeviceRGB', I: true } }),
    Filter: 'FlateDecode',
  });
}

/** A stream whose data are encoded already, as `dict` says. */
export function addStream(draft: IncrementDraft, data: Uint8Array, dict: DictLiteral): PdfRef {
  return draft.add(draft.context.stream(data, dict));
}

function addImage(draft: IncrementDraft, image: ImageSource): PdfRef {
  const { width, height, bitsPerComponent, colorSpace, flate, alpha } = image;
  const samples = {
    Type: 'XObject',
    Subtype: 'Image',
    Width: width,
    Height: height,
    BitsPerComponent: bitsPerComponent,
    Filter: 'FlateDecode',
  };
  const mask = alpha === undefined ? null : addStream(draft, alpha, { ...samples, ColorSpace: 'DeviceGray' });
  return addStream(draft, flate, {
    ...samples,
    ColorSpace: typeof colorSpace === 'string' ? colorSpace : palette(colorSpace.indexed),
    ...(mask === null ? {} : { SMask: libRef(mask) }),
  });
}

/** 8.6.6.3 */
function palette(rgb: Uint8Array): (string | number | PDFHexString)[] {
  return ['Indexed', 'DeviceRGB', rgb.length / 3 - 1, PDFHexString.of(toHex(rgb))];
}
