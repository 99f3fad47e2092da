/** A joint mediation: the first committee's daemon seals and expects another seal, the second committee's daemon takes it from there. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makePki } from '../../scripts/make-pki.ts';
import { memorySource } from '../../src/pdf/byte-source.ts';
import { openPdf } from '../../src/pdf/revision.ts';
import { openCommandHome } from '../support/command.ts';
import type { CommandHome } from '../support/command.ts';
import { ORIGIN, Page, signaturePng } from '../support/page.ts';
import { COMMITTEE, fixture } from '../support/sealing.ts';
import { describeTool, runTool } from '../support/tools.ts';

const AGREEMENT = fixture('agreements', 'one-page.pdf');
const SECOND = '示例市第二人民调解委员会';
const PASSPHRASE = 'TEST 测试口令';
const PARTIES = [{ id: 'a', name: '甲某' }];

interface Office extends AsyncDisposable {
  readonly page: Page;
  readonly home: CommandHome;
}

/** A committee's PC with its own seal, unlocked. */
async function openOffice(committee: string): Promise<Office> {
  const home = await openCommandHome({
    origins: [ORIGIN],
    committee: { name: committee },
    seal: { p12: 'pki/committee.p12' },
    trust: { roots: ['pki/root.pem'] },
  });
  await makePki(join(home.folder, 'pki'), { committeeName: committee, passphrase: PASSPHRASE });
  const page = new Page(await home.serve());
  await page.call('POST', '/v1/seal/unlock', { passphrase: PASSPHRASE });
  return { page, home, [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() };
}

let first: Office;
let second: Office;
/** As the first committee handed it over. */
let once: Uint8Array;
beforeAll(async () => {
  [first, second] = await Promise.all([openOffice(COMMITTEE), openOffice(SECOND)]);
  const { page } = first;
  const agreement = await page.upload(AGREEMENT, PARTIES);
  await page.mark(agreement, { partyId: 'a', kind: 'signature', png: await signaturePng('signature-party') });
  await page.mark(agreement, { partyId: 'mediator', kind: 'paper' });
  const expect2 = [{ name: SECOND, placement: { page: 1, xMm: 60, yMm: 200 } }];
  const sealed = await page.seal(agreement, 'k1', { placement: { page: 1, xMm: 150, yMm: 200 }, expect: expect2 });
  expect(sealed).toMatchObject({ status: 200, body: { warnings: [] } });
  once = await page.bytes(`${agreement}/pdf`);
}, 60_000);
afterAll(() => Promise.all([first, second].map((office) => office[Symbol.asyncDispose]())));

/** The document of the first committee as an agreement of the second one. */
async function takeOver(): Promise<string> {
  const path = join(second.home.folder, 'taken-over.pdf');
  await writeFile(path, once);
  return second.page.upload(path, PARTIES);
}

describe('the second committee', () => {
  it('is told what it has before it, and asks nobody for a mark that could not be put on', async () => {
    const { page } = second;
    const agreement = await takeOver();
    const { body } = await page.call('GET', agreement);
    expect(body).toMatchObject({ signatures: 1, openFields: [SECOND], missing: ['a', 'mediator'] });
    const png = await signaturePng('signature-party');
    const marked = await page.mark(agreement, { partyId: 'a', kind: 'signature', png });
    expect(marked).toMatchObject({ status: 409, body: { code: 'COUNTERSEAL_CONTENT_FORBIDDEN' } });
    expect(marked.body['titleZh']).toEqual(expect.any(String));
    expect(await page.capture(agreement, 'a')).toMatchObject({
      status: 409,
      body: { code: 'COUNTERSEAL_CONTENT_FORBIDDEN' },
    });
    expect(await page.seal(agreement, 'k0')).toMatchObject({ status: 409, body: { code: 'AGREEMENT_INCOMPLETE' } });
  });

  it('seals into the place that was kept, and keeps the first seal whole', async () => {
    const { page } = second;
    const agreement = await takeOver();
    for (const partyId of ['a', 'mediator']) await page.mark(agreement, { partyId, kind: 'paper' });
    const elsewhere = await page.seal(agreement, 'k1', { placement: { page: 1, xMm: 105, yMm: 240 } });
    expect(elsewhere).toMatchObject({ status: 422, body: { code: 'PDF_SIGNED_LOCKED' } });
    const sealed = await page.seal(agreement, 'k2', { placement: { field: SECOND } });
    expect(sealed).toMatchObject({ status: 200, body: { warnings: [] } });
    expect(await page.seal(agreement, 'k2', { placement: { field: SECOND } })).toEqual(sealed);
    expect((await page.seal(agreement, 'k2', {})).body).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });

    const twice = await page.bytes(`${agreement}/pdf`);
    expect(Buffer.from(twice.subarray(0, once.length)).equals(Buffer.from(once))).toBe(true);
    const fields = openPdf(memorySource(twice)).signatureFields();
    expect(fields.map(({ name, value }) => [name, value?.docMdp])).toEqual([
      [SECOND, null],
      ['Signature1', 2],
    ]);
  });

  it('does not seal what was changed after the first seal', async () => {
    const { page, home } = second;
    const path = join(home.folder, 'changed.pdf');
    await writeFile(path, Buffer.from(once).fill('x', 2000, 2001));
    const agreement = await page.upload(path, PARTIES);
    for (const partyId of ['a', 'mediator']) await page.mark(agreement, { partyId, kind: 'paper' });
    const refused = await page.seal(agreement, 'k4');
    expect(refused).toMatchObject({ status: 409, body: { code: 'EARLIER_SIGNATURE_BROKEN', detail: 'DIGEST_WRONG' } });
    expect((await page.call('GET', agreement)).body).toMatchObject({ state: 'marked' });
  });

  describeTool('pdfsig', 'judged by pdfsig', () => {
    it('has put a second valid signature beside the first', async () => {
      const { page, home } = second;
      const agreement = await takeOver();
      for (const partyId of ['a', 'mediator']) await page.mark(agreement, { partyId, kind: 'paper' });
      await page.seal(agreement, 'k3');
      const path = join(home.folder, 'twice.pdf');
      await writeFile(path, await page.bytes(`${agreement}/pdf`));
      const { stdout } = runTool('pdfsig', [path]);
      expect(stdout.match(/Signature Validation: Signature is Valid\./g)).toHaveLength(2);
      expect(stdout).toContain(SECOND);
    });
  });
});
