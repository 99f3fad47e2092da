/** Services for tests of the HTTP side: they answer from memory and remember every call. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type {
  Agreements,
  AgreementView,
  Captures,
  CaptureView,
  HttpDeps,
  Readers,
  AttachedReaderView,
  SealKeys,
  SealView,
  Verifier,
} from '../../src/http/deps.ts';

/** Of all documents of one file of tests. */
const folder = mkdtempSync(join(tmpdir(), 'zhiyin-http-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SHA256 = 'ab'.repeat(32);

export const READER: AttachedReaderView = {
  id: 'window',
  name: 'Simulated AS608',
  driver: 'ef01',
  link: 'simulated',
  serialNumber: 'SERIAL-0001',
  state: 'ready',
  capabilities: { image: true, template: 'opaque', width: 256, height: 288, dpi: 500 },
};

export const CAPTURE: CaptureView = { id: 'cap-1', readerId: 'window', state: 'waiting', progress: 0, prompt: 'place' };
export const CAPTURED: CaptureView = {
  id: 'cap-1',
  readerId: 'window',
  state: 'done',
  progress: 1,
  quality: 87,
  image: { width: 256, height: 288, dpi: 500, sha256: SHA256 },
  template: { format: 'opaque', bytes: 512, sha256: SHA256 },
};

export const AGREEMENT: AgreementView = {
  id: 'agr-1',
  sha256: SHA256,
  bytes: 9,
  pages: [{ widthMm: 210, heightMm: 297, rotation: 0 }],
  signatures: 0,
  openFields: [],
  state: 'draft',
  parties: [],
  mediator: null,
  marks: [],
  missing: [],
};

export const SEAL: SealView = {
  state: 'locked',
  committee: '示例村人民调解委员会',
  certificate: {
    subject: 'CN=示例村人民调解委员会 TEST',
    issuer: 'CN=TEST CA',
    serial: '01',
    notBefore: '2023-01-01T00:00:00+08:00',
    notAfter: '2033-01-01T00:00:00+08:00',
    sha256: SHA256,
  },
  warnings: [],
};

export interface Call {
  readonly name: string;
  readonly args: readonly unknown[];
}

export interface FakeServices extends Pick<HttpDeps, 'readers' | 'captures' | 'agreements' | 'seal' | 'verifier'> {
  /** What was asked of the services, in order. Reading a list for the status is no side effect and not recorded. */
  readonly calls: Call[];
  /** Bytes that each upload gave before it ended or broke off. */
  readonly uploads: { readonly call: string; bytes: number; ended: boolean; error?: unknown }[];
  /** Path of the agreement's document. */
  readonly document: string;
  /** Feeds the event stream of the capture. */
  readonly events: EventSource;
}

export interface FakeOptions {
  /** Uploads longer than this are refused, as the services do. */
  readonly uploadBytes?: number;
  /** Thrown by the call of that name. */
  readonly failures?: Readonly<Record<string, unknown>>;
  /** Makes the call of that name wait. */
  readonly holds?: Readonly<Record<string, Promise<unknown>>>;
  /** The agreement's document, instead of a short one with more behind it in its file. */
  readonly document?: Uint8Array;
}

/** Values pushed by a test, iterated by the code under test; ends with the signal or `end()`. */
export class EventSource {
  readonly #waiting: (() => void)[] = [];
  readonly #values: CaptureView[] = [];
  #ended = false;
  aborted = false;

  push(value: CaptureView): void {
    this.#values.push(value);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *iterate(signal: AbortSignal): AsyncGenerator<CaptureView> {
    signal.addEventListener('abort', () => {
      this.aborted = true;
      this.#wake();
    });
    for (let at = 0; ;) {
      const value = this.#values[at];
      if (signal.aborted) throw signal.reason as Error;
      if (value !== undefined) {
        yield value;
        at += 1;
      } else if (this.#ended) {
        return;
      } else {
        await new Promise<void>((resolve) => this.#waiting.push(resolve));
      }
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }
}

export function fakeServices(options: FakeOptions = {}): FakeServices {
  const { uploadBytes = 1_000_000, failures = {}, holds = {} } = options;
  const calls: Call[] = [];
  const uploads: FakeServices['uploads'] = [];
  const events = new EventSource();
  const document = join(folder, `${crypto.randomUUID()}.pdf`);
  writeFileSync(document, options.document ?? '%PDF-1.7\nbeyond the end');

  function call(name: string, ...args: unknown[]): void {
    calls.push({ name, args });
    if (name in failures) throw failures[name];
  }
  function known(id: string, mine: string, code: 'CAPTURE_NOT_FOUND' | 'AGREEMENT_NOT_FOUND'): void {
    if (id !== mine) throw new AppError(code);
  }

  async function consume(call: string, stream: AsyncIterable<Uint8Array>): Promise<number> {
    const upload: FakeServices['uploads'][number] = { call, bytes: 0, ended: false };
    uploads.push(upload);
    try {
      for await (const chunk of stream) {
        upload.bytes += chunk.length;
        if (upload.bytes > uploadBytes) throw new AppError('BODY_TOO_LARGE');
      }
      upload.ended = true;
      return upload.bytes;
    } catch (error) {
      upload.error = error;
      throw error;
    }
  }

  const readers: Readers = {
    list: () => [READER],
    get(id) {
      if (id !== READER.id) throw new AppError('READER_NOT_FOUND');
      return { ...READER, simulated: true, error: new AppError('READER_SILENT') } as AttachedReaderView;
    },
  };
  const captures: Captures = {
    start(request) {
      call('captures.start', request);
      return CAPTURE;
    },
    get(id) {
      known(id, 'cap-1', 'CAPTURE_NOT_FOUND');
      return CAPTURE;
    },
    async wait(id, ms, signal) {
      call('captures.wait', id, ms);
      await Promise.race([
        holds['captures.wait'],
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
      ]);
      return CAPTURED;
    },
    events(id, signal) {
      call('captures.events', id);
      return events.iterate(signal);
    },
    image(id) {
      call('captures.image', id);
      return Uint8Array.of(0x89, 0x50, 0x4e, 0x47);
    },
    record(id) {
      call('captures.record', id);
      return Uint8Array.of(0x46, 0x49, 0x52, 0);
    },
    template(id) {
      call('captures.template', id);
      return { bytes: Uint8Array.of(1, 2, 3) };
    },
    async cancel(id) {
      call('captures.cancel', id);
      known(id, 'cap-1', 'CAPTURE_NOT_FOUND');
    },
  };
  const agreements: Agreements = {
    async create(upload) {
      call('agreements.create');
      await holds['agreements.create'];
      return { ...AGREEMENT, bytes: await consume('agreements.create', upload) };
    },
    get(id) {
      known(id, 'agr-1', 'AGREEMENT_NOT_FOUND');
      return AGREEMENT;
    },
    patch(id, change) {
      call('agreements.patch', id, change);
      return AGREEMENT;
    },
    addMark(id, mark) {
      call('agreements.addMark', id, mark);
      return AGREEMENT;
    },
    async seal(id, request, key) {
      call('agreements.seal', id, request, key);
      await holds['agreements.seal'];
      return {
        agreementId: id,
        sha256: SHA256,
        bytes: 12_345,
        sealedAt: '2023-06-15T15:04:05+08:00',
        level: 'B-B',
        ledger: { n: 1, hash: SHA256 },
        effectiveAt: '2023-06-15T15:04:05+08:00',
        judicialConfirmationDeadline: '2023-07-15T23:59:59+08:00',
        warnings: [],
      };
    },
    async document(id) {
      call('agreements.document', id);
      return { path: document, bytes: options.document?.length ?? 9 };
    },
    async delete(id) {
      call('agreements.delete', id);
    },
  };
  const seal: SealKeys = {
    info: () => SEAL,
    async unlock(passphrase) {
      call('seal.unlock', passphrase);
    },
    lock() {
      call('seal.lock');
    },
  };
  const verifier: Verifier = {
    async verify(upload) {
      call('verifier.verify');
      await consume('verifier.verify', upload);
      return {
        verdict: 'NO_SIGNATURE',
        integrity: 'NONE',
        trust: 'NONE',
        reasons: [{ code: 'NO_SIGNATURE', message: 'none', messageZh: '无' }],
        signatures: [],
        revisions: [],
      };
    },
  };
  return { readers, captures, agreements, seal, verifier, calls, uploads, document, events };
}
