/** Outlines of characters, for text that is drawn as shapes: a seal looks the same where its font is not installed. */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AppError } from '../errors.ts';

/** An operator of PDF's path construction (ISO 32000-2, 8.5.2) and its operands, in font units, y upwards. */
export type PathStep =
  | readonly ['m', x: number, y: number]
  | readonly ['l', x: number, y: number]
  | readonly ['c', x1: number, y1: number, x2: number, y2: number, x: number, y: number]
  | readonly ['h'];

export interface GlyphOutline {
  /** Width that the character takes, in font units. */
  readonly advance: number;
  readonly steps: readonly PathStep[];
}

export interface GlyphOutlines {
  readonly unitsPerEm: number;
  /** By character. */
  readonly glyphs: Readonly<Record<string, GlyphOutline>>;
}

/** What the font's process prints. */
export interface GlyphReport {
  readonly outlines: GlyphOutlines;
  readonly missing: readonly string[];
}

const PROCESS_TIMEOUT_MS = 30_000;
const PROCESS_OUTPUT_BYTES = 16 * 1024 * 1024;
const run = promisify(execFile);

/**
 * Outlines of every character of `text` but white space, in Noto Serif SC. Made once in a process of its own and kept as a file in
 * `cacheFolder`, named by the font's version and the characters.
 * @throws AppError SEAL_GLYPH_MISSING, which names the character.
 */
export async function outlinesFor(text: string, cacheFolder: string, signal?: AbortSignal): Promise<GlyphOutlines> {
  const characters = [...new Set(text.replaceAll(/\s/gu, ''))].toSorted().join('');
  const key = createHash('sha256')
    .update(`${await fontVersion()} ${characters}`)
    .digest('hex')
    .slice(0, 32);
  const file = join(cacheFolder, `outlines-${key}.json`);
  const stored = await load(file);
  if (stored !== null) return stored;
  const { outlines, missing } = await make(characters, signal);
  const [lacking] = missing;
  if (lacking !== undefined) {
    const code = lacking.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
    throw new AppError('SEAL_GLYPH_MISSING', `${lacking} (U+${code})`);
  }
  await store(file, outlines).catch(() => undefined); // on a full disk they are made anew the next time
  return outlines;
}

async function fontVersion(): Promise<string> {
  const path = createRequire(import.meta.url).resolve('@fontsource/noto-serif-sc/package.json');
  const { version } = JSON.parse(await readFile(path, 'utf8')) as { readonly version: string };
  return version;
}

/** A stored file is the hash of its second line, then that line: one cut short by a full disk is made again. */
async function load(file: string): Promise<GlyphOutlines | null> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const [hash, json = ''] = text.split('\n');
  return hash === sha256(json) ? (JSON.parse(json) as GlyphOutlines) : null;
}

async function store(file: string, outlines: GlyphOutlines): Promise<void> {
  const json = JSON.stringify(outlines);
  const unfinished = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(unfinished, `${sha256(json)}\n${json}`, { mode: 0o600 });
  await rename(unfinished, file);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

async function make(characters: string, signal: AbortSignal | undefined): Promise<GlyphReport> {
  // As TypeScript in the repository, as JavaScript where the package is installed.
  const child = new URL(`./glyph-outlines-child${extname(import.meta.filename)}`, import.meta.url);
  try {
    const { stdout } = await run(process.execPath, [fileURLToPath(child), characters], {
      timeout: PROCESS_TIMEOUT_MS,
      maxBuffer: PROCESS_OUTPUT_BYTES,
      windowsHide: true,
      ...(signal === undefined ? {} : { signal }),
    });
    return JSON.parse(stdout) as GlyphReport;
  } catch (cause) {
    signal?.throwIfAborted();
    throw new AppError('SEAL_FAILED', 'the outlines of the seal’s characters could not be made', { cause });
  }
}
