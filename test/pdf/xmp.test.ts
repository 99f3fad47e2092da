import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readXmp } from '../../src/pdf/xmp.ts';
import { mutations } from '../support/mutations.ts';

const RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"';
const DC = 'xmlns:dc="http://purl.org/dc/elements/1.1/"';
const XMP = 'xmlns:xmp="http://ns.adobe.com/xap/1.0/"';

function packet(inside: string, attributes = ''): string {
  const description = `<rdf:Description rdf:about="" ${DC} ${XMP} ${attributes}>${inside}</rdf:Description>`;
  const rdf = `<rdf:RDF ${RDF}>${description}</rdf:RDF>`;
  return `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/">${rdf}</x:xmpmeta>\n<?xpacket end="w"?>`;
}

const title = (text: string): string =>
  `<dc:title><rdf:Alt><rdf:li xml:lang="x-default">${text}</rdf:li></rdf:Alt></dc:title>`;

describe('what a metadata stream says', () => {
  it.each([
    ['an attribute and an element', packet('', 'xmp:Rating="5"'), packet('<xmp:Rating> 5 </xmp:Rating>')],
    ['a text and a text in no other language', packet('<dc:title>A &amp; B</dc:title>'), packet(title('A &#38; B'))],
    [
      'other prefixes',
      packet('<dc:format>x</dc:format>'),
      packet('<e:format xmlns:e="http://purl.org/dc/elements/1.1/">x</e:format>'),
    ],
    [
      'comments and what is empty',
      packet('<dc:format>x</dc:format><dc:title/>'),
      packet('<!-- y --><dc:format>x</dc:format>'),
    ],
    [
      'one description and two',
      packet('<dc:format>x</dc:format><xmp:Rating>5</xmp:Rating>'),
      packet('<dc:format>x</dc:format>').replace('</rdf:RDF>', `<rdf:Description ${XMP} xmp:Rating='5'/></rdf:RDF>`),
    ],
    [
      'a structure, by attributes and by elements',
      packet('<xmp:A xmp:b="1" xmp:c="2"/>'),
      packet('<xmp:A rdf:parseType="Resource"><xmp:c>2</xmp:c><xmp:b>1</xmp:b></xmp:A>'),
    ],
  ])('is the same by %s', (_, a, b) => {
    expect(readXmp(a)).not.toBeNull();
    expect(Object.fromEntries(readXmp(a)!)).toEqual(Object.fromEntries(readXmp(b)!));
  });

  it.each([
    ['texts', packet(title('A')), packet(title('B'))],
    ['languages', packet(title('A')), packet(title('A').replace('x-default', 'zh'))],
    [
      'lists',
      packet('<dc:creator><rdf:Seq><rdf:li>A</rdf:li></rdf:Seq></dc:creator>'),
      packet('<dc:creator><rdf:Seq><rdf:li>A</rdf:li><rdf:li>B</rdf:li></rdf:Seq></dc:creator>'),
    ],
    ['namespaces', packet('<dc:title>A</dc:title>'), packet('<xmp:title>A</xmp:title>')],
    ['references', packet('<xmp:A rdf:resource="a"/>'), packet('<xmp:A rdf:resource="b"/>')],
  ])('is another with other %s', (_, a, b) => {
    expect([...readXmp(a)!]).not.toEqual([...readXmp(b)!]);
  });

  it.each([
    ['no XML', 'hello'],
    ['nothing', ''],
    ['no RDF', '<a/>'],
    ['an element that does not end', packet('<dc:title>')],
    ['an element that ends as another', packet('<dc:title></dc:format>')],
    ['a prefix of nothing', packet('<e:title>A</e:title>')],
    ['an entity of its own', packet('<dc:title>&own;</dc:title>')],
    ['a DTD', `<!DOCTYPE x [<!ENTITY a "b">]>${packet('')}`],
    ['a property twice', packet('<dc:format>x</dc:format><dc:format>y</dc:format>')],
    ['deep nesting', packet(`${'<dc:a>'.repeat(40)}${'</dc:a>'.repeat(40)}`)],
    ['another root beside', `${packet('')}<a/>`],
  ])('is nothing where it has %s', (_, text) => {
    expect(readXmp(text)).toBeNull();
  });

  it('is read in time that its length bounds, whatever it is', () => {
    const whole = Buffer.from(packet(title('A'), 'xmp:Rating="5"'));
    fc.assert(fc.property(mutations(fc.constant(whole)), (bytes) => void readXmp(Buffer.from(bytes).toString('utf8'))));
    for (const part of ['<', ' a="', '&', '<!--', '<a ', "<a b='", '&#x', '<?', '<dc:a/>', '<dc:a>']) {
      readXmp(packet(part.repeat(100_000)));
    }
    for (const part of ['dc:a="" ', 'xmlns:a="b" ', 'a ']) readXmp(packet('', part.repeat(100_000)));
  });
});
