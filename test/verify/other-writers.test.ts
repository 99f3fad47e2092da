/** What other people's programs put behind a signed document, each in its own way. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FormHouse, permitting, told } from '../support/form-house.ts';
import { describeTool, runTool } from '../support/tools.ts';

const STYLES = ['table', 'stream'] as const;

let house: FormHouse;
let folder: string;
beforeAll(() => {
  house = new FormHouse();
  folder = mkdtempSync(join(tmpdir(), 'zhiyin-writers-'));
});
afterAll(() => {
  house[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

function written(bytes: Uint8Array): { readonly from: string; readonly to: string } {
  const [from, to] = [join(folder, 'from.pdf'), join(folder, 'to.pdf')];
  writeFileSync(from, bytes);
  rmSync(to, { force: true });
  return { from, to };
}

describeTool(['openssl', 'mutool'], 'MuPDF', () => {
  /** The document as MuPDF saves it by an incremental update, after `script` has changed `doc`. */
  function changed(bytes: Uint8Array, script: string): Buffer {
    const { from, to } = written(bytes);
    const program = join(folder, 'change.js');
    const lines = ['var doc = new PDFDocument(scriptArgs[0]);', script, 'doc.save(scriptArgs[1], "incremental");'];
    writeFileSync(program, lines.join('\n'));
    const { status, stderr } = runTool('mutool', ['run', program, from, to]);
    if (status !== 0) throw new Error(stderr);
    return readFileSync(to);
  }

  const widget = (type: string, change: string): string =>
    `doc.loadPage(0).getWidgets().filter(function (w) { return w.getFieldType() === '${type}'; }).slice(0, 1)` +
    `.forEach(function (w) { ${change}; w.update(); });`;
  const annotation = (kind: string): string =>
    `var a = doc.loadPage(1).createAnnotation('${kind}'); a.setRect([50, 50, 150, 90]); a.setContents('look'); a.update();`;

  it.each([
    ['fills in a text', widget('text', `w.setTextValue('Li')`), ['FIELD_FILLED 1'], 2],
    ['checks a box', widget('checkbox', 'w.toggle()'), ['FIELD_FILLED 1'], 2],
    ['puts up a note', annotation('Text'), ['ANNOTATION_ADDED 2', 'ANNOTATION_ADDED 2'], 3],
    ['writes a text on a page', annotation('FreeText'), ['ANNOTATION_ADDED 2'], 3],
    ['stamps a page', annotation('Stamp'), ['ANNOTATION_ADDED 2'], 3],
    [
      'takes a comment off',
      'var p = doc.loadPage(1); p.getAnnotations().forEach(function (a) { p.deleteAnnotation(a); });',
      ['ANNOTATION_REMOVED 2'],
      3,
    ],
    ['turns a page', `doc.findPage(0).put('Rotate', 90);`, ['!PAGE_CHANGED 1'], 4],
    ['takes a page out', 'doc.deletePage(1);', ['!PAGES_CHANGED'], 4],
  ] as const)('%s', (_, script, codes, permission) => {
    for (const style of STYLES) {
      for (const certified of [1, 2, 3] as const) {
        const report = house.verify(changed(house.signed({ ...permitting(certified), style }), script));
        const isAllowed = certified >= permission;
        const expected = codes.map((code) => (isAllowed || code.startsWith('!') ? code : `!${code}`));
        expect.soft(told(report), `${style}, P=${certified}`).toEqual(expected);
        expect.soft(report.verdict).toBe(isAllowed ? 'VALID' : 'INVALID');
      }
    }
  });
});

describeTool(['openssl', 'pdfsig', 'certutil', 'pk12util'], 'poppler', () => {
  let database: string;
  beforeAll(() => {
    database = mkdtempSync(join(folder, 'nss-'));
    const at = (name: string): string => join(database, name);
    const steps: readonly (readonly [string, readonly string[]])[] = [
      ['certutil', ['-N', '-d', `sql:${database}`, '--empty-password']],
      [
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'rsa:2048',
          '-nodes',
          '-keyout',
          at('key.pem'),
          '-out',
          at('certificate.pem'),
        ].concat(['-subj', '/CN=TEST poppler', '-days', '30', '-addext', 'keyUsage=digitalSignature,nonRepudiation']),
      ],
      [
        'openssl',
        ['pkcs12', '-export', '-inkey', at('key.pem'), '-in', at('certificate.pem'), '-out', at('test.p12')].concat([
          '-name',
          'test',
          '-passout',
          'pass:',
        ]),
      ],
      ['pk12util', ['-i', at('test.p12'), '-d', `sql:${database}`, '-W', '']],
    ];
    for (const [tool, args] of steps) {
      const { status, stderr } = runTool(tool, args);
      if (status !== 0) throw new Error(`${tool}: ${stderr}`);
    }
  });

  it.each(STYLES)('signs in a field of its own, behind a %s', (style) => {
    for (const certified of [null, 2, 1] as const) {
      const { from, to } = written(house.signed({ ...permitting(certified), style }));
      const options = ['-add-signature', '-new-signature-field-name', 'Theirs', '-nssdir', `sql:${database}`];
      runTool('pdfsig', [...options, '-nick', 'test', from, to]);
      const report = house.verify(readFileSync(to));
      const mark = certified === 1 ? '!' : '';
      expect.soft(told(report)).toEqual([`${mark}SIGNATURE_ADDED`, 'UNUSED_OBJECTS_ADDED']);
      expect.soft(report.signatures).toMatchObject([
        { field: 'First', integrity: certified === 1 ? 'BROKEN' : 'INTACT', trust: 'TRUSTED' },
        { field: 'Theirs', integrity: 'INTACT', trust: 'UNTRUSTED', changesAfter: [], coversWholeFile: true },
      ]);
      expect.soft(report.verdict).toBe(certified === 1 ? 'INVALID' : 'INDETERMINATE');
    }
  });
});
