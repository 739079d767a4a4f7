/**
 * The command in two ways: as the real program, and in the process of the test, which is a hundred
 * times quicker and differs in nothing but the streams.
 */
import { fileURLToPath } from 'node:url';
import { runCommand } from '@shoal/test-kit';
import { createProgram, ExitCode, Output, registerCommands, runProgram } from '../../src/index.ts';

export const SHOAL = fileURLToPath(new URL('../../../../bin/shoal', import.meta.url));

export type Outcome = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs the real program. */
export function shoal(...args: string[]): Promise<Outcome> {
  return runCommand(SHOAL, args, { timeoutMs: 120_000 });
}

/** Runs the command line in this process. */
export async function shoalHere(...args: string[]): Promise<Outcome> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  let finished: number = ExitCode.done;
  const context = {
    output: collect(stdout),
    diagnostics: collect(stderr),
    env: process.env,
    uid: process.getuid?.(),
    signal: new AbortController().signal,
    finish: (code: number) => {
      finished = code;
    },
  };
  const program = createProgram(context);
  await registerCommands(program, context, args[0]);
  const code = await runProgram(program, args, context);
  return {
    exitCode: code === ExitCode.done ? finished : code,
    stdout: Buffer.concat(stdout).toString(),
    stderr: Buffer.concat(stderr).toString(),
  };
}

function collect(pieces: Buffer[]): Output {
  return new Output({
    write: (chunk, callback) => {
      pieces.push(Buffer.from(chunk));
      callback();
    },
  });
}
