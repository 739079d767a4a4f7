/** A Shoal daemon of the test's own: its state lies in the test's directory and goes away with it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { runCommand, type TestScope } from '@shoal/test-kit';

export type OwnDaemon = {
  /** Environment for every `shoal` command that shall talk to this daemon. */
  readonly env: NodeJS.ProcessEnv;
  /** SHOAL_ROOT. */
  readonly root: string;
  /** SHOAL_RUN. */
  readonly run: string;
};

const END_MS_MAX = 60_000;

/**
 * Sets the environment up; the first `shoal mount` starts the daemon. At the end of the test every
 * mount below `directory` is taken away and every process that names the directory is ended, the
 * holder too.
 */
export function ownDaemon(t: TestScope, directory: string): OwnDaemon {
  const root = join(directory, 'state');
  const run = join(directory, 'run');
  const env = { ...process.env, SHOAL_ROOT: root, SHOAL_RUN: run };
  t.teardown(async () => {
    if (mountsBelow(directory).length > 0) await drain(join(run, 'shoal.sock'));
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      for (const pid of processesNaming(directory)) endProcess(pid, signal);
      const endsAt = Date.now() + END_MS_MAX;
      while (processesNaming(directory).length > 0 && Date.now() < endsAt) await sleep(50);
    }
    for (const mountpoint of mountsBelow(directory)) await runCommand('umount', ['-l', mountpoint]);
  });
  return { env, root, run };
}

/** Unmounts everything if a daemon runs: here, because a command takes a second to start. */
async function drain(socket: string): Promise<void> {
  const { ControlClient } = await import('@shoal/node');
  const signal = AbortSignal.timeout(END_MS_MAX);
  await new ControlClient(socket).drain({ isLazy: true }, { signal }).catch(() => undefined);
}

/** Mountpoints below a directory, the innermost first. */
export function mountsBelow(directory: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mountpoint) => mountpoint.startsWith(`${directory}/`))
    .toReversed();
}

/** Processes whose arguments or environment name the directory, without this one. */
export function processesNaming(directory: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && pid !== process.ppid && isNaming(pid, directory));
}

/** Whether a process runs; one that waits to be reaped does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, ''));
  } catch {
    return false;
  }
}

function isNaming(pid: number, directory: string): boolean {
  if (!isAlive(pid)) return false;
  try {
    return ['cmdline', 'environ'].some((file) =>
      readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(directory),
    );
  } catch {
    // It has ended meanwhile.
    return false;
  }
}

function endProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
