/**
 * What a command gets from the process: its streams, its environment, when to stop. Commands touch
 * nothing else of `process`, so that tests can run them in the same process.
 */
import type { ExitCode } from './exit-code.ts';
import type { Output } from './output.ts';

export type CliContext = {
  /** Standard output: results only. */
  readonly output: Output;
  /** Standard error: progress, warnings, errors. */
  readonly diagnostics: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of who runs the command; undefined where there are no users. */
  readonly uid: number | undefined;
  /** Aborted by SIGINT and SIGTERM. Commands pass it on and clean up. */
  readonly signal: AbortSignal;
  /** Ends the command with this code although nothing was thrown, e.g. differences were found. */
  finish(code: ExitCode): void;
};
