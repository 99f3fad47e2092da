/**
 * The configuration: one JSON file (comments allowed), then the environment over it; validated once, frozen, handed down.
 * This is the only reader of `process.env`.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import envPaths from 'env-paths';
import { findNodeAtLocation, getNodeValue, parseTree, printParseErrorCode } from 'jsonc-parser';
import type { Node as JsonNode, ParseError } from 'jsonc-parser';
import type { Static } from 'typebox';
import { Value } from 'typebox/value';
import { ConfigSchema } from './config-schema.ts';
import { AppError } from './errors.ts';

type DeepReadonly<T> = T extends readonly (infer E)[]
  ? readonly DeepReadonly<E>[]
  : T extends object
    ? { readonly [K in keyof T]: DeepReadonly<T[K]> }
    : T;

/** The validated, frozen configuration. Paths are absolute: relative ones count from the configuration file's folder. */
export type Config = DeepReadonly<Static<typeof ConfigSchema>> & {
  readonly storage: { readonly folder: string };
};
export type ReaderConfig = Config['reader'][number];

export interface ConfigSource {
  /** Path of the file; must exist when given. Absent: `ZHIYIN_CONFIG`, else the default place where a file may be. */
  readonly file?: string;
  readonly env: Environment;
}
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of this process, for `loadConfig`. */
export function processEnv(): Environment {
  return process.env;
}

const CONFIG_VARIABLE = 'ZHIYIN_CONFIG';
const osPaths = envPaths('zhiyin', { suffix: '' });

/** The file that holds the configuration, absolute; null where there is none. */
export function findConfigFile(source: ConfigSource): string | null {
  const named = source.file ?? source.env[CONFIG_VARIABLE];
  if (named !== undefined) return resolve(named);
  const usual = join(osPaths.config, 'config.json');
  return existsSync(usual) ? usual : null;
}

/**
 * Reads the file, lays the environment over it (`ZHIYIN_LISTEN_PORT`, `ZHIYIN_READER_0_LINK`; lists and whole lists of readers as
 * JSON), fills in defaults, validates. Throws CONFIG_UNREADABLE, or CONFIG_INVALID naming every wrong setting by its path, where it
 * stands, what was expected and what was found.
 */
export function loadConfig(source: ConfigSource): Config {
  const path = findConfigFile(source);
  const file = path === null ? null : readConfigFile(path);
  const settings = structuredClone(file === null ? {} : getNodeValue(file.root)) as unknown;
  const variables = new Map<string, string>();
  const single = isObject(settings) && isObject(settings['reader']);
  if (isObject(settings)) {
    if (single) settings['reader'] = [settings['reader']];
    for (const [place, variable] of applyEnvironment(settings, source.env)) variables.set(place, variable);
  }
  const filled = Value.Default(ConfigSchema, settings);
  const faults = [...schemaFaults(filled), ...ruleFaults(filled)];
  if (faults.length > 0) {
    const where = ({ keys }: Fault): string => {
      const variable = keys.map((_, length) => variables.get(placeOf(keys.slice(0, length + 1)))).find(Boolean);
      if (variable !== undefined) return `${variable}: `;
      return file === null ? '' : `${file.path}:${lineOf(file, single ? withoutIndex(keys) : keys)}: `;
    };
    const told = faults.map((fault) => {
      const place = placeOf(single ? withoutIndex(fault.keys) : fault.keys);
      return `${where(fault)}${place === '' ? '' : `${place}: `}${fault.message}`;
    });
    throw new AppError('CONFIG_INVALID', told.join('; '));
  }
  const config = filled as Static<typeof ConfigSchema>;
  config.storage.folder ??= osPaths.data;
  const folder = path === null ? process.cwd() : dirname(path);
  const rooted = rewrite(config, schemaNode, (value, { isPath, isPathOrUrl }) =>
    isPath === true || (isPathOrUrl === true && !isUrl(value)) ? resolve(folder, String(value)) : value,
  );
  return deepFreeze(rooted) as Config;
}

/** The configuration as it holds, to be shown to people: what is secret shows only that it is set. */
export function describeConfig(config: Config): Readonly<Record<string, unknown>> {
  return rewrite(config, schemaNode, (value, { isSecret }) => (isSecret === true ? 'set' : value)) as Record<
    string,
    unknown
  >;
}

