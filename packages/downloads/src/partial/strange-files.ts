/** What lies under the names of an unfinished file and must not be written on: it goes before it is opened. */
import { lstat, rm } from 'node:fs/promises';
import { PARTIAL_KINDS, type PartialPlace, pathOf } from './partial-place.ts';

/** A crash after `link` leaves the whole file under both names: it must not be written any more. */
export async function dropPublished(place: PartialPlace): Promise<void> {
  const path = pathOf(place, 'partial');
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isFile() === true && stats.nlink > 1) await rm(path);
}

/**
 * What another user has put where many may would be his when it is whole, and its beginning what he
 * likes.
 */
export async function dropOfOthers(place: PartialPlace): Promise<void> {
  for (const kind of PARTIAL_KINDS) {
    const path = pathOf(place, kind);
    const stats = await lstat(path).catch(() => undefined);
    if (stats?.isFile() === true && stats.uid !== process.geteuid?.()) await rm(path);
  }
}
