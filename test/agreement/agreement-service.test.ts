import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { AgreementKind, NewMark, Party } from '../../src/agreement/agreement.ts';
import { encodePng } from '../../src/biometric/raster.ts';
import { AppError } from '../../src/errors.ts';
import {
  DOCUMENT,
  MEDIATOR,
  PARTIES,
  capturePrint,
  consent,
  draft,
  inPieces,
  marked,
  never,
  openHouse,
  pictureOf,
  sha256,
} from '../support/agreement-house.ts';
import type { House } from '../support/agreement-house.ts';

/** White paper. */
const BLANK = encodePng({ width: 8, height: 8, dpi: 300, pixels: new Uint8Array(64).fill(255) });

const uploads = ({ state }: House): string[] => readdirSync(state.uploads);
const samples = ({ state }: House): number =>
  Number(state.database.prepare('SELECT count(*) AS n FROM sample').get()?.['n']);

describe('an upload', () => {
  test('becomes a draft that says what is missing', async () => {
    const house = await openHouse();
    const agreement = await house.agreements.create(inPieces(DOCUMENT), never);
    expect(agreement).toEqual({
      id: agreement.id,
      sha256: sha256(DOCUMENT),
      bytes: DOCUMENT.length,
      pages: [{ widthMm: 210, heightMm: 297, rotation: 0 }],
      signatures: 0,
      openFields: [],
      state: 'draft',
      parties: [],
      mediator: null,
      marks: [],
      missing: ['parties', 'mediator'],
    });
    expect(house.agreements.get(agreement.id)).toEqual(agreement);
    const { path, bytes } = await house.agreements.document(agreement.id);
    expect(bytes).toBe(DOCUMENT.length);
    expect(readFileSync(path).equals(DOCUMENT)).toBe(true);
  });

  test('of a signed document says so, and which fields were kept, after a restart, too', async () => {
    const openFields = Array.from({ length: 150 }, (_, n) => `F${n}`);
    const house = await openHouse({ found: { signatures: 1, openFields } });
    const { id } = await house.agreements.create(inPieces(DOCUMENT), never);
    const again = await openHouse({ state: house.state });
    expect(again.agreements.get(id)).toMatchObject({ signatures: 1, openFields: openFields.slice(0, 100) });
  });

  test('is given the next number of its year by the committee’s template, and no number twice', async () => {
    const house = await openHouse({
      config: { ZHIYIN_COMMITTEE_SHORT_NAME: '示', ZHIYIN_COMMITTEE_NUMBER_TEMPLATE: '（{year}）{short}人调字第{n}号' },
    });
    const year = house.clock.now().getFullYear();
    const first = await house.agreements.create(inPieces(DOCUMENT), never);
    expect(first.number).toBe(`（${year}）示人调字第1号`);
    await house.agreements.delete(first.id);
    const second = await house.agreements.create(inPieces(DOCUMENT), never);
    expect(second.number).toBe(`（${year}）示人调字第2号`);
    expect(await house.agreements.patch(second.id, { number: '第7号' })).toMatchObject({ number: '第7号' });
  });

  test('of exactly the limit is taken, of one byte more refused, and nothing of it stays', async () => {
    const house = await openHouse({ config: { ZHIYIN_LIMITS_UPLOAD_BYTES: '1024' } });
    const taken = new Uint8Array(1024);
    taken.set(DOCUMENT.subarray(0, 800));
    await house.agreements.create(inPieces(taken), never);
    const before = uploads(house);
    const stream = inPieces(new Uint8Array(5000), 100);
    await expect(house.agreements.create(stream, never)).rejects.toThrow('BODY_TOO_LARGE');
    expect(uploads(house)).toEqual(before);
    expect((await stream.next()).done).toBe(true); // reading it stopped
  });

  test.each([
    [
      'that is no PDF',
      (): AsyncIterable<Uint8Array> => inPieces(new TextEncoder().encode('MZ no PDF')),
      'PDF_UNREADABLE',
    ],
    ['of nothing', () => inPieces(new Uint8Array()), 'PDF_UNREADABLE'],
    [
      'that breaks off',
      async function* () {
        yield* inPieces(DOCUMENT);
        throw new Error('the page left');
      },
      'the page left',
    ],
  ])('%s leaves nothing behind', async (_, stream, message) => {
    const house = await openHouse();
    await expect(house.agreements.create(stream(), never)).rejects.toThrow(message);
    expect(uploads(house)).toEqual([]);
  });

  test('that is aborted leaves nothing behind', async () => {
    const house = await openHouse();
    const gone = new AbortController();
    const stream = async function* (): AsyncGenerator<Uint8Array> {
      yield DOCUMENT;
      gone.abort(new AppError('SHUTTING_DOWN'));
      yield DOCUMENT;
    };
    await expect(house.agreements.create(stream(), gone.signal)).rejects.toThrow('SHUTTING_DOWN');
    expect(uploads(house)).toEqual([]);
  });

  test('that a crash cut off is gone after the next start', async () => {
    const { state, agreements } = await openHouse();
    const { id } = await agreements.create(inPieces(DOCUMENT), never);
    writeFileSync(join(state.uploads, 'cut-off.part'), 'x');
    writeFileSync(join(state.uploads, 'of-nobody.pdf'), 'x');
    const again = await openHouse({ state });
    expect(uploads(again)).toEqual([`${id}.pdf`]);
    expect(again.agreements.get(id).state).toBe('draft');
  });
});

