/** In a sealing process's place: dies or says nothing where the input's name says so, and refuses all else. */
import type { SealAnswer, Task } from '../../scripts/corpus/seal-child.ts';

process.on('message', ({ input }: Task) => {
  if (input.includes('die')) process.exit(7);
  if (input.includes('kill')) process.kill(process.pid, 'SIGKILL');
  if (input.includes('hang')) return;
  process.send?.({ kind: 'refused', ms: 1, code: 'PDF_UNREADABLE', detail: String(process.pid) } satisfies SealAnswer);
});
process.on('disconnect', () => process.exit());
process.send?.('ready');
