/** The repair of the database under the snapshot store, as far as it is LevelDB's. */
import { cp, rm } from 'node:fs/promises';
import { ClassicLevel } from 'classic-level';
import { Level } from 'level';
import { StateLockedError } from '../errors.ts';
import { makePrivateDirectory } from '../state/private-directory.ts';
import { mendTables } from './mend-tables.ts';
import {
  type Database,
  directoryOf,
  lockDatabase,
  openFailure,
  putVersion,
  VERSION_KEY,
} from './snapshot-database.ts';

export type RepairedDatabase = {
  /** The directory as it was; opening it, too, may drop what is damaged. */
  readonly copy: string;
  /** What was wrong with its tables. */
  readonly problems: readonly string[];
};

/**
 * LevelDB's own repair, which locks nothing: keeps what it can read, in tables that are whole.
 *
 * @throws StateLockedError
 */
export async function repairDatabase(root: string): Promise<RepairedDatabase> {
  const directory = directoryOf(root);
  makePrivateDirectory(directory);
  await using _lock = await lockDatabase(directory);
  const copy = `${directory}.damaged-${Date.now()}`;
  await cp(directory, copy, { recursive: true });
  const db: Database = new Level(directory);
  // Daemons that were installed before have LevelDB's lock only.
  const failure = await db.open().catch((error: unknown) => openFailure(directory, error));
  await db.close().catch(() => undefined);
  if (failure instanceof StateLockedError) {
    await rm(copy, { recursive: true });
    throw failure;
  }
  const problems = await mendTables(directory);
  await ClassicLevel.repair(directory);
  await db.open();
  if ((await db.get(VERSION_KEY)) === undefined) await putVersion(db);
  await db.close();
  return { copy, problems };
}
