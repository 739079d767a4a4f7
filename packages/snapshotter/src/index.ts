/** Mounts of lazily loaded images: the service, its records, and the drivers under it. */
export * from './errors.ts';
export type * from './mount-types.ts';
export { DRIVER_CHOICES } from './mount-types.ts';
