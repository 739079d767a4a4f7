/** The `shoal` command as a library: the command tree and its context, for tests and tools. */
export { registerCommands } from './commands/index.ts';
export type { CliContext } from './context.ts';
export { OutputClosedError, OutputError, UsageError } from './errors.ts';
export { ExitCode, exitCodeOf } from './exit-code.ts';
export { describeFailure } from './failure.ts';
export { escapeText, formatJson, Output } from './output.ts';
export { createProgram, runProgram } from './program.ts';
