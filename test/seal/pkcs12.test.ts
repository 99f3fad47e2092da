import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import forge from 'node-forge';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueCertificate, pemOf } from '../../scripts/pki/issue-certificate.ts';
import { writeP12 } from '../../scripts/pki/write-p12.ts';
import { fromHex, latin1Bytes, toHex } from '../../src/bytes.ts';
import { isAppError } from '../../src/errors.ts';
import { Passphrase, deriveKey } from '../../src/seal/pbe.ts';
import { openPkcs12 } from '../../src/seal/pkcs12.ts';
import { openP12 } from '../../src/seal/seal-key.ts';
import { describeTool, runTool } from '../support/tools.ts';

const fixture = (name: string): Uint8Array => readFileSync(new URL(`../../fixtures/pki/${name}`, import.meta.url));
const CHINESE = '印章口令测试';
const COMMITTEE = '示例市示范区人民调解委员会（测试 TEST）';

/** The code of the error, with its detail. */
async function refusal(bytes: Uint8Array, passphrase: string): Promise<string> {
  try {
    await openP12(bytes, passphrase);
    return 'opened';
  } catch (error) {
    if (isAppError(error)) return error.message;
    throw error;
  }
}

const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2036-01-01T00:00:00Z') };
const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const certificate = issueCertificate({ subject: { cn: '示例 TEST' }, key, ...validity });

describe('a P12 made by OpenSSL', () => {
  it.each([
    ['openssl-chinese.p12', CHINESE, 3],
    ['openssl-empty.p12', '', 3],
    ['openssl-no-mac.p12', 'test', 3],
    ['openssl-aes128.p12', 'test', 3],
    ['openssl-legacy.p12', 'test', 3],
    ['openssl-legacy-chinese.p12', CHINESE, 3],
    ['openssl-3des.p12', 'test', 1],
  ])('opens: %s', async (name, passphrase, length) => {
    const opened = await openP12(fixture(name), passphrase);
    expect(opened.certificate.subject.cn).toBe(COMMITTEE);
    expect(opened.chain).toHaveLength(length);
    expect(opened.chain[0]).toBe(opened.certificate);
    expect(opened.chain.map(({ isSelfIssued }) => isSelfIssued)).toEqual([false, false, true].slice(0, length));
    expect(opened.sign(new Uint8Array(10))).toHaveLength(256);
  });

  it.each([
    ['openssl-ec.p12', 'SEAL_KEY_UNSUPPORTED: the key is not RSA'],
    ['openssl-short.p12', 'SEAL_KEY_UNSUPPORTED: RSA with 1024 bits'],
    ['openssl-mismatched.p12', 'SEAL_KEY_MISMATCH'],
    ['openssl-no-certificate.p12', 'SEAL_FILE_INVALID: no certificate in the file'],
  ])('is refused: %s', async (name, message) => {
    expect(await refusal(fixture(name), 'test')).toBe(message);
  });

  it.each([
    'openssl-chinese.p12',
    'openssl-empty.p12',
    'openssl-no-mac.p12',
    'openssl-aes128.p12',
    'openssl-legacy.p12',
    'openssl-ec.p12',
  ])('does not open with another passphrase, and says no more than that: %s', async (name) => {
    for (const wrong of ['Test', 'test ', '印章口令测试 ']) {
      expect(await refusal(fixture(name), wrong)).toBe('SEAL_PASSPHRASE_WRONG');
    }
  });
});

