/**
 * Takes the power from what overlayfs would obey in an image: attributes named `trusted.overlay.*`
 * (opaque, redirect, metacopy, ...) and character devices 0:0 (whiteouts). Without this an image
 * could show files under a writable mount that are none of its own, or hide some. The names become
 * `trusted.Overlay.*` and the devices 0:1 in a copy that only overlays use; a plain mount shows the
 * image as it is. `user.overlay.*` needs the `userxattr` option, which Shoal never gives.
 */
import { type Bootstrap, InodeKind, openBootstrap, type RafsInode } from '@shoal/rafs';

const TRUSTED_PREFIX = 4;
const OVERLAY = Buffer.from('overlay.', 'latin1');
const XATTR_HEADER_BYTES = 12;
const XATTR_ENTRY_BYTES = 4;
/** `i_u` lies at the same place in both kinds of inode. */
const INODE_UNION_OFFSET = 16;
const HARMLESS_DEVICE = 1;

/** A copy of a verified bootstrap in which nothing instructs an overlayfs. */
export function neutralizeForOverlay(verified: Buffer): Buffer {
  const bytes = Buffer.from(verified);
  const bootstrap = openBootstrap(bytes);
  const pending: RafsInode[] = [bootstrap.root()];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    neutralizeInode(bytes, directory);
    for (const inode of childrenOf(bootstrap, directory)) {
      if (inode.kind === InodeKind.directory) pending.push(inode);
      else neutralizeInode(bytes, inode);
    }
  }
  return bytes;
}

function* childrenOf(bootstrap: Bootstrap, directory: RafsInode): Generator<RafsInode> {
  for (const { nid } of bootstrap.directory(directory)) yield bootstrap.inode(nid);
}

function neutralizeInode(bytes: Buffer, inode: RafsInode): void {
  if (inode.kind === InodeKind.character && inode.rdev === 0) {
    bytes.writeUInt32LE(HARMLESS_DEVICE, inode.offset + INODE_UNION_OFFSET);
  }
  if (inode.xattrBytes === 0) return;
  const start = inode.offset + (inode.isExtended ? 64 : 32);
  const area = bytes.subarray(start, start + inode.xattrBytes);
  for (let at = XATTR_HEADER_BYTES; at + XATTR_ENTRY_BYTES <= area.length; ) {
    const nameLength = area.readUInt8(at);
    const prefix = area.readUInt8(at + 1);
    const name = area.subarray(at + XATTR_ENTRY_BYTES, at + XATTR_ENTRY_BYTES + nameLength);
    if (prefix === TRUSTED_PREFIX && name.subarray(0, OVERLAY.length).equals(OVERLAY)) {
      name.write('O', 0, 'latin1');
    }
    const size = XATTR_ENTRY_BYTES + nameLength + area.readUInt16LE(at + 2);
    at += Math.ceil(size / 4) * 4;
  }
}
