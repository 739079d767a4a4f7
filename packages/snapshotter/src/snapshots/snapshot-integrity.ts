/**
 * Whether the database is as it was written: every record intact, as many as there should be, every
 * link there and no other. LevelDB checks less, and drops silently what it cannot read of its log.
 */
import { StateDamagedError } from '../errors.ts';
import { type Database, VERSION_KEY } from './snapshot-database.ts';
import {
  COUNT_KEY,
  linkKeys,
  RECORD_PREFIX,
  REMOVED_PREFIX,
  removedId,
  SEQUENCE_KEY,
} from './snapshot-keys.ts';
import { decodeSnapshot, type Snapshot } from './snapshot-record.ts';

export type Examination = {
  /** Those whose records are intact, by name. */
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  /** Keys the database should have beside records, with their values. */
  readonly links: ReadonlyMap<string, string>;
  /** All keys but the version. */
  readonly keys: readonly string[];
  /** The highest id that was given, by all that is there. */
  readonly sequence: number;
  readonly problems: readonly string[];
};

export async function examineDatabase(db: Database): Promise<Examination> {
  const entries = new Map(await db.iterator().all());
  entries.delete(VERSION_KEY);
  const problems: string[] = [];
  const snapshots = intactSnapshots(entries, problems);
  const links = expectedLinks(snapshots);
  for (const [key, value] of links) {
    if (entries.get(key) !== value) problems.push(`the link ${key} is missing or wrong`);
  }
  for (const key of entries.keys()) {
    const isKnown = key === SEQUENCE_KEY || key === COUNT_KEY || key.startsWith(REMOVED_PREFIX);
    if (!isKnown && !key.startsWith(RECORD_PREFIX) && !links.has(key)) {
      problems.push(`${JSON.stringify(key.slice(0, 100))} belongs to nothing`);
    }
  }
  const count = entries.get(COUNT_KEY) ?? '0';
  if (count !== String(snapshots.size)) {
    problems.push(`${snapshots.size} snapshots are recorded, and there were ${count.slice(0, 20)}`);
  }
  const sequence = sequenceOf(entries, snapshots, problems);
  return { snapshots, links, keys: [...entries.keys()], sequence, problems };
}

function intactSnapshots(
  entries: ReadonlyMap<string, string>,
  problems: string[],
): Map<string, Snapshot> {
  const snapshots = new Map<string, Snapshot>();
  for (const [key, text] of entries) {
    if (!key.startsWith(RECORD_PREFIX)) continue;
    const name = key.slice(RECORD_PREFIX.length);
    try {
      snapshots.set(name, decodeSnapshot(name, text, ''));
    } catch (error) {
      if (!(error instanceof StateDamagedError)) throw error;
      problems.push(`the record of snapshot ${JSON.stringify(name.slice(0, 100))} is damaged`);
    }
  }
  return snapshots;
}

/** A parent that a repair could not save has no link: its children can be removed, not mounted. */
function expectedLinks(snapshots: ReadonlyMap<string, Snapshot>): Map<string, string> {
  const links = new Map<string, string>();
  for (const snapshot of snapshots.values()) {
    const { name, parent } = snapshot;
    const found = parent === undefined ? undefined : snapshots.get(parent);
    for (const key of linkKeys(snapshot, found)) links.set(key, name);
  }
  return links;
}

function sequenceOf(
  entries: ReadonlyMap<string, string>,
  snapshots: ReadonlyMap<string, Snapshot>,
  problems: string[],
): number {
  const text = entries.get(SEQUENCE_KEY) ?? '0';
  const given = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  let highest = given;
  for (const { id } of snapshots.values()) highest = Math.max(highest, id);
  for (const key of entries.keys()) {
    // Given again, it would name the directory that is to be deleted.
    if (key.startsWith(REMOVED_PREFIX)) highest = Math.max(highest, removedId(key));
  }
  if (String(given) !== text || highest > given) problems.push('the sequence of ids is wrong');
  return highest;
}
