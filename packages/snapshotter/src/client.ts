/**
 * What those need who only talk to the mount service from another process: how requests are made, and
 * what can be known without it. None of the service's parts is loaded.
 */
export { MISS_DEADLINE_MS_MAX } from './limits.ts';
export { DRIVER_CHOICES } from './mounts/mount-types.ts';
export { mountsOfRoot } from './mounts/orphan-mounts.ts';
export { missPolicySchema, sourceOptionsSchema } from './state/mount-record.ts';
export { makePrivateDirectory } from './state/private-directory.ts';
