/** Runs one program of a test part in its own process group, with a deadline, keeping its output. */
import { type ChildProcess, spawn } from 'node:child_process';

/** How long the pipes of a program that has ended may stay open. */
const PIPE_GRACE_MS = 2000;

export type RunRequest = {
  readonly command: string;
  readonly arguments: readonly string[];
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
};

export type RunResult = {
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly timedOut: boolean;
  readonly output: string;
  readonly stdout: string;
  readonly durationMs: number;
};

/** Process groups that are alive now; all are killed when the runner itself is told to end. */
const liveGroups = new Set<number>();

/** Kills every process group that is still there. */
export function killAllGroups(): void {
  for (const group of liveGroups) killGroup(group);
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // The group is gone already: that is what was wanted.
  }
}

/** Runs the program to its end or its deadline; what it leaves in its process group is killed. */
export async function runFile(request: RunRequest): Promise<RunResult> {
  const startedAt = performance.now();
  const child = spawn(request.command, request.arguments, {
    cwd: request.directory,
    env: request.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const group = child.pid;
  if (group !== undefined) liveGroups.add(group);
  const both: Buffer[] = [];
  const stdout: Buffer[] = [];
  child.stdout.on('data', (bytes: Buffer) => {
    both.push(bytes);
    stdout.push(bytes);
  });
  child.stderr.on('data', (bytes: Buffer) => both.push(bytes));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    if (group !== undefined) killGroup(group);
  }, request.timeoutMs);
  const end = await endOf(child);
  clearTimeout(timer);
  if (end.failure !== undefined) both.push(Buffer.from(`${end.failure.message}\n`));
  child.stdout.destroy();
  child.stderr.destroy();
  if (group !== undefined) {
    killGroup(group);
    liveGroups.delete(group);
  }
  const durationMs = performance.now() - startedAt;
  const texts = { output: textOf(both), stdout: textOf(stdout) };
  return { exitCode: end.exitCode, signal: end.signal, timedOut, ...texts, durationMs };
}

type End = Pick<RunResult, 'exitCode' | 'signal'> & { readonly failure?: Error };

/**
 * Waits for 'exit' and a short grace instead of 'close': a daemon that a test leaves behind may hold
 * the pipes for ever.
 */
function endOf(child: ChildProcess): Promise<End> {
  return new Promise<End>((resolve) => {
    child.on('error', (failure) => resolve({ exitCode: 127, signal: undefined, failure }));
    child.on('exit', (code, signal) => {
      const finish = () => resolve({ exitCode: code ?? undefined, signal: signal ?? undefined });
      child.on('close', finish);
      setTimeout(finish, PIPE_GRACE_MS).unref();
    });
  });
}

function textOf(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString();
}
