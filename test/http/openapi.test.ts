/** /openapi.json: a document that is valid, complete, and true. */
import { Compile } from 'typebox/compile';
import { beforeAll, describe, expect, test } from 'vitest';
import { problemOfResponse, startDaemon, TOKEN } from './harness.ts';
import type { CallOptions } from './harness.ts';

type Json = Record<string, unknown>;
interface Media {
  readonly schema?: Json;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly $ref?: string; readonly value?: unknown }>>;
}
interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: readonly Json[];
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Readonly<Record<string, Media>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Record<string, Media> }>
  >;
}
interface Document {
  readonly openapi: string;
  readonly security: readonly Json[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly examples: Readonly<Record<string, { readonly value: unknown }>>;
    readonly securitySchemes: Readonly<Record<string, Json>>;
  };
}

/** What a good request of each operation is. */
const REQUESTS: Readonly<Record<string, CallOptions>> = {
  startCapture: {
    json: {
      agreementId: 'agr-1',
      partyId: 'jia',
      consent: { noticeVersion: '1', purpose: 'p', retentionDays: 1, givenAt: '2023-06-15T15:04:05+08:00' },
    },
  },
  createAgreement: { pdf: '%PDF' },
  changeAgreement: { json: {} },
  addMark: { json: { partyId: 'jia', kind: 'paper' } },
  sealAgreement: { json: {}, headers: { 'idempotency-key': 'k' } },
  unlockSeal: { json: { passphrase: 'x' } },
  verify: { pdf: '%PDF' },
};
const IDS: Readonly<Record<string, string>> = { readers: 'window', captures: 'cap-1', agreements: 'agr-1' };

let document: Document;
let operations: readonly (readonly [method: string, path: string, operation: Operation])[];

beforeAll(async () => {
  const daemon = await startDaemon();
  document = (await (await fetch(`${daemon.url}/openapi.json`)).json()) as Document;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => [method.toUpperCase(), path, operation] as const),
  );
});

function follow(ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((at, step) => (at as Json)[step], document);
}

/** The schema with every reference replaced by what it refers to. */
function inlined(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(inlined);
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('$ref' in schema) return inlined(follow(String(schema.$ref)));
  return Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, inlined(value)]));
}

function faultsOf(schema: Json, value: unknown): unknown[] {
  const validator = Compile(inlined(schema) as Json);
  return validator.Check(value) ? [] : [{ value, errors: validator.Errors(value) }];
}

/** Every object of a document, with the path to it. */
function* walk(value: unknown, path = '#'): Generator<readonly [path: string, value: Json]> {
  if (typeof value !== 'object' || value === null) return;
  yield [path, value as Json];
  for (const [name, each] of Object.entries(value)) yield* walk(each, `${path}/${name}`);
}

