/** Tells in what two trees differ, one readable line per difference. */
import type { TreeRecord } from './tree-listing.ts';
import { listTree } from './tree-listing.ts';

export type CompareOptions = {
  /** Fields that may differ. */
  readonly ignore?: readonly (keyof TreeRecord)[];
  /** Extended attributes whose names match are left out on both sides. */
  readonly ignoreXattrs?: RegExp;
  /**
   * Nanoseconds since 1970. A modification time of the second tree from then on is the clock of the
   * tool that unpacked it (directories that no layer names), so it is not compared.
   */
  readonly clockFromNs?: bigint;
};

/** More than this many lines help nobody. */
const DIFFERENCES_MAX = 50;

/** Compares two directories on disk; an empty list means that they are equal. */
export async function compareTrees(
  one: string,
  other: string,
  options: CompareOptions = {},
): Promise<string[]> {
  return compareListings(await listTree(one), await listTree(other), options);
}

/** Compares two listings; the differences name the path, the field and both values. */
export function compareListings(
  one: readonly TreeRecord[],
  other: readonly TreeRecord[],
  options: CompareOptions = {},
): string[] {
  const left = new Map(one.map((record) => [record.path, record]));
  const right = new Map(other.map((record) => [record.path, record]));
  const differences: string[] = [];
  for (const [path, record] of left) {
    const twin = right.get(path);
    if (twin === undefined) differences.push(`only in the first: ${JSON.stringify(path)}`);
    else differences.push(...compareRecords(record, twin, options));
  }
  for (const path of right.keys()) {
    if (!left.has(path)) differences.push(`only in the second: ${JSON.stringify(path)}`);
  }
  if (differences.length <= DIFFERENCES_MAX) return differences;
  const rest = differences.length - DIFFERENCES_MAX;
  return [...differences.slice(0, DIFFERENCES_MAX), `and ${rest} more`];
}

function compareRecords(one: TreeRecord, other: TreeRecord, options: CompareOptions): string[] {
  const ignored = new Set<keyof TreeRecord>(options.ignore ?? []);
  const { clockFromNs } = options;
  if (clockFromNs !== undefined && BigInt(other.mtime) >= clockFromNs) ignored.add('mtime');
  const fields: readonly (keyof TreeRecord)[] = [
    'type',
    'mode',
    'owner',
    'mtime',
    'rdev',
    'size',
    'links',
    'sameAs',
    'target',
    'xattrs',
    'content',
  ];
  return fields
    .filter((field) => !ignored.has(field))
    .map((field) => ({
      field,
      a: comparableOf(one, field, options),
      b: comparableOf(other, field, options),
    }))
    .filter(({ a, b }) => a !== b)
    .map(({ field, a, b }) => `${JSON.stringify(one.path)}: ${field} is ${a}, not ${b}`);
}

function comparableOf(record: TreeRecord, field: keyof TreeRecord, options: CompareOptions) {
  const value = record[field];
  const { ignoreXattrs } = options;
  if (field !== 'xattrs' || ignoreXattrs === undefined || typeof value !== 'string') return value;
  return value
    .split(' ')
    .filter((text) => !ignoreXattrs.test(text))
    .join(' ');
}
