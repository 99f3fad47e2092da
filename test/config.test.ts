import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeConfig, findConfigFile, loadConfig } from '../src/config.ts';
import type { Config, Environment } from '../src/config.ts';
import { AppError } from '../src/errors.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'zhiyin-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function written(text: string | Uint8Array, name = 'config.json'): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function load(text: string, env: Environment = {}): Config {
  return loadConfig({ file: written(text), env });
}

/** Code and detail of the refusal, the file's own path shortened to FILE. */
function refusal(text: string | Uint8Array, env: Environment = {}): string {
  const file = written(text);
  try {
    loadConfig({ file, env });
  } catch (error) {
    if (error instanceof AppError) return error.message.replaceAll(file, 'FILE');
  }
  throw new Error('the configuration was taken');
}

describe('defaults', () => {
  test('an empty object is a whole configuration', () => {
    const config = load('{}');
    expect(config.listen).toEqual({ port: 17170, ipv6: false });
    expect(config.reader).toHaveLength(1);
    expect(config.reader[0]).toMatchObject({ link: 'simulated', driver: 'ef01', framing: { reportSize: 64 } });
    expect(config.retention.samplesHours).toBe(24);
    expect(config.exposeSamples).toBe(false);
    expect(config.storage.folder).toMatch(/zhiyin/);
  });

  test('it is frozen to the bottom', () => {
    const config = load('{"origins": ["https://a.example"]}');
    const parts: unknown[] = [config, config.listen, config.origins, config.reader, config.reader[0]?.framing];
    expect(parts.every((part) => Object.isFrozen(part))).toBe(true);
  });
});

describe('the file', () => {
  test('may carry comments, trailing commas and a byte order mark', () => {
    const config = load('\uFEFF{\n  // the port\n  "listen": { "port": 9000, }, /* so */\n}');
    expect(config.listen.port).toBe(9000);
  });

  test('gives one reader as an object or several as a list', () => {
    expect(load('{"reader": {"link": "hid"}}').reader.map(({ link }) => link)).toEqual(['hid']);
    expect(load('{"reader": [{"link": "hid"}, {"link": "serial"}]}').reader.map(({ link }) => link)).toEqual([
      'hid',
      'serial',
    ]);
    expect(load('{"reader": []}').reader).toEqual([]);
  });

  test('relative paths count from its folder, and only paths are touched', () => {
    const config = load(
      '{"seal": {"p12": "keys/seal.p12"}, "trust": {"roots": ["root.pem", "/etc/root.pem"]}, "storage": {"folder": "../s"},' +
        '"reader": {"link": "serial", "path": "COM3"}}',
    );
    expect(config.seal.p12).toBe(join(folder, 'keys/seal.p12'));
    expect(config.trust.roots).toEqual([join(folder, 'root.pem'), resolve('/etc/root.pem')]);
    expect(config.storage.folder).toBe(join(folder, '../s'));
    expect(config.reader[0]?.path).toBe('COM3');
  });

  test('is named by the caller, else by ZHIYIN_CONFIG', () => {
    const named = written('{"listen": {"port": 1}}', 'named.json');
    const other = written('{"listen": {"port": 2}}', 'other.json');
    expect(loadConfig({ file: named, env: { ZHIYIN_CONFIG: other } }).listen.port).toBe(1);
    expect(loadConfig({ env: { ZHIYIN_CONFIG: other } }).listen.port).toBe(2);
    expect(findConfigFile({ env: { ZHIYIN_CONFIG: other } })).toBe(other);
  });

  test('must exist when it is named', () => {
    expect(() => loadConfig({ file: join(folder, 'absent.json'), env: {} })).toThrow(/CONFIG_UNREADABLE.*absent\.json/);
  });

  test('in another encoding than UTF-8 is refused, not garbled', () => {
    const gbk = Uint8Array.from([
      ...Buffer.from('{"committee": {"name": "'),
      0xb3,
      0xfe,
      0xd0,
      0xdb,
      ...Buffer.from('"}}'),
    ]);
    expect(refusal(gbk)).toContain('CONFIG_UNREADABLE: FILE: expected UTF-8');
  });
});

