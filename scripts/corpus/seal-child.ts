/**
 * Seals what it is told to, in a process that may be ended at any moment: `seal-child.ts FOLDER`, with a TEST authority in FOLDER.
 * Answers each Task with a SealAnswer or a VerifyAnswer.
 */
import { copyFile, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePng } from '../../src/biometric/raster.ts';
import { systemClock } from '../../src/clock.ts';
import { isAppError } from '../../src/errors.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { packagePath } from '../../src/package.ts';
import type { SeenRect } from '../../src/pdf/geometry.ts';
import { PdfPool } from '../../src/pdf/pdf-pool.ts';
import type { PdfFacts } from '../../src/pdf/pdf-worker.ts';
import { FINGERPRINT } from '../../src/seal/placement.ts';
import { KeyStore } from '../../src/seal/key-store.ts';
import type { MarkRequest, Placement, SealJob } from '../../src/seal/seal-job.ts';
import { SealService } from '../../src/seal/seal-service.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import { Verifier } from '../../src/verify/verifier.ts';
import { fieldPlace } from './field-place.ts';
import type { PageSize } from './page-picture.ts';

/** Absolute paths; sealing makes the output. `mark`: whether a fingerprint goes on page 1, too, where the document takes one. */
export interface SealTask {
  readonly input: string;
  readonly output: string;
  readonly mark: boolean;
  /** The field that the seal goes into, and nowhere else. */
  readonly field?: string;
  /** What a field is called that is kept for a seal to come. */
  readonly expect?: string;
}

export type Task = SealTask & { readonly kind: 'seal' | 'verify' };

/** `ms`: the sealing, from the copy to the file on disk. */
export type SealAnswer =
  | { readonly kind: 'sealed'; readonly ms: number; readonly places: readonly SeenRect[]; readonly pages: PageSize[] }
  | { readonly kind: 'refused'; readonly ms: number; readonly code: ErrorCode; readonly detail: string }
  | { readonly kind: 'crashed'; readonly ms: number; readonly detail: string };

/** What the project's own verifier says: of the document as it came, and as it was sealed. */
export type VerifyAnswer =
  | { readonly kind: 'verified'; readonly before: VerificationReport; readonly after: VerificationReport }
  | { readonly kind: 'crashed'; readonly detail: string };

const DIAMETER_MM = 42;
/** Of a page's shorter side. */
const LARGEST_SHARE = 0.4;
/** Pages that are compared: the first, and the last. */
const FIRST_PAGES = 5;
/** Empty fields that are tried where a document takes no seal elsewhere. */
const MOST_FIELDS = 5;

const never = new AbortController().signal;
const [folder = ''] = process.argv.slice(2);
const clock = systemClock;
const pool = new PdfPool({ timeoutMs: 10_000 });
const keys = new KeyStore({ p12Path: join(folder, 'committee.p12'), committeeName: '', clock, idleLockMinutes: 0 });
await keys.unlock((await readFile(join(folder, 'passphrase.txt'), 'utf8')).trimEnd());
const sealer = new SealService({
  pool,
  keys,
  clock,
  committeeName: '',
  diameterMm: DIAMETER_MM,
  pagingEdge: 'right',
  rendition: 'display',
  cacheFolder: folder,
});
const verifier = new Verifier({ rootFiles: [join(folder, 'root.pem')], clock, timeoutMs: 30_000 });
const raster = decodePng(await readFile(packagePath('fixtures/prints/whorl-1.png')));

