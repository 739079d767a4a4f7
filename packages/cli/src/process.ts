/**
 * Connects the process (streams, signals, exit code) to the command tree.
 */
import { registerCommands } from './commands/index.ts';
import type { CliContext } from './context.ts';
import { ExitCode } from './exit-code.ts';
import { Output } from './output.ts';
import { createProgram, runProgram } from './program.ts';

/** Runs the command line this process was started with, and ends the process. */
export async function runProcess(): Promise<never> {
  // Write errors come back through the callback of each write; these would crash the process.
  process.stdout.on('error', () => {});
  process.stderr.on('error', () => {});
  let finished: ExitCode = ExitCode.done;
  const context: CliContext = {
    output: new Output(process.stdout),
    diagnostics: new Output(process.stderr),
    env: process.env,
    uid: process.getuid?.(),
    signal: listenForSignals(),
    finish: (code) => {
      finished = code;
    },
  };
  const program = createProgram(context);
  const argv = process.argv.slice(2);
  await registerCommands(program, context, argv[0]);
  const code = await runProgram(program, argv, context);
  // Not left to the event loop: idle connections and threads would hold it for seconds.
  process.exit(code === ExitCode.done ? finished : code);
}

/** The first signal asks the command to stop and clean up; the second one ends it at once. */
function listenForSignals(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(ExitCode.interrupted);
      // Finishing or undoing what runs may take seconds, and somebody sits there.
      if (name === 'SIGINT' && process.stderr.isTTY) {
        process.stderr.write('\nshoal: stopping; once more ends it at once\n');
      }
      controller.abort();
    });
  }
  return controller.signal;
}
