/** Where this package lies and what it is called: the same from the repository and from where it is installed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const manifest = fileURLToPath(import.meta.resolve('zhiyin/package.json'));

/** Absolute path of something in the package. */
export function packagePath(...parts: readonly string[]): string {
  return join(manifest, '..', ...parts);
}

/** The product's version. */
export const version = String((JSON.parse(readFileSync(manifest, 'utf8')) as { version: unknown }).version);
