/**
 * Holders: a process that does nothing but keep descriptors open while a daemon is away.
 *
 * It is the system's own `sleep`, with the descriptors inherited: a megabyte, nothing that can
 * crash, nothing to upgrade. Its environment says what it is (`SHOAL_HOLDER`). It leads its own
 * session, is the last the OOM killer takes, and leaves the daemon's cgroup where that is possible,
 * so that stopping the daemon's service does not end it. It lives until `stopHolder`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HolderError } from './errors.ts';
import type { HolderRecord } from './holder-types.ts';
import { HOLDER_FDS_MAX } from './limits.ts';
import { listMounts } from './mount-table.ts';
import { closeFd, pidfdGetfd, pidfdOpen } from './syscalls.ts';

const ENVIRONMENT_MARK = 'SHOAL_HOLDER';
/** 68 years; `infinity` is not understood by every `sleep`. */
const SECONDS = '2147483647';
const FIRST_FD = 3;
const OOM_SCORE_NEVER = '-1000';
const CGROUP = 'shoal-holder';

/** Start time in clock ticks of a running process; undefined when it is gone or a zombie. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command in parentheses may itself contain parentheses and spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function attempt(change: () => void): void {
  try {
    change();
  } catch {
    // Protection that this host does not allow: the holder works without it.
  }
}

/** Takes the process out of a service's cgroup: systemd ends what is in there with the service. */
function leaveCgroup(pid: number): void {
  const [, own] = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'latin1')) ?? [];
  const root = listMounts().find((entry) => entry.fileSystem === 'cgroup2')?.mountpoint;
  if (own === undefined || own === '/' || root === undefined) return;
  const cgroup = join(root, CGROUP);
  mkdirSync(cgroup, { recursive: true });
  writeFileSync(join(cgroup, 'cgroup.procs'), String(pid));
}

/** Starts a holder of these descriptors. `purpose` finds it again with `listHolders`. */
export async function startHolder(
  fds: Readonly<Record<string, number>>,
  purpose: string,
): Promise<HolderRecord> {
  const names = Object.keys(fds);
  if (names.length === 0 || names.length > HOLDER_FDS_MAX || purpose.includes('\0')) {
    throw new HolderError(`a holder of ${names.length} descriptors: 1 to ${HOLDER_FDS_MAX}`);
  }
  const child = spawn('sleep', [SECONDS], {
    cwd: '/',
    detached: true,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', [ENVIRONMENT_MARK]: purpose },
    stdio: ['ignore', 'ignore', 'ignore', ...Object.values(fds)],
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw new HolderError('cannot start sleep as the holder of descriptors', {
      cause,
      remedy: 'install coreutils or busybox',
    });
  }
  child.unref();
  const { pid } = child;
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  if (pid === undefined || startTime === undefined)
    throw new HolderError('the holder ended at once');
  attempt(() => writeFileSync(`/proc/${pid}/oom_score_adj`, OOM_SCORE_NEVER));
  attempt(() => leaveCgroup(pid));
  return {
    pid,
    startTime,
    fds: Object.fromEntries(names.map((name, index) => [name, FIRST_FD + index])),
  };
}

/** True while exactly this process runs. */
export function isHolderAlive(record: HolderRecord): boolean {
  return startTimeOf(record.pid) === record.startTime;
}

function getFds(record: HolderRecord, pidfd: number): Record<string, number> {
  const taken: Record<string, number> = {};
  try {
    for (const [name, fd] of Object.entries(record.fds)) taken[name] = pidfdGetfd(pidfd, fd);
    return taken;
  } catch (error) {
    for (const fd of Object.values(taken)) closeFd(fd);
    throw error;
  }
}

/** Copies of the holder's descriptors; the holder keeps its own. */
export function adoptFromHolder(record: HolderRecord): Record<string, number> {
  let pidfd: number;
  try {
    pidfd = pidfdOpen(record.pid);
  } catch (cause) {
    throw new HolderError(`the holder (pid ${record.pid}) is gone`, { cause });
  }
  try {
    // After pidfd_open: from here on the pidfd means this process or none.
    if (!isHolderAlive(record)) {
      throw new HolderError(`pid ${record.pid} is not the holder any more`);
    }
    return getFds(record, pidfd);
  } catch (error) {
    if (error instanceof HolderError) throw error;
    throw new HolderError(`cannot take the descriptors of the holder (pid ${record.pid})`, {
      cause: error,
      remedy:
        'pidfd_getfd needs the right to trace the holder: run as root, without seccomp limits',
    });
  } finally {
    closeFd(pidfd);
  }
}

const STOP_CHECK_MS = 2;
const STOP_WAIT_MS = 5000;

/** Ends a holder, and with it the connections whose last descriptors it kept. Idempotent. */
export async function stopHolder(record: HolderRecord): Promise<void> {
  if (!isHolderAlive(record)) return;
  attempt(() => process.kill(record.pid, 'SIGKILL'));
  const endsAt = performance.now() + STOP_WAIT_MS;
  while (isHolderAlive(record) && performance.now() < endsAt) {
    await new Promise((resolve) => setTimeout(resolve, STOP_CHECK_MS));
  }
}

/** The running holders that were started for this purpose, also those nobody remembers. */
export function listHolders(purpose: string): number[] {
  const mark = `${ENVIRONMENT_MARK}=${purpose}`;
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(mark);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Ends every holder of this purpose but one: those a daemon started and died before recording. */
export function stopStrayHolders(purpose: string, keep?: HolderRecord): void {
  for (const pid of listHolders(purpose)) {
    if (pid !== keep?.pid) attempt(() => process.kill(pid, 'SIGKILL'));
  }
}

/** Calls once when the holder is gone. Returns a function that ends watching. */
export function watchHolder(
  record: HolderRecord,
  onGone: () => void,
  intervalMs = 1000,
): () => void {
  const timer = setInterval(() => {
    if (isHolderAlive(record)) return;
    clearInterval(timer);
    onGone();
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