// --- the file -----------------------------------------------------------------------------------------------------------

interface ConfigFile {
  readonly path: string;
  readonly text: string;
  readonly root: JsonNode;
}

function readConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    // Fatal, because an editor that saved in a legacy encoding would otherwise put a garbled name onto the seal.
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    const detail = cause instanceof TypeError ? `${path}: expected UTF-8, got another encoding` : path;
    throw new AppError('CONFIG_UNREADABLE', detail, { cause });
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first !== undefined || root === undefined) {
    const fault = first === undefined ? 'empty' : printParseErrorCode(first.error);
    throw new AppError('CONFIG_INVALID', `${path}:${lineAt(text, first?.offset ?? 0)}: expected JSON, got ${fault}`);
  }
  const file = { path, text, root };
  refuseDuplicates(file, root);
  return file;
}

function refuseDuplicates(file: ConfigFile, node: JsonNode, keys: Keys = []): void {
  const seen = new Set<string>();
  for (const [index, child] of (node.children ?? []).entries()) {
    const [name, value] = child.type === 'property' ? (child.children ?? []) : [undefined, child];
    const key = name === undefined ? index : String(name.value);
    if (typeof key === 'string' && seen.has(key)) {
      const place = `${file.path}:${lineAt(file.text, child.offset)}: ${placeOf([...keys, key])}`;
      throw new AppError('CONFIG_INVALID', `${place}: expected one value, got a second`);
    }
    seen.add(String(key));
    if (value !== undefined) refuseDuplicates(file, value, [...keys, key]);
  }
}