test('an agreement that is not there', async () => {
  const { agreements } = await openHouse();
  expect(() => agreements.get('none')).toThrow('AGREEMENT_NOT_FOUND');
  expect(() => agreements.addMark('none', { partyId: 'jia', kind: 'paper' })).toThrow('AGREEMENT_NOT_FOUND');
  await expect(agreements.patch('none', {})).rejects.toThrow('AGREEMENT_NOT_FOUND');
  await expect(agreements.seal('none', {}, 'key')).rejects.toThrow('AGREEMENT_NOT_FOUND');
  await expect(agreements.document('none')).rejects.toThrow('AGREEMENT_NOT_FOUND');
  await expect(agreements.delete('none')).rejects.toThrow('AGREEMENT_NOT_FOUND');
});

describe('a change', () => {
  test('sets what it names and leaves the rest', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    await house.agreements.patch(id, { number: '（2023）楚某人调字第12号' });
    const agreement = await house.agreements.patch(id, { kind: 'general' });
    expect(agreement).toMatchObject({
      number: '（2023）楚某人调字第12号',
      kind: 'general',
      parties: PARTIES,
      mediator: MEDIATOR,
      missing: ['jia', 'yi', 'ding'],
    });
  });

  test('keeps the marks of people who stay, in whatever order; those of people who change or go are dropped', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const [jia, yi] = PARTIES;
    const reordered = await house.agreements.patch(id, { parties: [yi, jia, { id: 'bing', name: '丙某' }] });
    expect(reordered.parties.map((party) => party.id)).toEqual(['yi', 'jia', 'bing']);
    expect(reordered.missing).toEqual(['bing']);
    expect(samples(house)).toBe(3); // picture and template of the print, the signature

    const another = await house.agreements.patch(id, { parties: [yi, { id: 'jia', name: '另某' }] });
    expect(another.missing).toEqual(['jia']);
    expect(another.marks.map(({ partyId }) => partyId)).toEqual(['yi', 'ding']);
    expect(samples(house)).toBe(1);

    const withoutYi = await house.agreements.patch(id, {
      parties: [{ id: 'jia', name: '另某' }],
      mediator: { id: 'x', name: '戊某' },
    });
    expect(withoutYi.marks).toEqual([]);
    expect(withoutYi.missing).toEqual(['jia', 'x']);
    expect(samples(house)).toBe(0);
  });

  test('of a party to a child, or to the mediator, is one of the person', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const [jia, yi] = PARTIES;
    expect((await house.agreements.patch(id, { parties: [{ ...jia, minor: true }, yi] })).missing).toEqual(['jia']);
    expect((await house.agreements.patch(id, { parties: [jia], mediator: yi })).marks).toEqual([]);
  });

  test('stops a capture of a party who goes', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    const consent = { noticeVersion: '1', purpose: 'x', retentionDays: 1, givenAt: house.clock.now().toISOString() };
    const capture = house.captures.start({ agreementId: id, partyId: 'jia', consent });
    house.readers.last.deaf = true; // it finishes all the same
    const patched = house.agreements.patch(id, { parties: [PARTIES[1]] });
    await house.readers.last.press();
    await patched;
    expect(house.readers.last.signal.aborted).toBe(true);
    expect(house.captures.get(capture.id).state).toBe('cancelled');
    expect(samples(house)).toBe(0);
  });

  test.each<[string, { parties?: Party[]; mediator?: Party }]>([
    ['parties[1].id', { parties: [PARTIES[0], { id: 'jia', name: '乙某' }] }],
    ['mediator.id', { mediator: { id: 'yi', name: '乙某' } }],
    ['parties[0].name', { parties: [{ id: 'a', name: ' \u3000' }] }],
  ])('with a wrong %s is refused whole', async (path, change) => {
    const house = await openHouse();
    const { id } = await draft(house);
    const refused = house.agreements.patch(id, { number: 'new', ...change });
    await expect(refused).rejects.toThrow(`BAD_REQUEST: ${path}: expected`);
    expect(house.agreements.get(id)).toMatchObject({ parties: PARTIES, mediator: MEDIATOR });
    expect(house.agreements.get(id)).not.toHaveProperty('number');
  });
});

