/**
 * The short-lived process that reads the font: `node glyph-outlines-child <characters>` prints one JSON document. Apart from the
 * daemon, because the font's reader takes tens of megabytes that a seal needs once.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { create } from 'fontkit';
import type { Font, GlyphPathCommand } from 'fontkit';
import type { GlyphOutline, GlyphReport, PathStep } from './glyph-outlines.ts';

const WEIGHT = 700;
const folder = dirname(createRequire(import.meta.url).resolve('@fontsource/noto-serif-sc/package.json'));

/** A font file of the package and the code points that its style sheet sends to it. */
interface Slice {
  readonly file: string;
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** The font comes in some hundred slices; the style sheet tells which code point is in which. */
function slices(): Slice[] {
  const css = readFileSync(join(folder, `${WEIGHT}.css`), 'utf8');
  const faces = css.matchAll(/url\(\.\/(files\/[\w-]+\.woff)\)[^;]*;\s*unicode-range:([^;]*);/g);
  return Array.from(faces, ([, file = '', ranges = '']) => ({
    file,
    ranges: Array.from(ranges.matchAll(/U\+([0-9a-f]+)(?:-([0-9a-f]+))?/gi), ([, first = '', last = first]) => [
      Number.parseInt(first, 16),
      Number.parseInt(last, 16),
    ]),
  }));
}

/** Slices claim characters that they lack, and a few are in the whole file only: it is asked last. */
function finder(): (codePoint: number) => Font | null {
  const all = slices();
  const opened = new Map<string, Font>();
  const open = (file: string): Font => {
    const font = opened.get(file) ?? create(readFileSync(join(folder, file)));
    opened.set(file, font);
    return font;
  };
  return (codePoint) => {
    const claimed = all.filter(({ ranges }) => ranges.some(([first, last]) => codePoint >= first && codePoint <= last));
    const files = [...claimed.map(({ file }) => file), `files/noto-serif-sc-chinese-simplified-${WEIGHT}-normal.woff`];
    for (const file of files) {
      const font = open(file);
      if (font.hasGlyphForCodePoint(codePoint)) return font;
    }
    return null;
  };
}

function steps(commands: readonly GlyphPathCommand[]): PathStep[] {
  let [atX, atY] = [0, 0];
  return commands.map(({ command, args }): PathStep => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
    const [fromX, fromY] = [atX, atY];
    const end = args.slice(-2);
    [atX, atY] = [end[0] ?? atX, end[1] ?? atY];
    switch (command) {
      case 'moveTo':
        return ['m', a, b];
      case 'lineTo':
        return ['l', a, b];
      case 'bezierCurveTo':
        return ['c', a, b, c, d, e, f];
      case 'quadraticCurveTo': {
        // A quadratic curve raised to the cubic one that PDF has; a hundredth of a unit is far finer than any printer.
        const third = (from: number, control: number): number => Math.round((from + 2 * control) * (100 / 3)) / 100;
        return ['c', third(fromX, a), third(fromY, b), third(c, a), third(d, b), c, d];
      }
      case 'closePath':
        return ['h'];
    }
  });
}

function report(characters: readonly string[]): GlyphReport {
  const find = finder();
  const glyphs: Record<string, GlyphOutline> = {};
  const missing: string[] = [];
  let unitsPerEm = 0;
  for (const character of characters) {
    const codePoint = character.codePointAt(0) ?? 0;
    const font = find(codePoint);
    if (font === null) {
      missing.push(character);
      continue;
    }
    unitsPerEm = font.unitsPerEm;
    const glyph = font.glyphForCodePoint(codePoint);
    glyphs[character] = { advance: glyph.advanceWidth, steps: steps(glyph.path.commands) };
  }
  return { outlines: { unitsPerEm, glyphs }, missing };
}

process.stdout.write(JSON.stringify(report(Array.from(process.argv[2] ?? ''))));
