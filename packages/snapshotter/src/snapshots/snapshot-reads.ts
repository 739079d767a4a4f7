/** Reads records: one, a chain of ancestors, or the part of all that a listing wants. */
import { SnapshotNotFoundError, SnapshotStateError } from './errors.ts';
import { CHAIN_MAX, LIST_READ_MAX } from './limits.ts';
import type { Database, SnapshotDatabase } from './snapshot-database.ts';
import { childPrefix, RECORD_PREFIX, recordKey, targetPrefix, within } from './snapshot-keys.ts';
import { decodeSnapshot, type Snapshot } from './snapshot-record.ts';

/** Which records may match; what a listing reads depends on it, not what it gives. */
export type ListSelection =
  | { readonly kind: 'all' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'children'; readonly parent: string }
  | { readonly kind: 'target'; readonly chainId: string };

/** @throws StateDamagedError, naming `place` */
export function findSnapshot(db: Database, name: string, place: string): Snapshot | undefined {
  const text = db.getSync(recordKey(name));
  return text === undefined ? undefined : decodeSnapshot(name, text, place);
}

/**
 * A parent and its ancestors, nearest first.
 *
 * @throws SnapshotNotFoundError
 */
export function readChain(db: Database, parent: string | undefined, place: string): Snapshot[] {
  const chain: Snapshot[] = [];
  for (let name = parent; name !== undefined; name = chain.at(-1)?.parent) {
    const snapshot = findSnapshot(db, name, place);
    if (snapshot === undefined) throw new SnapshotNotFoundError(name, 'parent');
    chain.push(snapshot);
    if (chain.length > CHAIN_MAX) throw new SnapshotStateError(name, 'has too many ancestors');
  }
  return chain;
}

export async function* listSnapshots(
  database: SnapshotDatabase,
  selection: ListSelection,
): AsyncGenerator<Snapshot, void, void> {
  const find = (name: string) => database.read((db) => findSnapshot(db, name, database.directory));
  if (selection.kind === 'name') {
    const found = await find(selection.name);
    if (found !== undefined) yield found;
    return;
  }
  const prefix = await prefixOf(selection, find);
  if (prefix === undefined) return;
  const entries = await database.read((db) => db.iterator(within(prefix)));
  try {
    for (;;) {
      const batch = await entries.nextv(LIST_READ_MAX);
      if (batch.length === 0) return;
      for (const [key, value] of batch) {
        const isRecord = selection.kind === 'all';
        const name = isRecord ? key.slice(prefix.length) : value;
        const found = isRecord ? decodeSnapshot(name, value, database.directory) : await find(name);
        if (found !== undefined) yield found;
      }
    }
  } finally {
    await entries.close();
  }
}

async function prefixOf(
  selection: Exclude<ListSelection, { kind: 'name' }>,
  find: (name: string) => Promise<Snapshot | undefined>,
): Promise<string | undefined> {
  if (selection.kind === 'all') return RECORD_PREFIX;
  if (selection.kind === 'target') return targetPrefix(selection.chainId);
  const parent = await find(selection.parent);
  return parent === undefined ? undefined : childPrefix(parent.id);
}
