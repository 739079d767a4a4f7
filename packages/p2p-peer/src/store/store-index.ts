/**
 * The index of a store, in `level`: `b/<blob>` for a blob, `s/<blob>/<segment>` for what is held of it,
 * `p/<blob>` for where it was read from.
 * Opened by one process only. What does not open any more is thrown away: it tells of nothing that
 * cannot be fetched again.
 */
import { rm } from 'node:fs/promises';
import { errorCode } from '@shoal/errors';
import { type BlobId, parseBlobId } from '@shoal/oci';
import { Level } from 'level';
import { StoreDirectoryError, StoreLockedError, StoreUnusableError } from '../errors.ts';
import type { StoreIo } from './blob-files.ts';
import { makePrivate } from './store-directory.ts';

const VERSION_KEY = 'version';
const VERSION = Buffer.from('1');
const SYNC = { sync: true };
const VALUES = { valueEncoding: 'buffer' } as const;
const SEGMENT_DIGITS = 6;

export type IndexChange = { readonly key: string; readonly value: Buffer };

export function blobKey(blobId: BlobId): string {
  return `b/${blobId}`;
}

export function segmentKey(blobId: BlobId, segment: number): string {
  return `s/${blobId}/${segment.toString(16).padStart(SEGMENT_DIGITS, '0')}`;
}

export function placesKey(blobId: BlobId): string {
  return `p/${blobId}`;
}

export class StoreIndex {
  readonly #directory: string;
  readonly #io: Pick<StoreIo, 'record'>;
  #db: Level<string, Buffer>;
  #isBroken = false;

  /** `onDamaged`: it was thrown away. Throws `ERR_P2P_STORE_LOCKED`, `_DIRECTORY`, `_UNUSABLE`. */
  static async open(
    directory: string,
    io: Pick<StoreIo, 'record'>,
    onDamaged: (error: unknown) => void,
  ): Promise<StoreIndex> {
    try {
      return new StoreIndex(directory, io, await openDatabase(directory));
    } catch (error) {
      if (!isDamaged(error)) throw error;
      onDamaged(error);
      await clearDirectory(directory);
      return new StoreIndex(directory, io, await openDatabase(directory));
    }
  }

  private constructor(directory: string, io: Pick<StoreIo, 'record'>, db: Level<string, Buffer>) {
    this.#directory = directory;
    this.#io = io;
    this.#db = db;
  }

  /** Records of all blobs; keys that no blob has are of nobody. */
  blobs(): AsyncGenerator<readonly [BlobId, Buffer]> {
    return this.#records('b');
  }

  /** Where blobs were read from; some are of blobs that are not here. */
  places(): AsyncGenerator<readonly [BlobId, Buffer]> {
    return this.#records('p');
  }

  async *#records(kind: 'b' | 'p'): AsyncGenerator<readonly [BlobId, Buffer]> {
    for await (const [key, value] of this.#db.iterator({ gte: `${kind}/`, lt: `${kind}0` })) {
      const blobId = blobIdOf(key);
      if (blobId !== undefined) yield [blobId, value];
    }
  }

  /** Records of the segments of a blob, each with its number. Throws `ERR_P2P_STORE_UNUSABLE`. */
  async segments(blobId: BlobId): Promise<readonly (readonly [number, Buffer])[]> {
    try {
      const records = await this.#db.iterator(segmentsOf(blobId)).all();
      return records.map(([key, value]) => [
        Number.parseInt(key.slice(-SEGMENT_DIGITS), 16),
        value,
      ]);
    } catch (error) {
      throw new StoreUnusableError(this.#directory, 'cannot read its index', { cause: error });
    }
  }

  /** All or nothing, and on the disk when it resolves. */
  async put(changes: readonly IndexChange[]): Promise<void> {
    await this.#write((db) =>
      db.batch(
        changes.map(({ key, value }) => ({ type: 'put' as const, key, value })),
        SYNC,
      ),
    );
  }

  /** Not synced: for what is only tidy. */
  async putLoosely(changes: readonly IndexChange[]): Promise<void> {
    await this.#write((db) =>
      db.batch(changes.map(({ key, value }) => ({ type: 'put' as const, key, value }))),
    );
  }

  /** All records of these blobs, and on the disk when it resolves. */
  async delete(blobIds: Iterable<BlobId>): Promise<void> {
    await this.#write(async (db) => {
      const keys: string[] = [];
      for (const blobId of blobIds) {
        keys.push(blobKey(blobId), placesKey(blobId), ...(await db.keys(segmentsOf(blobId)).all()));
      }
      await db.batch(
        keys.map((key) => ({ type: 'del' as const, key })),
        SYNC,
      );
    });
  }

  /** Not synced, as they were written. */
  async deletePlaces(blobIds: readonly BlobId[]): Promise<void> {
    if (blobIds.length === 0) return;
    await this.#write((db) =>
      db.batch(blobIds.map((blobId) => ({ type: 'del' as const, key: placesKey(blobId) }))),
    );
  }

  /** Starts anew, without a record. */
  async clear(): Promise<void> {
    await this.#db.close();
    await clearDirectory(this.#directory);
    this.#db = await openDatabase(this.#directory);
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  /** After a write that failed LevelDB refuses all others until it is opened again. One at a time. */
  async #write(task: (db: Level<string, Buffer>) => Promise<void>): Promise<void> {
    if (this.#isBroken) {
      await this.#db.close();
      this.#db = await openDatabase(this.#directory);
      this.#isBroken = false;
    }
    try {
      await this.#io.record(() => task(this.#db));
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }
}

async function openDatabase(directory: string): Promise<Level<string, Buffer>> {
  const db = new Level<string, Buffer>(directory, VALUES);
  try {
    await db.open();
    const version = await db.get(VERSION_KEY);
    if (version === undefined) await db.put(VERSION_KEY, VERSION, SYNC);
    else if (!VERSION.equals(version)) {
      throw new StoreDirectoryError(directory, 'it was written by another version');
    }
    return db;
  } catch (error) {
    await db.close().catch(() => undefined);
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (error instanceof StoreDirectoryError) throw error;
    if (errorCode(cause) === 'LEVEL_LOCKED') throw new StoreLockedError(directory, { cause });
    throw new StoreUnusableError(directory, 'cannot open its index', { cause });
  }
}

async function clearDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true });
  await makePrivate(directory);
}

/** What is on the disk does not make sense: trying again later cannot help. */
export function isDamaged(error: unknown): boolean {
  if (errorCode(error) === 'LEVEL_CORRUPTION') return true;
  if (!(error instanceof Error)) return false;
  // A file of the database is gone; LevelDB passes on strerror(3) only.
  const isGone = errorCode(error) === 'LEVEL_IO_ERROR' && /No such file/.test(error.message);
  return isGone || isDamaged(error.cause);
}

function segmentsOf(blobId: BlobId): { gte: string; lt: string } {
  return { gte: `s/${blobId}/`, lt: `s/${blobId}0` };
}

function blobIdOf(key: string): BlobId | undefined {
  try {
    return parseBlobId(key.slice(2));
  } catch {
    return undefined;
  }
}
