/** What /proc says of locks, mounts and processes: plain files, so that nothing native is loaded. */
export { fileLockHolder } from './file-lock-holder.ts';
export { isMountpoint, listMounts, parseMountInfo } from './mount/mount-table.ts';
export type { MountEntry } from './mount/mount-types.ts';
export { startTimeOf } from './process-start-time.ts';