describe('marks', () => {
  test('any one completes a party, the mediator signs, and then the agreement is marked', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    const { id: captureId } = await capturePrint(house, id, 'jia');
    const first = house.agreements.addMark(id, {
      partyId: 'jia',
      kind: 'fingerprint',
      captureId,
      placement: { page: 1, xMm: 50, yMm: 60 },
    });
    expect(first).toMatchObject({ state: 'draft', missing: ['yi', 'ding'] });
    expect(house.agreements.addMark(id, { partyId: 'yi', kind: 'stamp', png: pictureOf() }).missing).toEqual(['ding']);
    expect(house.agreements.addMark(id, { partyId: 'ding', kind: 'signature', png: pictureOf() })).toMatchObject({
      state: 'marked',
      missing: [],
      marks: [
        { partyId: 'jia', kind: 'fingerprint', captureId, placement: { page: 1, xMm: 50, yMm: 60 } },
        { partyId: 'yi', kind: 'stamp' },
        { partyId: 'ding', kind: 'signature' },
      ],
    });
  });

  test('a mark of a kind replaces the one before, whose picture is destroyed', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    house.agreements.addMark(id, { partyId: 'yi', kind: 'signature', png: pictureOf(1) });
    house.agreements.addMark(id, { partyId: 'yi', kind: 'paper' });
    const { marks } = house.agreements.addMark(id, { partyId: 'yi', kind: 'signature', png: pictureOf(2) });
    expect(marks.map(({ kind }) => kind)).toEqual(['paper', 'signature']);
    expect(samples(house)).toBe(1);
  });

  test.each<[string, NewMark, string]>([
    ['of nobody', { partyId: 'wu', kind: 'paper' }, 'PARTY_NOT_FOUND'],
    ['of the mediator by fingerprint', { partyId: 'ding', kind: 'fingerprint', captureId: 'x' }, 'MARK_NOT_ALLOWED'],
    ['of the mediator by stamp', { partyId: 'ding', kind: 'stamp', png: pictureOf() }, 'MARK_NOT_ALLOWED'],
    ['of no capture', { partyId: 'jia', kind: 'fingerprint', captureId: 'x' }, 'CAPTURE_NOT_FOUND'],
    ['that is no PNG', { partyId: 'jia', kind: 'signature', png: DOCUMENT }, 'PICTURE_NOT_PNG'],
    ['on which nobody signed', { partyId: 'jia', kind: 'signature', png: BLANK }, 'PICTURE_BLANK'],
    [
      'on no page',
      { partyId: 'jia', kind: 'signature', png: pictureOf(), placement: { page: 2, xMm: 1, yMm: 1 } },
      'PAGE_OUT_OF_RANGE: placement.page: expected 1 to 1, got 2',
    ],
  ])('%s are refused', async (_, mark, message) => {
    const house = await openHouse();
    const { id } = await draft(house);
    expect(() => house.agreements.addMark(id, mark)).toThrow(message);
    expect(house.agreements.get(id).marks).toEqual([]);
    expect(samples(house)).toBe(0);
  });

  test('a print serves its own party and agreement only, and only once it is done', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    const other = await draft(house);
    const { id: captureId } = await capturePrint(house, id, 'jia');
    expect(() => house.agreements.addMark(id, { partyId: 'yi', kind: 'fingerprint', captureId })).toThrow(
      'CONSENT_MISMATCH',
    );
    expect(() => house.agreements.addMark(other.id, { partyId: 'jia', kind: 'fingerprint', captureId })).toThrow(
      'CONSENT_MISMATCH',
    );
    const consent = { noticeVersion: '1', purpose: 'x', retentionDays: 1, givenAt: house.clock.now().toISOString() };
    const running = house.captures.start({ agreementId: id, partyId: 'yi', consent });
    const mark = { partyId: 'yi', kind: 'fingerprint', captureId: running.id } as const;
    expect(() => house.agreements.addMark(id, mark)).toThrow('CAPTURE_NOT_DONE');
    expect(() => house.agreements.addMark(other.id, mark)).toThrow('CONSENT_MISMATCH');
    await house.captures.cancel(captureId);
    expect(() => house.agreements.addMark(id, { partyId: 'jia', kind: 'fingerprint', captureId })).toThrow(
      'CAPTURE_GONE',
    );
  });
});

