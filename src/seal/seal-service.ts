/**
 * The pipeline from a PDF and its marks to a sealed PDF, in order: where everything goes, the increment (planned apart, in the
 * worker that never sees the key), the digest, the signature, its timestamp, the append, and a check of what was written. The check
 * reads the increment back and verifies the signature over the digest; whoever hands the file out reads all of it once more before that.
 */
import { createHash, randomBytes, randomInt } from 'node:crypto';
import type { Rendition } from '../biometric/rendition.ts';
import { concatBytes } from '../bytes.ts';
import type { Clock } from '../clock.ts';
import type { Certificate } from '../cms/certificate.ts';
import { createSignedData, parseSignedData, verifySignedData } from '../cms/signed-data.ts';
import { parseTimestampToken, timestampsOf, verifyTimestampToken } from '../cms/timestamp.ts';
import { AppError } from '../errors.ts';
import type { PlannedIncrement } from '../pdf/increment.ts';
import type { PdfPool } from '../pdf/pdf-pool.ts';
import { contentsIn, coveredDigest, fillContents, roomOf } from './contents.ts';
import type { Inscription } from './fingerprint-hatch.ts';
import { GrowingFile } from './growing-file.ts';
import type { Flush } from './growing-file.ts';
import type { KeyStore, SealKey } from './key-store.ts';
import { LevelRaiser } from './level-raiser.ts';
import { LevelUndertaking } from './level-undertaking.ts';
import { isAtLeast } from './level.ts';
import type { Level } from './level.ts';
import type {
  ExtendedFile,
  ExtensionJob,
  Levels,
  Notice,
  PagingEdge,
  SealJob,
  SealedFile,
  Sealer,
} from './seal-job.ts';
import { SealLooks } from './seal-looks.ts';
import type { SealLooksOptions } from './seal-looks.ts';
import { witnessesIn } from './witnesses.ts';

export interface SealServiceOptions extends SealLooksOptions {
  readonly pool: PdfPool;
  readonly keys: KeyStore;
  readonly clock: Clock;
  /** The name along the ring; empty: the organisation (else the name) of the certificate. */
  readonly committeeName: string;
  /** The pages' edge of a paging seal where a job names none. */
  readonly pagingEdge: PagingEdge;
  /** How fingerprints are shown. */
  readonly rendition: Rendition;
  /** Who has the authorities; absent: nobody, and B-B is all there is. */
  readonly raiser?: LevelRaiser;
  /** Where nobody asks for another level. Default: B-B. */
  readonly presetLevel?: Level;
  /**
   * Looks at the signatures that a document has already, before another one is put on it; tells what is worth knowing of them.
   * @throws AppError EARLIER_SIGNATURE_BROKEN. Absent: they are not looked at.
   */
  readonly requireUnharmed?: (path: string, signal: AbortSignal) => Promise<readonly Notice[]>;
  /** Brings what was written to the disk itself; default `datasync`. */
  readonly flush?: Flush;
}

/** Where a seal goes into a field that was there, the earlier signature allowed it, and no verifier has anything to say. */
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

const USAGE_RIGHTS_ENDED: Notice = {
  code: 'USAGE_RIGHTS_ENDED',
  message: 'The document had extended features for Adobe Reader; Adobe Reader no longer offers them once it is sealed.',
  messageZh: '文档原带有 Adobe Reader 扩展功能，用印后 Adobe Reader 将不再提供这些功能。',
};

/** ISO 32000-2, Table 257 lets both follow a signature of permission 1; Acrobat counts every byte after it for a change. */
const PROOF_AFTER_FINAL: Notice = {
  code: 'PROOF_AFTER_FINAL',
  message:
    'The seal is final, and proof of it follows in the file: the standard allows that, Adobe Acrobat reports a change.',
  messageZh: '最终印章之后追加了验证资料：符合标准，但 Adobe Acrobat 会提示文件已更改。',
};

const ENCRYPTED_PERMISSIONS: Notice = {
  code: 'ENCRYPTED_PERMISSIONS',
  message: 'The document’s owner restricts changes to it; it was sealed all the same, and the restriction is kept.',
  messageZh: '文档所有者限制了对文档的修改；仍已按请求盖章，原有限制予以保留。',
};

export class SealService implements Sealer {
  readonly #options: SealServiceOptions;
  readonly #raiser: LevelRaiser;
  readonly #looks: SealLooks;

  constructor(options: SealServiceOptions) {
    this.#options = options;
    this.#looks = new SealLooks(options);
    this.#raiser = options.raiser ?? new LevelRaiser({ pool: options.pool });
  }