process.on('message', (task: Task) => {
  void (task.kind === 'seal' ? seal(task) : verify(task)).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit());
process.send?.('ready');

async function seal({ input, output, mark, field, expect }: SealTask): Promise<SealAnswer> {
  await copyFile(input, output);
  const { size: bytes } = await stat(output);
  const start = performance.now();
  const ms = (): number => Math.round(performance.now() - start);
  try {
    const facts = await pool.inspect(output);
    const [first] = facts.pages;
    if (first === undefined) throw new Error('a document without a page is not refused');
    const shorter = Math.min(first.widthMm, first.heightMm);
    const across = Math.min(DIAMETER_MM, shorter * LARGEST_SHARE);
    const place = { page: 1, xMm: first.widthMm / 2, yMm: first.heightMm * 0.65, widthMm: across, heightMm: across };
    const at = { page: 1, xMm: place.xMm, yMm: place.yMm, widthMm: across };
    const { request, place: markPlace } = fingerprintOn(first);
    const fields = field === undefined ? facts.openFields.slice(0, MOST_FIELDS) : [field];
    const ways: Way[] = fields.map((name) => ({ marks: [], seal: { field: name }, places: null }));
    if (field === undefined) ways.unshift({ marks: [], seal: at, places: [place] });
    if (field === undefined && mark && facts.signatures === 0) {
      ways.unshift({ marks: [request], seal: at, places: [place, markPlace] });
    }
    const kept = { page: 1, xMm: first.widthMm * 0.75, yMm: first.heightMm * 0.2, widthMm: across / 2 };
    const expected = expect === undefined ? [] : [{ name: expect, placement: kept }];
    const { seal, places } = await sealOneWay({ path: output, bytes, expect: expected }, ways);
    const found = places ?? ('field' in seal ? [fieldPlace(output, seal.field)] : []);
    const seen = found.filter((each) => each !== null);
    return { kind: 'sealed', ms: ms(), places: seen, pages: comparedPages(facts, seen) };
  } catch (error) {
    return isAppError(error) && error.code !== 'INTERNAL'
      ? { kind: 'refused', ms: ms(), code: error.code, detail: error.detail }
      : { kind: 'crashed', ms: ms(), detail: detailOf(error) };
  }
}

/** A way to seal a document, and where it is seen then; null: in the field. */
interface Way {
  readonly marks: readonly MarkRequest[];
  readonly seal: Placement;
  readonly places: readonly SeenRect[] | null;
}

/** The first way that an earlier signature does not forbid. */
async function sealOneWay(document: Pick<SealJob, 'path' | 'bytes' | 'expect'>, ways: readonly Way[]): Promise<Way> {
  let locked: unknown;
  for (const way of ways) {
    try {
      await sealer.seal({ ...document, marks: way.marks, parties: 0, seal: way.seal, allowReal: true }, never);
      return way;
    } catch (error) {
      if (!isAppError(error, 'PDF_SIGNED_LOCKED')) throw error;
      locked = error;
    }
  }
  throw locked;
}

function fingerprintOn(page: PdfFacts['pages'][number]): { readonly request: MarkRequest; readonly place: SeenRect } {
  const heightMm = Math.min(FINGERPRINT.heightMm, Math.min(page.widthMm, page.heightMm) * LARGEST_SHARE * 0.6);
  const widthMm = (heightMm * FINGERPRINT.widthMm) / FINGERPRINT.heightMm;
  const at = { page: 1, xMm: page.widthMm / 4, yMm: page.heightMm / 5, widthMm };
  return {
    request: {
      who: { role: 'party', index: 0 },
      placement: { ...at, rotation: 5 },
      picture: { kind: 'fingerprint', raster, inscription: '（2023）示人调字第12号' },
    },
    place: { ...at, heightMm, rotationDeg: 5 },
  };
}

function comparedPages({ pages }: PdfFacts, places: readonly SeenRect[]): PageSize[] {
  const marked = new Set(places.map(({ page }) => page));
  return pages
    .map(({ widthMm, heightMm }, i) => ({ page: i + 1, widthMm, heightMm }))
    .filter(({ page }) => page <= FIRST_PAGES || page === pages.length || marked.has(page));
}

async function verify({ input, output }: SealTask): Promise<VerifyAnswer> {
  try {
    const before = await verifier.verifyFile(input, never);
    return { kind: 'verified', before, after: await verifier.verifyFile(output, never) };
  } catch (error) {
    return { kind: 'crashed', detail: detailOf(error) };
  }
}

function detailOf(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
