import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { progressOn } from '../../src/cli/progress.ts';

/** What is seen on a stream while three of four steps are made, the second of them after a signal. */
function shownBy(isTTY: boolean, forPrograms = false): string {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 120 }) as unknown as NodeJS.WriteStream;
  const progress = progressOn(stream, forPrograms);
  progress.found(4);
  progress.begin('one.pdf');
  progress.end('said of one');
  progress.stopping();
  progress.begin('two.pdf');
  progress.end('said of two');
  progress.close();
  return String((stream as unknown as PassThrough).read() ?? '');
}

it('is a line for each step where nobody looks at a terminal', () => {
  expect(shownBy(false).split('\n')).toEqual([
    '[1/4] said of one',
    expect.stringContaining('stopping'),
    '[2/4] said of two',
    '',
  ]);
});

it('is a bar at a terminal, also for programs', () => {
  for (const forPrograms of [false, true]) {
    const shown = shownBy(true, forPrograms);
    expect(shown).toMatch(/[█░]{24} 0\/4/);
    expect(shown).toContain('stopping after this file');
    expect(shown).not.toContain('said of');
    // The cursor is given back.
    expect(shown.lastIndexOf('\u001b[?25h')).toBeGreaterThan(shown.lastIndexOf('\u001b[?25l'));
  }
});

it('is nothing where a program reads', () => {
  expect(shownBy(false, true)).toBe('');
});

it('is closed before it has begun where there is nothing to begin with', () => {
  const stream = Object.assign(new PassThrough(), { isTTY: true }) as unknown as NodeJS.WriteStream;
  const progress = progressOn(stream, false);
  progress.stopping();
  progress.close();
  expect(String((stream as unknown as PassThrough).read() ?? '')).not.toContain('\u001b[?25l');
});
