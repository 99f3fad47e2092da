/** What a verification says: the document of the API and of `zhiyin verify --json`, and the same for people. Pure. */

export type Verdict = 'VALID' | 'INVALID' | 'INDETERMINATE' | 'NO_SIGNATURE' | 'UNREADABLE';
export type Integrity = 'INTACT' | 'BROKEN' | 'NONE';
export type Trust = 'TRUSTED' | 'UNTRUSTED' | 'NONE';

/** One thing that was found, in both languages. */
export interface Finding {
  readonly code: string;
  readonly message: string;
  readonly messageZh: string;
}

/** What was changed after a signature. */
export interface ChangeReport extends Finding {
  /** From 1, where it is on a page. */
  readonly page?: number;
  /** Whether the signature lets it happen. One that it does not breaks it. */
  readonly allowed: boolean;
}

/** What is known of whether certificates were revoked when the signature was made. */
export interface RevocationReport extends Finding {
  readonly status: 'GOOD' | 'REVOKED' | 'UNKNOWN';
}

export interface SignatureReport {
  /** Full name of the signature field. */
  readonly field: string;
  readonly kind: 'seal' | 'timestamp';
  /** Distinguished names; absent where the signature cannot be read. */
  readonly signer: string | null;
  /** SHA-256 of the signer's certificate, hexadecimal: names can be anyone's. Absent where it cannot be told. */
  readonly certificateSha256?: string;
  readonly issuer: string | null;
  /** What the signature dictionary claims (/M), RFC 3339; nobody vouches for it. */
  readonly claimedAt?: string;
  /** What a timestamp proves, RFC 3339. */
  readonly provenAt?: string;
  readonly integrity: 'INTACT' | 'BROKEN';
  readonly trust: 'TRUSTED' | 'UNTRUSTED';
  /** By what the document itself brings; absent where nobody can be told to be the signer. Only `REVOKED` makes untrusted. */
  readonly revocation?: RevocationReport;
  readonly coversWholeFile: boolean;
  readonly changesAfter: readonly ChangeReport[];
}

export interface RevisionReport {
  /** 1 = the oldest. */
  readonly number: number;
  /** The revision is the first `bytes` bytes of the file. */
  readonly bytes: number;
  /** SHA-256 of those bytes, hexadecimal, where a signature covers exactly them. */
  readonly sha256?: string;
  /** The signature that covers it, if one does. */
  readonly signedBy?: string;
}

export interface VerificationReport {
  readonly verdict: Verdict;
  readonly integrity: Integrity;
  readonly trust: Trust;
  readonly reasons: readonly Finding[];
  readonly signatures: readonly SignatureReport[];
  readonly revisions: readonly RevisionReport[];
}

/**
 * The report of a file: the worst of its signatures decides. `reasons`: why they are what they are; of what came after them it adds what
 * breaks them and what says something that they do not cover.
 */
export function reportOf(
  signatures: readonly SignatureReport[],
  revisions: readonly RevisionReport[],
  reasons: readonly Finding[],
): VerificationReport {
  if (signatures.length === 0) {
    const none = [
      { code: 'NO_SIGNATURE', message: 'The document carries no signature.', messageZh: '文档没有任何签名或印章。' },
    ];
    return { verdict: 'NO_SIGNATURE', integrity: 'NONE', trust: 'NONE', reasons: none, signatures, revisions };
  }
  const integrity = signatures.every((signature) => signature.integrity === 'INTACT') ? 'INTACT' : 'BROKEN';
  const trust = signatures.every((signature) => signature.trust === 'TRUSTED') ? 'TRUSTED' : 'UNTRUSTED';
  const noted = signatures.flatMap(({ changesAfter }) => changesAfter).filter(isNoted);
  const all = distinct([...reasons, ...noted]);
  return { verdict: verdictOf(integrity, trust), integrity, trust, reasons: all, signatures, revisions };
}

/** The report of something that cannot be read as a PDF at all. */
export function unreadable(reason: Finding): VerificationReport {
  return { verdict: 'UNREADABLE', integrity: 'NONE', trust: 'NONE', reasons: [reason], signatures: [], revisions: [] };
}

/** What is allowed and still says something that was not sealed. */
const NOTED: ReadonlySet<string> = new Set([
  'FIELD_FILLED',
  'ANNOTATION_ADDED',
  'ANNOTATION_CHANGED',
  'ANNOTATION_REMOVED',
]);

function isNoted({ code, allowed }: ChangeReport): boolean {
  return !allowed || NOTED.has(code);
}

function verdictOf(integrity: 'INTACT' | 'BROKEN', trust: 'TRUSTED' | 'UNTRUSTED'): Verdict {
  if (integrity === 'BROKEN') return 'INVALID';
  return trust === 'TRUSTED' ? 'VALID' : 'INDETERMINATE';
}

function distinct(findings: readonly Finding[]): Finding[] {
  const seen = new Map(
    findings.map(({ code, message, messageZh }) => [`${code} ${message}`, { code, message, messageZh }]),
  );
  return [...seen.values()];
}

const VERDICT_TEXT: Readonly<Record<Verdict, string>> = {
  VALID:
    'VALID: what was sealed is unchanged, and the seal is trusted. · 有效：已用印，所盖内容用印后未改动，印章可信。',
  INVALID: 'INVALID: do not rely on this document. · 无效：请勿采信此文档。',
  INDETERMINATE:
    'INDETERMINATE: unchanged since sealing, but the seal is not known to be trustworthy. · 不确定：用印后未改动，但印章来源未获信任。',
  NO_SIGNATURE: 'NO SIGNATURE: the document is not sealed. · 未签署：文档没有印章。',
  UNREADABLE: 'UNREADABLE: this cannot be read as a PDF. · 无法读取：无法作为 PDF 读取。',
};

/** The report for people: verdict first, then each seal, then why. */
function changeText({ message, messageZh, page, allowed }: ChangeReport): string {
  const place = page === undefined ? '' : ` [page ${page} · 第 ${page} 页]`;
  return `${allowed ? 'allowed · 允许' : 'NOT ALLOWED · 不允许'}: ${message} · ${messageZh}${place}`;
}

export function reportText(report: VerificationReport): string {
  const lines = [VERDICT_TEXT[report.verdict]];
  for (const signature of report.signatures) {
    lines.push('', `${signature.kind === 'seal' ? 'Seal · 印章' : 'Timestamp · 时间戳'}  ${signature.field}`);
    lines.push(`  by · 签署者      ${signature.signer ?? '?'}`, `  issued by · 颁发  ${signature.issuer ?? '?'}`);
    if (signature.provenAt !== undefined) lines.push(`  proven at · 证明时间  ${signature.provenAt}`);
    if (signature.claimedAt !== undefined) lines.push(`  claimed at · 声称时间  ${signature.claimedAt}`);
    lines.push(`  integrity · 完整性  ${signature.integrity}`, `  trust · 信任      ${signature.trust}`);
    if (signature.revocation !== undefined) lines.push(`  revocation · 吊销  ${signature.revocation.status}`);
    lines.push(
      signature.coversWholeFile
        ? '  covers the whole file · 覆盖整个文件'
        : '  does not cover the whole file · 未覆盖整个文件',
    );
    for (const change of signature.changesAfter) lines.push(`  after it · 其后  ${changeText(change)}`);
  }
  if (report.reasons.length > 0) lines.push('');
  for (const { code, message, messageZh } of report.reasons) lines.push(`- ${code}: ${message} · ${messageZh}`);
  return `${lines.join('\n')}\n`;
}
