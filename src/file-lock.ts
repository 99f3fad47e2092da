/** A lock between processes that the operating system drops with its holder, however that one ends. */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Result code of SQLite: another connection holds the lock. */
const SQLITE_BUSY = 5;

/**
 * Makes the file, for its owner only, and holds it until disposed of; null where another process does. Throws what making it throws.
 * Node has no locks of files; SQLite has them on every system.
 */
export function lockFile(path: string): Disposable | null {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(path, { timeout: 0 });
    chmodSync(path, 0o600);
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    const held = lock;
    return { [Symbol.dispose]: () => held.close() };
  } catch (error) {
    lock?.close();
    if ((error as { readonly errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw error;
  }
}
