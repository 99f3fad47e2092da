import { afterAll, beforeAll, expect, it } from 'vitest';
import { memorySource } from '../../src/pdf/byte-source.ts';
import type { ByteSource } from '../../src/pdf/byte-source.ts';
import type { Change } from '../../src/pdf/change.ts';
import { laterChanges } from '../../src/pdf/compare.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { FormHouse } from '../support/form-house.ts';
import { AT, body } from '../support/signed-form.ts';
import { describeTool } from '../support/tools.ts';

let house: FormHouse;
beforeAll(() => {
  house = new FormHouse();
});
afterAll(() => house[Symbol.dispose]());

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => 100 + i);
const listOf = (fields: readonly number[]): string => fields.map((field) => `${field} 0 R`).join(' ');
const textField = (field: number, value: string | null): string =>
  body(AT.textField, { T: `(f${field})`, AP: null, V: value });

/** A form of so many text fields, filled in all over again so often. */
function filled(count: number, times: number): Uint8Array {
  const fields = numbers(count);
  const objects = {
    [AT.form]: body(AT.form, { Fields: `[13 0 R ${listOf(fields)}]` }),
    [AT.page1]: body(AT.page1, { Annots: `[13 0 R ${listOf(fields)}]` }),
    ...Object.fromEntries(fields.map((field) => [field, textField(field, null)])),
  };
  let bytes = house.signed({ objects });
  for (let time = 0; time < times; time++) {
    bytes = house.updated(bytes, (update) => {
      for (const field of fields) update.object(field, textField(field, `(${time})`));
    });
  }
  return bytes;
}

/** What comparing all revisions takes, in bytes that are read. */
function bytesRead(bytes: Uint8Array): { readonly read: number; readonly changes: readonly (readonly Change[])[] } {
  let read = 0;
  const inner = memorySource(bytes);
  const source: ByteSource = {
    size: inner.size,
    read(offset, length) {
      read += length;
      return inner.read(offset, length);
    },
    readInto(offset, target) {
      read += target.length;
      inner.readInto(offset, target);
    },
  };
  const changes = laterChanges(source, openPdf(source).revisions());
  return { read, changes };
}

describeTool('openssl', 'what later revisions changed', () => {
  it('is told of a thousand objects in each of twenty, at a price that grows as the file does', () => {
    const { read, changes } = bytesRead(filled(1000, 20));
    expect(changes.map((of) => of.length)).toEqual(Array.from({ length: 20 }, () => 1000));
    expect(changes.flat().every(({ kind }) => kind === 'field-value')).toBe(true);
    expect(read / bytesRead(filled(1000, 10)).read).toBeLessThan(2.5);
    expect(read / bytesRead(filled(500, 20)).read).toBeLessThan(2.5);
  });
});
