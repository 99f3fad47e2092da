/** /openapi.json: the document of this API, made of the schemas that validate. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { AppError, ERRORS, problemOf } from '../errors.ts';
import type { ErrorCode } from '../errors.ts';
import { PROBLEM_TYPE } from './problem.ts';
import type { BodyKind } from './route.ts';
import { Problem } from './schemas.ts';

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
type JsonObject = Record<string, Json>;

/** What the guard and the server may answer to any request. */
const ANY_ROUTE: readonly ErrorCode[] = [
  'BAD_REQUEST',
  'TOKEN_IN_QUERY',
  'ORIGIN_FORBIDDEN',
  'REQUEST_TIMEOUT',
  'MISDIRECTED',
  'TOO_MANY_REQUESTS',
  'HEADERS_TOO_LARGE',
  'INTERNAL',
  'OVERLOADED',
  'SHUTTING_DOWN',
];
const WITH_TOKEN: readonly ErrorCode[] = ['UNAUTHORIZED'];
const WITH_BODY: readonly ErrorCode[] = ['BODY_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'];

const METHODS = ['get', 'post', 'patch', 'delete'] as const;

export function registerOpenapi(app: FastifyInstance, version: string): void {
  app.register(swagger, {
    convertConstToEnum: false,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Zhiyin · 指印',
        version,
        description:
          'The daemon on a mediation committee’s PC: it reads fingerprints, puts them on the agreement, applies the committee’s seal, and checks sealed PDFs.',
      },
      servers: [{ url: 'http://127.0.0.1:17170' }],
      security: [{ token: [] }],
      tags: [
        { name: 'status' },
        { name: 'readers' },
        { name: 'captures' },
        { name: 'agreements' },
        { name: 'seal' },
        { name: 'verification' },
      ],
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description: 'The token of the file that the daemon names at start',
          },
        },
      },
    },
    // What a route says of itself beside its schema travels to `finish` as extensions of the operation.
    transform: ({ schema, url, route }) => ({
      url,
      schema: {
        ...schema,
        'x-body': route.config?.body,
        'x-body-optional': route.config?.bodyOptional === true,
        'x-problems': route.config?.problems ?? [],
      },
    }),
    transformObject: (document) => finish(document as unknown as { readonly openapiObject: JsonObject }),
  });
}

export function openapiRoute(app: FastifyInstance): void {
  app.get(
    '/openapi.json',
    {
      schema: {
        operationId: 'getOpenapi',
        tags: ['status'],
        summary: 'This document; needs no token',
        security: [],
        response: {
          200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
        },
      },
    },
    () => app.swagger(),
  );
}

/** Adds to each operation its PDF body and its problems, and gives the schemas that have a title their place and name. */
function finish({ openapiObject }: { readonly openapiObject: JsonObject }): JsonObject {
  const schemas: JsonObject = {};
  const used = new Set<ErrorCode>();
  const paths = objectOf(openapiObject['paths']);
  for (const path of Object.values(paths)) {
    for (const method of METHODS) {
      const operation = objectOf(path)[method];
      if (operation !== undefined) finishOperation(objectOf(operation), used);
    }
  }
  const named = nameSchemas(paths, schemas);
  nameSchemas(Problem as unknown as Json, schemas);
  const examples = Object.fromEntries(
    [...used]
      .toSorted()
      .map((code) => [code, { summary: ERRORS[code].title, value: problemOf(new AppError(code)) as Json }]),
  );
  const components = { ...objectOf(openapiObject['components']), schemas: sorted(schemas), examples };
  return { ...openapiObject, paths: named, components };
}

function finishOperation(operation: JsonObject, used: Set<ErrorCode>): void {
  const body = operation['x-body'] as BodyKind | undefined;
  const own = operation['x-problems'] as ErrorCode[];
  const isBodyOptional = operation['x-body-optional'] === true;
  delete operation['x-body'];
  delete operation['x-body-optional'];
  delete operation['x-problems'];
  if (body === 'application/pdf') {
    operation['requestBody'] = {
      required: true,
      content: { [body]: { schema: { type: 'string', contentMediaType: body } } },
    };
  }
  if (isBodyOptional) objectOf(operation['requestBody'])['required'] = false;
  const isPublic = Array.isArray(operation['security']);
  const codes = new Set([
    ...ANY_ROUTE,
    ...(isPublic ? [] : WITH_TOKEN),
    ...(body === undefined ? [] : WITH_BODY),
    ...own,
  ]);
  const responses = objectOf(operation['responses']);
  for (const [status, ofStatus] of Map.groupBy(codes, (code) => ERRORS[code].status)) {
    responses[String(status)] = {
      description: ofStatus.map((code) => ERRORS[code].title).join('; '),
      content: {
        [PROBLEM_TYPE]: {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries(ofStatus.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
        },
      },
    };
    for (const code of ofStatus) used.add(code);
  }
}

/** The value with each schema that has a title replaced by a reference to it; the schemas themselves go into `schemas`. */
function nameSchemas(value: Json, schemas: JsonObject): Json {
  if (Array.isArray(value)) return value.map((each) => nameSchemas(each, schemas));
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, isData(name) ? each : nameSchemas(each, schemas)]),
  );
  const { title } = inner;
  if (typeof title !== 'string' || !('type' in inner || 'anyOf' in inner)) return inner;
  const { title: _, ...schema } = inner;
  schemas[title] = schema;
  return { $ref: `#/components/schemas/${title}` };
}

/** Members that hold values, not schemas. */
function isData(name: string): boolean {
  return name === 'example' || name === 'examples' || name === 'enum' || name === 'const';
}

function sorted(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).toSorted(([a], [b]) => a.localeCompare(b)));
}

function objectOf(value: Json | undefined): JsonObject {
  return value as JsonObject;
}
