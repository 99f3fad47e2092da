/**
 * The pipeline from a PDF and its marks to a sealed PDF, in order: where everything goes, the increment (planned apart, in the
 * worker that never sees the key), the digest, the signature, the append, and a check of what was written. The check reads the
 * increment back and verifies the signature over the digest; whoever hands the file out reads all of it once more before that.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../clock.ts';
import { createSignedData, parseSignedData, verifySignedData } from '../cms/signed-data.ts';
import { AppError, isAppError } from '../errors.ts';
import { fileChunks } from '../file-chunks.ts';
import type { Appearance, PlannedIncrement } from '../pdf/increment.ts';
import type { PdfPool } from '../pdf/pdf-pool.ts';
import { outlinesFor } from './glyph-outlines.ts';
import type { KeyStore, SealKey } from './key-store.ts';
import type { Notice, PagingEdge, SealJob, SealedFile, Sealer } from './seal-job.ts';

export interface SealServiceOptions {
  readonly pool: PdfPool;
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** The name along the ring; empty: the organisation (else the name) of the certificate. */
  readonly committeeName: string;
  readonly diameterMm: number;
  /** PNG of the seal, instead of the drawn one. */
  readonly picturePath?: string;
  /** The pages' edge of a paging seal where a job names none. */
  readonly pagingEdge: PagingEdge;
  /** Folder for glyph outlines that were made once. */
  readonly cacheFolder: string;
  /** Brings what was written to the disk itself; default `datasync`. */
  readonly flush?: (file: FileHandle) => Promise<void>;
}

const SIGNED_BEFORE: Notice = {
  code: 'SIGNED_BEFORE',
  message: 'The document was signed already; a strict verifier reports that something was added after that signature.',
  messageZh: '文档此前已有签名；严格验证时会提示该签名之后又添加了内容。',
};

const XREF_REPAIRED: Notice = {
  code: 'XREF_REPAIRED',
  message:
    'The PDF’s list of where its parts are was broken, and a complete new one was appended with the seal; every byte of the original is as it was.',
  messageZh: 'PDF 的交叉引用有误，用印时在文末追加了完整的新交叉引用；原文件的字节未作任何改动。',
};

const ENCRYPTED_PERMISSIONS: Notice = {
  code: 'ENCRYPTED_PERMISSIONS',
  message: 'The document’s owner restricts changes to it; it was sealed all the same, and the restriction is kept.',
  messageZh: '文档所有者限制了对文档的修改；仍已按请求盖章，原有限制予以保留。',
};

export class SealService implements Sealer {
  readonly #options: SealServiceOptions;
  /** The drawn seal by the text on it: built once, used for every agreement. */
  readonly #appearances = new Map<string, Promise<Appearance>>();

  constructor(options: SealServiceOptions) {
    this.#options = options;
  }

  /**
   * Seals `job.path` in place: on return the file is complete on disk, on a throw it is what it was.
   * @throws AppError SEAL_* for the key, READER_SIMULATED, PDF_*, KEYWORD_*, PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE, FILE_*.
   */
  async seal(job: SealJob, signal: AbortSignal): Promise<SealedFile> {
    const { pool, keys, clock, pagingEdge } = this.#options;
    const key = keys.use();
    if (!job.allowReal && !key.certificate.isTest) {
      throw new AppError('READER_SIMULATED', 'the agreement carries a simulated print and the seal is not a TEST seal');
    }
    const seal = await this.#appearance(key);
    // What draws loads pdf-lib, and a daemon that only listens need not wait for it.
    const { layOut, lookUnder, underAnnotations } = await import('./layout.ts');
    const layout = await layOut(job, { pool, seal, pagingEdge, turn }, signal);
    const sealedAt = clock.now();
    const planning = pool.plan(
      job.path,
      {
        marks: layout.marks,
        signature: {
          fieldName: 'field' in layout.seal ? layout.seal.field : null,
          place: 'field' in layout.seal ? null : layout.seal.place,
          appearance: seal,
          signerName: key.certificate.subject.cn ?? key.certificate.subject.text,
          time: sealedAt,
          contentsBytes: key.signatureBytes,
          ...(job.reason === undefined ? {} : { reason: job.reason }),
        },
      },
      randomBytes(16),
      signal,
    );
    planning.catch(() => undefined); // met where it is waited for, if opening does not fail first
    // Behind the plan in the worker, beside the hash, the signature and the disk here.
    const looking = lookUnder(job.checkOverlap === true ? layout.unseen : [], job, pool, signal);
    looking.catch(() => undefined); // likewise
    await using file = await openToExtend(job.path);
    const [plan, { size: sizeNow }] = await Promise.all([planning, file.stat()]);
    requireUntouched(sizeNow, job, plan);
    const before = job.midstate?.copy() ?? (await hashOf(file, job.bytes, signal));
    const digest = signIncrement(plan, before, key);
    const sha256Before = before.copy().digest('hex');
    const sha256After = before.copy().update(plan.bytes).digest('hex');
    signal.throwIfAborted();
    let under: readonly Notice[];
    try {
      await append(file, plan.bytes, job.bytes);
      [, , under] = await allOf([this.#flush(file), checkWritten(file, plan, digest, key), looking]);
    } catch (error) {
      await file.truncate(job.bytes);
      await this.#flush(file);
      throw error;
    }
    return {
      sha256Before,
      sha256After,
      bytes: job.bytes + plan.bytes.length,
      sealedAt,
      certificateSha256: key.certificate.sha256,
      warnings: [...layout.notices, ...under, ...underAnnotations(layout, plan.coveredMarks), ...noticesOf(plan)],
    };
  }

  async #flush(file: FileHandle): Promise<void> {
    await (this.#options.flush?.(file) ?? file.datasync());
  }

  #appearance(key: SealKey): Promise<Appearance> {
    const { committeeName, picturePath } = this.#options;
    const { subject, isTest } = key.certificate;
    const name = committeeName === '' ? (subject.o ?? subject.cn ?? '') : committeeName;
    const id = picturePath ?? `${isTest ? 'TEST ' : ''}${name}`;
    const known = this.#appearances.get(id);
    if (known !== undefined) return known;
    const made = picturePath === undefined ? this.#draw(name, isTest) : this.#load(picturePath);
    this.#appearances.set(id, made);
    made.catch(() => this.#appearances.delete(id)); // a cause that is mended is met anew
    return made;
  }

  async #draw(name: string, test: boolean): Promise<Appearance> {
    const { cacheFolder, diameterMm } = this.#options;
    const [{ sealCharacters }, { sealAppearance }] = await Promise.all([
      import('./seal-drawing.ts'),
      import('./appearance.ts'),
    ]);
    const outlines = await outlinesFor(sealCharacters({ name, test }), cacheFolder);
    return sealAppearance({ name, diameterMm, test }, outlines);
  }

  async #load(path: string): Promise<Appearance> {
    const { diameterMm } = this.#options;
    const { sealPictureAppearance } = await import('./appearance.ts');
    const png = await readFile(path).catch((cause: unknown) => {
      throw new AppError('FILE_UNREADABLE', path, { cause });
    });
    return sealPictureAppearance(png, diameterMm);
  }
}

