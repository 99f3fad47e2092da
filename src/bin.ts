/** The program behind the command `zhiyin`. */
import { runCli } from './cli.ts';

process.exitCode = await runCli(process.argv.slice(2));
