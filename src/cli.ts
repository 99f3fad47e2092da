/** The command line: text for people or one JSON document for programs. It decides nothing that a service decides. */
import { Command, CommanderError } from 'commander';
import { addCapture } from './cli/capture.ts';
import { addConfig } from './cli/config.ts';
import { addExtend } from './cli/extend.ts';
import { problemLine } from './cli/output.ts';
import { addReaders } from './cli/readers.ts';
import { addSeal } from './cli/seal.ts';
import { addServe } from './cli/serve.ts';
import { addVerify } from './cli/verify.ts';
import { AppError, isAppError, problemOf } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { version } from './package.ts';

/** sysexits.h: the command was used wrongly; the input was no good. */
const EX_USAGE = 64;
const EX_DATAERR = 65;

const EXIT_CODES: Readonly<Partial<Record<ErrorCode, number>>> = {
  USAGE: EX_USAGE,
  SIGNATURE_ABSENT: EX_DATAERR,
  SIGNATURE_BROKEN: EX_DATAERR,
};

/** Runs one command; resolves to the exit code. Never throws, never prints a stack. */
export async function runCli(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const end = (code: number): void => {
    exitCode = code;
  };
  const program = new Command('zhiyin')
    .description('指印: fingerprints and the seal onto agreements, and proof of it afterwards')
    .version(version)
    .exitOverride()
    // What is wrong is told by `fail`, in one line; commands under this one inherit the silence.
    .configureOutput({ writeErr: () => undefined });
  addServe(program, end);
  addSeal(program, end);
  addVerify(program, end);
  addExtend(program, end);
  addReaders(program);
  addCapture(program);
  addConfig(program);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return fail(error, args);
  }
}

/** One line on stderr, with --json the problem on stdout too; gives the exit code. */
function fail(error: unknown, args: readonly string[]): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0; // --help, --version
  const known =
    error instanceof CommanderError
      ? new AppError(
          'USAGE',
          error.code === 'commander.help' ? 'expected a command' : error.message.replace(/^error: /, ''),
        )
      : isAppError(error)
        ? error
        : new AppError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error });
  process.stderr.write(problemLine(known));
  if (args.includes('--json')) process.stdout.write(`${JSON.stringify(problemOf(known), null, 2)}\n`);
  // `verify` speaks of the document by its exit codes; everything else that goes wrong with it is the call's fault.
  return EXIT_CODES[known.code] ?? (args[0] === 'verify' ? EX_USAGE : 1);
}
