/** `zhiyin verify`: whose seal it is and whether it holds, by the report and the exit code. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { composeVerifier } from '../main.ts';
import { reportText } from '../verify/report.ts';
import type { Verdict } from '../verify/report.ts';
import { addCommand, configOf } from './command.ts';
import type { CommonOptions, End } from './command.ts';
import { print } from './output.ts';

/** sysexits.h: the input was no good. */
const EX_DATAERR = 65;

const VERIFY_EXIT: Readonly<Record<Verdict, number>> = {
  VALID: 0,
  INVALID: 1,
  INDETERMINATE: 2,
  NO_SIGNATURE: 3,
  UNREADABLE: EX_DATAERR,
};

interface VerifyOptions extends CommonOptions {
  readonly trust?: readonly string[];
}

export function addVerify(program: Command, end: End): void {
  addCommand(program, 'verify', 'check a sealed PDF · 验证已用印的 PDF')
    .argument('[file]', 'PDF to check')
    .option('--trust <root...>', 'root certificates, PEM or DER')
    .action(async (named: string | undefined, options: VerifyOptions) => {
      const { trust = [] } = options;
      // `--trust ROOT FILE`: a list of roots takes in the file that follows it.
      const file = named ?? (trust.length > 1 ? trust.at(-1) : undefined);
      if (file === undefined) throw new AppError('USAGE', "missing required argument 'file'");
      end(await verify(file, named === undefined ? trust.slice(0, -1) : trust, options));
    });
}

async function verify(file: string, trust: readonly string[], options: CommonOptions): Promise<number> {
  const settings = configOf(options);
  const roots = [...settings.trust.roots, ...trust.map((path) => resolve(path))];
  const verifier = composeVerifier({ ...settings, trust: { roots } });
  try {
    const report = await verifier.verifyFile(resolve(file), new AbortController().signal);
    print(options, report, reportText);
    return VERIFY_EXIT[report.verdict];
  } finally {
    await verifier.close();
  }
}
