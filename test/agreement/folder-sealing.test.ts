import {
  appendFileSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileSealingRequest } from '../../src/agreement/file-sealing.ts';
import { FolderSealing } from '../../src/agreement/folder-sealing.ts';
import type { FileResult, FolderEvent, FolderSealingRequest } from '../../src/agreement/folder-sealing.ts';
import { AppError } from '../../src/errors.ts';
import { lockFile } from '../../src/file-lock.ts';
import type { SignatureReport, VerificationReport } from '../../src/verify/report.ts';
import { temporaryFolder } from '../support/state.ts';

/** SHA-256 of the certificate, here by a short name. All have the same subject, as forged ones do. */
const SIGNER = 'committee';

/**
 * Documents are text, and a seal is a line `SEAL certificate` at their end; one with BROKEN in it is not intact. `at` is called for each
 * document that is sealed.
 */
function bench(at: (request: FileSealingRequest) => void = () => {}): {
  readonly root: string;
  readonly put: (name: string, text?: string) => void;
  readonly read: (name: string) => string;
  readonly run: (change?: Partial<FolderSealingRequest>, stop?: AbortSignal) => Promise<FolderEvent[]>;
  readonly results: (change?: Partial<FolderSealingRequest>, stop?: AbortSignal) => Promise<Record<string, string>>;
  readonly requests: FileSealingRequest[];
} {
  const root = temporaryFolder();
  mkdirSync(join(root, 'in'));
  mkdirSync(join(root, 'state'));
  const requests: FileSealingRequest[] = [];
  const folders = new FolderSealing({
    state: { folder: join(root, 'state') },
    signer: () => SIGNER,
    verify: (path) => Promise.resolve(reportOf(readFileSync(path, 'utf8'))),
    files: {
      seal(request) {
        requests.push(request);
        at(request);
        const sealed = `${readFileSync(request.input, 'utf8')}SEAL ${SIGNER}\n`;
        writeFileSync(request.output, sealed);
        return Promise.resolve({
          output: request.output,
          sha256: '',
          bytes: sealed.length,
          sealedAt: '',
          level: 'B-B',
          ledger: { n: requests.length, hash: '' },
          warnings: [],
        });
      },
    },
  });
  const run = async (change: Partial<FolderSealingRequest> = {}, stop = new AbortController().signal) => {
    const events: FolderEvent[] = [];
    const request = { input: join(root, 'in'), output: join(root, 'out'), placement: null, replace: false, ...change };
    for await (const event of folders.seal(request, stop)) events.push(event);
    return events;
  };
  return {
    root,
    requests,
    put(name, text = `document ${name}\n`) {
      mkdirSync(join(root, name, '..'), { recursive: true });
      writeFileSync(join(root, name), text);
    },
    read: (name) => readFileSync(join(root, name), 'utf8'),
    run,
    async results(change, stop) {
      const ended = (await run(change, stop)).flatMap((event) => (event.kind === 'result' ? [event.result] : []));
      return Object.fromEntries(ended.map((result) => [result.name, wordOf(result)]));
    },
  };
}

function wordOf(result: FileResult): string {
  return result.outcome === 'refused' ? result.error.code : result.outcome;
}

function reportOf(text: string): VerificationReport {
  const seals = [...text.matchAll(/^SEAL (.*)\n/gm)];
  const integrity = text.includes('BROKEN') ? 'BROKEN' : 'INTACT';
  return {
    verdict: 'INDETERMINATE',
    integrity,
    trust: 'UNTRUSTED',
    reasons: [],
    signatures: seals.map(([, signer = ''], i): SignatureReport => ({
      field: `Seal${i}`,
      kind: 'seal',
      signer: 'CN=Committee',
      certificateSha256: signer,
      issuer: null,
      integrity,
      trust: 'UNTRUSTED',
      coversWholeFile: i === seals.length - 1,
      changesAfter: [],
    })),
    revisions: seals.map((seal, i) => ({ number: i + 1, bytes: seal.index + seal[0].length, signedBy: `Seal${i}` })),
  };
}

test('every PDF at any depth goes to the same path in the output, in the order of names', async () => {
  const { put, read, run, root } = bench();
  for (const name of ['b.pdf', 'a.PDF', 'sub/deep/c.pdf', 'notes.txt', 'sub/._c.pdf', '.hidden/d.pdf']) {
    put(`in/${name}`);
  }
  const events = await run();
  expect(events.map((event) => (event.kind === 'result' ? event.result.name : event.kind))).toEqual([
    'found',
    'begin',
    'a.PDF',
    'begin',
    'b.pdf',
    'begin',
    'sub/deep/c.pdf',
  ]);
  expect(read('out/sub/deep/c.pdf')).toBe(`document in/sub/deep/c.pdf\nSEAL ${SIGNER}\n`);
  expect(readdirSync(join(root, 'out')).toSorted()).toEqual(['a.PDF', 'b.pdf', 'sub']);
});

