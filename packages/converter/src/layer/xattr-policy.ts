/**
 * Which attributes of an entry the image keeps. As umoci: `security.selinux` and `system.nfs4_acl`
 * describe the host that packed the layer and are left out, name spaces no Linux file system stores
 * are left out, each with a warning. `trusted.overlay.*` is kept as it is in the layer: the mounter
 * neutralises it, because only a mount gives it a meaning.
 */
import type { ByteString } from '@shoal/rafs';
import { compareByteStrings, printableName, XATTR_AREA_BYTES_MAX } from '@shoal/rafs';
import { LayerEntryError } from '../errors.ts';
import { NO_XATTRS } from './image-tree.ts';
import type { LayerEntry, XattrEntry } from './layer-entry.ts';
import { EntryKind } from './layer-entry.ts';
import { applyAccessAcl } from './posix-acl.ts';

const ACCESS_ACL = 'system.posix_acl_access';
const DEFAULT_ACL = 'system.posix_acl_default';
const HOST_ONLY = new Set<string>(['security.selinux', 'system.nfs4_acl']);
const PREFIXES = ['user.', 'trusted.', 'security.'];
const AREA_HEADER_SIZE = 12;
const ATTRIBUTE_HEADER_SIZE = 4;

/** The attributes to store, sorted by name, and the mode after access lists were applied. */
export function keepableXattrs(
  entry: LayerEntry,
  onWarning: (message: string) => void,
): { readonly xattrs: readonly XattrEntry[]; readonly mode: number } {
  if (entry.xattrs.length === 0) return { xattrs: NO_XATTRS, mode: entry.mode };
  let mode = entry.mode;
  const kept: XattrEntry[] = [];
  for (const xattr of entry.xattrs) {
    if (!isStorable(xattr.name)) {
      onWarning(`${printableName(entry.path)}: attribute ${printableName(xattr.name)} left out`);
      continue;
    }
    if (xattr.name === ACCESS_ACL && entry.kind !== EntryKind.symlink) {
      const acl = applyAccessAcl(xattr.value, mode);
      if (acl !== undefined) mode = acl.mode;
      if (acl !== undefined && !acl.isKept) continue;
    }
    kept.push(xattr);
  }
  checkArea(entry, kept);
  return { xattrs: kept.sort((a, b) => compareByteStrings(a.name, b.name)), mode };
}

function isStorable(name: ByteString): boolean {
  if (HOST_ONLY.has(name)) return false;
  if (name === ACCESS_ACL || name === DEFAULT_ACL) return true;
  return PREFIXES.some((prefix) => name.startsWith(prefix) && name.length > prefix.length);
}

function checkArea(entry: LayerEntry, kept: readonly XattrEntry[]): void {
  let size = AREA_HEADER_SIZE;
  for (const { name, value } of kept) {
    size += Math.ceil((ATTRIBUTE_HEADER_SIZE + name.length + value.length) / 4) * 4;
  }
  if (size > XATTR_AREA_BYTES_MAX) {
    throw new LayerEntryError('', printableName(entry.path), `${size} bytes of attributes`);
  }
}
