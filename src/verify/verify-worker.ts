/** The far side of the verifier: documents are read in a thread of its own that may be killed at any moment. */
import { parseCertificate } from '../cms/certificate.ts';
import { openFileSource } from '../pdf/byte-source.ts';
import { outcomeOf } from '../task-pool.ts';
import type { TaskHandler } from '../task-pool.ts';
import type { VerificationReport } from './report.ts';
import { verifyPdf } from './verify-pdf.ts';

export interface VerifyTasks {
  readonly verify: {
    /** `roots`: DER of the trusted root certificates. */
    readonly task: {
      readonly path: string;
      readonly roots: readonly Uint8Array[];
      /** Of timestamp authorities, beside those. */
      readonly timestampRoots: readonly Uint8Array[];
      readonly now: Date;
    };
    readonly value: VerificationReport;
  };
}

export const verify: TaskHandler<VerifyTasks, 'verify'> = ({ path, roots, timestampRoots, now }) =>
  outcomeOf(() => {
    using source = openFileSource(path);
    return verifyPdf(source, {
      roots: roots.map(parseCertificate),
      timestampRoots: timestampRoots.map(parseCertificate),
      now,
    });
  });
