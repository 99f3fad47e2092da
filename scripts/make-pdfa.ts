/** Small documents that keep a part of PDF/A, for what is added to them: by hand, without a PDF library, the same bytes at every run. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { iccProfile } from './pdf/icc-profile.ts';
import { RawPdf } from './pdf/raw-pdf.ts';

interface Claim {
  readonly part: 1 | 2 | 3;
  /** The output intent's profile; null: no intent, and no device colour on the page. */
  readonly intent: 'srgb' | 'gray' | null;
}

const DOCUMENTS: Readonly<Record<string, Claim>> = {
  'pdfa-1b': { part: 1, intent: 'srgb' },
  'pdfa-2b': { part: 2, intent: 'srgb' },
  'pdfa-2b-gray': { part: 2, intent: 'gray' },
  'pdfa-3b-no-intent': { part: 3, intent: null },
};

const ID = '/ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]';

/** ISO 19005-1, 6.7: the packet that says which part is kept. */
function metadata({ part }: Claim): string {
  return [
    '<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>',
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">',
    ' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">',
    '  <rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/">',
    `   <pdfaid:part>${part}</pdfaid:part>`,
    '   <pdfaid:conformance>B</pdfaid:conformance>',
    '  </rdf:Description>',
    ' </rdf:RDF>',
    '</x:xmpmeta>',
    '<?xpacket end="w"?>',
  ].join('\n');
}

/** One page with a grey frame and bars where text would be: no font, so none to embed. */
function document(claim: Claim): Uint8Array {
  const { part, intent } = claim;
  const gray = intent === null ? '/Gray cs 0.6 sc /Gray CS 0.6 SC' : '0.6 g 0.6 G';
  const bars = Array.from({ length: 20 }, (_, i) => `72 ${700 - 30 * i} ${450 - 13 * (i % 7)} 9 re`).join('\n');
  const intents = intent === null ? '' : '/OutputIntents [6 0 R]';
  const resources = '<< /ColorSpace << /Gray [/CalGray << /WhitePoint [0.9505 1 1.089] /Gamma 2.2 >>] >> >>';
  const pdf = new RawPdf(`%PDF-1.${part === 1 ? 4 : 7}\n%\xe2\xe3\xcf\xd3\n`)
    .object(1, `<< /Type /Catalog /Pages 2 0 R /Metadata 5 0 R ${intents} >>`)
    .object(2, '<< /Type /Pages /Kids [3 0 R] /Count 1 >>')
    .object(
      3,
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources ${intent === null ? resources : '<< >>'} >>`,
    )
    .stream(4, `${gray}\n${bars}\nf\n2 w 40 40 515 762 re S`)
    .stream(5, metadata(claim), '/Type /Metadata /Subtype /XML');
  if (intent !== null) {
    pdf.object(
      6,
      '<< /Type /OutputIntent /S /GTS_PDFA1 /OutputConditionIdentifier (Custom) /Info (By figures) /DestOutputProfile 7 0 R >>',
    );
    pdf.stream(7, iccProfile(intent), `/N ${intent === 'srgb' ? 3 : 1}`);
  }
  return pdf
    .table(`/Size ${intent === null ? 6 : 8} /Root 1 0 R ${ID}`)
    .end()
    .bytes();
}

/** Writes every document into `folder` and gives the names of the files. */
export function makePdfa(folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(DOCUMENTS).map(([name, claim]) => {
    writeFileSync(join(folder, `${name}.pdf`), document(claim));
    return `${name}.pdf`;
  });
}
