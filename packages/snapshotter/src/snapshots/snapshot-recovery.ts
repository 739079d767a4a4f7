/**
 * Records and directories compared: at every start, and by `shoal snapshotter --repair`, which saves
 * what can be read of damaged records. Neither ever deletes a file that no removal asked for.
 */
import { StateDamagedError } from '../errors.ts';
import type { ServiceLog } from '../service-log.ts';
import { repairDatabase } from './repair-database.ts';
import { type Change, SnapshotDatabase } from './snapshot-database.ts';
import { type KnownIds, SnapshotDirectories } from './snapshot-directories.ts';
import { type Examination, examineDatabase } from './snapshot-integrity.ts';
import { COUNT_KEY, putNumber, REMOVED_PREFIX, recordKey, SEQUENCE_KEY } from './snapshot-keys.ts';
import { REPAIR_REMEDY } from './snapshot-record.ts';
import { SnapshotStore } from './snapshot-store.ts';

export type RepairReport = {
  /** Where the records lie as they were. */
  readonly copy: string;
  /** Records that are intact. */
  readonly snapshots: number;
  /** What was wrong. */
  readonly problems: readonly string[];
  /** Directories whose records are lost, under the names they have now. */
  readonly setAside: readonly string[];
};

export async function knownIds(store: SnapshotStore): Promise<KnownIds> {
  // In this order: what is removed meanwhile is in one or the other.
  const recorded = new Set<number>();
  for await (const { id } of store.list()) recorded.add(id);
  return { recorded, removed: await store.removedIds() };
}

/**
 * Files of snapshots that nobody knows mean that records were lost.
 *
 * @throws StateDamagedError
 */
export async function requireRecords(
  directories: SnapshotDirectories,
  known: KnownIds,
): Promise<void> {
  const unknown = await directories.unknown(known);
  if (unknown.length === 0) return;
  const named = unknown.slice(0, 5).join(', ');
  const detail = `snapshots ${named} have files there and no record (${unknown.length} in all)`;
  throw new StateDamagedError(directories.path, detail, { remedy: REPAIR_REMEDY });
}

/**
 * Makes the state usable again. Needs that no daemon uses it.
 *
 * @throws StateLockedError
 */
export async function repairSnapshots(root: string, log: ServiceLog): Promise<RepairReport> {
  const { copy, problems: tableProblems } = await repairDatabase(root);
  const examination = await rewriteRecords(root);
  const directories = SnapshotDirectories.open(root, log);
  const setAside: string[] = [];
  await using store = await SnapshotStore.open(root);
  for (const id of await directories.unknown(await knownIds(store))) {
    setAside.push(await directories.setAside(id));
  }
  const { snapshots, problems } = examination;
  return {
    copy,
    snapshots: snapshots.size,
    problems: [...tableProblems, ...problems],
    setAside,
  };
}

/** Leaves the intact records and what belongs to them, and nothing else. */
async function rewriteRecords(root: string): Promise<Examination> {
  await using database = await SnapshotDatabase.open(root);
  const examination = await database.read(examineDatabase);
  const { snapshots, links, keys, sequence } = examination;
  const records = new Set([...snapshots.keys()].map(recordKey));
  const wrong = keys.filter((key) => !records.has(key) && !key.startsWith(REMOVED_PREFIX));
  await database.write([
    ...wrong.map((key): Change => ({ type: 'del', key })),
    ...[...links].map(([key, value]): Change => ({ type: 'put', key, value })),
    putNumber(SEQUENCE_KEY, sequence),
    putNumber(COUNT_KEY, snapshots.size),
  ]);
  return examination;
}
