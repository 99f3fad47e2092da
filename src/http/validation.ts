/** Requests against their schemas: one fault is told, with the path of the member and never its value. */
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { AppError } from '../errors.ts';

/** What of a JSON Schema is looked at to tell which form of a union was meant. */
interface Form {
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Form>>;
  readonly anyOf?: readonly (TSchema & Form)[];
}

interface Fault {
  readonly keyword: string;
  readonly schemaPath: string;
  /** JSON pointer (RFC 6901). */
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

const PARTS: Readonly<Record<string, string>> = { querystring: 'query', params: 'path' };

/** Query strings are text and so converted; nothing else is. Refuses with BAD_REQUEST. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = 'body' }) => {
  const validator = Compile(schema);
  return (given: unknown) => {
    const value = httpPart === 'querystring' ? Value.Convert(schema, given) : given;
    if (validator.Check(value)) return { value };
    const fault = findFault(schema, value);
    const path = `${PARTS[httpPart] ?? httpPart}${fault.instancePath}`;
    return { error: new AppError('BAD_REQUEST', `${path}: ${tell(fault)}`) };
  };
};

/**
 * The first fault. A validator lists for a union what each of its forms misses; told is what the form that was meant misses, or,
 * where that cannot be seen, that it is none of them.
 */
function findFault(schema: TSchema & Form, value: unknown): Fault {
  if (schema.anyOf !== undefined) {
    const form = formMeant(schema.anyOf, value);
    return form === undefined
      ? { keyword: 'anyOf', schemaPath: '#', instancePath: '', params: {}, message: '' }
      : findFault(form, value);
  }
  const faults: readonly Fault[] = Value.Errors(schema, value);
  // A closed object reports each stranger once by its `false` schema and then all by name.
  const fault = faults.find(({ keyword }) => keyword !== 'boolean');
  if (fault === undefined) throw new AppError('INTERNAL', 'the validator refuses without a fault');
  const union = /^#((?:\/(?!anyOf\/)[^/]+)+)\/anyOf(?:\/|$)/.exec(fault.schemaPath);
  if (union?.[1] === undefined) return fault;
  const inner = union[1].split('/').slice(1);
  const depth = inner.filter((step) => step === 'properties' || step === 'items').length;
  const path = fault.instancePath
    .split('/')
    .slice(0, depth + 1)
    .join('/');
  const within = findFault(follow(schema, inner) as TSchema, Value.Pointer.Get(value, path));
  return { ...within, instancePath: `${path}${within.instancePath}` };
}

function formMeant(forms: readonly (TSchema & Form)[], value: unknown): (TSchema & Form) | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const given = new Map(Object.entries(value));
  const likely = forms.filter(({ properties = {} }) =>
    Object.entries(properties).every(([name, { const: only, enum: some = [only] }]) => {
      return some[0] === undefined || !given.has(name) || some.includes(given.get(name));
    }),
  );
  const begun = likely.filter(({ required = [] }) => required.some((name) => given.has(name)));
  return begun.length === 1 ? begun[0] : undefined;
}

function follow(schema: unknown, steps: readonly string[]): unknown {
  return steps.reduce((at, step) => (at as Record<string, unknown>)[step], schema);
}

function tell({ keyword, params, message }: Fault): string {
  const { additionalProperties, requiredProperties, allowedValues } = params as {
    readonly additionalProperties?: readonly string[];
    readonly requiredProperties?: readonly string[];
    readonly allowedValues?: readonly unknown[];
  };
  switch (keyword) {
    case 'additionalProperties':
      return `unknown member ${(additionalProperties ?? []).map(shortened).join(', ')}`;
    case 'required':
      return `missing ${(requiredProperties ?? []).join(', ')}`;
    case 'enum':
      return `must be one of ${(allowedValues ?? []).join(', ')}`;
    case 'anyOf':
      return 'is none of the forms that /openapi.json knows';
    default:
      return message;
  }
}

function shortened(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
}
