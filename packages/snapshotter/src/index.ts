/** Mounts of lazily loaded images: the service, its records, and the drivers under it. */
export * from './driver/index.ts';
export * from './errors.ts';
export { missPolicySchema, sourceOptionsSchema } from './mount-record.ts';
export type * from './mount-types.ts';
export { DRIVER_CHOICES } from './mount-types.ts';
export { checkMountpoint } from './mountpoint.ts';
export { makePrivateDirectory } from './private-directory.ts';
export type { ServiceLog } from './service-log.ts';
export { StateStore } from './state-store.ts';
