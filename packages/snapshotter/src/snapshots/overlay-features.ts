/** What overlayfs of this host needs and can do. Semantics: containerd's overlayutils. */
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import type { OverlayFeatures } from './overlay-mounts.ts';

const INDEX_PARAMETER = '/sys/module/overlay/parameters/index';
const TMPFS_MAGIC = 0x01021994;

/** @param directory holds the layers */
export function overlayFeatures(directory: string): OverlayFeatures {
  const options: string[] = [];
  if (inUserNamespace() && statfsSync(directory).type !== TMPFS_MAGIC) options.push('userxattr');
  // An index would tie a lower directory to one file system and refuse a second mount of an upper.
  if (existsSync(INDEX_PARAMETER)) options.push('index=off');
  return { options, mapsIds: isKernelAtLeast(5, 19) };
}

/** The first user namespace maps every id to itself (user_namespaces(7)). */
function inUserNamespace(): boolean {
  const [first = ''] = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n');
  return first.trim().split(/\s+/).join(' ') !== '0 0 4294967295';
}

function isKernelAtLeast(major: number, minor: number): boolean {
  const [, ownMajor = 0, ownMinor = 0] = (/^(\d+)\.(\d+)/.exec(release()) ?? []).map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
