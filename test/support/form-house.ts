/** What is put behind the signed form in tests, and what the verifier says of it. TEST keys. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { VerificationReport } from '../../src/verify/report.ts';
import type { TrustOptions } from '../../src/verify/trust.ts';
import { verifyPdf } from '../../src/verify/verify-pdf.ts';
import { opensslCms } from './openssl-signer.ts';
import type { CmsMaker } from './openssl-signer.ts';
import { AT, FORM, SLOT, body, fillSignature, signatureValue, signedForm } from './signed-form.ts';
import type { SignedFormOptions } from './signed-form.ts';
import { Update } from './update.ts';

/** A signer, what he signed, and who verifies it and trusts him. */
export class FormHouse implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'zhiyin-changes-'));
  readonly #documents = new Map<string, Uint8Array>();
  readonly #sign: CmsMaker;
  readonly #root: Certificate;

  constructor() {
    const { sign, certificatePem } = opensslCms(this.#folder);
    this.#sign = sign;
    this.#root = parseCertificate(readFileSync(certificatePem));
  }

  /** The signed form, made once for each kind. */
  signed(options: SignedFormOptions = {}): Uint8Array {
    const key = JSON.stringify(options);
    const made = this.#documents.get(key) ?? signedForm(this.#sign, options);
    this.#documents.set(key, made);
    return made;
  }

  /** The document with an update behind it; signatures in that are filled in. */
  updated(original: Uint8Array, change: Change, finish: Finish = (update) => update.table()): Uint8Array {
    const update = new Update(original);
    change(update);
    const file = finish(update);
    return Buffer.from(file.subarray(original.length)).includes(SLOT) ? fillSignature(file, this.#sign) : file;
  }

  verify(bytes: Uint8Array, change: Partial<TrustOptions> = {}): VerificationReport {
    return verifyPdf(memorySource(bytes), { roots: [this.#root], now: new Date(), ...change });
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export type Change = (update: Update) => unknown;
export type Finish = (update: Update) => Uint8Array;

/** What the first signature's report tells of what came after it: codes, those that are not allowed with a `!`, and pages. */
export function told(report: VerificationReport): string[] {
  const changes = report.signatures.find(({ field }) => field === 'First')?.changesAfter ?? [];
  return changes.map(
    ({ code, allowed, page }) => `${allowed ? '' : '!'}${code}${page === undefined ? '' : ` ${page}`}`,
  );
}

/** A certification that permits this much; null: none. */
export function permitting(permission: number | null): SignedFormOptions {
  if (permission === null) return {};
  const parameters = `/TransformParams << /Type /TransformParams /P ${permission} /V /1.2 >>`;
  return { signature: `/Reference [<< /Type /SigRef /TransformMethod /DocMDP ${parameters} >>]` };
}

/** A further signature's objects, in a field of its own under `number`. */
export function newSignature(update: Update, changes: Readonly<Record<string, string | null>> = {}): number {
  const [field, value, look] = [update.reserve(), update.reserve(), update.reserve()];
  update.object(
    field,
    body(AT.secondField, { T: '(Third)', V: `${value} 0 R`, AP: `<< /N ${look} 0 R >>`, ...changes }),
  );
  update.stream(look, '0 0 1 RG 2 2 96 96 re S', FORM);
  update.object(value, signatureValue());
  return field;
}

export const listed = (field: number): string => `[9 0 R 11 0 R 13 0 R 16 0 R 24 0 R ${field} 0 R]`;

export function addSignature(update: Update): void {
  const field = newSignature(update);
  update.object(AT.form, body(AT.form, { Fields: listed(field) }));
  update.object(AT.annotations2, `[16 0 R 17 0 R ${field} 0 R]`);
}

export function fillSecond(update: Update): void {
  const [value, look] = [update.reserve(), update.reserve()];
  update.object(AT.secondField, body(AT.secondField, { V: `${value} 0 R`, F: '132', AP: `<< /N ${look} 0 R >>` }));
  update.stream(look, '0 0 1 RG 2 2 96 96 re S', FORM);
  update.object(value, signatureValue());
}

export function fillText(update: Update): void {
  const look = update.reserve();
  update.object(AT.textField, body(AT.textField, { V: '(Li)', AP: `<< /N ${look} 0 R >>` }));
  update.stream(look, '/Tx BMC BT /Helv 12 Tf 2 5 Td (Li) Tj ET EMC', `${FORM} /Resources 23 0 R`);
}

export function addComment(update: Update): void {
  const [comment, popup] = [update.reserve(), update.reserve()];
  const place = '/Rect [50 50 90 70] /P 5 0 R';
  update.object(
    comment,
    `<< /Type /Annot /Subtype /Highlight ${place} /QuadPoints [50 70 90 70 50 50 90 50] /Popup ${popup} 0 R >>`,
  );
  update.object(popup, `<< /Type /Annot /Subtype /Popup /Rect [90 50 120 70] /Parent ${comment} 0 R >>`);
  update.object(AT.annotations2, `[16 0 R 17 0 R ${comment} 0 R ${popup} 0 R]`);
}