describe('the document', () => {
  test('is OpenAPI 3.1 and names what the contract names', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(([method, path]) => `${method} ${path}`).toSorted()).toEqual(
      [
        'GET /health',
        'GET /openapi.json',
        'GET /v1/status',
        'GET /v1/readers',
        'GET /v1/readers/{id}',
        'POST /v1/captures',
        'GET /v1/captures/{id}',
        'GET /v1/captures/{id}/events',
        'GET /v1/captures/{id}/image',
        'GET /v1/captures/{id}/record',
        'GET /v1/captures/{id}/template',
        'DELETE /v1/captures/{id}',
        'POST /v1/agreements',
        'GET /v1/agreements/{id}',
        'PATCH /v1/agreements/{id}',
        'POST /v1/agreements/{id}/marks',
        'POST /v1/agreements/{id}/seal',
        'GET /v1/agreements/{id}/pdf',
        'DELETE /v1/agreements/{id}',
        'GET /v1/seal',
        'POST /v1/seal/unlock',
        'POST /v1/seal/lock',
        'POST /v1/verifications',
      ].toSorted(),
    );
  });

  test('every reference leads somewhere, and nothing of the tools is left over', () => {
    for (const [path, value] of walk(document)) {
      const target = typeof value['$ref'] === 'string' ? follow(value['$ref']) : null;
      expect([path, target]).not.toEqual([path, undefined]);
      expect(Object.keys(value).filter((name) => name.startsWith('x-') || name === '$id' || name === 'def-0')).toEqual(
        [],
      );
    }
    for (const schema of Object.keys(document.components.schemas)) expect(schema).toMatch(/^[A-Z][A-Za-z]+$/);
  });

  test('operations have an id of their own, a summary and a tag', () => {
    const ids = operations.map(([, , { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [method, path, { summary, tags }] of operations) {
      expect([method, path, summary.length > 3, tags.length]).toEqual([method, path, true, 1]);
    }
  });

  test('path parameters are declared and required', () => {
    for (const [, path, { parameters = [] }] of operations) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect(parameters.filter((each) => each.in === 'path').map(({ name }) => name)).toEqual(named);
      expect(parameters.filter((each) => each.in === 'path' && each.required !== true)).toEqual([]);
    }
  });

  test('all but /health and the document itself need the token', () => {
    expect(document.security).toEqual([{ token: [] }]);
    expect(document.components.securitySchemes['token']).toMatchObject({ type: 'http', scheme: 'bearer' });
    expect(operations.filter(([, , { security }]) => security !== undefined).map(([, path]) => path)).toEqual([
      '/health',
      '/openapi.json',
    ]);
  });

  test('every operation has its problems, with examples of the code and in both languages', () => {
    for (const [method, path, { responses, security, requestBody }] of operations) {
      const statuses = Object.keys(responses);
      const expected = ['400', '403', '408', '421', '429', '431', '500', '503'];
      if (security === undefined) expected.push('401');
      if (requestBody !== undefined) expected.push('413', '415');
      if (path.includes('{id}')) expected.push('404');
      expect([method, path, expected.filter((status) => !statuses.includes(status))]).toEqual([method, path, []]);
      for (const [status, { description, content }] of Object.entries(responses)) {
        expect(description).not.toBe('');
        if (Number(status) < 400) continue;
        expect(Object.keys(content ?? {})).toEqual(['application/problem+json']);
        const media = content?.['application/problem+json'];
        expect(media?.schema).toEqual({ $ref: '#/components/schemas/Problem' });
        for (const [code, { $ref = '' }] of Object.entries(media?.examples ?? {})) {
          expect(follow($ref)).toMatchObject({ value: { code, status: Number(status) } });
        }
      }
    }
    for (const { value } of Object.values(document.components.examples)) {
      expect(faultsOf(document.components.schemas['Problem'] ?? {}, value)).toEqual([]);
      expect((value as Json)['titleZh']).toMatch(/[一-鿿]/);
      expect((value as Json)['remedyZh']).toMatch(/[一-鿿]/);
    }
  });

  test('what a full disk, a lost file or a changed key does is said where it may be met', () => {
    const codesOf = (id: string): string[] =>
      operations
        .filter(([, , { operationId }]) => operationId === id)
        .flatMap(([, , { responses }]) => Object.values(responses))
        .flatMap(({ content }) => Object.keys(content?.['application/problem+json']?.examples ?? {}));
    const writing = ['createAgreement', 'changeAgreement', 'addMark', 'sealAgreement', 'deleteAgreement'];
    for (const id of [...writing, 'startCapture', 'cancelCapture']) expect(codesOf(id)).toContain('STATE_UNUSABLE');
    const sealing = ['FILE_UNREADABLE', 'FILE_UNWRITABLE', 'STATE_KEY_WRONG', 'CAPTURE_GONE', 'PICTURE_NOT_PNG'];
    expect(codesOf('sealAgreement')).toEqual(expect.arrayContaining(sealing));
  });

  test('every example is of its schema, and every JSON body has one', () => {
    for (const [, schema] of walk(document)) {
      if (!Array.isArray(schema['examples']) || !('type' in schema || 'anyOf' in schema)) continue;
      for (const example of schema['examples']) expect(faultsOf(schema, example)).toEqual([]);
    }
    for (const [, , { requestBody, operationId }] of operations) {
      for (const [type, { schema = {}, example, examples = {} }] of Object.entries(requestBody?.content ?? {})) {
        const given = [
          ...(example === undefined ? [] : [example]),
          ...Object.values(examples).map(({ value }) => value),
        ];
        for (const each of given) expect(faultsOf(schema, each)).toEqual([]);
        const has = given.length > 0 || 'examples' in ((inlined(schema) as Json) ?? {}) || type === 'application/pdf';
        expect([operationId, has]).toEqual([operationId, true]);
      }
    }
  });

  test('a body that may be left out is not required', () => {
    const optional = operations.filter(([, , { requestBody }]) => requestBody !== undefined && !requestBody.required);
    expect(optional.map(([method, path]) => `${method} ${path}`)).toEqual(['POST /v1/agreements/{id}/seal']);
  });

  test('7: no call takes an address, a path or a command', () => {
    const names = operations.flatMap(([, , operation]) => [
      ...(operation.parameters ?? []).map(({ name }) => name),
      ...[...walk(inlined(operation.requestBody))].flatMap(([, { properties = {} }]) =>
        Object.keys(properties as Json),
      ),
    ]);
    expect(
      names.filter((name) => /ur[il]|href|path|file|folder|dir$|command|cmd|exec|script|host|port/i.test(name)),
    ).toEqual([]);
    expect(JSON.stringify(document)).not.toMatch(/"format":"(uri|iri|uri-reference|hostname)"/);
  });
});

