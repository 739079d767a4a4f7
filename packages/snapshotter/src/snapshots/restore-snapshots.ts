/**
 * What a starting service does with the snapshots that are there: compares records and directories,
 * tells the lazy part which are its own, and deletes what a crash left. Needs no network.
 */
import { errorFields, type ServiceLog } from '../service-log.ts';
import type { CommittedSnapshot, LazyLayers } from './lazy-layers.ts';
import type { SnapshotDirectories } from './snapshot-directories.ts';
import { committedSnapshot } from './snapshot-record.ts';
import { knownIds, requireRecords } from './snapshot-recovery.ts';
import type { SnapshotStore } from './snapshot-store.ts';

export type StoredSnapshots = {
  readonly store: SnapshotStore;
  readonly directories: SnapshotDirectories;
};

/** @throws StateDamagedError when records are lost */
export async function restoreSnapshots(
  { store, directories }: StoredSnapshots,
  lazy: LazyLayers,
): Promise<void> {
  const recorded = new Set<number>();
  const marked: CommittedSnapshot[] = [];
  for await (const snapshot of store.list()) {
    recorded.add(snapshot.id);
    if (snapshot.kind === 'committed' && snapshot.mark !== undefined) {
      marked.push(committedSnapshot(snapshot, directories.directory(snapshot.id)));
    }
  }
  await requireRecords(directories, { recorded, removed: await store.removedIds() });
  await lazy.restored(marked);
}

/** Deletes the directories of snapshots that are gone. */
export async function sweepSnapshots({ store, directories }: StoredSnapshots): Promise<void> {
  const gone = await directories.sweep(() => knownIds(store));
  await store.forgetRemoved(gone);
}

/** The sweep of a start, which nobody waits for: never rejects. */
export async function sweepAfterStart(stored: StoredSnapshots, log: ServiceLog): Promise<void> {
  await sweepSnapshots(stored).catch((error: unknown) => {
    log.warn(errorFields(error), 'what a crash left was not cleaned up');
  });
}
