/**
 * Versions of what a daemon keeps. One is raised when an older Shoal would misread or lose what a
 * newer one wrote; each Shoal reads all versions up to its own (docs/release.md).
 */
import { StateDamagedError, StateNewerError } from '../errors.ts';

/** Of the mount records in ROOT/state. */
export const MOUNTS_VERSION = 1;
/** Of the snapshots in ROOT/snapshotter. */
export const SNAPSHOTS_VERSION = 1;

/**
 * Refuses state that another Shoal wrote. `found` is the text in the database; `remedy` is for one
 * that is no version at all.
 *
 * @throws StateNewerError, StateDamagedError
 */
export function requireKnownVersion(
  directory: string,
  found: string,
  known: number,
  remedy?: string,
): void {
  if (found === String(known)) return;
  if (/^\d{1,9}$/.test(found) && Number(found) > known) {
    throw new StateNewerError(directory, Number(found), known);
  }
  const options = remedy === undefined ? {} : { remedy };
  const quoted = JSON.stringify(found.slice(0, 20));
  throw new StateDamagedError(directory, `${quoted} is not a version`, options);
}
