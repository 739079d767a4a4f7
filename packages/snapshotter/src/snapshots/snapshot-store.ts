/**
 * The records of all snapshots. Changes are made one after the other, each checked and written in
 * one step, with the rules of containerd's own metadata store (`core/snapshots/storage/bolt.go`).
 *
 * Nothing is kept in memory but the next id.
 */
import { KeyedLock } from '@shoal/concurrency';
import { wallClockMicros } from '@shoal/linux';
import { StateDamagedError } from '../errors.ts';
import {
  SnapshotExistsError,
  SnapshotNotFoundError,
  SnapshotRequestError,
  SnapshotStateError,
} from './errors.ts';
import type { Labels, LazyMark } from './lazy-layers.ts';
import { type Database, SnapshotDatabase } from './snapshot-database.ts';
import { examineDatabase } from './snapshot-integrity.ts';
import {
  COUNT_KEY,
  childPrefix,
  deleteSnapshot,
  putNumber,
  putSnapshot,
  REMOVED_PREFIX,
  removedKey,
  SEQUENCE_KEY,
  within,
} from './snapshot-keys.ts';
import { findSnapshot, type ListSelection, listSnapshots, readChain } from './snapshot-reads.ts';
import {
  REPAIR_REMEDY,
  type Snapshot,
  type SnapshotId,
  snapshotId,
  type Usage,
} from './snapshot-record.ts';

/** What `create` takes; times are given by the store. */
export type SnapshotDraft = Omit<Snapshot, 'createdMicros' | 'updatedMicros' | 'parent'> & {
  /** As it was looked at: one of that name made anew meanwhile is another. */
  readonly parent: Pick<Snapshot, 'id' | 'name'> | undefined;
};

export type CommitDraft = {
  readonly key: string;
  readonly name: string;
  /** A rebase when the active snapshot has none. */
  readonly parent: string | undefined;
  readonly labels: Labels;
  readonly usage: Usage;
  readonly mark: LazyMark | undefined;
};

export class SnapshotStore implements AsyncDisposable {
  readonly #database: SnapshotDatabase;
  readonly #lock = new KeyedLock();
  #lastId: number;

  private constructor(database: SnapshotDatabase, lastId: number) {
    this.#database = database;
    this.#lastId = lastId;
  }

  /** @throws StateLockedError, StateDamagedError */
  static async open(root: string): Promise<SnapshotStore> {
    const database = await SnapshotDatabase.open(root);
    try {
      const { problems, sequence } = await database.read(examineDatabase);
      const [problem] = problems;
      if (problem === undefined) return new SnapshotStore(database, sequence);
      const detail =
        problems.length === 1 ? problem : `${problem}, and ${problems.length - 1} more`;
      throw new StateDamagedError(database.directory, detail, { remedy: REPAIR_REMEDY });
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  /** An id that no snapshot has had. It is remembered when a snapshot is created with it. */
  nextId(): SnapshotId {
    this.#lastId += 1;
    return snapshotId(this.#lastId);
  }

  /** Never gives an id up to this one. */
  skipIds(highest: number): void {
    this.#lastId = Math.max(this.#lastId, highest);
  }

  /** @throws SnapshotNotFoundError */
  async get(name: string): Promise<Snapshot> {
    return this.#database.read((db) => this.#get(db, name));
  }

  async find(name: string): Promise<Snapshot | undefined> {
    return this.#database.read((db) => this.#find(db, name));
  }

  /** A snapshot's committed ancestors, nearest first, beginning with the parent itself. */
  async chain(parent: string | undefined): Promise<Snapshot[]> {
    return this.#database.read((db) => readChain(db, parent, this.#database.directory));
  }

  /** The committed snapshot that stands for a chain id on top of a parent. */
  async findTarget(chainId: string, parent: string | undefined): Promise<Snapshot | undefined> {
    for await (const snapshot of this.list({ kind: 'target', chainId })) {
      if (snapshot.kind === 'committed' && snapshot.parent === parent) return snapshot;
    }
    return undefined;
  }

  /** Records one snapshot of any kind. The parent must be committed. */
  async create(draft: SnapshotDraft): Promise<Snapshot> {
    return this.#change(async (db) => {
      const parent = this.#committedParent(db, draft.parent?.name, 'request');
      if (parent !== undefined && parent.id !== draft.parent?.id) {
        throw new SnapshotNotFoundError(parent.name, 'parent');
      }
      if (this.#find(db, draft.name) !== undefined) throw new SnapshotExistsError(draft.name);
      const now = wallClockMicros();
      const times = { createdMicros: now, updatedMicros: now };
      const snapshot: Snapshot = { ...draft, parent: parent?.name, ...times };
      const highest = Math.max(draft.id, numberAt(db, SEQUENCE_KEY));
      await this.#database.write([
        putNumber(SEQUENCE_KEY, highest),
        putNumber(COUNT_KEY, numberAt(db, COUNT_KEY) + 1),
        ...putSnapshot(snapshot, parent),
      ]);
      return snapshot;
    });
  }

