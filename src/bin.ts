/** The program behind the command `zhiyin`. */
import { runCli } from './cli.ts';
import { keepHeapSmall } from './small-heap.ts';

keepHeapSmall();
process.exitCode = await runCli(process.argv.slice(2));