describe('a placement', () => {
  test.each([
    [-0.1, 100],
    [100, 297.1],
    [1e308, 100],
  ])('with its centre at %d, %d mm is beside the page, and the mark is refused', async (xMm, yMm) => {
    const house = await openHouse();
    const { id } = await draft(house);
    const mark = { partyId: 'yi', kind: 'signature', png: pictureOf(), placement: { page: 1, xMm, yMm } } as const;
    expect(() => house.agreements.addMark(id, mark)).toThrow('POSITION_OFF_PAGE');
    expect(house.agreements.get(id).marks).toEqual([]);
  });
});

describe('the document', () => {
  test('that was changed on disk is not handed out', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    const { path } = await house.agreements.document(id);
    writeFileSync(path, DOCUMENT.toReversed());
    await expect(house.agreements.document(id)).rejects.toThrow(
      `STATE_UNUSABLE: the stored document of agreement ${id} was changed`,
    );
  });

  test('that is deleted just as it is asked for is not there, and no failure', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    rmSync(join(house.state.uploads, `${id}.pdf`));
    const [asked] = await Promise.allSettled([house.agreements.document(id), house.agreements.delete(id)]);
    expect(asked).toMatchObject({ status: 'rejected', reason: { code: 'AGREEMENT_NOT_FOUND' } });
  });

  test('is read once more after a restart', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    const again = await openHouse({ state: house.state });
    expect((await again.agreements.document(id)).sha256).toBe(sha256(DOCUMENT));
    writeFileSync(join(house.state.uploads, `${id}.pdf`), DOCUMENT.toReversed());
    const third = await openHouse({ state: house.state });
    await expect(third.agreements.document(id)).rejects.toThrow('STATE_UNUSABLE');
  });
});