  get levels(): Levels {
    const { presetLevel = 'B-B' } = this.#options;
    return { preset: presetLevel, available: this.#raiser.available };
  }

  /**
   * Seals `job.path` in place: on return the file is complete on disk, on a throw it is what it was. An authority that does not answer
   * keeps no seal off: the level is lower then.
   * @throws AppError SEAL_* for the key, READER_SIMULATED, PDF_*, COUNTERSEAL_CONTENT_FORBIDDEN, EARLIER_SIGNATURE_BROKEN, FIELD_*, KEYWORD_*,
   * PAGE_OUT_OF_RANGE, POSITION_OFF_PAGE, FILE_*.
   */
  async seal(job: SealJob, signal: AbortSignal): Promise<SealedFile> {
    const { pool, keys, clock, pagingEdge, rendition, requireUnharmed } = this.#options;
    const { level: wanted = 'B-B', hurry } = job;
    const key = keys.use();
    if (!job.allowReal && !key.certificate.isTest) {
      throw new AppError('READER_SIMULATED', 'the agreement carries a simulated print and the seal is not a TEST seal');
    }
    const patience = hurry === undefined ? signal : AbortSignal.any([signal, hurry]);
    const chain = [key.certificate, ...key.chain.slice(1)] as const;
    const levels = new LevelUndertaking({ raiser: this.#raiser, wanted, chain, clock, patience, signal });
    const committee = this.#committee(key);
    const seal = await this.#looks.appearance(committee, key.certificate.isTest);
    // What draws loads pdf-lib, and a daemon that only listens need not wait for it.
    const { layOut, lookUnder, underAnnotations } = await import('./layout.ts');
    const inscribe = (text: string): Promise<Inscription> => this.#looks.inscribe(text);
    const layout = await layOut(job, { pool, seal, committee, pagingEdge, rendition, inscribe, turn }, signal);
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
          contentsBytes: key.signatureBytes + levels.room,
          lock: { final: job.final ?? false, expect: layout.expect },
          ...(job.reason === undefined ? {} : { reason: job.reason }),
          // A field may ask whose certificate it is.
          ...('field' in layout.seal ? { certificates: key.chain.map(({ der }) => der) } : {}),
        },
      },
      randomBytes(16),
      signal,
    );
    planning.catch(() => undefined); // met where it is waited for, if opening does not fail first
    // Behind the plan in the worker, beside the hash, the signature and the disk here.
    const looking = lookUnder(job.checkOverlap === true ? layout.unseen : [], job, pool, signal);
    looking.catch(() => undefined); // likewise
    await using file = await GrowingFile.open(job.path, job.bytes, this.#options.flush);
    const [plan] = await Promise.all([planning, file.requireUntouched()]);
    if (plan.originalBytes !== job.bytes) {
      throw new AppError('SEAL_FAILED', `planned for ${plan.originalBytes} bytes, the file has ${job.bytes}`);
    }
    const before = job.midstate?.copy() ?? (await file.hash(signal));
    const digest = coveredDigest(plan, before);
    // The key does not sign what somebody else's signature is broken on.
    const earlier = plan.signedBefore === 0 ? [] : ((await requireUnharmed?.(job.path, signal)) ?? []);
    await levels.requireNotRevoked();
    job.onKeyUse?.();
    const cms = createSignedData({ digest, chain: key.chain, sign: (data) => key.sign(data) });
    if (cms.length > roomOf(plan)) {
      throw new AppError('SEAL_FAILED', `the signature takes ${cms.length} bytes, ${roomOf(plan)} were kept for it`);
    }
    fillContents(plan, await levels.stamp(cms, roomOf(plan)));
    const raised = await levels.raise({ path: job.path, tail: plan.bytes, hash: before.copy().update(plan.bytes) });
    const added = concatBytes(plan.bytes, raised.bytes);
    signal.throwIfAborted();
    const check = (back: Buffer): void => checkSignature(contentsIn(back, plan), digest, key.chain);
    const under = await file.append(added, check, looking);
    return {
      sha256Before: before.copy().digest('hex'),
      sha256After: before.copy().update(added).digest('hex'),
      bytes: job.bytes + added.length,
      sealedAt,
      certificateSha256: key.certificate.sha256,
      level: raised.level,
      ...(raised.shortfall === undefined ? {} : { shortfall: raised.shortfall }),
      warnings: [
        ...layout.notices,
        ...under,
        ...underAnnotations(layout, plan.coveredMarks),
        ...noticesOf(plan, wanted),
        ...earlier,
        ...clockNotice(levels.stampedAt, sealedAt),
      ],
    };
  }

  /**
   * Raises a file that was sealed earlier, by this or another house: what its signatures and timestamps rest on is read from the file. The
   * key is not needed.
   * @throws AppError SEAL_FAILED where it is another file, PDF_*, FILE_*, why no higher level was reached, the signal's reason.
   */
  async extend({ path, bytes, sha256, from, to }: ExtensionJob, signal: AbortSignal): Promise<ExtendedFile> {
    const { pool, clock, flush } = this.#options;
    await using file = await GrowingFile.open(path, bytes, flush);
    await file.requireUntouched();
    const hash = await file.hash(signal);
    if (hash.copy().digest('hex') !== sha256) throw new AppError('SEAL_FAILED', 'it is not the file that was sealed');
    const facts = await pool.inspectSigned(path, signal);
    const { witnesses, isTimed } = witnessesIn(facts, from === undefined ? 'all' : 'newest');
    const level = from ?? (isTimed ? 'B-T' : 'B-B');
    const start = { path, tail: new Uint8Array(), hash, level, proven: [], witnesses, stored: facts.store };
    const raised = await this.#raiser.raise(start, to, clock.now(), signal);
    if (raised.level === from || (raised.bytes.length === 0 && raised.shortfall !== undefined)) {
      throw raised.shortfall ?? new AppError('INTERNAL', `nothing leads from ${level} to ${to}`);
    }
    signal.throwIfAborted();
    if (raised.bytes.length > 0) await file.append(raised.bytes, () => undefined, Promise.resolve());
    return {
      sha256: hash.update(raised.bytes).digest('hex'),
      bytes: bytes + raised.bytes.length,
      extendedAt: clock.now(),
      level: raised.level,
      ...(raised.shortfall === undefined ? {} : { shortfall: raised.shortfall }),
    };
  }

  #committee({ certificate: { subject } }: SealKey): string {
    const { committeeName } = this.#options;
    return committeeName === '' ? (subject.o ?? subject.cn ?? '') : committeeName;
  }
}

