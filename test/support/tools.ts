/** Programs of other people that judge our output: skipped loudly where they are not installed. */
import { spawnSync } from 'node:child_process';
import { describe, it } from 'vitest';
import { hasTool } from '../../scripts/corpus/tool.ts';

export { hasTool } from '../../scripts/corpus/tool.ts';

/** A `describe` that needs every one of `tools` on the PATH. */
export function describeTool(tools: string | readonly string[], title: string, body: () => void): void {
  const missing = [tools].flat().filter((tool) => !hasTool(tool));
  if (missing.length > 0) {
    console.warn(`SKIPPED, ${missing.join(', ')} not installed: ${title}`);
    describe.skip(title, () => it(`needs ${missing.join(', ')}`, () => undefined));
  } else {
    describe(title, body);
  }
}

/** Runs a tool to its end and gives what it said. */
export function runTool(
  command: string,
  args: readonly string[],
  options: { readonly env?: NodeJS.ProcessEnv } = {},
): { status: number; stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  });
  if (error !== undefined) throw error;
  return { status: status ?? -1, stdout, stderr };
}
