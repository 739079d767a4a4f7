/**
 * What each snapshot takes in the database: `snapshot/<name>` its record; `child/<parent id>/<id>`
 * its name, so that children are found from their parent; `ref/<digest>/<id>` its name, so that it
 * is found from the chain id it was wanted for. `sequence` is the highest id that was given, `count`
 * the number of records. `removed/<id>`: its record is gone, its directory may still be there.
 */
import { createHash } from 'node:crypto';
import type { Labels } from './lazy-layers.ts';
import type { Change } from './snapshot-database.ts';
import { encodeSnapshot, type Snapshot, type SnapshotId } from './snapshot-record.ts';

/** Set by the unpacker: the chain id it wants to see. */
export const TARGET_LABEL = 'containerd.io/snapshot.ref';

export const SEQUENCE_KEY = 'sequence';
export const COUNT_KEY = 'count';
export const RECORD_PREFIX = 'snapshot/';
export const REMOVED_PREFIX = 'removed/';

export function recordKey(name: string): string {
  return RECORD_PREFIX + name;
}

export function childPrefix(parent: SnapshotId): string {
  return `child/${order(parent)}/`;
}

/** Of a fixed length, whatever the label holds. */
export function targetPrefix(chainId: string): string {
  return `ref/${createHash('sha256').update(chainId).digest('hex')}/`;
}

export function removedKey(id: SnapshotId): string {
  return REMOVED_PREFIX + order(id);
}

/** 0: it is the key of none. */
export function removedId(key: string): number {
  const digits = key.slice(REMOVED_PREFIX.length);
  return /^\d{16}$/.test(digits) ? Number(digits) : 0;
}

export function putNumber(key: typeof SEQUENCE_KEY | typeof COUNT_KEY, value: number): Change {
  return { type: 'put', key, value: String(value) };
}

/** The record, its link from the parent, its link from the wanted chain id. */
export function putSnapshot(snapshot: Snapshot, parent: Snapshot | undefined): Change[] {
  const { name } = snapshot;
  return [
    { type: 'put', key: recordKey(name), value: encodeSnapshot(snapshot) },
    ...linkKeys(snapshot, parent).map((key) => ({ type: 'put', key, value: name }) as const),
  ];
}

export function deleteSnapshot(snapshot: Snapshot, parent: Snapshot | undefined): Change[] {
  const keys = [recordKey(snapshot.name), ...linkKeys(snapshot, parent)];
  return keys.map((key) => ({ type: 'del', key }));
}

export function linkKeys({ id, labels }: Snapshot, parent: Snapshot | undefined): string[] {
  const target = targetOf(labels);
  return [
    ...(parent === undefined ? [] : [childPrefix(parent.id) + order(id)]),
    ...(target === undefined ? [] : [targetPrefix(target) + order(id)]),
  ];
}

export function targetOf(labels: Labels): string | undefined {
  return Object.hasOwn(labels, TARGET_LABEL) ? labels[TARGET_LABEL] : undefined;
}

/** Every prefix ends in a slash, and `0` follows the slash. */
export function within(prefix: string): { gte: string; lt: string } {
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` };
}

/** Numbers whose order as text is that of the numbers. */
function order(id: SnapshotId): string {
  return String(id).padStart(16, '0');
}
