/** What a file system object is, whoever holds it: all but its names, its size and what it has inside. */
import type { InodeKind } from './inode-kind.ts';

export type InodeAttributes = {
  readonly kind: InodeKind;
  /** Permission, setuid, setgid and sticky bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Modification time, negative before 1970; 0 in compact inodes. */
  readonly seconds: number;
  readonly nanoseconds: number;
  /** Device number in `new_encode_dev` form; 0 unless a device. */
  readonly rdev: number;
};

export function attributesOf(inode: InodeAttributes): InodeAttributes {
  const { kind, mode, uid, gid, seconds, nanoseconds, rdev } = inode;
  return { kind, mode, uid, gid, seconds, nanoseconds, rdev };
}
