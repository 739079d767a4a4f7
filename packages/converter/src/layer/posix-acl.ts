/**
 * What the kernel does when `system.posix_acl_access` is set on a file: the permission bits follow
 * the list, and a list that says no more than the bits is not kept (`posix_acl_equiv_mode`).
 * Unpacking as root sets lists this way, so the tree must show the same.
 */
import type { ByteString } from '@shoal/rafs';

const HEADER_SIZE = 4;
const ENTRY_SIZE = 8;
const VERSION = 2;

const Tag = { userObject: 1, user: 2, groupObject: 4, group: 8, mask: 16, other: 32 } as const;

/** New permission bits and whether the list itself stays; undefined when it is not a valid list. */
export function applyAccessAcl(
  value: ByteString,
  mode: number,
): { readonly mode: number; readonly isKept: boolean } | undefined {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < HEADER_SIZE || bytes.readUInt32LE(0) !== VERSION) return undefined;
  if ((bytes.length - HEADER_SIZE) % ENTRY_SIZE !== 0) return undefined;
  let bits = 0;
  let mask: number | undefined;
  let isKept = false;
  for (let at = HEADER_SIZE; at < bytes.length; at += ENTRY_SIZE) {
    const permissions = bytes.readUInt16LE(at + 2) & 7;
    switch (bytes.readUInt16LE(at)) {
      case Tag.userObject:
        bits |= permissions << 6;
        break;
      case Tag.groupObject:
        bits |= permissions << 3;
        break;
      case Tag.other:
        bits |= permissions;
        break;
      case Tag.mask:
        mask = permissions;
        isKept = true;
        break;
      case Tag.user:
      case Tag.group:
        isKept = true;
        break;
      default:
        return undefined;
    }
  }
  if (mask !== undefined) bits = (bits & ~0o070) | (mask << 3);
  return { mode: (mode & ~0o777) | bits, isKept };
}