test('the options hold for each of them', async () => {
  const { put, run, requests } = bench();
  put('in/a.pdf');
  put('in/b.pdf');
  await run({ placement: { keyword: '盖章' }, reason: 'why' });
  expect(requests).toMatchObject([0, 1].map(() => ({ placement: { keyword: '盖章' }, reason: 'why' })));
});

describe('a second run', () => {
  test('skips what is whole, and seals what is missing or came to harm', async () => {
    const { put, results, root } = bench();
    for (const name of ['whole', 'missing', 'cut', 'copy', 'changed', 'torn', 'empty']) put(`in/${name}.pdf`);
    await results();
    put('out/cut.pdf', 'document in/c');
    put('out/copy.pdf', 'document in/copy.pdf\n');
    put('out/changed.pdf', `Document in/changed.pdf\nSEAL ${SIGNER} BROKEN\n`);
    put('out/torn.pdf', `document in/torn.pdf\nSEAL ${SIGNER} BROKEN\n`);
    put('out/empty.pdf', '');
    rmSync(join(root, 'out/missing.pdf'));
    expect(await results()).toEqual({
      'whole.pdf': 'skipped',
      'missing.pdf': 'sealed',
      'cut.pdf': 'sealed',
      'copy.pdf': 'sealed',
      'changed.pdf': 'sealed',
      'torn.pdf': 'sealed',
      'empty.pdf': 'sealed',
    });
    expect(new Set(Object.values(await results()))).toEqual(new Set(['skipped']));
  });

  test('does not take for its own what others sealed, and gives it up only when told', async () => {
    const { put, results, read } = bench();
    put('in/same-name.pdf');
    put('in/other-seal.pdf');
    put('out/same-name.pdf', `last week's document\nSEAL ${SIGNER}\n`);
    put('out/other-seal.pdf', 'document in/other-seal.pdf\nSEAL other\n');
    expect(await results()).toEqual({ 'same-name.pdf': 'OUTPUT_TAKEN', 'other-seal.pdf': 'OUTPUT_TAKEN' });
    expect(read('out/same-name.pdf')).toContain('last week');
    expect(await results({ replace: true })).toEqual({ 'same-name.pdf': 'sealed', 'other-seal.pdf': 'sealed' });
    expect(read('out/same-name.pdf')).not.toContain('last week');
  });

  test('skips what others have sealed after it', async () => {
    const { put, results, root } = bench();
    put('in/a.pdf');
    await results();
    appendFileSync(join(root, 'out/a.pdf'), 'SEAL other\n');
    expect(await results()).toEqual({ 'a.pdf': 'skipped' });
  });

  test('seals anew what was sealed with this seal before it came into the folder', async () => {
    const { put, results } = bench();
    put('in/a.pdf', `document\nSEAL ${SIGNER}\n`);
    put('out/a.pdf', `document\nSEAL ${SIGNER}\n`);
    expect(await results()).toEqual({ 'a.pdf': 'sealed' });
    expect(await results()).toEqual({ 'a.pdf': 'skipped' });
  });
});

test('a document that is refused, and a program error, stop no other', async () => {
  const { put, results } = bench(({ input }) => {
    if (input.endsWith('b.pdf')) throw new AppError('PDF_ENCRYPTED');
    if (input.endsWith('c.pdf')) throw new TypeError('a defect');
  });
  for (const name of 'abcd') put(`in/${name}.pdf`);
  expect(await results()).toEqual({
    'a.pdf': 'sealed',
    'b.pdf': 'PDF_ENCRYPTED',
    'c.pdf': 'INTERNAL',
    'd.pdf': 'sealed',
  });
});

test('what every document would meet ends the run', async () => {
  const { put, results, requests } = bench(() => {
    throw new AppError('SEAL_EXPIRED');
  });
  put('in/a.pdf');
  put('in/b.pdf');
  await expect(results()).rejects.toMatchObject({ code: 'SEAL_EXPIRED' });
  expect(requests).toHaveLength(1);
});

test('who stops it gets the document under way, and no more', async () => {
  const stop = new AbortController();
  const { put, results, root } = bench(() => stop.abort());
  put('in/a.pdf');
  put('in/b.pdf');
  expect(await results({}, stop.signal)).toEqual({ 'a.pdf': 'sealed' });
  expect(readdirSync(join(root, 'out'))).toEqual(['a.pdf']);
  expect(await results()).toEqual({ 'a.pdf': 'skipped', 'b.pdf': 'sealed' });
});

