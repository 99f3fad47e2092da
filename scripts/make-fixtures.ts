/** Draws the fixtures anew, the same to the byte: `npm run fixtures`, or some of them: `npm run fixtures -- prints pdf agreements`. */
import { packagePath } from '../src/package.ts';
import { makeAgreements } from './make-agreement.ts';
import { makePdfa } from './make-pdfa.ts';
import { makePdfs } from './make-pdfs.ts';
import { makePrints } from './make-prints.ts';
import { makeSeals } from './make-seals.ts';
import { makeTextPdfs } from './make-text-pdfs.ts';

const MAKERS = {
  agreements: makeAgreements,
  pdf: makePdfs,
  pdfa: makePdfa,
  prints: makePrints,
  seals: makeSeals,
  text: makeTextPdfs,
} as const;

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !Object.hasOwn(MAKERS, name));
if (unknown.length > 0) {
  process.stderr.write(`no such fixtures: ${unknown.join(', ')}; there are ${Object.keys(MAKERS).join(', ')}\n`);
  process.exitCode = 64;
} else {
  for (const [name, make] of Object.entries(MAKERS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    await make(packagePath('fixtures', name));
    process.stdout.write(`fixtures/${name}\n`);
  }
}
