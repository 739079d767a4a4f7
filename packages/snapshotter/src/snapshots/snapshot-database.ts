/**
 * The database under the snapshot store: `level` in ROOT/snapshotter, opened by one process only,
 * with the version of its layout in it. Every write is synced before it returns.
 */
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { Level } from 'level';
import { orDiskFull } from '../disk-full.ts';
import { StateDamagedError, StateLockedError } from '../errors.ts';
import { makePrivateDirectory } from '../private-directory.ts';

/** Of the layout; docs/snapshotter.md says when it changes, and what an older Shoal does then. */
const VERSION = 1;
const VERSION_KEY = 'version';
const SYNC = { sync: true };
const REPAIR = "see 'The state is damaged' in docs/snapshotter.md: no snapshot is lost";

export type Database = Level<string, string>;
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

export class SnapshotDatabase implements AsyncDisposable {
  readonly #db: Database;
  readonly directory: string;
  #reopening: Promise<void> | undefined;
  #isClosed = false;

  private constructor(db: Database, directory: string) {
    this.#db = db;
    this.directory = directory;
  }

  /**
   * Opens `<root>/snapshotter`, creating it.
   *
   * @throws StateLockedError, StateDamagedError
   */
  static async open(root: string): Promise<SnapshotDatabase> {
    const directory = join(root, 'snapshotter');
    makePrivateDirectory(directory);
    const db: Database = new Level(directory);
    try {
      await db.open();
      await checkVersion(db, directory);
      return new SnapshotDatabase(db, directory);
    } catch (error) {
      await db.close().catch(() => undefined);
      throw error instanceof StateDamagedError ? error : openFailure(directory, error);
    }
  }

  /** Reads; what was written before is seen. */
  async read<T>(use: (db: Database) => T | Promise<T>): Promise<T> {
    return this.#withDatabase(async (db) => use(db));
  }

  /** For a caller that reads and then writes: what it reads is not read again after a write failed. */
  async change<T>(task: (db: Database) => Promise<T>): Promise<T> {
    await this.#reopening?.catch(() => undefined);
    return task(this.#db);
  }

  /** All or nothing, and on the disk when it resolves. */
  async write(changes: readonly Change[]): Promise<void> {
    await this.#withDatabase((db) => db.batch([...changes], SYNC));
  }

  /** After a write that failed LevelDB refuses all others until it is opened again. */
  async #withDatabase<T>(use: (db: Database) => Promise<T>): Promise<T> {
    await this.#reopening?.catch(() => undefined);
    try {
      return await use(this.#db);
    } catch (error) {
      if (this.#isClosed || !isOfDatabase(error)) throw error;
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined;
      });
      try {
        await this.#reopening;
        return await use(this.#db);
      } catch (again) {
        throw orDiskFull(again, this.directory);
      }
    }
  }

  async #reopen(): Promise<void> {
    await this.#db.close();
    await this.#db.open();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reopening?.catch(() => undefined);
    await this.#db.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function checkVersion(db: Database, directory: string): Promise<void> {
  const text = await db.get(VERSION_KEY);
  if (text === undefined) return db.put(VERSION_KEY, String(VERSION), SYNC);
  if (text === String(VERSION)) return;
  const isNewer = /^\d{1,9}$/.test(text) && Number(text) > VERSION;
  throw new StateDamagedError(
    directory,
    isNewer
      ? `its version is ${text}, and this Shoal knows ${VERSION}`
      : `${JSON.stringify(text.slice(0, 20))} is not a version`,
    { remedy: isNewer ? 'use the version of Shoal that wrote it, or a newer one' : REPAIR },
  );
}

function isOfDatabase(error: unknown): boolean {
  return errorCode(error)?.startsWith('LEVEL_') === true;
}

function openFailure(directory: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (errorCode(cause) === 'LEVEL_LOCKED') return new StateLockedError(directory, { cause });
  const known = orDiskFull(cause, directory);
  if (known !== cause && known instanceof Error) return known;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StateDamagedError(directory, detail, { cause, remedy: REPAIR });
}
