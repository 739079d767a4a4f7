/** System calls, the mount API, FUSE sessions and their holder. See docs/mounts.md. */
export {
  FlatFileError,
  FuseMessageError,
  FuseSessionClosedError,
  FuseWorkersError,
  HolderError,
  MountBusyError,
  MountFailedError,
  type MountUser,
  NotMountedError,
  SyscallError,
} from './errors.ts';
export { fileLockHolder } from './file-lock-holder.ts';
export { canResend, parseInitAgreement } from './fuse/init.ts';
export { adoptFlatFuseSession, openFlatFuseSession } from './fuse/session.ts';
export type {
  AdoptSessionOptions,
  FlatFile,
  FlatFuseSession,
  FlatSessionOptions,
  InitAgreement,
  OpenSessionOptions,
  SessionEvent,
  SessionStats,
} from './fuse/session-types.ts';
export {
  holderKind,
  listHolders,
  type StartHolderOptions,
  startHolder,
  stopHolder,
  stopStrayHolders,
} from './holder.ts';
export { adoptFromHolder, isHolderAlive, watchHolder } from './holder-fds.ts';
export type { HolderKind, HolderRecord, ProbeResult } from './holder-types.ts';
export { mountErofs, mountOverlay, unmount } from './mount.ts';
export { isMountpoint, listMounts, parseMountInfo } from './mount-table.ts';
export type {
  ErofsMountOptions,
  MountEntry,
  MountFlags,
  OverlayMountOptions,
} from './mount-types.ts';
export { whoUses } from './mount-users.ts';
export { makeOpaque, makeWhiteout } from './overlay-marks.ts';
export { probeHost } from './probes.ts';
export { ServiceManager } from './service-manager.ts';
export { flockExclusive, syncFileSystem } from './syscalls.ts';
export { wallClockMicros } from './wall-clock.ts';
export { readXattrs, type Xattr } from './xattrs.ts';
