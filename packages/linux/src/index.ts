/** System calls, the mount API, FUSE sessions and their holder. See docs/mounts.md. */
export {
  MountBusyError,
  MountFailedError,
  NotMountedError,
} from './errors.ts';
export { parseInitAgreement } from './fuse/init.ts';
export { adoptFlatFuseSession, openFlatFuseSession } from './fuse/session.ts';
export type {
  FlatFile,
  FlatFuseSession,
  FlatSessionOptions,
  InitAgreement,
  MissCall,
  SessionEvent,
} from './fuse/session-types.ts';
export {
  holderKind,
  listHolders,
  type StartHolderOptions,
  startHolder,
  stopHolder,
  stopStrayHolders,
} from './holder/holder.ts';
export { adoptFromHolder, isHolderAlive, watchHolder } from './holder/holder-fds.ts';
export type { HolderRecord } from './holder/holder-record.ts';
export { mountErofs, mountOverlay, unmount } from './mount/mount.ts';
export type { MountFlags } from './mount/mount-types.ts';
export { whoUses } from './mount/mount-users.ts';
export { makeOpaque, makeWhiteout } from './mount/overlay-marks.ts';
export { pseudoFileSystemOf } from './mount/pseudo-file-system.ts';
export { type Finding, probeHost } from './probes.ts';
export * from './proc.ts';
export { ServiceManager } from './service-manager.ts';
export { flockExclusive, syncFileSystem, trimAllocator } from './syscalls.ts';
export { bindUnixSocket, listenUnixSocket, openUnixSocket } from './syscalls-socket.ts';
export { wallClockMicros } from './wall-clock.ts';
export { readXattrs } from './xattrs.ts';
