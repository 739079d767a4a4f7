/** Runs one of the coreutils and reads the little it prints. They manage trees of any depth. */
import { spawn } from 'node:child_process';

export type ToolResult = { readonly exitCode: number; readonly output: string };

export type ToolOptions = { readonly signal?: AbortSignal | undefined };

/** Of standard output; a total is a line. */
const OUTPUT_CHARS_MAX = 64 << 10;

/** Resolves with how it ended; rejects when it cannot be started or was aborted. */
export async function runTool(
  command: 'du' | 'rm',
  args: readonly string[],
  { signal }: ToolOptions = {},
): Promise<ToolResult> {
  signal?.throwIfAborted();
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    ...(signal === undefined ? {} : { signal }),
  });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.once('error', reject);
  child.once('close', (code) => resolve(code ?? 1));
  // Without a process there may be no streams: the error says why (EMFILE).
  if (child.pid === undefined) return { exitCode: await promise, output: '' };
  let output = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (text: string) => {
    if (output.length < OUTPUT_CHARS_MAX) output += text;
  });
  return { exitCode: await promise, output };
}
