/** The shared material beside the checkout: real files that no one here wrote. Used in place, never copied. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'vitest';

const folder = join(import.meta.dirname, '../../../shared');

/** Path of the shared folder, or null where it is absent. */
export function sharedFolder(): string | null {
  return existsSync(join(folder, 'README.md')) ? folder : null;
}

/** A `describe` that says why it is skipped where the shared material is absent, and does not run `body` then, which gets the folder. */
export function describeShared(title: string, body: (folder: string) => void): void {
  const found = sharedFolder();
  if (found === null) {
    console.warn(`SKIPPED, no shared material beside the checkout: ${title}`);
    describe.skip(title, () => it('needs the shared material', () => undefined));
  } else {
    describe(title, () => body(found));
  }
}
