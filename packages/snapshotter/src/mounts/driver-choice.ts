/**
 * Which driver a mount gets, and the sentence that says why and why not a better one.
 */
import type { DriverName, MountDriver } from '../driver/index.ts';
import { ImageUnusableError } from '../errors.ts';
import type { MountRecord } from '../state/mount-record.ts';
import type { DriverChoice } from './mount-types.ts';

export type ChosenDriver = { readonly name: DriverName; readonly reason: string };

/** `auto` takes plain files when nothing is missing any more, else the FUSE files. */
export function chooseDriver(choice: DriverChoice, isComplete: boolean): ChosenDriver {
  if (choice !== 'auto') return { name: choice, reason: 'asked for with --driver' };
  if (isComplete) {
    return {
      name: 'complete',
      reason: 'every blob is complete here: the kernel reads plain files, no daemon is involved',
    };
  }
  return {
    name: 'blobfs',
    reason:
      'missing bytes are fetched on demand through FUSE files, and readers wait when the daemon is' +
      ' away; complete needs every blob here',
  };
}

/** @throws ImageUnusableError when the driver of a mount has no part in this daemon */
export function driverOf(
  record: MountRecord,
  drivers: ReadonlyMap<DriverName, MountDriver>,
): MountDriver {
  for (const [name, driver] of drivers) {
    if (name === record.driver) return driver;
  }
  throw new ImageUnusableError(record.reference, `the driver ${record.driver} is not running`, {
    remedy: "'shoal doctor' says why",
  });
}
