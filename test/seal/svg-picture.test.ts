import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { makeSeals } from '../../scripts/make-seals.ts';
import { RawPdf } from '../../scripts/pdf/raw-pdf.ts';
import type { Appearance, Drawing } from '../../src/pdf/increment.ts';
import { sealSvgAppearance } from '../../src/seal/appearance.ts';
import { parseSvg } from '../../src/seal/svg-picture.ts';
import type { SvgPicture } from '../../src/seal/svg-picture.ts';
import { readPpm } from '../../scripts/corpus/page-picture.ts';
import type { PagePicture } from '../../scripts/corpus/page-picture.ts';
import { drawPage, drawPageByMutool } from '../support/page-picture.ts';
import { extendedBy, incrementOf, signatureRequest } from '../support/pdf-files.ts';
import { fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const folder = mkdtempSync(join(tmpdir(), 'zhiyin-svg-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SEALS = readdirSync(fixture('seals')).toSorted();

function seal(name: string): string {
  return readFileSync(fixture('seals', name), 'utf8');
}

/** A sheet of 100 x 100 with something on it. */
function sheet(content: string, attributes = 'viewBox="0 0 100 100"'): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${attributes}>${content}</svg>`;
}

const BOX = '<rect x="10" y="20" width="50" height="40"/>';

function inkOf(content: string, attributes?: string): number[] {
  const { left, top, right, bottom } = parseSvg(sheet(content, attributes)).ink;
  return [left, top, right, bottom].map((value) => Math.round(value * 1e4) / 1e4);
}

function operatorsOf({ contentFlate }: Drawing): string {
  return inflateSync(contentFlate).toString('latin1');
}

function onlyShape({ nodes: [node] }: SvgPicture): Extract<typeof node, { kind: 'shape' }> {
  if (node?.kind !== 'shape') throw new Error('no shape');
  return node;
}

function refusal(detail: string): Error {
  return expect.objectContaining({
    code: 'PICTURE_SVG_UNSUPPORTED',
    detail: expect.stringContaining(detail) as string,
  }) as Error;
}

describe('the fixture seals', () => {
  it('are what their script makes, byte for byte, and nothing else', () => {
    const names = makeSeals(folder);
    expect(names.toSorted()).toEqual(SEALS);
    for (const name of names) expect(readFileSync(join(folder, name), 'utf8')).toBe(seal(name));
  });
});

describe('what an SVG paints', () => {
  it.each([
    ['a rectangle', BOX, [10, 20, 60, 60]],
    ['a rounded one', '<rect x="10" y="20" width="50" height="40" rx="30"/>', [10, 20, 60, 60]],
    ['a circle', '<circle cx="50" cy="40" r="20"/>', [30, 20, 70, 60]],
    ['an ellipse', '<ellipse cx="50" cy="40" rx="20" ry="10"/>', [30, 30, 70, 50]],
    ['a line', '<line x1="10" y1="10" x2="30" y2="10" stroke="red" stroke-width="4"/>', [8, 8, 32, 12]],
    ['a polygon', '<polygon points="10,10 30,10 20,30"/>', [10, 10, 30, 30]],
    ['a polyline', '<polyline points="10 10 30 10 20 30" fill="none" stroke="red"/>', [9.5, 9.5, 30.5, 30.5]],
    [
      'an arc of a whole circle but one point',
      '<path d="M50 30 A20 20 0 1 1 49.999 30 Z"/>',
      [29.9995, 30, 69.9995, 70],
    ],
    ['flags without spaces', '<path d="M50 30a20 20 0 1150 10Z"/>', [50, 9.5, 100, 40]],
    ['relative, smooth and quadratic curves', '<path d="m10 10h20v20q10 10 20 0t20 0s10-10 20 0z"/>', [10, 10, 90, 35]],
    [
      'something moved, turned and scaled',
      `<g transform="translate(100 0)"><g transform="rotate(90) scale(.5)">${BOX}</g></g>`,
      [70, 5, 90, 30],
    ],
    ['a matrix', `<g transform="matrix(1,0,0,-1,0,100)">${BOX}</g>`, [10, 40, 60, 80]],
    ['a skew', '<rect transform="skewX(45)" width="10" height="10"/>', [0, 0, 20, 10]],
    ['a reference', `<defs><g id="a">${BOX}</g></defs><use href="#a" x="5" y="-5"/>`, [15, 15, 65, 55]],
    ['a symbol', `<symbol id="a">${BOX}</symbol><use xlink:href="#a"/>`, [10, 20, 60, 60]],
    [
      'a style class',
      `<style>.a{fill:none}.b, rect.b{fill:red}</style><rect class="a" width="9" height="9"/><rect class="a b" x="10" y="20" width="50" height="40"/>`,
      [10, 20, 60, 60],
    ],
    [
      'CDATA of a style',
      `<style><![CDATA[ #a { display : none } ]]></style><rect id="a" width="9" height="9"/>${BOX}`,
      [10, 20, 60, 60],
    ],
    [
      'what is hidden',
      `<g display="none"><text>x</text></g><rect visibility="hidden" width="9" height="9"/><g opacity="0"><rect width="9" height="9"/></g>${BOX}`,
      [10, 20, 60, 60],
    ],
    [
      'what another program keeps for itself',
      `<x:y xmlns:x="urn:x"><text>x</text><x:script/></x:y>${BOX}`,
      [10, 20, 60, 60],
    ],
    [
      'white about it',
      `<rect width="100" height="100" fill="#fff"/><circle r="90" fill="white"/>${BOX}`,
      [10, 20, 60, 60],
    ],
    ['what the sheet cuts off', '<rect x="-50" y="-50" width="100" height="100"/>', [0, 0, 50, 50]],
    [
      'a clip that cuts nothing off',
      `<clipPath id="c"><rect width="100" height="100"/></clipPath><g clip-path="url(#c)">${BOX}</g>`,
      [10, 20, 60, 60],
    ],
  ])('%s', (_, content, expected) => {
    expect(inkOf(content)).toEqual(expected);
  });

  it('is inside its window: the viewBox, else the size', () => {
    const big = '<rect width="500" height="500"/>';
    expect(inkOf(big, 'viewBox="10 20 30 40"')).toEqual([10, 20, 40, 60]);
    expect(inkOf(big, 'width="1in" height="48pt"')).toEqual([0, 0, 96, 64]);
    expect(inkOf(big, '')).toEqual([0, 0, 500, 500]);
  });

  it.each([
    ['#f00', [1, 0, 0], 1],
    ['#ff0000', [1, 0, 0], 1],
    ['#ff000080', [1, 0, 0], 0.502],
    ['red', [1, 0, 0], 1],
    ['RGB(255, 0, 0)', [1, 0, 0], 1],
    ['rgb(100%,0%,0%)', [1, 0, 0], 1],
    ['rgba(255,0,0,.5)', [1, 0, 0], 0.5],
    ['currentColor', [0.863, 0.078, 0.235], 1],
  ])('has its colour: %s', (color, rgb, opacity) => {
    const { fill } = onlyShape(parseSvg(sheet(`<g color="crimson"><circle r="9" fill="${color}"/></g>`)));
    expect(fill?.color.map((value) => Math.round(value * 1000) / 1000)).toEqual(rgb);
    expect(fill?.opacity).toBeCloseTo(opacity, 3);
  });

  it('follows attributes least, then sheets by how exact they are, then its own style', () => {
    const css = '#a{fill:#000003}.a{fill:#000002}circle{fill:#000001}';
    const blue = (attributes: string): number =>
      Math.round(
        255 *
          (onlyShape(parseSvg(sheet(`<style>${css}</style><circle r="9" fill="red" ${attributes}/>`))).fill?.color[2] ??
            0),
      );
    expect(blue('')).toBe(1);
    expect(blue('class="x a"')).toBe(2);
    expect(blue('class="a" id="a"')).toBe(3);
    expect(blue('class="a" id="a" style="fill: #000004; stroke:none"')).toBe(4);
  });

  it('does not depend on the groups that it is nested in', () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(
      fc.property(
        fc.tuple(number, number, number, number),
        fc.double({ min: 0.1, max: 9, noNaN: true }),
        ([a, b, c, d], scale) => {
          const nested = parseSvg(
            sheet(
              `<g transform="translate(${a},${b})"><g transform="rotate(${c * 60})"><g transform="scale(${scale})"><rect x="${d}" width="7" height="3"/></g></g></g>`,
              '',
            ),
          );
          const flat = parseSvg(
            sheet(
              `<rect transform="translate(${a} ${b}) rotate(${c * 60}),scale(${scale})" x="${d}" width="7" height="3"/>`,
              '',
            ),
          );
          for (const side of ['left', 'top', 'right', 'bottom'] as const)
            expect(nested.ink[side]).toBeCloseTo(flat.ink[side], 6);
        },
      ),
    );
  });
});

