/** What a containerd leaves behind when it ends: containers, their shims, sockets, mounts. */
import { globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type CommandResult, runCommand } from '@shoal/test-kit';
import { mountsBelow, processesNaming } from './own-daemon.ts';

const END_MS_MAX = 60_000;
/** Where shims keep runc's state, whatever containerd they belong to. */
const RUNC_ROOT = '/run/containerd/runc';

/** Kills and removes every task, so that each shim ends by itself. */
export async function endTasks(
  ctr: (args: readonly string[]) => Promise<CommandResult>,
): Promise<void> {
  for (const namespace of wordsOf(await ctr(['namespaces', 'list', '--quiet']))) {
    const inside = ['--namespace', namespace];
    for (const task of wordsOf(await ctr([...inside, 'tasks', 'list', '--quiet']))) {
      await ctr([...inside, 'tasks', 'delete', '--force', task]);
    }
  }
}

/**
 * Ends the shims of a containerd that has ended itself, with their containers, and takes away their
 * sockets and every mount below the directory.
 */
export async function clearContainerdLeftovers(directory: string): Promise<void> {
  // Shims put their sockets into a directory of the whole machine.
  const addresses = globSync(join(directory, 'state', 'io.containerd.runtime.v2.task/*/*/address'));
  const shims = addresses.map((file) => ({
    socket: readFileSync(file, 'utf8').replace(/^unix:\/\//, ''),
    container: basename(dirname(file)),
    namespace: basename(dirname(dirname(file))),
  }));
  const giveUpAt = Date.now() + END_MS_MAX;
  for (;;) {
    const left = processesNaming(directory);
    if (left.length === 0) break;
    if (Date.now() > giveUpAt) throw new Error(`processes of ${directory} do not end: ${left}`);
    // Containers are children of their shim and need not name the directory.
    for (const pid of [...left.flatMap(descendantsOf), ...left]) endProcess(pid);
    await sleep(25);
  }
  for (const { socket, container, namespace } of shims) {
    await runCommand('runc', [
      '--root',
      join(RUNC_ROOT, namespace),
      'delete',
      '--force',
      container,
    ]);
    rmSync(socket, { force: true });
  }
  for (const mountpoint of mountsBelow(directory)) await runCommand('umount', ['-l', mountpoint]);
}

function wordsOf({ stdout }: CommandResult): string[] {
  return stdout.split('\n').filter((line) => line !== '');
}

function descendantsOf(pid: number): number[] {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => parentOf(other) === pid);
  return children.flatMap((child) => [...descendantsOf(child), child]);
}

/** -1 when the process has ended. */
function parentOf(pid: number): number {
  try {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '');
    return Number(afterName.split(' ')[1]);
  } catch {
    return -1;
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
