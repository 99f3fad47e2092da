import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeAgreements } from '../../scripts/make-agreement.ts';

const committed = join(import.meta.dirname, '../../fixtures/agreements');

describe('the fixture agreements', () => {
  const folder = mkdtempSync(join(tmpdir(), 'zhiyin-agreements-'));
  let names: string[] = [];
  beforeAll(async () => {
    names = await makeAgreements(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are what their script makes, byte for byte, and nothing else', () => {
    expect(names.toSorted()).toEqual(readdirSync(committed).toSorted());
    const changed = names.filter(
      (name) => !readFileSync(join(folder, name)).equals(readFileSync(join(committed, name))),
    );
    expect(changed).toEqual([]);
  });

  it('stay small', () => {
    expect(names.filter((name) => statSync(join(folder, name)).size > 150_000)).toEqual([]);
  });
});
