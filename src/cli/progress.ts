/** How far something long is: a bar at a terminal, a line for each step where the output goes to a file, nothing for programs. */
import { SingleBar } from 'cli-progress';

export interface Progress {
  found(total: number): void;
  /** What it is at. */
  begin(name: string): void;
  /** One more is done: what is said of it where there are lines. */
  end(said: string): void;
  /** It was told to end, and will after the step under way. */
  stopping(): void;
  close(): void;
}

const STOPPING = 'stopping after this file · 完成当前文件后停止';

export function progressOn(stream: NodeJS.WriteStream, forPrograms: boolean): Progress {
  if (stream.isTTY) return bar(stream);
  return forPrograms ? silence : lines(stream);
}

const silence: Progress = { found: () => {}, begin: () => {}, end: () => {}, stopping: () => {}, close: () => {} };

function bar(stream: NodeJS.WriteStream): Progress {
  const shown = new SingleBar({
    stream,
    format: '{bar} {value}/{total}  {name}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    clearOnComplete: true,
    hideCursor: true,
    // A signal is for the run, which ends in order and with it the bar.
    gracefulExit: false,
  });
  let stopping = '';
  return {
    found: (total) => shown.start(total, 0, { name: '' }),
    begin: (name) => shown.update({ name: `${stopping}${name}` }),
    end: () => shown.increment(),
    stopping() {
      stopping = `${STOPPING}  `;
      shown.update({ name: STOPPING });
    },
    close: () => shown.stop(),
  };
}

function lines(stream: NodeJS.WriteStream): Progress {
  let total = 0;
  let done = 0;
  return {
    found(count) {
      total = count;
    },
    begin() {},
    end: (said) => stream.write(`[${++done}/${total}] ${said}\n`),
    stopping: () => stream.write(`${STOPPING}\n`),
    close() {},
  };
}