describe('the output folder', () => {
  test('may lie in the input: what is in it is no document to seal', async () => {
    const { put, results, root } = bench();
    put('in/a.pdf');
    const output = join(root, 'in/sealed');
    expect(await results({ output })).toEqual({ 'a.pdf': 'sealed' });
    expect(await results({ output })).toEqual({ 'a.pdf': 'skipped' });
  });

  test('is not the input, nor around it, by any name', async () => {
    const { put, run, root } = bench();
    put('in/sub/a.pdf');
    symlinkSync(join(root, 'in'), join(root, 'alias'));
    for (const output of ['in', 'alias', '.']) {
      await expect(run({ output: join(root, output) })).rejects.toMatchObject({ code: 'USAGE' });
    }
    await expect(run({ input: join(root, 'in/sub'), output: join(root, 'alias') })).rejects.toMatchObject({
      code: 'USAGE',
    });
    expect(existsSync(join(root, 'in/.zhiyin'))).toBe(false);
  });

  test('is made where its parent is there', async () => {
    const { put, run, root } = bench();
    put('in/a.pdf');
    await expect(run({ output: join(root, 'no/out') })).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
    put('file');
    await expect(run({ output: join(root, 'file') })).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  });

  test('loses what an interrupted run left, and nothing else', async () => {
    const { put, run, root } = bench();
    put(`out/.zhiyin/${crypto.randomUUID()}.part`);
    put('out/.zhiyin/mine.txt');
    put(`out/a.pdf.${crypto.randomUUID()}.part`);
    await run();
    expect(readdirSync(join(root, 'out/.zhiyin'))).toEqual(['mine.txt']);
    expect(readdirSync(join(root, 'out'))).toHaveLength(2);
  });

  test('belongs to one run at a time', async () => {
    const { put, run, root } = bench();
    put('in/a.pdf');
    mkdirSync(join(root, 'out/.zhiyin'), { recursive: true });
    {
      using _held = lockFile(join(root, 'out/.zhiyin/lock'));
      await expect(run()).rejects.toMatchObject({ code: 'OUTPUT_IN_USE' });
    }
    expect(await run()).toHaveLength(3);
  });

  test('with a link in it to the documents endangers none of them', async () => {
    const { put, results, read, root } = bench();
    put('in/a.pdf');
    put('in/sub/a.pdf');
    put('in/sub/b.pdf');
    mkdirSync(join(root, 'out'));
    symlinkSync(join(root, 'in/sub'), join(root, 'out/sub'));
    linkSync(join(root, 'in/sub/b.pdf'), join(root, 'out/a.pdf'));
    expect(await results({ replace: true })).toEqual({
      'a.pdf': 'OUTPUT_TAKEN',
      'sub/a.pdf': 'OUTPUT_TAKEN',
      'sub/b.pdf': 'OUTPUT_TAKEN',
    });
    expect(read('in/sub/a.pdf')).toBe('document in/sub/a.pdf\n');
  });

  test('that takes two names for one lets the second replace nothing', async () => {
    const { put, results, root, read } = bench(({ output }) => {
      // As where capitals do not count: the other name is there as well.
      if (output.endsWith('A.pdf')) symlinkSync(output, join(root, 'out/a.pdf'));
    });
    put('in/A.pdf');
    put('in/a.pdf');
    expect(await results({ replace: true })).toEqual({ 'A.pdf': 'sealed', 'a.pdf': 'OUTPUT_TAKEN' });
    expect(read('out/a.pdf')).toContain('in/A.pdf');
  });
});

describe('what cannot be read is told', () => {
  test('a link to a folder, a link to nothing, a pipe; a link to a document is one', async () => {
    const { put, results, root } = bench();
    put('in/a.pdf');
    put('elsewhere/b.pdf');
    copyFileSync(join(root, 'in/a.pdf'), join(root, 'elsewhere/c.pdf'));
    symlinkSync(join(root, 'elsewhere'), join(root, 'in/folder'));
    symlinkSync(join(root, 'in'), join(root, 'in/round.pdf'));
    symlinkSync(join(root, 'nowhere'), join(root, 'in/broken.pdf'));
    symlinkSync(join(root, 'nowhere'), join(root, 'in/other'));
    symlinkSync(join(root, 'elsewhere/c.pdf'), join(root, 'in/link.pdf'));
    expect(await results()).toEqual({
      'a.pdf': 'sealed',
      'link.pdf': 'sealed',
      'folder/': 'FILE_UNREADABLE',
      'round.pdf/': 'FILE_UNREADABLE',
      'broken.pdf': 'FILE_UNREADABLE',
    });
  });

  test.skipIf(process.platform === 'win32' || process.getuid?.() === 0)('a folder without permission', async () => {
    const { put, results, root } = bench();
    put('in/a.pdf');
    mkdirSync(join(root, 'in/private'), { mode: 0 });
    expect(await results()).toEqual({ 'a.pdf': 'sealed', 'private/': 'FILE_UNREADABLE' });
  });

  test('the input itself', async () => {
    const { run, root } = bench();
    await expect(run({ input: join(root, 'nowhere') })).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});

test('the state folder is no folder of documents', async () => {
  const { put, results, root } = bench();
  put('state/uploads/a.pdf');
  put('b.pdf');
  const outside = temporaryFolder();
  expect(await results({ input: root, output: join(outside, 'out') })).toEqual({ 'b.pdf': 'sealed' });
});
