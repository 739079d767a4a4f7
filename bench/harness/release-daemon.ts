/**
 * The daemon of a release, built from this tree, below a service manager of the simplest kind: one that
 * ends is started again at once. What a host runs is a release; from sources a start takes longer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestScope } from '@shoal/test-kit';
import type { OwnDaemon } from '../../test/support/own-daemon.ts';
import { stageOwnRelease } from './staged-release.ts';

const TICKS_PER_SECOND = 100;

/** Builds the release and starts `shoal snapshotter` of it. */
export async function startReleaseDaemon(
  scope: TestScope,
  directory: string,
  { root, run }: OwnDaemon,
): Promise<void> {
  const program = await stageOwnRelease(join(directory, 'release'));
  const args = ['snapshotter', '--root', root, '--run', run];
  let isOver = false;
  let daemon: ChildProcess | undefined;
  const start = () => {
    const log = openSync(join(directory, 'daemon.log'), 'a');
    daemon = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    daemon.once('exit', () => {
      if (!isOver) start();
    });
  };
  start();
  scope.teardown(async () => {
    isOver = true;
    if (daemon?.exitCode !== null || daemon.signalCode !== null) return;
    const ended = once(daemon, 'exit');
    daemon.kill();
    await ended;
  });
}

/** Resident, as the kernel counts it: with the pages of Node's program, which other processes share. */
export function residentMiB(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}

/** Processor time of all threads so far. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The command in parentheses may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[11], fields[12]];
  return ((Number(user) + Number(system)) / TICKS_PER_SECOND) * 1000;
}
