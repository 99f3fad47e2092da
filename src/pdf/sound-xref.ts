/** Whether a cross-reference leads where it says: each entry to the object of its number. */
import type { ByteSource } from './byte-source.ts';
import { readHeader } from './indirect.ts';
import type { ObjectStore } from './object-store.ts';
import type { XrefEntry, XrefSection } from './xref.ts';

/** What the newest section that knows an object says of it, for each object in use. */
export function* entriesInForce(sections: readonly XrefSection[]): Iterable<readonly [number, XrefEntry]> {
  const highest = sections.reduce((max, section) => Math.max(max, section.highest), 0);
  const seen = new Uint32Array((highest >> 5) + 1);
  for (const section of sections) {
    for (const entry of section.entries()) {
      const [number] = entry;
      const word = seen[number >> 5] ?? 0;
      const bit = 1 << (number & 31);
      if ((word & bit) !== 0) continue;
      seen[number >> 5] = word | bit;
      if (entry[1].kind !== 'free') yield entry;
    }
  }
}

export function isSound(store: ObjectStore, number: number, entry: XrefEntry): boolean {
  if (entry.kind === 'compressed') {
    const stream = store.lookup(entry.stream);
    return stream?.kind === 'offset' && stream.generation === 0;
  }
  return entry.kind === 'free' || leadsTo(store.source, entry.offset, number, entry.generation);
}

function leadsTo(source: ByteSource, offset: number, number: number, generation: number): boolean {
  const header = readHeader(source, offset);
  return header !== null && header.number === number && header.generation === generation;
}

/** The first entry that leads elsewhere, in words; null where none does. */
export function unsoundEntry(store: ObjectStore): string | null {
  for (const [number, entry] of entriesInForce(store.sections)) {
    if (isSound(store, number, entry)) continue;
    return entry.kind === 'offset'
      ? `object ${number} ${entry.generation} is not at byte ${entry.offset}`
      : `object ${number} is in no object stream`;
  }
  return null;
}
