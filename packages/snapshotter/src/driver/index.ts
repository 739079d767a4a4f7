/** The mount drivers. */
export {
  DRIVER_NAMES,
  type DriverBlob,
  type DriverFacts,
  type DriverMount,
  type DriverMountFailure,
  type DriverMountRequest,
  type DriverName,
  type DriverStats,
  type MountDriver,
} from './mount-driver.ts';
export { listDrivers, openBlobfsDriver, openCompleteDriver } from './open-driver.ts';