function lineOf(file: ConfigFile, keys: Keys): number {
  for (let length = keys.length; length >= 0; length--) {
    const node = findNodeAtLocation(file.root, keys.slice(0, length));
    if (node !== undefined) return lineAt(file.text, node.offset);
  }
  return 1;
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

// --- the environment ----------------------------------------------------------------------------------------------------

interface Variable {
  readonly keys: Keys;
  readonly node: SchemaNode;
}

/** Writes every `ZHIYIN_*` variable into `settings`; gives which variable set which place. */
function applyEnvironment(settings: Record<string, unknown>, env: Environment): Map<string, string> {
  const known = new Map(variablesOf(schemaNode, [], 'ZHIYIN'));
  const set = new Map<string, string>();
  const found = Object.keys(env).filter((name) => name.startsWith('ZHIYIN_') && name !== CONFIG_VARIABLE);
  // Whole lists before their elements, element 0 before element 1.
  for (const name of found.toSorted((a, b) => a.split('_').length - b.split('_').length || (a < b ? -1 : 1))) {
    const variable = known.get(name);
    const text = env[name];
    if (text === undefined) continue;
    if (variable === undefined) throw new AppError('CONFIG_INVALID', `${name}: no setting has this name`);
    assign(settings, variable.keys, valueOf(name, text, variable.node), name);
    set.set(placeOf(variable.keys), name);
  }
  return set;
}

function* variablesOf(node: SchemaNode, keys: Keys, name: string): Generator<[string, Variable]> {
  const under = (key: string | number): [Keys, string] => [
    [...keys, key],
    `${name}_${String(key).replaceAll(/[A-Z]/g, '_$&').toUpperCase()}`,
  ];
  if (node.properties === undefined) yield [name, { keys, node }];
  for (const [key, child] of Object.entries(node.properties ?? {})) yield* variablesOf(child, ...under(key));
  if (node.items?.properties === undefined) return;
  for (let index = 0; index < (node.maxItems ?? 0); index++) yield* variablesOf(node.items, ...under(index));
}

/** The variable's text as the kind of value that its setting takes; text that is no such value stays and is refused later. */
function valueOf(name: string, text: string, node: SchemaNode): unknown {
  const kind = node.type ?? typeof node.anyOf?.[0]?.const;
  if (kind === 'string') return text;
  if (kind === 'array') {
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new AppError('CONFIG_INVALID', `${name}: expected a list as JSON, got ${shown(text)}`, { cause });
    }
  }
  if (kind === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
}

function assign(settings: Record<string, unknown>, keys: Keys, value: unknown, name: string): void {
  let container: unknown = settings;
  for (const [at, key] of keys.entries()) {
    if (Array.isArray(container) && Number(key) > container.length) {
      const place = placeOf(keys.slice(0, at));
      throw new AppError(
        'CONFIG_INVALID',
        `${name}: expected an index up to ${container.length} into ${place}, got ${key}`,
      );
    }
    if (typeof container !== 'object' || container === null) return; // the file is wrong here, and is told so
    const slots = container as Record<string | number, unknown>;
    if (at === keys.length - 1) slots[key] = value;
    else slots[key] ??= typeof keys[at + 1] === 'number' ? [] : {};
    container = slots[key];
  }
}

// --- the schema, walked -------------------------------------------------------------------------------------------------

type Keys = readonly (string | number)[];

/** What is read of a schema when it is walked as data. */
interface SchemaNode {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly maxItems?: number;
  readonly anyOf?: readonly SchemaNode[];
  readonly const?: string | number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly uniqueItems?: boolean;
  readonly isPath?: boolean;
  readonly isPathOrUrl?: boolean;
  readonly isSecret?: boolean;
}
const schemaNode = ConfigSchema as unknown as SchemaNode;

interface Fault {
  readonly keys: Keys;
  readonly message: string;
}

function schemaFaults(settings: unknown): Fault[] {
  const faults = new Map<string, Fault>();
  for (const { keyword, instancePath } of Value.Errors(ConfigSchema, settings)) {
    // Both have a companion that says it better: `boolean` names the unknown key, `anyOf` the whole choice.
    if (keyword === 'additionalProperties' || keyword === 'const') continue;
    const keys = keysOf(instancePath);
    if (faults.has(instancePath)) continue;
    const node = keys.reduce<SchemaNode | undefined>(childNode, schemaNode);
    if (node === undefined) {
      const parent = keys.slice(0, -1).reduce<SchemaNode | undefined>(childNode, schemaNode);
      const names = Object.keys(parent?.properties ?? {}).join(', ');
      faults.set(instancePath, { keys, message: `unknown key; expected one of ${names}` });
    } else {
      const value = keys.reduce<unknown>((at, key) => (at as Record<string | number, unknown>)[key], settings);
      const got = node.isSecret === true ? 'something else' : shown(value);
      faults.set(instancePath, { keys, message: `expected ${expectationOf(node)}, got ${got}` });
    }
  }
  return [...faults.values()];
}

/** What the schema cannot say; only of settings that the schema takes. */
function ruleFaults(settings: unknown): Fault[] {
  if (!Value.Check(ConfigSchema, settings)) return [];
  const faults: Fault[] = [];
  for (const [index, origin] of settings.origins.entries()) {
    const exact = URL.canParse(origin) ? new URL(origin).origin : undefined;
    if (exact === origin) continue;
    const expected = exact === undefined ? 'an origin' : `${shown(exact)}, as a browser sends it`;
    faults.push({ keys: ['origins', index], message: `expected ${expected}, got ${shown(origin)}` });
  }
  const ids = settings.reader.map(({ id }) => id);
  for (const [index, id] of ids.entries()) {
    if (id === undefined || ids.indexOf(id) === index) continue;
    faults.push({ keys: ['reader', index, 'id'], message: `expected an id of its own, got ${shown(id)} again` });
  }
  return [...faults, ...authorityFaults(settings)];
}

/** Of the authorities, and of a level that cannot be had without them. */
function authorityFaults({ seal, trust, timestamp, revocation }: Static<typeof ConfigSchema>): Fault[] {
  const faults: Fault[] = [];
  const addresses: (readonly [Keys, string | undefined])[] = [
    [['timestamp', 'url'], timestamp.url],
    [['revocation', 'ocsp'], revocation.ocsp],
    ...revocation.crls.map((crl, index) => [['revocation', 'crls', index], isUrl(crl) ? crl : undefined] as const),
  ];
  for (const [keys, address] of addresses) {
    if (address === undefined) continue;
    const url = URL.canParse(address) ? new URL(address) : null;
    if (url !== null && url.username === '' && url.password === '') continue;
    faults.push({
      keys,
      message: `expected an address without a name or password in it, got ${url === null ? shown(address) : 'one'}`,
    });
  }
  const { url, username, password } = timestamp;
  if ((username === undefined) !== (password === undefined)) {
    faults.push({ keys: ['timestamp'], message: 'expected both username and password, or neither' });
  }
  if (password !== undefined && url !== undefined && !hidesPassword(url)) {
    faults.push({
      keys: ['timestamp', 'url'],
      message: `expected https, since a password goes there, got ${shown(url)}`,
    });
  }
  const highest = highestLevel({ trust, timestamp, revocation });
  if (LEVELS.indexOf(seal.level) > LEVELS.indexOf(highest.level)) {
    const message = `expected at most ${shown(highest.level)} ${highest.since}, got ${shown(seal.level)}`;
    faults.push({ keys: ['seal', 'level'], message });
  }
  return faults;
}

const LEVELS = ['B-B', 'B-T', 'B-LT', 'B-LTA'];

/** The highest level that can ever be reached, and why none above it can. */
function highestLevel({
  trust,
  timestamp,
  revocation,
}: Pick<Static<typeof ConfigSchema>, 'trust' | 'timestamp' | 'revocation'>): { level: string; since: string } {
  if (timestamp.url === undefined) return { level: 'B-B', since: 'where timestamp.url is not set' };
  if (timestamp.roots.length === 0 && trust.roots.length === 0) {
    return { level: 'B-B', since: 'where neither timestamp.roots nor trust.roots has a root' };
  }
  if (revocation.ocsp === undefined && revocation.crls.length === 0) {
    return { level: 'B-T', since: 'where neither revocation.ocsp nor revocation.crls is set' };
  }
  if (trust.roots.length === 0) return { level: 'B-T', since: 'where trust.roots has no root of the seal' };
  return { level: 'B-LTA', since: '' };
}

function isUrl(value: unknown): boolean {
  return /^https?:\/\//i.test(String(value));
}

/** Whether nobody on the way reads a password that is sent there. */
function hidesPassword(address: string): boolean {
  if (!URL.canParse(address)) return true; // told already
  const { protocol, hostname } = new URL(address);
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}

function childNode(node: SchemaNode | undefined, key: string | number): SchemaNode | undefined {
  if (node?.items !== undefined) return node.items;
  const { properties = {} } = node ?? {};
  return Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** RFC 6901. */
function keysOf(pointer: string): Keys {
  const tokens = pointer.split('/').slice(1);
  return tokens.map((token) =>
    /^\d+$/.test(token) ? Number(token) : token.replaceAll('~1', '/').replaceAll('~0', '~'),
  );
}

function placeOf(keys: Keys): string {
  return keys.map((key, at) => (typeof key === 'number' ? `[${key}]` : at === 0 ? key : `.${key}`)).join('');
}

/** The keys as they stand in a file that gives one reader as an object. */
function withoutIndex(keys: Keys): Keys {
  return keys[0] === 'reader' ? keys.filter((_, at) => at !== 1) : keys;
}

function expectationOf(node: SchemaNode): string {
  const { minimum, maximum, maxItems } = node;
  if (node.anyOf !== undefined) return `one of ${node.anyOf.map((choice) => shown(choice.const)).join(', ')}`;
  if (node.type === 'integer' || node.type === 'number') {
    return `${node.type === 'integer' ? 'a whole number' : 'a number'} from ${minimum} to ${maximum}`;
  }
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'array') {
    return `a list${node.uniqueItems === true ? ' without repetition' : ''}${maxItems === undefined ? '' : ` of at most ${maxItems}`}`;
  }
  if (node.type === 'object') return 'an object';
  if (node.pattern !== undefined) return `text of the form ${node.pattern}`;
  return node.maxLength === undefined ? 'text that is not empty' : `text of at most ${node.maxLength} characters`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A copy in which `change` has replaced each single value. */
function rewrite(
  value: unknown,
  node: SchemaNode | undefined,
  change: (value: unknown, node: SchemaNode) => unknown,
): unknown {
  if (Array.isArray(value)) return value.map((element) => rewrite(element, node?.items, change));
  if (!isObject(value)) return node === undefined ? value : change(value, node);
  const entries = Object.entries(value).map(
    ([key, member]) => [key, rewrite(member, childNode(node, key), change)] as const,
  );
  return Object.fromEntries(entries);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const member of Object.values(value)) deepFreeze(member);
    Object.freeze(value);
  }
  return value;
}
