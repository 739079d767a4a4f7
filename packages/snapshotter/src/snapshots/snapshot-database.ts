/**
 * The database under the snapshot store: `level` in ROOT/snapshotter, opened by one process only,
 * with the version of its layout in it. Every write is synced before it returns.
 */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, ShoalError } from '@shoal/errors';
import { Level } from 'level';
import {
  ServiceClosedError,
  StateDamagedError,
  StateDiskFullError,
  StateLockedError,
} from '../errors.ts';
import { type DirectoryLock, lockDirectory } from '../state/directory-lock.ts';
import { orDiskFull } from '../state/disk-full.ts';
import { makePrivateDirectory } from '../state/private-directory.ts';
import { requireKnownVersion, SNAPSHOTS_VERSION } from '../state/state-version.ts';
import { REOPEN_BYTES_FREE_MIN } from './limits.ts';
import { REPAIR_REMEDY } from './snapshot-record.ts';

export const VERSION_KEY = 'version';
const SYNC = { sync: true };

export type Database = Level<string, string>;
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'del'; readonly key: string };

export class SnapshotDatabase implements AsyncDisposable {
  readonly #db: Database;
  /** LevelDB has its own while it is open; this one holds while it is opened again, too. */
  readonly #lock: DirectoryLock;
  readonly directory: string;
  #reopening: Promise<void> | undefined;
  /** A write has failed: what takes it back. */
  #undo: readonly Change[] | undefined;
  #isClosed = false;

  private constructor(db: Database, lock: DirectoryLock, directory: string) {
    this.#db = db;
    this.#lock = lock;
    this.directory = directory;
  }

  /**
   * Opens `<root>/snapshotter`, creating it.
   *
   * @throws StateLockedError, StateDamagedError
   */
  static async open(root: string): Promise<SnapshotDatabase> {
    const directory = directoryOf(root);
    makePrivateDirectory(directory);
    const lock = await lockDatabase(directory);
    const db: Database = new Level(directory);
    const wasWritten = holdsRecords(directory);
    try {
      await db.open();
      await checkVersion(db, directory, wasWritten);
      return new SnapshotDatabase(db, lock, directory);
    } catch (error) {
      await db.close().catch(() => undefined);
      await lock[Symbol.asyncDispose]();
      throw error instanceof ShoalError ? error : openFailure(directory, error);
    }
  }

  /** Reads; what was written before is seen. Works on a full disk, too. */
  async read<T>(use: (db: Database) => T | Promise<T>): Promise<T> {
    await this.#reopening?.catch(() => undefined);
    if (this.#db.status !== 'open') await this.#heal();
    return use(this.#db);
  }

  /** All or nothing, and on the disk when it resolves. One at a time. */
  async write(changes: readonly Change[]): Promise<void> {
    if (this.#undo !== undefined) await this.#heal();
    try {
      await this.#put(changes);
    } catch (error) {
      const known = orDiskFull(error, this.directory);
      if (this.#isClosed || known !== error) throw known;
      await this.#heal();
      await this.#put(changes);
    }
  }

  /** Not synced, and given up when it fails: for what is only tidy. */
  async writeLoosely(changes: readonly Change[]): Promise<void> {
    if (this.#undo !== undefined) return;
    await this.#db.batch([...changes]).catch(() => undefined);
  }

  async #put(changes: readonly Change[]): Promise<void> {
    try {
      await this.#db.batch([...changes], SYNC);
    } catch (error) {
      this.#undo = changes.map(({ key }) => this.#asItIs(key));
      throw error;
    }
  }

  #asItIs(key: string): Change {
    const value = this.#db.status === 'open' ? this.#db.getSync(key) : undefined;
    return value === undefined ? { type: 'del', key } : { type: 'put', key, value };
  }

  /**
   * After a write that failed LevelDB refuses all others until it is opened again, which needs space.
   * What failed may be in its log all the same: it is taken back.
   */
  async #heal(): Promise<void> {
    const { bavail, bsize } = statfsSync(this.directory);
    if (bavail * bsize < REOPEN_BYTES_FREE_MIN) throw new StateDiskFullError(this.directory);
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    await this.#reopening.catch((error: unknown) => {
      throw orDiskFull(error, this.directory);
    });
  }

  async #reopen(): Promise<void> {
    if (this.#isClosed) throw new ServiceClosedError();
    await this.#db.close();
    await this.#db.open();
    if (this.#undo !== undefined) await this.#db.batch([...this.#undo], SYNC);
    this.#undo = undefined;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#reopening?.catch(() => undefined);
    await this.#db.close();
    await this.#lock[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export function directoryOf(root: string): string {
  return join(root, 'snapshotter');
}

/** @throws StateLockedError */
export async function lockDatabase(directory: string): Promise<DirectoryLock> {
  const lock = await lockDirectory(directory);
  if (lock === undefined) throw new StateLockedError(directory);
  return lock;
}

/** Whether anything was ever written: the version is the first record. */
function holdsRecords(directory: string): boolean {
  return readdirSync(directory)
    .filter((name) => /\.(log|ldb)$/.test(name))
    .some((name) => statSync(join(directory, name)).size > 0);
}

export async function putVersion(db: Database): Promise<void> {
  await db.put(VERSION_KEY, String(SNAPSHOTS_VERSION), SYNC);
}

async function checkVersion(db: Database, directory: string, wasWritten: boolean): Promise<void> {
  const text = await db.get(VERSION_KEY);
  if (text === undefined && !wasWritten) return putVersion(db);
  if (text === undefined) {
    throw new StateDamagedError(directory, 'its version is lost', { remedy: REPAIR_REMEDY });
  }
  requireKnownVersion(directory, text, SNAPSHOTS_VERSION, REPAIR_REMEDY);
}

export function openFailure(directory: string, error: unknown): Error {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  if (errorCode(cause) === 'LEVEL_LOCKED') return new StateLockedError(directory, { cause });
  const known = orDiskFull(cause, directory);
  if (known !== cause && known instanceof Error) return known;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new StateDamagedError(directory, detail, { cause, remedy: REPAIR_REMEDY });
}
