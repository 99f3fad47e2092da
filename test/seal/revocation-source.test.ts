import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { OpensslAuthority } from '../../scripts/pki/openssl-authority.ts';
import { parseCertificate } from '../../src/cms/certificate.ts';
import type { Certificate } from '../../src/cms/certificate.ts';
import type { SecurityStore } from '../../src/pdf/dss.ts';
import { RevocationSource } from '../../src/seal/revocation-source.ts';
import type { Proposition } from '../../src/seal/revocation-source.ts';
import { VirtualClock } from '../support/clock.ts';
import { openLevels } from '../support/levels.ts';
import type { LevelHouse } from '../support/levels.ts';
import { describeTool } from '../support/tools.ts';

const ALONE = new AbortController().signal;
const DAY_MS = 86_400_000;
const NOTHING: SecurityStore = { certificates: [], crls: [], ocsps: [] };

describeTool('openssl', 'what proves that a chain is not revoked', () => {
  let house: LevelHouse;
  let chain: readonly Certificate[];
  beforeAll(async () => {
    house = await openLevels();
    const files = [house.pki.committeePem, house.pki.intermediatePem, house.pki.rootPem];
    chain = (await Promise.all(files.map((file) => readFile(file)))).map((pem) => parseCertificate(pem));
  });
  afterAll(() => house[Symbol.asyncDispose]());
  beforeEach(() => {
    Object.assign(house.authorities.faults, { timestamp: null, ocsp: null, crl: null });
  });

  const days = (count: number): Date => new Date(Date.now() + count * DAY_MS);

  /** What is had, and what was asked for it. */
  async function prove(
    change: Partial<Proposition> = {},
    { clock = new VirtualClock(new Date()), crls = [] as string[] } = {},
  ): Promise<{ store: SecurityStore; asked: string[] }> {
    const { ocspUrl: ocsp } = house.authorities;
    const source = new RevocationSource({ ocsp, crls, timeoutMs: 5000, clock });
    const at = change.at ?? clock.now();
    const before = house.authorities.questions.length;
    const proposition = { chain, at, provenAt: at, revoked: 'SEAL_REVOKED', stored: NOTHING, ...change } as const;
    const store = await source.prove(proposition, ALONE);
    return { store, asked: house.authorities.questions.slice(before) };
  }

  /** Lists of a month ago, as a document might hold them. */
  async function storedLists(): Promise<SecurityStore> {
    const authority = new OpensslAuthority(house.pki.authorities);
    const lists = [];
    for (const ca of ['root', 'intermediate'] as const) lists.push(await authority.list(ca, { outdated: true }));
    return { ...NOTHING, crls: lists };
  }

  it('is asked of the responder about each certificate but the root', async () => {
    const { store, asked } = await prove();
    expect(asked).toEqual(['ocsp', 'ocsp']);
    expect(store.certificates).toEqual(chain.map(({ der }) => der));
    expect(store.ocsps).toHaveLength(2);
  });

  it('is asked anew where something is stored, since the newest word is the best', async () => {
    const { store, asked } = await prove({ at: days(-25), stored: await storedLists() });
    expect(asked).toEqual(['ocsp', 'ocsp']);
    expect(store).toMatchObject({ crls: [], ocsps: [{}, {}] });
  });

  it('is what is stored where nobody answers', async () => {
    house.authorities.faults.ocsp = 'closed';
    const stored = await storedLists();
    expect((await prove({ at: days(-25), stored })).store).toMatchObject({ crls: [], ocsps: [] });
    // It holds for its own time only.
    await expect(prove({ stored })).rejects.toMatchObject({ code: 'REVOCATION_UNREACHABLE' });
    await expect(prove({ at: days(-25) })).rejects.toMatchObject({ code: 'REVOCATION_UNREACHABLE' });
  });

  it('is what is stored where a certificate has expired, and nobody is asked about it', async () => {
    const clock = new VirtualClock(days(4 * 365)); // the seal's has ended, its issuer's not
    const { store, asked } = await prove({ at: days(-25), stored: await storedLists() }, { clock });
    expect(asked).toEqual(['ocsp']);
    expect(store.ocsps).toHaveLength(1);
    const last = new VirtualClock(days(30 * 365));
    expect((await prove({ at: days(-25), stored: await storedLists() }, { clock: last })).asked).toEqual([]);
  });

  it('is the answer alone where there are lists, too', async () => {
    const crls = Object.values(house.authorities.crlUrls);
    const { store, asked } = await prove({}, { crls });
    expect(asked.toSorted()).toEqual(['crl', 'crl', 'ocsp', 'ocsp']);
    expect(store).toMatchObject({ crls: [], ocsps: [{}, {}] });
  });

  it('is not an answer that was given to somebody else', async () => {
    const { store } = await prove();
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-type': 'application/ocsp-response' }).end(store.ocsps[0]);
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const ocsp = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const source = new RevocationSource({ ocsp, crls: [], timeoutMs: 5000, clock: new VirtualClock(new Date()) });
    const at = new Date();
    const proof = source.prove({ chain, at, provenAt: at, revoked: 'SEAL_REVOKED', stored: NOTHING }, ALONE);
    await expect(proof).rejects.toMatchObject({
      code: 'REVOCATION_UNKNOWN',
      detail: expect.stringContaining('not an answer to this question') as string,
    });
    server.closeAllConnections();
    server.close();
  });
});
