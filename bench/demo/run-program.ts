/** Runs the programs of the demo and says what it does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export type ProgramResult = {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
  /** From the start to the first byte on stdout; undefined when there was none. */
  readonly firstOutputMs: number | undefined;
};

const running = new Set<ChildProcess>();
let isInterrupted = false;

/** Ends what runs now, so that the demo fails at this step and cleans up after itself. */
export function interruptPrograms(): void {
  isInterrupted = true;
  for (const child of running) child.kill('SIGTERM');
}

const TICK_MS = 10_000;
let saidAt = performance.now();

/** One line to the person who watches. */
export function output(line: string): void {
  saidAt = performance.now();
  process.stdout.write(`${line}\n`);
}

/** A line every ten seconds in which nothing else is said; ends with the process. */
export function tellThatItWorks(): void {
  let toldAt = saidAt;
  setInterval(() => {
    const now = performance.now();
    if (now - Math.max(saidAt, toldAt) < TICK_MS) return;
    toldAt = now;
    process.stdout.write(`   ... ${Math.round((now - saidAt) / 1000)} s\n`);
  }, 1000).unref();
}

/** One line of a program that was started, below the step it belongs to. */
export function outputBelow(line: string): void {
  output(`   ${line}`);
}

/** Runs a program to its end; any exit code is a result. `onLine` hears what it says on stderr. */
export function runProgram(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  onLine?: (line: string) => void,
): Promise<ProgramResult> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let firstOutputMs: number | undefined;
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => {
    firstOutputMs ??= performance.now() - startedAt;
    stdout.push(bytes);
  });
  child.stderr.on('data', (bytes: Buffer) => stderr.push(bytes));
  if (onLine !== undefined) createInterface(child.stderr).on('line', onLine);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => running.delete(child));
    child.on('close', (code) =>
      resolve({
        exitCode: code ?? -1,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        durationMs: performance.now() - startedAt,
        firstOutputMs,
      }),
    );
  });
}

/** Like {@link runProgram}; an exit code other than 0 ends the demo with what the program said. */
export async function mustRun(
  command: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  onLine?: (line: string) => void,
): Promise<ProgramResult> {
  const result = await runProgram(command, args, environment, onLine);
  if (isInterrupted) throw new Error('interrupted');
  if (result.exitCode !== 0) {
    const said = `${result.stdout}${result.stderr}`.trim();
    throw new Error(`${command} ${args.join(' ')} ended with ${result.exitCode}: ${said}`);
  }
  return result;
}