/** What the document itself gives occasion to say. */
function noticesOf(plan: PlannedIncrement, wanted: Level): Notice[] {
  const { docMdp, fieldMdp } = plan.transforms;
  const isFinal = docMdp === 1 || fieldMdp?.permission === 1;
  return [
    ...(isFinal && isAtLeast(wanted, 'B-LT') ? [PROOF_AFTER_FINAL] : []),
    ...(plan.signedBefore > 0 && plan.addsFields ? [SIGNED_BEFORE] : []),
    ...(plan.overridesPermissions ? [ENCRYPTED_PERMISSIONS] : []),
    ...(plan.endsUsageRights ? [USAGE_RIGHTS_ENDED] : []),
    ...(plan.repaired ? [XREF_REPAIRED] : []),
  ];
}

/** A PC's clock that is off by more than that writes a time into seals that people stumble over. */
const CLOCK_OFF_MS = 10 * 60_000;

function clockNotice(stampedAt: Date | null, now: Date): Notice[] {
  const off = stampedAt === null ? 0 : now.getTime() - stampedAt.getTime();
  if (Math.abs(off) <= CLOCK_OFF_MS) return [];
  const minutes = Math.round(Math.abs(off) / 60_000);
  return [
    {
      code: 'CLOCK_OFF',
      message: `This PC’s clock is ${minutes} minutes ${off > 0 ? 'ahead' : 'behind'}, by the timestamp authority; set it right.`,
      messageZh: `本机时间比时间戳服务${off > 0 ? '快' : '慢'} ${minutes} 分钟，请校准。`,
    },
  ];
}

/** Throws SEAL_SELF_CHECK unless the signature that was read back, and the timestamp in it, are over what was signed. */
function checkSignature(cms: Uint8Array, digest: Uint8Array, chain: readonly Certificate[]): void {
  const parsed = parseSignedData(cms, chain);
  const check = verifySignedData(parsed, digest, { signingCertificate: 'required' });
  if (!check.ok) throw new AppError('SEAL_SELF_CHECK', check.code);
  const stamped = createHash('sha256').update(parsed.signature).digest();
  for (const token of timestampsOf(parsed)) {
    const stamp = verifyTimestampToken(parseTimestampToken(token), stamped);
    if (!stamp.ok) throw new AppError('SEAL_SELF_CHECK', stamp.code);
  }
}

/** -1..1 */
function turn(): number {
  return randomInt(-1000, 1001) / 1000;
}
