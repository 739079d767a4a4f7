/**
 * Who keeps a mount busy: processes with a working directory, root, program, open file or mapping
 * in it. Everything is read from /proc as text; the mount itself is never touched, so this works
 * for a mount whose server is away.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { MountUser } from '../errors.ts';
import { MOUNT_USERS_MAX } from '../limits.ts';
import { listMounts } from './mount-table.ts';

const COMMAND_PRINTED_MAX = 200;

/** Undefined for whatever ended meanwhile or may not be looked at. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function isBelow(path: string | undefined, mountpoint: string): boolean {
  return path !== undefined && (path === mountpoint || path.startsWith(`${mountpoint}/`));
}

function printable(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, COMMAND_PRINTED_MAX);
}

function commandOf(pid: string): string {
  const line = attempt(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
  if (line !== '') return printable(line);
  return printable(attempt(() => readFileSync(`/proc/${pid}/comm`, 'utf8')) ?? '?');
}

function usesOf(pid: string, mountpoint: string): string[] {
  const uses: string[] = [];
  const link = (name: string) => attempt(() => readlinkSync(`/proc/${pid}/${name}`));
  for (const name of ['cwd', 'root', 'exe']) {
    if (isBelow(link(name), mountpoint)) uses.push(name);
  }
  const fds = attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [];
  if (fds.some((fd) => isBelow(link(`fd/${fd}`), mountpoint))) uses.push('file');
  const maps = attempt(() => readFileSync(`/proc/${pid}/maps`, 'utf8')) ?? '';
  if (maps.split('\n').some((line) => isBelow(mappedPath(line), mountpoint))) uses.push('map');
  return uses;
}

const MAPS_PATH_FIELD = 5;

function mappedPath(line: string): string | undefined {
  const fields = line.split(/ +/);
  return fields.length <= MAPS_PATH_FIELD ? undefined : fields.slice(MAPS_PATH_FIELD).join(' ');
}

/** The processes that use the mount at this absolute path, by pid. */
export function whoUses(mountpoint: string): MountUser[] {
  const users: MountUser[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const uses = usesOf(pid, mountpoint);
    if (uses.length > 0) users.push({ pid: Number(pid), command: commandOf(pid), uses });
    if (users.length >= MOUNT_USERS_MAX) break;
  }
  return users;
}

/** Other mounts that lie below this one and keep it busy. */
export function mountsBelow(mountpoint: string): string[] {
  return listMounts()
    .map((entry) => entry.mountpoint)
    .filter((path) => path !== mountpoint && isBelow(path, mountpoint));
}
