/** Runs the `shoal` command of this checkout as a user would. */
import { join } from 'node:path';
import { type CommandOptions, type CommandResult, runChecked, runCommand } from '@shoal/test-kit';
import { root } from './source-files.ts';

export const SHOAL = join(root, 'bin', 'shoal');

const TIMEOUT_MS = 240_000;

/** Runs it; whatever exit code is a result. */
export function tryShoal(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return runCommand(SHOAL, args, { timeoutMs: TIMEOUT_MS, ...options });
}

/** Runs it; an exit code other than 0 fails the test with what it said. */
export function runShoal(
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return runChecked(SHOAL, args, { timeoutMs: TIMEOUT_MS, ...options });
}