/** What the document itself gives occasion to say. */
function noticesOf({ signedBefore, overridesPermissions, repaired }: PlannedIncrement): Notice[] {
  return [
    ...(signedBefore > 0 ? [SIGNED_BEFORE] : []),
    ...(overridesPermissions ? [ENCRYPTED_PERMISSIONS] : []),
    ...(repaired ? [XREF_REPAIRED] : []),
  ];
}

async function openToExtend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (cause) {
    throw new AppError('FILE_UNWRITABLE', 'the PDF to seal', { cause });
  }
}

/** Waits for all to end, however they end: what is undone afterwards must not be done meanwhile. */
async function allOf<T extends readonly unknown[] | []>(work: T): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** The file must still be what was planned for: a length that differs means that another hand was in it. */
function requireUntouched(size: number, job: SealJob, plan: PlannedIncrement): void {
  if (size !== job.bytes || plan.originalBytes !== job.bytes) {
    throw new AppError('SEAL_FAILED', `the file changed while it was being sealed: ${job.bytes} bytes, now ${size}`);
  }
}

async function hashOf(file: FileHandle, bytes: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const chunk of fileChunks(file, { bytes, signal })) {
    hash.update(chunk);
    read += chunk.length;
  }
  if (read < bytes) throw new AppError('FILE_UNREADABLE', 'the PDF to seal ended early');
  return hash;
}

/**
 * Signs what the plan's ByteRange covers (the original, of which `before` is the hash, and the increment but for Contents) and
 * writes the CMS into the gap, hexadecimal, padded with zeros as ISO 32000-2, 12.8.1 has it. Gives the digest.
 */
function signIncrement(plan: PlannedIncrement, before: Hash, key: SealKey): Uint8Array {
  const { bytes, originalBytes, contents } = plan;
  const open = contents.offset - originalBytes;
  const digest = before
    .copy()
    .update(bytes.subarray(0, open - 1)) // up to the `<`
    .update(bytes.subarray(open + contents.length + 1)) // from after the `>`
    .digest();
  const cms = createSignedData({ digest, chain: key.chain, sign: (data) => key.sign(data) });
  if (cms.length * 2 > contents.length) {
    throw new AppError(
      'SEAL_FAILED',
      `the signature takes ${cms.length} bytes, ${contents.length / 2} were kept for it`,
    );
  }
  const digits = Buffer.from(cms).toString('hex').padEnd(contents.length, '0');
  bytes.set(Buffer.from(digits, 'latin1'), open);
  return digest;
}

/** Reads back what was appended: the same bytes, with a signature in them that verifies over the digest. Throws SEAL_SELF_CHECK. */
async function checkWritten(
  file: FileHandle,
  plan: PlannedIncrement,
  digest: Uint8Array,
  { chain }: SealKey,
): Promise<void> {
  const { bytes, originalBytes, contents } = plan;
  const back = Buffer.alloc(bytes.length);
  const [{ bytesRead }, { size }] = await Promise.all([file.read(back, 0, back.length, originalBytes), file.stat()]);
  if (bytesRead !== bytes.length || size !== originalBytes + bytes.length || !back.equals(bytes)) {
    throw new AppError('SEAL_SELF_CHECK', 'the increment on disk is not the one that was written');
  }
  const open = contents.offset - originalBytes;
  const cms = Buffer.from(back.toString('latin1', open, open + contents.length), 'hex');
  const check = verifySignedData(parseSignedData(cms, chain), digest, { signingCertificate: 'required' });
  if (!check.ok) throw new AppError('SEAL_SELF_CHECK', check.code);
}

async function append(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
  } catch (cause) {
    throw isAppError(cause) ? cause : new AppError('FILE_UNWRITABLE', 'the sealed PDF', { cause });
  }
}

/** -1..1 */
function turn(): number {
  return randomInt(-1000, 1001) / 1000;
}
