/**
 * The log: JSON lines in rolling files of the state folder, readable lines on a terminal. What may be logged is a list (`FIELDS`),
 * and anything else that a caller passes is dropped: no name, template, picture, passphrase, token or PDF text can get in by accident.
 */
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import pino from 'pino';
import type { StreamEntry } from 'pino';
import type { Config } from './config.ts';
import { AppError } from './errors.ts';

type Kind = 'number' | 'id' | 'word' | 'route' | 'origin';

/** Every member that a line can have, and what its value looks like. An id is one that the daemon or the configuration gave. */
const FIELDS = {
  requestId: 'id',
  method: 'word',
  /** The pattern, `/v1/captures/:id`, never the address itself. */
  route: 'route',
  status: 'number',
  ms: 'number',
  origin: 'origin',
  port: 'number',
  agreementId: 'id',
  captureId: 'id',
  readerId: 'id',
  driver: 'id',
  link: 'word',
  state: 'word',
  code: 'word',
  pages: 'number',
  bytes: 'number',
  count: 'number',
  quality: 'number',
  ledgerN: 'number',
  padesLevel: 'word',
  version: 'id',
} as const satisfies Record<string, Kind>;

type Value<K extends Kind> = K extends 'number' ? number : string;

export type LogFields = {
  readonly [Name in keyof typeof FIELDS]?: Value<(typeof FIELDS)[Name]> | undefined;
} & {
  /** Anything thrown. Of an AppError its code and detail are told, of others their name, code and frames: their message may quote input. */
  readonly error?: unknown;
};

/** `message` is a constant: what differs belongs into the fields. */
export interface Log {
  readonly debug: (fields: LogFields, message: string) => void;
  readonly info: (fields: LogFields, message: string) => void;
  readonly warn: (fields: LogFields, message: string) => void;
  readonly error: (fields: LogFields, message: string) => void;
}

export interface LogOptions extends Pick<Config['log'], 'level' | 'maxMegabytes' | 'files'> {
  /** Folder of the log files, made when absent; null: no file. */
  readonly folder: string | null;
  /** Where readable lines go; null: nowhere. */
  readonly terminal: NodeJS.WritableStream | null;
}

export interface OpenLog {
  readonly log: Log;
  /** Later lines are dropped. */
  readonly close: () => Promise<void>;
}

/**
 * Opens the log. Lines are written at once, not collected: a line costs some 4 µs, and the last one before a crash is the one
 * that is needed. A log that cannot be written (full disk) does not stop the daemon.
 */
export async function createLog(options: LogOptions): Promise<OpenLog> {
  const streams: StreamEntry<pino.LevelWithSilent>[] = [];
  const closers: (() => Promise<unknown>)[] = [];
  if (options.folder !== null) {
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    const { default: openRollingFile } = await import('pino-roll');
    const stream = await openRollingFile({
      file: join(options.folder, 'zhiyin'),
      size: `${options.maxMegabytes}m`,
      limit: { count: options.files, removeOtherLogFiles: true },
      mkdir: false,
      mode: 0o600,
      sync: true,
    });
    stream.on('error', () => {
      // There is no place left to tell it.
    });
    streams.push({ level: options.level, stream });
    closers.push(() => {
      // Where it could not be written it may not close in order either.
      const closed = once(stream, 'close').catch(() => undefined);
      stream.end();
      return closed;
    });
  }
  if (options.terminal !== null) {
    const { default: pretty } = await import('pino-pretty');
    streams.push({
      level: options.level,
      stream: pretty({
        destination: options.terminal,
        colorize: true,
        singleLine: true,
        translateTime: 'SYS:HH:MM:ss.l',
      }),
    });
  }
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }), log: allowed },
      errorKey: 'error',
    },
    pino.multistream(streams),
  );
  return {
    log: {
      debug: (fields, message) => logger.debug(fields, message),
      info: (fields, message) => logger.info(fields, message),
      warn: (fields, message) => logger.warn(fields, message),
      error: (fields, message) => logger.error(fields, message),
    },
    async close() {
      logger.level = 'silent';
      await Promise.all(closers.map((close) => close()));
    },
  };
}

const FORMS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  number: (value) => typeof value === 'number' || value === null,
  id: matching(/^[A-Za-z0-9._:-]{1,80}$/),
  word: matching(/^[A-Za-z][A-Za-z0-9_-]{0,60}$/),
  route: matching(/^\/[A-Za-z0-9_\-./:{}*]{0,100}$/),
  origin: matching(/^https?:\/\/[a-z0-9.\-:[\]]{1,260}$/),
};

function matching(form: RegExp): (value: unknown) => boolean {
  return (value) => typeof value === 'string' && form.test(value);
}

/** What of `fields` may be written. */
function allowed(fields: Record<string, unknown>): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(FIELDS)) {
    const value = fields[name];
    if (value !== undefined) out[name] = FORMS[kind](value) ? value : '[withheld]';
  }
  if (fields['error'] !== undefined) out['error'] = told(fields['error']);
  return out;
}

/** An error without what it may quote; its causes, too. */
function told(error: unknown, depth = 0): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const { name, message, cause, stack = '' } = error;
  const code = (error as { code?: unknown }).code;
  return {
    name: FORMS.word(name) ? name : 'Error',
    ...(FORMS.word(code) ? { code } : {}),
    ...(error instanceof AppError ? { detail: error.detail } : {}),
    frames: stack
      .slice(stack.indexOf(message) + message.length)
      .split('\n')
      .flatMap((line) => /^\s+at (.+:\d+:\d+\)?)$/.exec(line)?.[1] ?? []),
    ...(cause === undefined || depth === 3 ? {} : { cause: told(cause, depth + 1) }),
  };
}
