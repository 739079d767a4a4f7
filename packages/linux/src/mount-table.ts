/** The mounts of this process's name space, from /proc/self/mountinfo (proc_pid_mountinfo(5)). */
import type { MountEntry } from './mount-types.ts';

export function parseMountInfo(_text: string): MountEntry[] {
  return [];
}
export function listMounts(): MountEntry[] {
  return [];
}
export function isMountpoint(_path: string): boolean {
  return false;
}