describe('an SVG that is not drawn', () => {
  it.each([
    ['<script>1</script>', '<script>'],
    [`<g onclick="x()">${BOX}</g>`, 'onclick'],
    ['<foreignObject width="9" height="9"/>', '<foreignObject>'],
    [`<rect width="9" height="9"><animate attributeName="x"/></rect>`, '<animate>'],
    ['<image href="data:image/png;base64,AAAA" width="9" height="9"/>', '<image>'],
    ['<text x="9" y="9">章</text>', '<text>: turn text into outlines'],
    [`<a href="http://example.org/">${BOX}</a>`, '<a>'],
    [`<switch>${BOX}</switch>`, '<switch>'],
    [`<svg>${BOX}</svg>`, '<svg>'],
    ['<use href="other.svg#a"/>', 'in another file'],
    ['<use href="#a"/>', 'which is not there'],
    [`<symbol id="a" viewBox="0 0 1 1">${BOX}</symbol><use href="#a"/>`, 'viewBox'],
    ['<linearGradient id="a"/><rect width="9" height="9" fill="url(#a)"/>', 'fill: url(#a)'],
    ['<rect width="9" height="9" fill="hsl(0 100% 50%)"/>', 'fill: hsl'],
    ['<rect width="9" height="9" fill="vermilion"/>', 'fill: vermilion'],
    [`<clipPath id="c"><circle r="20"/></clipPath><g clip-path="url(#c)">${BOX}</g>`, 'clip-path: url(#c)'],
    [
      `<clipPath id="c"><rect width="30" height="30"/></clipPath><g clip-path="url(#c)">${BOX}</g>`,
      'clip-path: url(#c)',
    ],
    ['<rect width="9" height="9" mask="url(#m)"/>', 'mask'],
    ['<rect width="9" height="9" style="filter:blur(2px)"/>', 'filter'],
    ['<path d="M0 0h9" stroke="red" marker-end="url(#m)"/>', 'marker-end'],
    ['<rect width="9" height="9" style="mix-blend-mode:multiply"/>', 'mix-blend-mode'],
    ['<rect width="9" height="9" style="transform:rotate(9deg)"/>', 'transform in a style'],
    ['<rect width="9" height="9" stroke="red" vector-effect="non-scaling-stroke"/>', 'vector-effect'],
    ['<rect width="1em" height="9"/>', 'width: 1em'],
    ['<rect width="50%" height="9"/>', 'width: 50%'],
    ['<rect width="9" height="9" transform="rotate(1,2)"/>', 'transform: rotate of 2 numbers'],
    ['<rect width="9" height="9" transform="translate(1) x"/>', 'transform'],
    ['<path d="M0 0 L9"/>', 'a path that cannot be read'],
    ['<path d="L9 9"/>', 'a path that does not begin with a point'],
    ['<path d="M0 0L1e30 9"/>', 'out of all proportion'],
    ['<style>@import url(x.css);</style>', '@ rules'],
    ['<style>g > rect{fill:red}</style>', 'g > rect'],
    ['<style>.a:hover{fill:red}</style>', '.a:hover'],
    ['<style>.a{fill:red!important}</style>', 'important'],
    ['<style>.a{fill:red</style>', 'a style sheet that cannot be read'],
    ['<rect width="9" height="9">', 'not well-formed XML'],
    ['&copy;', 'not well-formed XML'],
    ['<rect width="9" width="9"/>', 'not well-formed XML'],
  ])('is refused with what was found: %s', (content, found) => {
    expect(() => parseSvg(sheet(content))).toThrow(refusal(found));
  });

  it.each([
    [
      '<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><svg xmlns="http://www.w3.org/2000/svg"/>',
      'DOCTYPE',
    ],
    ['<?xml-stylesheet href="x.css"?><svg xmlns="http://www.w3.org/2000/svg"/>', 'style sheet in another file'],
    ['<svg/>', 'no SVG element'],
    ['<g xmlns="http://www.w3.org/2000/svg"/>', 'not <svg>'],
    ['<html><svg xmlns="http://www.w3.org/2000/svg"/></html>', 'no SVG element'],
    [sheet(BOX, 'viewBox="0 0 10 10" width="20" height="10" preserveAspectRatio="none"'), 'preserveAspectRatio'],
    [sheet(BOX, 'viewBox="0 0 0 10"'), 'viewBox'],
    ['', 'not well-formed XML'],
  ])('is refused for its frame: %s', (svg, found) => {
    expect(() => parseSvg(svg)).toThrow(refusal(found));
  });

  it.each([
    ['loops', '<g id="a"><use href="#a"/></g>'],
    [
      'doubles itself again and again',
      `<defs>${Array.from({ length: 30 }, (_, i) => `<g id="a${i}"><use href="#a${i + 1}"/><use href="#a${i + 1}"/></g>`).join('')}<circle id="a30" r="9"/></defs><use href="#a0"/>`,
    ],
    ['nests too deep', `${'<g>'.repeat(100)}${BOX}${'</g>'.repeat(100)}`],
    ['has too many elements', '<circle r="1"/>'.repeat(30_000)],
    ['has too long a path', `<path d="M0 0${'h1v1'.repeat(150_000)}"/>`],
  ])('is refused for its size where it %s', (_, content) => {
    expect(() => parseSvg(sheet(content))).toThrow(expect.objectContaining({ code: 'PICTURE_TOO_LARGE' }) as Error);
  });

  it.each([
    '',
    '<rect width="100" height="100" fill="white"/>',
    '<rect x="200" width="9" height="9"/>',
    '<path d=""/>',
  ])('is blank: %s', (content) => {
    expect(() => parseSvg(sheet(content))).toThrow(expect.objectContaining({ code: 'PICTURE_BLANK' }) as Error);
  });

  it('ends in a named refusal whatever is changed in it', () => {
    const whole = seal('references.svg');
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(40), fc.string({ maxLength: 12 }), (at, cut, put) => {
        const svg = whole.slice(0, at) + put + whole.slice(at + cut);
        try {
          parseSvg(svg);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^PICTURE_/) as string });
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('a seal from an SVG', () => {
  it('is as long as its diameter, and shapes alone', () => {
    for (const name of SEALS) {
      const appearance = sealSvgAppearance(seal(name), 42, null);
      expect(appearance.widthPt).toBeCloseTo((42 * 72) / 25.4, 6);
      expect(appearance.heightPt).toBeCloseTo(appearance.widthPt, 0);
      expect([appearance.ink.images, appearance.opaque.images]).toEqual([{}, {}]);
    }
  });

  it('keeps opacity: of one paint as it is, of several as a group; and pales colours where nothing is seen through', () => {
    const one = sealSvgAppearance(
      sheet('<rect width="9" height="9" fill="red" opacity=".5" fill-opacity=".5"/>'),
      42,
      null,
    );
    expect(one.ink.opacities).toEqual({ Op250: 0.25 });
    expect(operatorsOf(one.opaque)).toContain('/Rgb cs\n1 0.75 0.75 sc');
    const several = sealSvgAppearance(
      sheet('<g opacity=".4"><rect width="9" height="9" fill="red" stroke="blue"/></g>'),
      42,
      null,
    );
    expect(several.ink.opacities).toEqual({ Op400: 0.4 });
    expect(operatorsOf(several.ink)).toBe('q\n/Op400 gs\n/Gr1 Do\nQ');
    expect(operatorsOf(several.ink.groups?.['Gr1'] ?? one.ink)).toMatch(/f\n[^]*S\n/);
    expect(several.opaque.groups ?? {}).toEqual({});
  });

  it('paints white where it hides red of its own, and not where it is the sheet', () => {
    const { opaque } = sealSvgAppearance(
      sheet(
        '<rect width="100" height="100" fill="#fff"/><circle cx="50" cy="50" r="40" fill="red"/><circle cx="50" cy="50" r="9" fill="#fff"/>',
      ),
      42,
      null,
    );
    expect(operatorsOf(opaque).match(/1 1 1 sc/g)).toHaveLength(1);
    expect(operatorsOf(opaque).match(/^f$/gm)).toHaveLength(2);
  });
});

describeTool(['mutool', 'pdftoppm'], 'a seal from an SVG, drawn', () => {
  /** The sheet of 600 units, of which 587 are 42 mm, at a pixel a unit. */
  const SIDE_MM = (600 / 587) * 42;
  const DPI = (600 / SIDE_MM) * 25.4;

  function page(name: string, appearance: Appearance): string {
    const points = (SIDE_MM * 72) / 25.4;
    const blank = new RawPdf()
      .object(1, '<< /Type /Catalog /Pages 2 0 R >>')
      .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
      .object(3, `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${points} ${points}] >>`)
      .table('/Size 4 /Root 1 0 R')
      .end()
      .bytes();
    const [width, height] = [appearance.widthPt, appearance.heightPt].map((pt) => (pt * 25.4) / 72) as [number, number];
    const place = { page: 1, xMm: SIDE_MM / 2, yMm: SIDE_MM / 2, widthMm: width, heightMm: height };
    const path = join(folder, `${name}.pdf`);
    const request = { marks: [], signature: signatureRequest({ place, appearance }) };
    writeFileSync(path, extendedBy(blank, incrementOf(blank, request)));
    return path;
  }

  function drawnByMutool(name: string): PagePicture {
    const svg = join(folder, `at-size-${name}`);
    writeFileSync(svg, seal(name).replace(/width="42mm" height="42mm"/, 'width="600" height="600"'));
    const out = join(folder, 'svg.ppm');
    const { status, stderr } = runTool('mutool', ['draw', '-q', '-r', '72', '-F', 'ppm', '-o', out, svg]);
    if (status !== 0) throw new Error(stderr);
    const picture = readPpm(readFileSync(out), 72);
    if (picture === null) throw new Error('mutool wrote no P6 picture');
    return picture;
  }

  function difference(a: PagePicture, b: PagePicture): number {
    expect([a.width, a.height]).toEqual([b.width, b.height]);
    return a.pixels.filter((value, i) => Math.abs(value - (b.pixels[i] ?? 0)) > 64).length / a.pixels.length;
  }

  it.each(['styles.svg', 'references.svg', 'traced.svg'])('is what mutool makes of the SVG itself: %s', (name) => {
    const path = page(name, sealSvgAppearance(seal(name), 42, null));
    const wanted = drawnByMutool(name);
    expect(difference(drawPageByMutool(path, 1, folder, DPI), wanted)).toBeLessThan(0.01);
    expect(difference(drawPage(path, 1, folder, DPI), wanted)).toBeLessThan(0.015);
  });

  it('is the same seal from style classes, which mutool does not know', () => {
    const path = page('classes', sealSvgAppearance(seal('classes.svg'), 42, null));
    expect(difference(drawPage(path, 1, folder, DPI), drawnByMutool('references.svg'))).toBeLessThan(0.015);
  });
});