describe('the authorities', () => {
  test('are none unless they are named', () => {
    const { seal, timestamp, revocation } = load('{}');
    expect(seal.level).toBe('B-B');
    expect(timestamp).toEqual({ roots: [], timeoutMs: 5000 });
    expect(revocation).toEqual({ crls: [], timeoutMs: 5000 });
  });

  test('may be files or addresses, and only the files count from the folder', () => {
    const { timestamp, revocation } = load(
      '{"timestamp": {"url": "http://tsa.example/tsr", "roots": ["tsa.pem"]},' +
        '"revocation": {"crls": ["ca.crl", "HTTPS://ca.example/ca.crl", "/etc/ca.crl"]}}',
    );
    expect(timestamp).toMatchObject({ url: 'http://tsa.example/tsr', roots: [join(folder, 'tsa.pem')] });
    expect(revocation.crls).toEqual([join(folder, 'ca.crl'), 'HTTPS://ca.example/ca.crl', resolve('/etc/ca.crl')]);
  });

  test('are named in the environment, too, and a password is not shown', () => {
    const config = load('{}', {
      ZHIYIN_TIMESTAMP_URL: 'https://tsa.example',
      ZHIYIN_TIMESTAMP_USERNAME: 'committee',
      ZHIYIN_TIMESTAMP_PASSWORD: 'MARKED',
      ZHIYIN_SEAL_LEVEL: 'B-LTA',
      ZHIYIN_REVOCATION_CRLS: '["ca.crl"]',
      ZHIYIN_TRUST_ROOTS: '["root.pem"]',
    });
    expect(config.timestamp.password).toBe('MARKED');
    expect(JSON.stringify(describeConfig(config))).not.toContain('MARKED');
  });

  test.each([
    ['{"timestamp": {"url": "ftp://tsa.example"}}', 'timestamp.url: expected text of the form'],
    ['{"timestamp": {"url": "http://"}}', 'timestamp.url: expected text of the form'],
    ['{"timestamp": {"url": "http://tsa.example:99999/"}}', 'timestamp.url: expected an address'],
    [
      '{"timestamp": {"url": "https://me:MARKED@tsa.example/"}}',
      'timestamp.url: expected an address without a name or password in it, got one',
    ],
    ['{"timestamp": {"username": "me"}}', 'timestamp: expected both username and password, or neither'],
    [
      '{"timestamp": {"url": "http://tsa.example", "username": "me", "password": "MARKED"}}',
      'timestamp.url: expected https, since a password goes there, got "http://tsa.example"',
    ],
    ['{"timestamp": {"policy": "tsa_policy1"}}', 'timestamp.policy: expected text of the form'],
    ['{"revocation": {"crls": ["http://:@x@y"]}}', 'revocation.crls[0]: expected an address without'],
    ['{"seal": {"level": "B-T"}}', 'seal.level: expected at most "B-B" where timestamp.url is not set, got "B-T"'],
    [
      '{"seal": {"level": "B-T"}, "timestamp": {"url": "http://tsa.example"}}',
      'seal.level: expected at most "B-B" where neither timestamp.roots nor trust.roots has a root, got "B-T"',
    ],
    [
      '{"seal": {"level": "B-LTA"}, "timestamp": {"url": "http://tsa.example"}, "trust": {"roots": ["root.pem"]}}',
      'seal.level: expected at most "B-T" where neither revocation.ocsp nor revocation.crls is set, got "B-LTA"',
    ],
    [
      '{"seal": {"level": "B-LT"}, "timestamp": {"url": "http://tsa.example", "roots": ["tsa.pem"]},' +
        '"revocation": {"crls": ["ca.crl"]}}',
      'seal.level: expected at most "B-T" where trust.roots has no root of the seal, got "B-LT"',
    ],
  ])('%s is refused', (text, expected) => {
    expect(refusal(text)).toContain(expected);
    expect(refusal(text)).not.toContain('MARKED');
  });

  test('take a password on this machine without https', () => {
    const { timestamp } = load('{"timestamp": {"url": "http://[::1]:80/", "username": "me", "password": ""}}');
    expect(timestamp.username).toBe('me');
  });
});

describe('what is refused, with its place', () => {
  test.each([
    ['{"listen": {"prot": 1}}', 'FILE:1: listen.prot: unknown key; expected one of port, ipv6'],
    ['{\n"nonsense": 1}', 'FILE:2: nonsense: unknown key; expected one of listen, origins'],
    ['{"listen": {\n"port": "80"}}', 'FILE:2: listen.port: expected a whole number from 0 to 65535, got "80"'],
    ['{"listen": {"port": 70000}}', 'listen.port: expected a whole number from 0 to 65535, got 70000'],
    ['{"listen": null}', 'listen: expected an object, got null'],
    ['{"listen": {"ipv6": "yes"}}', 'listen.ipv6: expected true or false, got "yes"'],
    ['{"reader": {"link": "usb"}}', 'reader.link: expected one of "serial", "hid", "simulated", got "usb"'],
    ['{"reader": [{}, {"stopBits": 3}]}', 'reader[1].stopBits: expected one of 1, 2, got 3'],
    ['{"reader": 5}', 'reader: expected a list of at most 8, got 5'],
    ['{"seal": {"p12": ""}}', 'seal.p12: expected text that is not empty, got ""'],
    ['{"seal": {"diameterMm": 50}}', 'seal.diameterMm: expected a number from 38 to 45, got 50'],
    ['{"log": {"level": "loud"}}', 'log.level: expected one of "fatal", "error"'],
    ['{"origins": ["https://a.example/"]}', 'origins[0]: expected text of the form'],
    ['{"origins": ["https://a.example:443"]}', 'origins[0]: expected "https://a.example", as a browser sends it'],
    ['{"origins": ["https://a.example", "https://a.example"]}', 'origins: expected a list without repetition'],
    ['{"reader": [{"id": "a"}, {"id": "a"}]}', 'reader[1].id: expected an id of its own, got "a" again'],
    ['{"__proto__": {"listen": 1}}', '__proto__: unknown key'],
    ['{"listen": {"port": 1},\n"listen": {"port": 2}}', 'FILE:2: listen: expected one value, got a second'],
    ['{"listen": {"port": 1}', 'FILE:1: expected JSON, got CloseBraceExpected'],
    ['', 'FILE:1: expected JSON, got ValueExpected'],
    ['[]', 'FILE:1: expected an object, got []'],
  ])('%s', (text, message) => {
    expect(refusal(text)).toContain(`CONFIG_INVALID`);
    expect(refusal(text)).toContain(message);
  });

  test('every wrong setting is told at once', () => {
    expect(refusal('{"listen": {"port": -1}, "log": {"files": 0}}')).toMatch(/listen\.port.*; .*log\.files/);
  });

  test('a wrong device password is not repeated', () => {
    expect(refusal('{"reader": {"password": "hunter2"}}')).not.toContain('hunter2');
  });
});

