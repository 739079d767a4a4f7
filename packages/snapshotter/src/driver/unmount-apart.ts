/**
 * Unmounting in a process of its own. When a reader was killed while its bytes were on their way,
 * the kernel ends the file system only after that read is answered, by us: a thread of the daemon
 * would wait for the daemon, and even keep a successor from its locks. The mount itself is gone at
 * once; only the end of the kernel's structures waits.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { shellWord } from '@shoal/errors';
import {
  isMountpoint,
  listMounts,
  MountBusyError,
  MountFailedError,
  unmount,
  whoUses,
} from '@shoal/linux';

/** How often to look whether the kernel waits for reads that nobody waits for any more. */
const STALL_CHECK_MS = 300;
/** util-linux and BusyBox have it behind the path, in which anything may stand. */
const BUSY = /: (?:target is busy|Device or resource busy)\.?\s*$/m;
/** After this long the kernel finishes by itself, if it holds no name any more. */
const GIVE_UP_MS = 5_000;
/** A host that has not even unmounted by then is stuck: nothing shall be unmounted later. */
const NO_ANSWER_MS = 30_000;

export type UnmountApartOptions = {
  readonly lazy?: boolean | undefined;
  /** Called when the kernel waits for reads of the mount that has gone. */
  readonly onStall?: () => void;
};

type Ending = { readonly exitCode: number; readonly errors: string } | 'still-running';

/** @throws ERR_LINUX_MOUNT_BUSY naming the users, ERR_LINUX_MOUNT_FAILED */
export async function unmountApart(
  mountpoint: string,
  options: UnmountApartOptions = {},
): Promise<void> {
  refuseCovered(mountpoint);
  const ending = await runUnmount(mountpoint, options);
  if (ending === 'still-running' || ending.exitCode === 0) return;
  // Somebody else was faster.
  if (!isMountpoint(mountpoint)) return;
  if (BUSY.test(ending.errors)) {
    const below = listMounts()
      .map((entry) => entry.mountpoint)
      .filter((path) => path.startsWith(`${mountpoint}/`));
    throw new MountBusyError(mountpoint, whoUses(mountpoint), below);
  }
  throw new MountFailedError(`cannot unmount ${mountpoint}: ${ending.errors.trim()}`, 'EIO');
}

/** Out of sight, at once: its server has gone, so that nobody is waited for. @throws ERR_LINUX_MOUNT_FAILED */
export function unmountDead(mountpoint: string): void {
  refuseCovered(mountpoint);
  unmount(mountpoint, { lazy: true });
}

/** The kernel takes the topmost away, and ours was the first at this place. */
function refuseCovered(mountpoint: string): void {
  const [own, ...above] = listMounts().filter((entry) => entry.mountpoint === mountpoint);
  const top = above.at(-1);
  if (own === undefined || top === undefined) return;
  const what = `${top.fileSystem} (${top.source})`;
  throw new MountFailedError(`cannot unmount ${mountpoint}: ${what} lies over it`, 'EBUSY', {
    remedy: `unmount what lies over it first: umount ${shellWord(mountpoint)}`,
  });
}

/**
 * The mount has gone and its file system is being ended. A process that is only slow to start, or a
 * lazy unmount that leaves its users alone, is not in an uninterruptible sleep then.
 */
function isStalled(pid: number | undefined, mountpoint: string): boolean {
  if (pid === undefined || isMountpoint(mountpoint)) return false;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.startsWith('D', stat.lastIndexOf(')') + 2);
  } catch {
    // It has just ended.
    return false;
  }
}

async function runUnmount(mountpoint: string, options: UnmountApartOptions): Promise<Ending> {
  const flags = options.lazy === true ? ['-i', '-l'] : ['-i'];
  const child = spawn('umount', [...flags, mountpoint], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
    detached: true,
  });
  const stall = setInterval(() => {
    if (isStalled(child.pid, mountpoint)) options.onStall?.();
  }, STALL_CHECK_MS);
  let giveUp: NodeJS.Timeout | undefined;
  try {
    return await new Promise<Ending>((resolve, reject) => {
      let errors = '';
      child.once('error', reject);
      child.once('close', (code) => resolve({ exitCode: code ?? 1, errors }));
      // Without a process there may be no streams: the error says why (EMFILE).
      if (child.pid === undefined) return;
      child.stderr.on('data', (bytes) => {
        errors += String(bytes);
      });
      let waitedMs = 0;
      const look = () => {
        waitedMs += GIVE_UP_MS;
        if (!isMountpoint(mountpoint)) resolve('still-running');
        else if (waitedMs < NO_ANSWER_MS) giveUp = setTimeout(look, GIVE_UP_MS);
        else {
          child.kill('SIGKILL');
          reject(new MountFailedError(`cannot unmount ${mountpoint}: no answer`, 'ETIMEDOUT'));
        }
      };
      giveUp = setTimeout(look, GIVE_UP_MS);
    });
  } finally {
    clearInterval(stall);
    clearTimeout(giveUp);
    if (child.pid !== undefined) child.stderr.destroy();
    child.unref();
  }
}
