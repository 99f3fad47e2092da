import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SampleStore } from '../../src/agreement/sample-store.ts';
import type { SampleName } from '../../src/agreement/sample-store.ts';
import type { State } from '../../src/state.ts';
import { temporaryState } from '../support/state.ts';

const name: SampleName = { agreementId: 'a', ownerId: 'c', kind: 'image' };
const bytes = new TextEncoder().encode('a fingerprint, in the clear');

function opened(): { state: State; samples: SampleStore } {
  const state = temporaryState();
  const insert = state.database.prepare(
    "INSERT INTO agreement (id, created_at, sha256, bytes, pages, stage) VALUES (?, '', '', 0, '[]', 'open')",
  );
  insert.run('a');
  insert.run('b');
  return { state, samples: new SampleStore(state.database, state.sampleKey) };
}

const boxOf = (state: State): Buffer =>
  Buffer.from(state.database.prepare('SELECT sealed_box FROM sample').get()?.['sealed_box'] as Uint8Array);

test('what is put is got back, and lies encrypted', () => {
  const { state, samples } = opened();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), (bytes) => {
      samples.put(name, bytes);
      expect(samples.get(name)).toEqual(bytes);
      const box = boxOf(state);
      expect(box).toHaveLength(12 + bytes.length + 16);
      expect(bytes.length >= 16 && box.includes(Buffer.from(bytes))).toBe(false);
      samples.destroy('c');
      expect(samples.get(name)).toBeNull();
    }),
  );
});

test('the same sample is never encrypted to the same bytes', () => {
  const { state, samples } = opened();
  const boxes = Array.from({ length: 20 }, () => {
    samples.put(name, bytes);
    const box = boxOf(state).toString('hex');
    samples.destroy('c');
    return box;
  });
  expect(new Set(boxes.map((box) => box.slice(0, 24))).size).toBe(20);
});

test('is bound to whose and what it is', () => {
  const { state, samples } = opened();
  samples.put(name, bytes);
  for (const [column, value] of [
    ['agreement_id', 'b'],
    ['owner_id', 'd'],
    ['kind', 'template'],
  ] as const) {
    state.database.exec('BEGIN');
    state.database.prepare(`UPDATE sample SET ${column} = ?`).run(value);
    const moved = {
      agreementId: column === 'agreement_id' ? 'b' : 'a',
      ownerId: column === 'owner_id' ? 'd' : 'c',
      kind: column === 'kind' ? 'template' : 'image',
    } as const;
    expect(() => samples.get(moved)).toThrow('STATE_KEY_WRONG');
    state.database.exec('ROLLBACK');
  }
  expect(samples.get(name)).toEqual(bytes);
});

test('does not open when a byte is changed, when cut short, or under another key', () => {
  const { state, samples } = opened();
  samples.put(name, bytes);
  const box = boxOf(state);
  const put = (bytes: Uint8Array): unknown => state.database.prepare('UPDATE sample SET sealed_box = ?').run(bytes);
  for (const at of [0, 12, 20, box.length - 1]) {
    const changed = Buffer.from(box);
    changed[at] = (changed[at] ?? 0) ^ 1;
    put(changed);
    expect(() => samples.get(name)).toThrow('STATE_KEY_WRONG');
  }
  for (const length of [0, 5, 27, box.length - 1]) {
    put(box.subarray(0, length));
    expect(() => samples.get(name)).toThrow('STATE_KEY_WRONG');
  }
  put(box);
  expect(() => new SampleStore(state.database, new Uint8Array(32)).get(name)).toThrow('STATE_KEY_WRONG');
  expect(samples.get(name)).toEqual(bytes);
});

test('all of an agreement go together, and no other’s', () => {
  const { samples } = opened();
  const others = { agreementId: 'b', ownerId: 'e', kind: 'image' } as const;
  samples.put(name, bytes);
  samples.put({ ...name, kind: 'template' }, bytes);
  samples.put({ agreementId: 'a', ownerId: 'm', kind: 'picture' }, bytes);
  samples.put(others, bytes);
  samples.destroyOfAgreement('a');
  expect(samples.get(name)).toBeNull();
  expect(samples.get({ ...name, kind: 'template' })).toBeNull();
  expect(samples.get(others)).toEqual(bytes);
});
