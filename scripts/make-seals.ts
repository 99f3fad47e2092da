/**
 * A seal as drawing programs save it: the same shapes in the manner of each of them, characters as outlines. Marked TEST; no committee of
 * that name exists. The same bytes at every run.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openFont } from './agreement/font-subset.ts';

const NAME = '示例市人民调解委员会';
/** Of a sheet of 600 units. */
const MIDDLE = 300;
const RED = '#d71218';

interface Outline {
  /** Path data in font units, y upwards. */
  readonly d: string;
  readonly advance: number;
}

function outlines(text: string): Map<string, Outline> {
  const font = openFont(700);
  return new Map(
    Array.from(new Set(text), (character) => {
      const glyph = font.glyphForCodePoint(character.codePointAt(0) ?? 0);
      const letters = { moveTo: 'M', lineTo: 'L', quadraticCurveTo: 'Q', bezierCurveTo: 'C', closePath: 'Z' } as const;
      const d = glyph.path.commands.map(({ command, args }) => `${letters[command]}${args.join(' ')}`).join('');
      return [character, { d, advance: glyph.advanceWidth }];
    }),
  );
}

interface Placed {
  readonly d: string;
  /** From font units to the sheet, y downwards. */
  readonly transform: string;
}

function ring(glyphs: ReadonlyMap<string, Outline>): Placed[] {
  const step = 28;
  return Array.from(NAME, (character, i) => {
    const { d, advance } = glyphs.get(character) as Outline;
    const angle = (i - (NAME.length - 1) / 2) * step;
    return {
      d,
      transform: `rotate(${angle} ${MIDDLE} ${MIDDLE}) translate(${MIDDLE - advance * 0.04} 117) scale(0.08 -0.088)`,
    };
  });
}

function testText(glyphs: ReadonlyMap<string, Outline>): Placed[] {
  const text = Array.from('TEST');
  const width = text.reduce((sum, character) => sum + (glyphs.get(character)?.advance ?? 0) * 0.05, 0);
  let x = MIDDLE - width / 2;
  return text.map((character) => {
    const { d, advance } = glyphs.get(character) as Outline;
    const placed = { d, transform: `translate(${x.toFixed(2)} 440) scale(0.05 -0.05)` };
    x += advance * 0.05;
    return placed;
  });
}

function star(radius: number): readonly (readonly [number, number])[] {
  const inner = (radius * Math.cos((2 * Math.PI) / 5)) / Math.cos(Math.PI / 5);
  return Array.from({ length: 10 }, (_, i) => {
    const at = i % 2 === 0 ? radius : inner;
    const angle = (i * Math.PI) / 5;
    return [round(MIDDLE + at * Math.sin(angle)), round(MIDDLE - at * Math.cos(angle))] as const;
  });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Each program's way: style classes, inline styles and namespaces of its own, references, one path for all. */
function seals(): Record<string, string> {
  const glyphs = outlines(`${NAME}TEST`);
  const text = [...ring(glyphs), ...testText(glyphs)];
  const points = star(100).map(([x, y]) => `${x},${y}`);
  const characters = (attributes: string): string =>
    text.map(({ d, transform }) => `<path ${attributes} transform="${transform}" d="${d}"/>`).join('\n');
  return {
    classes: `<?xml version="1.0" encoding="utf-8"?>
<!-- Generator: a program that writes style classes -->
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg version="1.1" id="Layer_1" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" x="0px" y="0px" viewBox="0 0 600 600" style="enable-background:new 0 0 600 600;" xml:space="preserve">
<style type="text/css">
	.st0{fill:#FFFFFF;}
	.st1{fill:none;stroke:${RED};stroke-width:17;stroke-miterlimit:10;}
	.st2{fill:${RED};}
</style>
<rect class="st0" width="600" height="600"/>
<circle class="st1" cx="300" cy="300" r="285"/>
<polygon class="st2" points="${points.join(' ')} "/>
<g>
${characters('class="st2"')}
</g>
</svg>
`,
    styles: `<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<svg width="42mm" height="42mm" viewBox="0 0 600 600" version="1.1" xmlns:inkscape="http://www.inkscape.org/namespaces/inkscape" xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd" xmlns="http://www.w3.org/2000/svg">
  <sodipodi:namedview id="base" pagecolor="#ffffff"/>
  <defs id="defs1"/>
  <metadata id="m"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description/></rdf:RDF></metadata>
  <g inkscape:label="Layer 1" inkscape:groupmode="layer" id="layer1" style="opacity:0.9">
    <path style="fill:none;stroke:#c80000;stroke-width:17;stroke-linecap:butt;stroke-opacity:1" d="m 585,300 a 285,285 0 0 1 -285,285 285,285 0 0 1 -285,-285 285,285 0 0 1 285,-285 285,285 0 0 1 285,285 z" id="ring"/>
    <path sodipodi:type="star" style="fill:#c80000;fill-opacity:1;stroke:none" d="M ${points.join(' ')} Z" id="star"/>
    <g style="fill:rgb(200,0,0);stroke:none">
${characters('style="fill-rule:nonzero"')}
    </g>
  </g>
</svg>
`,
    references: `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 600 600" fill="${RED}">
<defs>
<path id="arm" d="M300 200l22.45 69.1H300z"/>
<g id="arms"><use xlink:href="#arm"/><use href="#arm" transform="matrix(-1 0 0 1 600 0)"/></g>
<clipPath id="sheet"><rect width="600" height="600"/></clipPath>
</defs>
<g clip-path="url(#sheet)">
<path fill-rule="evenodd" d="M300 6.5a293.5 293.5 0 1 0 0 587a293.5 293.5 0 1 0 0-587zm0 17a276.5 276.5 0 1 1 0 553a276.5 276.5 0 1 1 0-553z"/>
<polygon points="${star(99)
      .map(([x, y]) => `${x},${y}`)
      .join(' ')}"/>
${[0, 72, 144, 216, 288].map((turn) => `<use href="#arms" transform="rotate(${turn} 300 300)"/>`).join('\n')}
${characters('')}
</g>
</svg>
`,
    traced: `<?xml version="1.0" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 20010904//EN" "http://www.w3.org/TR/2001/REC-SVG-20010904/DTD/svg10.dtd">
<svg version="1.0" xmlns="http://www.w3.org/2000/svg" width="600.000000pt" height="600.000000pt" viewBox="0 0 600.000000 600.000000" preserveAspectRatio="xMidYMid meet">
<metadata>Traced</metadata>
<g transform="translate(0.000000,600.000000) scale(0.100000,-0.100000)" fill="#000000" stroke="none">
<path d="M3000 5935 c-1621 0 -2935 -1314 -2935 -2935 0 -1621 1314 -2935 2935 -2935 1621 0 2935 1314 2935 2935 0 1621 -1314 2935 -2935 2935z m0 -170 c1527 0 2765 -1238 2765 -2765 0 -1527 -1238 -2765 -2765 -2765 -1527 0 -2765 1238 -2765 2765 0 1527 1238 2765 2765 2765z"/>
<path d="M${star(100)
      .map(([x, y]) => `${round(10 * x)} ${round(6000 - 10 * y)}`)
      .join(' L')} z"/>
</g>
</svg>
`,
  };
}

/** Writes every seal into `folder` and gives the names of the files. */
export function makeSeals(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(seals()).map(([name, svg]) => {
    writeFileSync(join(folder, `${name}.svg`), svg);
    return `${name}.svg`;
  });
}
