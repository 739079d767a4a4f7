/**
 * A process that damages the table of a database in many ways, repairs each, and prints how many are
 * done and how many records were then other than before, or listed and not found.
 *
 * Arguments: a directory, how many.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '../../src/service-log.ts';
import { repairSnapshots } from '../../src/snapshots/snapshot-recovery.ts';
import { tableFiles, writeTable } from './level-tables.ts';
import { snapshotRecords, survey } from './snapshot-records.ts';

const [place = '', count = '0'] = process.argv.slice(2);
const FOOTER_AND_TRAILER = 53;
const RECORDS = snapshotRecords(40, 12);

/** Small numbers that are the same in every run. */
function numbersOf(seed: number): (limit: number) => number {
  let state = seed * 747_796_405 + 1;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % limit;
  };
}

function damage(bytes: Buffer, kind: number, next: (limit: number) => number): void {
  const { length } = bytes;
  if (kind === 0) {
    const step = 8 + next(200);
    for (let at = next(64); at < length; at += step) bytes[at] = next(256);
  } else if (kind === 1) {
    for (let left = next(6); left >= 0; left--) bytes[length - 1 - next(900)] = next(256);
  } else if (kind === 2) {
    const from = next(length);
    bytes.fill(next(2) * 0xff, from, Math.min(length, from + next(5000)));
  } else {
    for (let left = 30; left >= 0; left--) {
      bytes[length - FOOTER_AND_TRAILER - next(600)] = next(256);
    }
  }
}

const kinds = [false, true].map((compression) => ({
  compression,
  root: join(place, `compression-${compression}`),
}));
for (const { compression, root } of kinds) {
  await mkdir(join(root, 'snapshotter'), { recursive: true });
  await writeTable(join(root, 'snapshotter'), RECORDS, compression);
}

let wrong = 0;
let done = 0;
for (; done < Number(count); done++) {
  const root = join(place, 'damaged');
  cpSync(kinds[done % 2]?.root ?? '', root, { recursive: true });
  const [file = ''] = tableFiles(join(root, 'snapshotter'));
  const bytes = readFileSync(file);
  damage(bytes, (done >> 1) % 4, numbersOf(done));
  writeFileSync(file, bytes);
  const report = await repairSnapshots(root, silentLog);
  const found = await survey(join(root, 'snapshotter'), RECORDS);
  wrong += found.wrong + Math.abs(report.snapshots - found.saved);
  rmSync(root, { recursive: true });
}
process.stdout.write(JSON.stringify({ done, wrong }));
