/** A state folder of its own, gone after the test. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { openState } from '../../src/state.ts';
import type { State } from '../../src/state.ts';

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zhiyin-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function temporaryState(): State {
  const state = openState(join(temporaryFolder(), 'state'));
  onTestFinished(() => {
    if (state.database.isOpen) state.close();
  });
  return state;
}
