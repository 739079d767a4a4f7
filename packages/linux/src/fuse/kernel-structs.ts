/**
 * The structures of the FUSE protocol exactly as `include/uapi/linux/fuse.h` has them (protocol
 * 7.38 to 7.45), kernel names kept. Little-endian: every machine Node runs Linux on is.
 */
import { defineStruct } from './struct-codec.ts';

/** The protocol version we speak. The kernel accepts any 7.x and uses the smaller minor. */
export const FUSE_MAJOR = 7;
export const FUSE_MINOR = 38;

/** Operations this session knows; the others are refused with ENOSYS. */
export const Opcode = {
  LOOKUP: 1,
  FORGET: 2,
  GETATTR: 3,
  OPEN: 14,
  READ: 15,
  STATFS: 17,
  RELEASE: 18,
  INIT: 26,
  OPENDIR: 27,
  READDIR: 28,
  RELEASEDIR: 29,
  INTERRUPT: 36,
  DESTROY: 38,
  BATCH_FORGET: 42,
} as const;

/** Codes of messages that nobody asked for. */
export const NotifyCode = { INVAL_ENTRY: 3, RESEND: 7 } as const;

/** The root directory's node id. */
export const FUSE_ROOT_ID = 1;

/** Flags of INIT, 64 bits: `flags` is the low half, `flags2` the high one. */
export const InitFlag = {
  ASYNC_READ: 1n << 0n,
  PARALLEL_DIROPS: 1n << 18n,
  ASYNC_DIO: 1n << 15n,
  MAX_PAGES: 1n << 22n,
  INIT_EXT: 1n << 30n,
  HAS_RESEND: 1n << 39n,
} as const;

/** Flags of an open file: the page cache survives the next open. */
export const FOPEN_KEEP_CACHE = 1 << 1;

export const inHeader = defineStruct('fuse_in_header', 40, {
  len: 'u32',
  opcode: 'u32',
  unique: 'u64',
  nodeid: 'u64',
  uid: 'u32',
  gid: 'u32',
  pid: 'u32',
  total_extlen: 'u16',
  padding: 'u16',
});

export const outHeader = defineStruct('fuse_out_header', 16, {
  len: 'u32',
  error: 'i32',
  unique: 'u64',
});

/** The part of fuse_init_in that every kernel sends; flags2 follows when INIT_EXT is set. */
export const initIn = defineStruct('fuse_init_in (7.6)', 16, {
  major: 'u32',
  minor: 'u32',
  max_readahead: 'u32',
  flags: 'u32',
});

export const initOut = defineStruct('fuse_init_out', 64, {
  major: 'u32',
  minor: 'u32',
  max_readahead: 'u32',
  flags: 'u32',
  max_background: 'u16',
  congestion_threshold: 'u16',
  max_write: 'u32',
  time_gran: 'u32',
  max_pages: 'u16',
  map_alignment: 'u16',
  flags2: 'u32',
  max_stack_depth: 'u32',
  unused0: 'u32',
  unused1: 'u32',
  unused2: 'u32',
  unused3: 'u32',
  unused4: 'u32',
  unused5: 'u32',
});

export const attr = defineStruct('fuse_attr', 88, {
  ino: 'u64',
  size: 'u64',
  blocks: 'u64',
  atime: 'u64',
  mtime: 'u64',
  ctime: 'u64',
  atimensec: 'u32',
  mtimensec: 'u32',
  ctimensec: 'u32',
  mode: 'u32',
  nlink: 'u32',
  uid: 'u32',
  gid: 'u32',
  rdev: 'u32',
  blksize: 'u32',
  flags: 'u32',
});

/** fuse_entry_out without its attr, which follows. */
export const entryOut = defineStruct('fuse_entry_out', 40, {
  nodeid: 'u64',
  generation: 'u64',
  entry_valid: 'u64',
  attr_valid: 'u64',
  entry_valid_nsec: 'u32',
  attr_valid_nsec: 'u32',
});

/** fuse_attr_out without its attr, which follows. */
export const attrOut = defineStruct('fuse_attr_out', 16, {
  attr_valid: 'u64',
  attr_valid_nsec: 'u32',
  dummy: 'u32',
});

export const openOut = defineStruct('fuse_open_out', 16, {
  fh: 'u64',
  open_flags: 'u32',
  backing_id: 'u32',
});

export const readIn = defineStruct('fuse_read_in', 40, {
  fh: 'u64',
  offset: 'u64',
  size: 'u32',
  read_flags: 'u32',
  lock_owner: 'u64',
  flags: 'u32',
  padding: 'u32',
});

export const forgetIn = defineStruct('fuse_forget_in', 8, { nlookup: 'u64' });

/** How many of fuse_forget_one follow. */
export const batchForgetIn = defineStruct('fuse_batch_forget_in', 8, {
  count: 'u32',
  dummy: 'u32',
});

export const forgetOne = defineStruct('fuse_forget_one', 16, { nodeid: 'u64', nlookup: 'u64' });

/** A name with its terminating zero follows. */
export const notifyInvalEntryOut = defineStruct('fuse_notify_inval_entry_out', 16, {
  parent: 'u64',
  namelen: 'u32',
  flags: 'u32',
});

export const kstatfs = defineStruct('fuse_kstatfs', 80, {
  blocks: 'u64',
  bfree: 'u64',
  bavail: 'u64',
  files: 'u64',
  ffree: 'u64',
  bsize: 'u32',
  namelen: 'u32',
  frsize: 'u32',
  padding: 'u32',
  spare0: 'u32',
  spare1: 'u32',
  spare2: 'u32',
  spare3: 'u32',
  spare4: 'u32',
  spare5: 'u32',
});

/** fuse_dirent without its name, which follows, padded to 8 bytes. */
export const dirent = defineStruct('fuse_dirent', 24, {
  ino: 'u64',
  off: 'u64',
  namelen: 'u32',
  type: 'u32',
});