  /** Turns an active snapshot into a committed one; its key is free again. */
  async commit(draft: CommitDraft): Promise<Snapshot> {
    return this.#change(async (db) => {
      if (this.#find(db, draft.name) !== undefined) throw new SnapshotExistsError(draft.name);
      const active = this.#get(db, draft.key);
      requireActive(active);
      const parentName = rebased(active, draft.parent);
      const parent = this.#committedParent(db, parentName, 'state');
      const now = Math.max(wallClockMicros(), active.updatedMicros + 1);
      const { name, labels, usage, mark } = draft;
      const times = { createdMicros: now, updatedMicros: now };
      const kind = 'committed';
      const parts = { name, kind, parent: parentName, labels, usage, mark, ...times } as const;
      const snapshot: Snapshot = { id: active.id, ...parts };
      const before = active.parent === undefined ? undefined : parent;
      await this.#database.write([
        ...deleteSnapshot(active, before),
        ...putSnapshot(snapshot, parent),
      ]);
      return snapshot;
    });
  }

  /**
   * That its directory goes with it is noted until `forgetRemoved`.
   *
   * @throws SnapshotStateError while it has children
   */
  async remove(name: string): Promise<Snapshot> {
    return this.#change(async (db) => {
      const snapshot = this.#get(db, name);
      const children = { ...within(childPrefix(snapshot.id)), limit: 1 };
      const [child] = await db.keys(children).all();
      if (child !== undefined)
        throw new SnapshotStateError(name, 'cannot be removed: it has children');
      await this.#database.write([
        putNumber(COUNT_KEY, numberAt(db, COUNT_KEY) - 1),
        { type: 'put', key: removedKey(snapshot.id), value: '' },
        ...deleteSnapshot(snapshot, this.#parentOf(db, snapshot)),
      ]);
      return snapshot;
    });
  }

  /** Ids of snapshots that were removed, and whose directories may still be there. */
  async removedIds(): Promise<Set<number>> {
    const keys = await this.#database.read((db) => db.keys(within(REMOVED_PREFIX)).all());
    return new Set(keys.map((key) => Number(key.slice(REMOVED_PREFIX.length))));
  }

  /** The directories have left their places. Not synced: noting it again does no harm. */
  async forgetRemoved(ids: Iterable<SnapshotId>): Promise<void> {
    const changes = [...ids].map((id) => ({ type: 'del', key: removedKey(id) }) as const);
    await this.#database.writeLoosely(changes);
  }

  async setLabels(name: string, change: (labels: Labels) => Labels): Promise<Snapshot> {
    return this.#change(async (db) => {
      const before = this.#get(db, name);
      const updatedMicros = Math.max(wallClockMicros(), before.updatedMicros + 1);
      const after: Snapshot = { ...before, labels: change(before.labels), updatedMicros };
      const parent = this.#parentOf(db, before);
      await this.#database.write([
        ...deleteSnapshot(before, parent),
        ...putSnapshot(after, parent),
      ]);
      return after;
    });
  }

  /** The snapshots of a selection, each as it is when it is read. */
  list(selection: ListSelection = { kind: 'all' }): AsyncGenerator<Snapshot, void, void> {
    return listSnapshots(this.#database, selection);
  }

  async #change<T>(task: (db: Database) => Promise<T>): Promise<T> {
    return this.#lock.run('', () => this.#database.read(task));
  }

  #find(db: Database, name: string): Snapshot | undefined {
    return findSnapshot(db, name, this.#database.directory);
  }

  #get(db: Database, name: string): Snapshot {
    const snapshot = this.#find(db, name);
    if (snapshot === undefined) throw new SnapshotNotFoundError(name);
    return snapshot;
  }

  #parentOf(db: Database, { parent }: Snapshot): Snapshot | undefined {
    return parent === undefined ? undefined : this.#find(db, parent);
  }

  #committedParent(
    db: Database,
    name: string | undefined,
    wrong: 'request' | 'state',
  ): Snapshot | undefined {
    if (name === undefined) return undefined;
    const parent = this.#find(db, name);
    if (parent === undefined) throw new SnapshotNotFoundError(name, 'parent');
    if (parent.kind === 'committed') return parent;
    if (wrong === 'state') throw new SnapshotStateError(name, 'is not committed');
    throw new SnapshotRequestError(`parent ${name.slice(0, 200)} is not a committed snapshot`);
  }

  /** Waits for what runs. */
  async close(): Promise<void> {
    await this.#lock.drain();
    await this.#database.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function requireActive(snapshot: Snapshot): void {
  if (snapshot.kind !== 'active') throw new SnapshotStateError(snapshot.name, 'is not active');
}

function numberAt(db: Database, key: string): number {
  return Number(db.getSync(key) ?? 0);
}

/** The parent to commit with: a snapshot without one may get it now, none may change it. */
function rebased(active: Snapshot, parent: string | undefined): string | undefined {
  if (parent === undefined || parent === active.parent) return active.parent;
  if (active.parent === undefined) return parent;
  throw new SnapshotRequestError(`the parent of ${active.name.slice(0, 200)} cannot be changed`);
}
