/** Which external tools are on this machine, and what to do in a test when one is not. */
import { spawnSync } from 'node:child_process';

/** True when the tool is in PATH. */
export function isToolThere(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
}

/** Tap options that skip with a reason, or fail when every test has to run. */
export function skipOptions(reason: string | undefined): { skip?: string } {
  if (reason === undefined) return {};
  if (process.env['SHOAL_TEST_STRICT'] === '1') throw new Error(`cannot run: ${reason}`);
  return { skip: reason };
}
