/** The mounts of this process's name space, from /proc/self/mountinfo (proc_pid_mountinfo(5)). */
import { readFileSync } from 'node:fs';
import { MountTableError } from '../errors.ts';
import type { MountEntry } from './mount-types.ts';

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescapeOctal(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

const FIELDS_BEFORE_OPTIONAL = 6;

function parseLine(line: string): MountEntry {
  const separator = line.indexOf(' - ');
  const before = line.slice(0, separator).split(' ');
  const [mountId, parentId, device, root, mountpoint, options] = before;
  const [fileSystem, source, superOptions] = line.slice(separator + 3).split(' ');
  const [, major, minor] = /^(\d+):(\d+)$/.exec(device ?? '') ?? [];
  if (
    separator < 0 ||
    root === undefined ||
    mountpoint === undefined ||
    options === undefined ||
    fileSystem === undefined ||
    source === undefined ||
    superOptions === undefined ||
    major === undefined ||
    !/^\d+$/.test(mountId ?? '') ||
    !/^\d+$/.test(parentId ?? '')
  ) {
    throw new MountTableError(line);
  }
  return {
    mountId: Number(mountId),
    parentId: Number(parentId),
    major: Number(major),
    minor: Number(minor),
    root: unescapeOctal(root),
    mountpoint: unescapeOctal(mountpoint),
    options: options.split(','),
    propagation: before.slice(FIELDS_BEFORE_OPTIONAL),
    fileSystem,
    source: unescapeOctal(source),
    // A comma inside a path is escaped, too.
    superOptions: superOptions.split(',').map(unescapeOctal),
  };
}

/** Every line of a mountinfo file, in its order (later ones lie on top). */
export function parseMountInfo(text: string): MountEntry[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseLine);
}

/** The mounts this process sees. Touches none of them, so a dead one cannot hang it. */
export function listMounts(): MountEntry[] {
  return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
}

/**
 * True when something is mounted exactly at this absolute path (without symlinks). Who asks for many
 * paths reads the table once.
 */
export function isMountpoint(path: string, table: readonly MountEntry[] = listMounts()): boolean {
  return table.some((entry) => entry.mountpoint === path);
}
