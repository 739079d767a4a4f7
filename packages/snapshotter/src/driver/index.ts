/** The mount drivers. */

export { type BlobfsDriverOptions, openBlobfsDriver } from './blobfs-driver.ts';
export { openCompleteDriver } from './complete-driver.ts';
export { listDrivers } from './list-drivers.ts';
export {
  DRIVER_NAMES,
  type DriverBlob,
  type DriverFacts,
  type DriverMount,
  type DriverMountFailure,
  type DriverMountRequest,
  type DriverName,
  type DriverStats,
  type LostMount,
  type MountDriver,
} from './mount-driver.ts';
export type { DriverEvent } from './session-log.ts';
export { unmountApart } from './unmount-apart.ts';
