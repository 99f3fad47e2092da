/** The part of pino-roll, which brings no types, that log.ts uses. */
declare module 'pino-roll' {
  import type { EventEmitter } from 'node:events';

  /** A SonicBoom. */
  interface RollingFile extends EventEmitter {
    write(line: string): boolean;
    /** Writes what is left and closes; 'close' follows. */
    end(): void;
  }

  interface RollOptions {
    readonly file: string;
    readonly size: string;
    readonly limit: { readonly count: number; readonly removeOtherLogFiles: boolean };
    readonly mkdir: boolean;
    readonly mode: number;
    readonly sync: boolean;
  }

  // oxlint-disable-next-line import/no-default-export -- this is how the package is
  export default function build(options: RollOptions): Promise<RollingFile>;
}
