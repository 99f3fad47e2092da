/** Whether two values say the same, and what a value refers to. */
import { equalBytes } from '../bytes.ts';
import { isKind } from './object.ts';
import type { PdfDict, PdfObject } from './object.ts';

/** What writers leave of a fraction that they write again: far below what can be seen. */
const ROUNDING = 1e-5;

function sameNumber(a: number, b: number): boolean {
  return a === b || (!Number.isInteger(a) && !Number.isInteger(b) && Math.abs(a - b) < ROUNDING);
}

/**
 * Whether two values are the same however they are written: strings by their bytes, dictionaries in any order, references by number and
 * generation and not followed. Absent is null (ISO 32000-2, 7.3.9). Streams differ: their data are not looked at here; so do
 * dictionaries that give a key twice, since readers disagree on what those say.
 */
export function sameValue(a: PdfObject | undefined, b: PdfObject | undefined): boolean {
  const one = a ?? null;
  const other = b ?? null;
  if (typeof one === 'number' && typeof other === 'number') return sameNumber(one, other);
  if (one === null || other === null || typeof one !== 'object' || typeof other !== 'object') return one === other;
  switch (one.kind) {
    case 'name':
      return isKind(other, 'name') && one.value === other.value;
    case 'string':
      return isKind(other, 'string') && equalBytes(one.bytes, other.bytes);
    case 'ref':
      return isKind(other, 'ref') && one.number === other.number && one.generation === other.generation;
    case 'array':
      return (
        isKind(other, 'array') &&
        one.items.length === other.items.length &&
        one.items.every((item, i) => sameValue(item, other.items[i]))
      );
    case 'dict':
      return isKind(other, 'dict') && differingKeys(one, other).length === 0;
    case 'stream':
      return false;
  }
}

/** The keys whose values are not the same, references not followed; all of those that either dictionary gives twice are among them. */
export function differingKeys(a: PdfDict, b: PdfDict): string[] {
  const keys = new Set([...a.entries.keys(), ...b.entries.keys()]);
  const twice = new Set([...a.duplicates, ...b.duplicates]);
  return [...keys].filter((key) => twice.has(key) || !sameValue(a.entries.get(key), b.entries.get(key)));
}

/** The numbers of the objects that a value refers to, each as often as it does. */
export function referredIn(value: PdfObject | undefined): number[] {
  const found: number[] = [];
  const visit = (object: PdfObject): void => {
    if (object === null || typeof object !== 'object') return;
    switch (object.kind) {
      case 'ref':
        found.push(object.number);
        return;
      case 'array':
        object.items.forEach(visit);
        return;
      case 'dict':
        object.entries.forEach(visit);
        return;
      case 'stream':
        object.dict.entries.forEach(visit);
        return;
      case 'name':
      case 'string':
    }
  };
  visit(value ?? null);
  return found;
}