describe('a file that is no usable P12', () => {
  it.each([
    ['empty', new Uint8Array()],
    ['text', latin1Bytes('not a seal')],
    ['a certificate', certificate.der],
    ['cut off', fixture('openssl-legacy.p12').subarray(0, 2000)],
    ['larger than any', new Uint8Array(2 << 20)],
    ['nested without end', Uint8Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? 0x30 : 0x80))],
  ])('is SEAL_FILE_INVALID: %s', async (_, bytes) => {
    expect(await refusal(bytes, 'test')).toMatch(/^SEAL_FILE_INVALID/);
  });

  it('does not get to ask for endless work', async () => {
    const asked = toHex(fixture('openssl-chinese.p12')).replaceAll('02030186a0', '02037fffff'); // 100,000 -> 8,388,607
    expect(await refusal(fromHex(asked), CHINESE)).toBe('SEAL_FILE_INVALID: key derivation: 8388607 iterations');
  });

  it('ends in one of its codes, whatever byte is changed', async () => {
    const bytes = await writeP12({ pairs: [{ key, certificate }], passphrase: 'test', iterations: 1 });
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ mask;
        expect(await refusal(changed, 'test')).toMatch(/^(SEAL_FILE_INVALID|SEAL_PASSPHRASE_WRONG)/);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a P12 with two pairs', () => {
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const encryption = issueCertificate({
    subject: { cn: '加密 TEST' },
    key: other,
    ...validity,
    keyUsage: ['keyEncipherment'],
  });

  it('gives the one for signing', async () => {
    const pairs = [
      { key: other, certificate: encryption },
      { key, certificate },
    ];
    const bytes = await writeP12({ pairs, passphrase: 'test', iterations: 1 });
    expect((await openPkcs12(bytes, 'test')).keys).toHaveLength(2);
    expect((await openP12(bytes, 'test')).certificate.sha256).toBe(certificate.sha256);
  });
});

describe('the derivation of RFC 7292', () => {
  it('is that of node-forge, for any passphrase, salt, purpose and length', async () => {
    const purposes = ['key', 'iv', 'mac'] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme', maxLength: 40 }),
        fc.uint8Array({ minLength: 1, maxLength: 80 }),
        fc.constantFrom(...purposes),
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 5 }),
        async (text, salt, purpose, length, iterations) => {
          const [passphrase] = Passphrase.candidates(text);
          const own = await deriveKey({ digest: 'sha1', purpose, salt, iterations, length }, passphrase as Passphrase);
          const buffer = forge.util.createBuffer(Buffer.from(salt).toString('latin1'));
          const id = String(purposes.indexOf(purpose) + 1);
          const theirs = forge.pkcs12.generateKey(
            text,
            buffer,
            id as never,
            iterations,
            length,
            forge.md.sha1.create(),
          );
          expect(toHex(own)).toBe(forge.util.bytesToHex(theirs.getBytes()));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a passphrase', () => {
  it('is wiped in both its forms', () => {
    const [passphrase] = Passphrase.candidates('口令x');
    expect(toHex(passphrase?.bmp ?? new Uint8Array())).toBe('53e34ee400780000');
    passphrase?.wipe();
    expect([...(passphrase?.bmp ?? []), ...(passphrase?.utf8 ?? [])].every((byte) => byte === 0)).toBe(true);
  });

  it('derives without holding up anything else', async () => {
    const bytes = fixture('openssl-chinese.p12'); // 100,000 iterations
    await openP12(bytes, CHINESE);
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await openP12(bytes, CHINESE);
    clearInterval(timer);
    // The derivation alone is some 70 ms of hashing: in one piece it would leave the timer no turn.
    expect(turns).toBeGreaterThan(5);
  });
});

describeTool('openssl', 'a P12 that is written, to OpenSSL', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'zhiyin-p12-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['test', CHINESE, ''])('opens with passphrase "%s"', async (passphrase) => {
    const path = join(folder, 'seal.p12');
    writeFileSync(path, await writeP12({ pairs: [{ key, certificate }], passphrase, iterations: 2000 }));
    const open = (...options: string[]) =>
      runTool('openssl', ['pkcs12', '-in', path, '-passin', `pass:${passphrase}`, ...options]);
    const { status, stdout } = open('-nocerts', '-nodes');
    expect(status).toBe(0);
    expect(createPrivateKey(stdout).equals(key)).toBe(true);
    expect(open('-nokeys').stdout).toContain(pemOf(certificate));
    expect(await refusal(readFileSync(path), passphrase)).toBe('opened');
  });
});