describe('what the daemon does is what the document says', () => {
  test('each operation answers with a documented status, type and shape', async () => {
    const daemon = await startDaemon({ holds: { 'captures.wait': Promise.resolve() } });
    daemon.events.end();
    for (const [method, path, { operationId, responses, requestBody }] of operations) {
      const url = path.replace('{id}', IDS[path.split('/')[2] ?? ''] ?? '');
      const options = REQUESTS[operationId] ?? {};
      const sent =
        options.pdf === undefined ? (options.json === undefined ? null : 'application/json') : 'application/pdf';
      expect([operationId, Object.keys(requestBody?.content ?? {})[0] ?? null]).toEqual([operationId, sent]);
      const response = await daemon.call(method, url, options);
      const documented = responses[String(response.status)];
      expect([operationId, response.ok, documented !== undefined]).toEqual([operationId, true, true]);
      const type = response.headers.get('content-type')?.replace(/;.*/, '');
      expect([operationId, type]).toEqual([operationId, Object.keys(documented?.content ?? {})[0]]);
      const body: unknown = type === 'application/json' ? await response.json() : await response.text();
      const schema = documented?.content?.[type ?? '']?.schema ?? { const: '' };
      expect([operationId, faultsOf(schema, body)]).toEqual([operationId, []]);
    }
  });

  test('each operation refuses as documented: no token, an unlisted page, what is not there, a wrong body', async () => {
    const daemon = await startDaemon();
    for (const [method, path, { operationId, responses, security, requestBody }] of operations) {
      const url = `${daemon.url}${path.replace('{id}', 'nothing')}`;
      const refusals: [string, number, RequestInit][] = [
        ['unlisted page', 403, { headers: { origin: 'https://evil.cn' } }],
        ['no token', security === undefined ? 401 : 200, {}],
      ];
      if (requestBody !== undefined) {
        const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'text/plain' };
        refusals.push(['wrong body', 415, { headers, body: 'x' }]);
      }
      for (const [why, status, init] of refusals) {
        const response = await fetch(url, { method, ...init });
        expect([operationId, why, response.status]).toEqual([operationId, why, status]);
        if (response.ok) continue;
        const problem = await problemOfResponse(response);
        const media = responses[String(status)]?.content?.['application/problem+json'];
        expect(Object.keys(media?.examples ?? {})).toContain(problem['code']);
        expect(faultsOf(document.components.schemas['Problem'] ?? {}, problem)).toEqual([]);
      }
    }
    expect(daemon.calls).toEqual([]);
  });
});
