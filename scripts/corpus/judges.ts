/** What other people's programs say of a document, in terms that can be compared before and after. */
import { runToolWithin } from './tool.ts';

/** Longest that one of them may take. */
export const JUDGE_MS = 60_000;

export interface QpdfVerdict {
  /** qpdf(1): 0 no fault, 3 warnings, 2 errors; null: it did not end in time. */
  readonly status: number | null;
  readonly complaints: readonly Complaint[];
}

export interface Complaint {
  /** Without the file's name, numbers and which streams a page is of: those differ from revision to revision. */
  readonly text: string;
  /** What it is about: an object's number, as `7 0`; null where it names none. */
  readonly object: string | null;
}

export async function askQpdf(path: string): Promise<QpdfVerdict> {
  const { status, stderr } = await runToolWithin(JUDGE_MS, 'qpdf', ['--check', path]);
  const complaints = stderr
    .replaceAll(path, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && line !== 'qpdf: operation succeeded with warnings')
    .map((line) => ({
      text: line.replaceAll(/\d+/g, 'N').replaceAll(/stream N N(?:, stream N N)*/g, 'stream'),
      object: /\bobject (\d+ \d+)/.exec(line)?.[1] ?? null,
    }));
  return { status, complaints };
}

/** A signature as a judge sees it. */
export interface JudgedSignature {
  /** Is the same before and after. */
  readonly id: string;
  readonly intact: boolean;
  /** Whether it covers all of the file, as the judge sees it. */
  readonly whole: boolean;
}

/** Null: the judge cannot read the document. */
export type Judgement = readonly JudgedSignature[] | null;

/** A signature is known by what it covers. */
export async function askPdfsig(path: string): Promise<Judgement> {
  const { status, stdout } = await runToolWithin(JUDGE_MS, 'pdfsig', ['-nocert', path]);
  // 2: it was read and has no signature.
  if (status !== 0 && status !== 2) return null;
  return stdout
    .split(/^Signature #\d+:/m)
    .slice(1)
    .map((said) => ({
      id: /Signed Ranges: (.*)/.exec(said)?.[1] ?? '',
      intact: said.includes('Signature is Valid.'),
      whole: said.includes('Total document signed'),
    }));
}

/** A signature is known by its field's object. Edits that were made since are another matter, which mutool says apart. */
export async function askMutool(path: string): Promise<Judgement> {
  const { status, stdout } = await runToolWithin(JUDGE_MS, 'mutool', ['sign', '-v', path]);
  if (status !== 0) return null;
  return stdout
    .split(/^Verifying signature /m)
    .slice(1)
    .map((said) => ({
      id: /^\d+/.exec(said)?.[0] ?? '',
      intact: said.includes('unchanged since signing') || said.includes('edits since signing'),
      whole: said.includes('unchanged since signing'),
    }));
}
