/**
 * Directories for what is half written. Their names tell which process they belong to, so that the
 * next writer removes what a killed one left: boot and pid name space (another host or container
 * may share the disk), process id and the time it started.
 */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';

const OWNER = /^([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{12}$/;
/** Field 22 of proc_pid_stat(5), counted behind the name, which may hold blanks. */
const START_TIME_FIELD = 19;

/** A name nobody else uses. Where /proc cannot be read it is one that nobody will remove either. */
export async function stagingName(prefix: string): Promise<string> {
  const random = randomBytes(6).toString('hex');
  const [world, startTime] = await Promise.all([worldOf(), startTimeOf(process.pid)]);
  if (world === undefined || startTime === undefined) return `${prefix}${random}`;
  return `${prefix}${world}-${process.pid}-${startTime}-${random}`;
}

/** Removes directories of processes of this world that have ended. Best effort. */
export async function removeStaleStaging(directory: string, prefix: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  for (const name of names) {
    if (name.startsWith(prefix) && (await isOwnerGone(name.slice(prefix.length)))) {
      await rm(join(directory, name), { recursive: true, force: true }).catch(() => undefined);
    }
  }
}

/**
 * Whether the process has ended that made a name (without its prefix). False for other worlds, of
 * which an earlier boot is one: what is left is in nobody's way, what is taken from the living is lost.
 */
async function isOwnerGone(owner: string): Promise<boolean> {
  const [, world, pid, startTime] = OWNER.exec(owner) ?? [];
  if (world === undefined || world !== (await worldOf())) return false;
  return (await startTimeOf(Number(pid))) !== startTime;
}

async function worldOf(): Promise<string | undefined> {
  try {
    const parts = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readlink('/proc/self/ns/pid'),
    ]);
    return createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 8);
  } catch {
    return undefined;
  }
}

/** Clock ticks since boot; undefined when there is no such process. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[START_TIME_FIELD];
}
