/** Runs a program to its end without blocking the event loop, with a deadline. */
import { spawn } from 'node:child_process';

export type CommandOptions = {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** @default 120000 */
  readonly timeoutMs?: number;
};

export type CommandResult = {
  /** -1 when a signal ended it. */
  readonly exitCode: number;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
};

/** Runs it; any exit code is a result. Rejects when it cannot be started or runs out of time. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => errors.push(bytes));
  // A program that ends without reading its input is not an error of the caller.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
  child.on('error', reject);
  child.on('close', (code, signal) => {
    const stderr = Buffer.concat(errors).toString();
    const stdout = Buffer.concat(output).toString();
    if (isLate) {
      reject(new Error(`${command} ${args.join(' ')} ran longer than ${timeoutMs} ms\n${stderr}`));
    } else resolve({ exitCode: code ?? -1, signal: signal ?? undefined, stdout, stderr });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** Like {@link runCommand}, but an exit code other than 0 is an error that shows what it printed. */
export async function runChecked(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const result = await runCommand(command, args, options);
  if (result.exitCode !== 0) {
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.signal ?? result.exitCode}\n${result.stdout}${result.stderr}`,
    );
  }
  return result;
}
