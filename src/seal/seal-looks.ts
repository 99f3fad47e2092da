/** How the committee's seal looks, drawn or from its own picture, made once and kept; and the characters of what is written across marks. */
import { AppError, isAppError } from '../errors.ts';
import { readWhole } from '../file-chunks.ts';
import type { Appearance } from '../pdf/increment.ts';
import type { Inscription } from './fingerprint-hatch.ts';
import { outlinesFor } from './glyph-outlines.ts';

export interface SealLooksOptions {
  readonly diameterMm: number;
  /** PNG or SVG of the seal, instead of the drawn one. */
  readonly picturePath?: string;
  /** Folder for glyph outlines that were made once. */
  readonly cacheFolder: string;
}

/** A seal's picture at 600 dpi has some hundred thousand bytes. */
const MAX_PICTURE_BYTES = 32 * 1024 * 1024;
const DIGITS = '0123456789abcdef';

export class SealLooks {
  readonly #options: SealLooksOptions;
  /** By what the seal shows. */
  readonly #appearances = new Map<string, Promise<Appearance>>();

  constructor(options: SealLooksOptions) {
    this.#options = options;
  }

  /**
   * The seal of a committee; with a certificate for tests it says so, whatever its picture shows.
   * @throws AppError SEAL_GLYPH_MISSING, FILE_UNREADABLE, PICTURE_NOT_PNG, PICTURE_SVG_UNSUPPORTED, PICTURE_TOO_LARGE, PICTURE_BLANK,
   * PICTURE_RESOLUTION.
   */
  appearance(committee: string, isTest: boolean): Promise<Appearance> {
    const { picturePath } = this.#options;
    const id = `${isTest ? 'TEST ' : ''}${picturePath ?? committee}`;
    const known = this.#appearances.get(id);
    if (known !== undefined) return known;
    const made = picturePath === undefined ? this.#draw(committee, isTest) : this.#load(picturePath, isTest);
    this.#appearances.set(id, made);
    made.catch(() => this.#appearances.delete(id)); // a cause that is mended is met anew
    return made;
  }

  /**
   * Numbers differ from agreement to agreement, and their digits are those of any other: outlines are asked for all ten, and for those of
   * a hash. What the font lacks is left out: a number that cannot be written whole keeps no agreement from its seal.
   */
  async inscribe(text: string): Promise<Inscription> {
    const { cacheFolder } = this.#options;
    const outlines = await outlinesFor(`${text}${DIGITS}`, cacheFolder).catch((error: unknown) => {
      if (!isAppError(error, 'SEAL_GLYPH_MISSING')) throw error;
      return outlinesFor(`${text.replaceAll(/[^\x21-\x7e]/g, '')}${DIGITS}`, cacheFolder);
    });
    return { text, outlines };
  }

  async #draw(name: string, test: boolean): Promise<Appearance> {
    const { cacheFolder, diameterMm } = this.#options;
    // What draws loads pdf-lib, and a daemon that only listens need not wait for it.
    const [{ sealCharacters }, { sealAppearance }] = await Promise.all([
      import('./seal-drawing.ts'),
      import('./appearance.ts'),
    ]);
    const outlines = await outlinesFor(sealCharacters({ name, test }), cacheFolder);
    return sealAppearance({ name, diameterMm, test }, outlines);
  }

  async #load(path: string, test: boolean): Promise<Appearance> {
    const { cacheFolder, diameterMm } = this.#options;
    const bytes = await readPicture(path);
    const [{ sealCharacters }, { sealPictureAppearance, sealSvgAppearance }] = await Promise.all([
      import('./seal-drawing.ts'),
      import('./appearance.ts'),
    ]);
    const mark = test ? await outlinesFor(sealCharacters({ name: '', test }), cacheFolder) : null;
    const svg = svgText(bytes);
    return svg === null ? sealPictureAppearance(bytes, diameterMm, mark) : sealSvgAppearance(svg, diameterMm, mark);
  }
}

function readPicture(path: string): Promise<Uint8Array> {
  return readWhole(path, MAX_PICTURE_BYTES, (size) => new AppError('PICTURE_TOO_LARGE', `${path}: ${size} bytes`));
}

/** The text of a file that begins as XML does, whatever its name; null for any other. Throws PICTURE_SVG_UNSUPPORTED. */
function svgText(bytes: Uint8Array): string | null {
  const utf16 =
    bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff ? 'utf-16be' : null;
  const head = new TextDecoder(utf16 ?? 'utf-8').decode(bytes.subarray(0, 256));
  if (!head.trimStart().startsWith('<')) return null;
  try {
    return new TextDecoder(utf16 ?? 'utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError('PICTURE_SVG_UNSUPPORTED', 'text that is neither UTF-8 nor UTF-16', { cause });
  }
}
