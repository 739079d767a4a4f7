/**
 * A process that flips one bit of the table of a database, repairs it, and prints how many records
 * are saved and how many wrong; then the next bit. LevelDB alone may end it by an assertion.
 *
 * Arguments: a directory with a database below `whole`, how it repairs (`shoal`, `leveldb`), the first
 * byte, the distance to the next.
 */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { silentLog } from '../../src/service-log.ts';
import { repairSnapshots } from '../../src/snapshots/snapshot-recovery.ts';
import { tableFiles } from './level-tables.ts';
import { FLIPPED } from './repair-flips.ts';
import { survey } from './snapshot-records.ts';

const [place = '', how = '', from = '0', step = '1'] = process.argv.slice(2);
const root = join(place, how);
const directory = join(root, 'snapshotter');

for (let at = Number(from); ; at += Number(step)) {
  cpSync(join(place, 'whole'), root, { recursive: true });
  const [file = ''] = tableFiles(directory);
  const bytes = readFileSync(file);
  if (at >= bytes.length) break;
  bytes[at] = (bytes[at] ?? 0) ^ (1 << ((at / Number(step)) & 7));
  writeFileSync(file, bytes);
  if (how === 'shoal') await repairSnapshots(root, silentLog);
  else await ClassicLevel.repair(directory);
  process.stdout.write(`${JSON.stringify({ at, ...(await survey(directory, FLIPPED)) })}\n`);
  rmSync(root, { recursive: true });
}