describe('deleting', () => {
  test('destroys document, people, captures and samples', async () => {
    const house = await openHouse();
    const { id, marks } = await marked(house);
    await house.agreements.delete(id);
    expect(() => house.agreements.get(id)).toThrow('AGREEMENT_NOT_FOUND');
    expect(() => house.captures.get(marks[0]?.captureId ?? '')).toThrow('CAPTURE_NOT_FOUND');
    expect(uploads(house)).toEqual([]);
    for (const table of ['agreement', 'signatory', 'consent', 'capture', 'mark', 'sample']) {
      expect(house.state.database.prepare(`SELECT * FROM ${table}`).all()).toEqual([]);
    }
  });

  test('stops a capture under way, whose sample is not kept', async () => {
    const house = await openHouse();
    const { id } = await draft(house);
    const consent = { noticeVersion: '1', purpose: 'x', retentionDays: 1, givenAt: house.clock.now().toISOString() };
    const capture = house.captures.start({ agreementId: id, partyId: 'jia', consent });
    await house.agreements.delete(id);
    await house.readers.last.press();
    expect(house.captures.get(capture.id).state).toBe('cancelled');
    expect(samples(house)).toBe(0);
  });

  test('leaves the ledger', async () => {
    const house = await openHouse();
    const { id } = await marked(house);
    const { ledger } = await house.agreements.seal(id, {}, 'key-1');
    await house.agreements.delete(id);
    expect(house.ledger.last()).toMatchObject({ ...ledger, agreementId: id });
    expect(uploads(house)).toEqual([]);
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toThrow('AGREEMENT_NOT_FOUND');
  });
});

test.each<AgreementKind>(['marriage', 'adoption', 'inheritance'])(
  '%s needs a paper original before the seal',
  async (kind) => {
    const house = await openHouse();
    const { id } = await marked(house);
    await house.agreements.patch(id, { kind });
    await expect(house.agreements.seal(id, {}, 'key-1')).rejects.toThrow('PAPER_ORIGINAL_REQUIRED');
    expect(house.sealer.jobs).toEqual([]);
    await house.agreements.patch(id, { paperOriginal: true });
    expect((await house.agreements.seal(id, {}, 'key-1')).agreementId).toBe(id);
  },
);

describe('a document that was signed when it came', () => {
  const signed = { found: { signatures: 1, openFields: ['Second'] } };

  test('takes no marks on its pages, and no finger is asked for', async () => {
    const house = await openHouse(signed);
    const { id } = await draft(house);
    for (const kind of ['signature', 'stamp'] as const) {
      const mark = (): unknown => house.agreements.addMark(id, { partyId: 'jia', kind, png: pictureOf() });
      expect(mark).toThrow('COUNTERSEAL_CONTENT_FORBIDDEN: a document with 1 signatures takes a seal only');
    }
    const capture = (): unknown => house.captures.start({ agreementId: id, partyId: 'jia', consent: consent(house) });
    expect(capture).toThrow('COUNTERSEAL_CONTENT_FORBIDDEN');
    expect(house.readers.captures).toEqual([]);
    await expect(house.agreements.seal(id, { paging: true }, 'key-1')).rejects.toThrow('AGREEMENT_INCOMPLETE');
  });

  test('is complete with everyone on paper, and sealed into the field that was kept', async () => {
    const house = await openHouse(signed);
    const { id } = await draft(house);
    for (const partyId of ['jia', 'yi', 'ding']) house.agreements.addMark(id, { partyId, kind: 'paper' });
    await expect(house.agreements.seal(id, { paging: true }, 'key-1')).rejects.toThrow('COUNTERSEAL_CONTENT_FORBIDDEN');
    await house.agreements.seal(id, { placement: { field: 'Second' } }, 'key-1');
    expect(house.sealer.jobs).toMatchObject([{ seal: { field: 'Second' }, marks: [] }]);
  });
});
