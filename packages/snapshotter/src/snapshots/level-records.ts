/**
 * The records of LevelDB's tables. A key there is the user's, then eight bytes of which the lowest
 * says whether it is a value (1) or a deletion (0), and the others count writes; of two that are the
 * user's same key the later one is first.
 */
import { isUtf8 } from 'node:buffer';
import type { BlockEntry } from './level-block.ts';

export type TableRecord = BlockEntry & {
  /** Its block has the checksum it was written with. */
  readonly isSure: boolean;
};

const TAG_SIZE = 8;
const TYPE_VALUE = 1;

/** Whether LevelDB would list it. What is no text could not be named again to delete it. */
export function isRecord({ key }: BlockEntry): boolean {
  if (key.length < TAG_SIZE) return false;
  return (key[key.length - TAG_SIZE] ?? 0) <= TYPE_VALUE && isUtf8(userKey({ key }));
}

export function userKey({ key }: Pick<BlockEntry, 'key'>): Buffer {
  return key.subarray(0, key.length - TAG_SIZE);
}

/**
 * The records of a table in the order that LevelDB has to find them in, each once. Where one that is
 * not sure lies behind a key that is above it, it is its key that is wrong: another with the same one stays.
 */
export function inOrder(records: readonly TableRecord[]): readonly TableRecord[] {
  const names = new Set(records.filter(({ isSure }) => isSure).map(nameOf));
  const known = records.filter((record, index) => {
    const before = records[index - 1];
    const isBelow = before !== undefined && compare(before, record) >= 0;
    if (!record.isSure && isBelow && names.has(nameOf(record))) return false;
    names.add(nameOf(record));
    return true;
  });
  const sorted = known.toSorted(compare);
  return sorted.filter((record, index) => {
    const before = sorted[index - 1];
    return before === undefined || compare(before, record) < 0;
  });
}

function nameOf(record: TableRecord): string {
  return userKey(record).toString('latin1');
}

function compare(one: TableRecord, other: TableRecord): number {
  const order = userKey(one).compare(userKey(other));
  return order === 0 ? Number(tagOf(other) - tagOf(one)) : order;
}

function tagOf({ key }: TableRecord): bigint {
  return key.readBigUInt64LE(key.length - TAG_SIZE);
}
