/** A simulated device's templates: two character buffers, which a power-up clears, and a library, which it doesn't. */

/** The score of templates that are the same. Real extractors never find two the same; a simulated one has nothing to compare but bytes. */
const SAME_SCORE = 200;
const INDEX_PAGE = 256;

export class TemplateMemory {
  readonly capacity: number;
  readonly #library = new Map<number, Uint8Array>();
  #buffers: [Uint8Array | null, Uint8Array | null] = [null, null];

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get count(): number {
    return this.#library.size;
  }

  /** Any number but 1 is the second buffer (ZFM-20 manual, "GenChar"). */
  buffer(number: number): Uint8Array | null {
    return this.#buffers[number === 1 ? 0 : 1];
  }

  setBuffer(number: number, template: Uint8Array): void {
    this.#buffers[number === 1 ? 0 : 1] = template;
  }

  clearBuffers(): void {
    this.#buffers = [null, null];
  }

  /** 0 where the buffers differ or one is empty. */
  match(): number {
    return scoreOf(this.#buffers[0], this.#buffers[1]);
  }

  /** Makes one template of the two buffers, if they are of one finger. */
  merge(): boolean {
    return this.match() > 0;
  }

  store(buffer: number, page: number): boolean {
    const template = this.buffer(buffer);
    if (template === null || page >= this.capacity) return false;
    this.#library.set(page, template);
    return true;
  }

  load(buffer: number, page: number): boolean {
    const template = this.#library.get(page);
    if (template === undefined) return false;
    this.setBuffer(buffer, template);
    return true;
  }

  search(buffer: number, start: number, count: number): { page: number; score: number } | null {
    const wanted = this.buffer(buffer);
    const pages = [...this.#library.keys()].filter((page) => page >= start && page < start + count);
    for (const page of pages.toSorted((a, b) => a - b)) {
      const score = scoreOf(wanted, this.#library.get(page) ?? null);
      if (score > 0) return { page, score };
    }
    return null;
  }

  delete(page: number, count: number): boolean {
    if (page + count > this.capacity) return false;
    for (let at = page; at < page + count; at++) this.#library.delete(at);
    return true;
  }

  empty(): void {
    this.#library.clear();
  }

  /** 256 pages from `page` * 256, one bit each, least significant first. */
  index(page: number): Uint8Array {
    const bitmap = new Uint8Array(INDEX_PAGE / 8);
    for (const stored of this.#library.keys()) {
      const at = stored - page * INDEX_PAGE;
      if (at >= 0 && at < INDEX_PAGE) bitmap[at >> 3] = (bitmap[at >> 3] ?? 0) | (1 << (at & 7));
    }
    return bitmap;
  }
}

function scoreOf(a: Uint8Array | null, b: Uint8Array | null): number {
  if (a === null || b === null || a.length !== b.length) return 0;
  return a.every((byte, at) => byte === b[at]) ? SAME_SCORE : 0;
}