describe('the environment', () => {
  test('stands over the file, value by value', () => {
    const config = load('{"listen": {"port": 1, "ipv6": true}, "reader": [{"link": "hid"}, {"link": "hid"}]}', {
      ZHIYIN_LISTEN_PORT: '9001',
      ZHIYIN_COMMITTEE_NAME: '42',
      ZHIYIN_COMMITTEE_NUMBER_TEMPLATE: '{n}',
      ZHIYIN_READER_1_LINK: 'serial',
      ZHIYIN_READER_1_STOP_BITS: '2',
      ZHIYIN_READER_1_FRAMING_REPORT_SIZE: '32',
      ZHIYIN_EXPOSE_SAMPLES: 'true',
      ZHIYIN_SEAL_CERTIFICATE_SHA256: 'ab'.repeat(32),
      ZHIYIN_RETENTION_SAMPLES_HOURS: '0.5',
      PATH: '/bin',
    });
    expect(config.listen).toEqual({ port: 9001, ipv6: true });
    expect(config.committee).toMatchObject({ name: '42', numberTemplate: '{n}' });
    expect(config.reader.map(({ link, stopBits }) => [link, stopBits])).toEqual([
      ['hid', 1],
      ['serial', 2],
    ]);
    expect(config.reader[1]?.framing.reportSize).toBe(32);
    expect(config.exposeSamples).toBe(true);
    expect(config.retention.samplesHours).toBe(0.5);
  });

  test('gives lists as JSON, and single members of a list by their index', () => {
    const config = load('{}', {
      ZHIYIN_ORIGINS: '["https://a.example", "http://localhost:8080"]',
      ZHIYIN_READER: '[{"link": "hid"}]',
      ZHIYIN_READER_0_ID: 'window',
      ZHIYIN_READER_1_ID: 'spare',
    });
    expect(config.origins).toEqual(['https://a.example', 'http://localhost:8080']);
    expect(config.reader.map(({ id, link }) => [id, link])).toEqual([
      ['window', 'hid'],
      ['spare', 'simulated'],
    ]);
  });

  test.each([
    [{ ZHIYIN_LISTEN_PROT: '1' }, 'ZHIYIN_LISTEN_PROT: no setting has this name'],
    [{ ZHIYIN_LISTEN: '{}' }, 'ZHIYIN_LISTEN: no setting has this name'],
    [
      { ZHIYIN_LISTEN_PORT: 'http' },
      'ZHIYIN_LISTEN_PORT: listen.port: expected a whole number from 0 to 65535, got "http"',
    ],
    [{ ZHIYIN_LISTEN_PORT: '' }, 'ZHIYIN_LISTEN_PORT: listen.port: expected a whole number'],
    [{ ZHIYIN_LISTEN_IPV6: '1' }, 'ZHIYIN_LISTEN_IPV6: listen.ipv6: expected true or false, got "1"'],
    [{ ZHIYIN_ORIGINS: 'https://a.example' }, 'ZHIYIN_ORIGINS: expected a list as JSON'],
    [{ ZHIYIN_ORIGINS: '[1]' }, 'ZHIYIN_ORIGINS: origins[0]: expected text'],
    [{ ZHIYIN_READER_2_LINK: 'hid' }, 'ZHIYIN_READER_2_LINK: expected an index up to 0 into reader, got 2'],
  ])('%j is refused', (env, message) => {
    expect(refusal('{}', env)).toContain(message);
  });
});

test('what is shown to people holds no device password', () => {
  const shown = JSON.stringify(describeConfig(load('{"reader": {"password": 305419896}}')));
  expect(shown).toContain('"password":"set"');
  expect(shown).not.toContain('305419896');
});
