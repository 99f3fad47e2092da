/** Certificates that are configured as files, PEM or DER: read when they are first wanted, and once. */
import { readFile } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import { parseCertificates } from './certificate.ts';
import type { Certificate } from './certificate.ts';

export class CertificateFiles {
  readonly #paths: readonly string[];
  #read: Promise<readonly Certificate[]> | undefined;

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  /** All of them, in order. Throws FILE_UNREADABLE, CERTIFICATE_INVALID; after that they are read anew, in case they were mended. */
  read(): Promise<readonly Certificate[]> {
    if (this.#read === undefined) {
      this.#read = readAll(this.#paths);
      this.#read.catch(() => (this.#read = undefined));
    }
    return this.#read;
  }
}

async function readAll(paths: readonly string[]): Promise<readonly Certificate[]> {
  const files = await Promise.all(
    paths.map((path) =>
      readFile(path).catch((cause: unknown) => {
        throw new AppError('FILE_UNREADABLE', path, { cause });
      }),
    ),
  );
  return files.flatMap((bytes) => parseCertificates(bytes));
}
