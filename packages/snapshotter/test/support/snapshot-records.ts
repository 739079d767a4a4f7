/** Records of snapshots as the database has them, and what is there of them after a repair. */
import { createHash } from 'node:crypto';
import { Level } from 'level';
import { VERSION_KEY } from '../../src/snapshots/snapshot-database.ts';
import { COUNT_KEY, recordKey, SEQUENCE_KEY } from '../../src/snapshots/snapshot-keys.ts';
import { encodeSnapshot, snapshotId } from '../../src/snapshots/snapshot-record.ts';

const NO_RECORDS = [VERSION_KEY, COUNT_KEY, SEQUENCE_KEY];

/** So many, each with a label of so many times 64 characters. */
export function snapshotRecords(count: number, labelSize: number): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let id = 1; id <= count; id++) {
    const name = `default/${id}/r${String(id).padStart(4, '0')}`;
    const digests = Array.from({ length: labelSize }, (_, index) =>
      createHash('sha256').update(`${id} ${index}`).digest('hex'),
    );
    const text = encodeSnapshot({
      ...{ id: snapshotId(id), name, parent: undefined, kind: 'committed', mark: undefined },
      ...{ createdMicros: id * 7919, updatedMicros: id * 7919, usage: undefined },
      labels: { label: digests.join('') },
    });
    records.set(recordKey(name), text);
  }
  return records;
}

export type Survey = {
  /** Records that are listed as they were. */
  readonly saved: number;
  /** What is listed and was not there, or is not found by its key. */
  readonly wrong: number;
};

export async function survey(
  directory: string,
  records: ReadonlyMap<string, string>,
): Promise<Survey> {
  const db = new Level(directory);
  let saved = 0;
  let wrong = 0;
  for (const [key, value] of await db.iterator().all()) {
    const isRight = records.get(key) === value;
    if (isRight) saved += 1;
    if ((!isRight && !NO_RECORDS.includes(key)) || (await db.get(key)) !== value) wrong += 1;
  }
  await db.close();
  return { saved, wrong };
}
