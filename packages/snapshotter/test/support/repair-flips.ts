/** One bit of a table flipped, then the next, each repaired in a process that may end by it. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand } from '@shoal/test-kit';
import { writeTable } from './level-tables.ts';
import { type Survey, snapshotRecords } from './snapshot-records.ts';

export const FLIPPED = snapshotRecords(24, 2);
const CHILD = fileURLToPath(new URL('./repair-flips-child.ts', import.meta.url));
/** For all of them: each is synced to the disk, which others may keep busy. */
const MANY_MS = 600_000;

export type Flip = Survey & { readonly at: number };

/** The whole database, below `place`. */
export async function writeWhole(place: string, compression: boolean): Promise<number> {
  const directory = join(place, 'whole', 'snapshotter');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return (await writeTable(directory, FLIPPED, compression)).bytes.length;
}

/** By the byte; those that ended the process are not in it. */
export async function repairFlips(
  place: string,
  how: 'shoal' | 'leveldb',
  step: number,
): Promise<ReadonlyMap<number, Flip>> {
  const flips = new Map<number, Flip>();
  for (let from = 0; ; ) {
    const args = [CHILD, place, how, String(from), String(step)];
    const { exitCode, stdout } = await runCommand(process.execPath, args, { timeoutMs: MANY_MS });
    const lines: Flip[] = stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    for (const flip of lines) flips.set(flip.at, flip);
    if (exitCode === 0) return flips;
    from = (lines.at(-1)?.at ?? from - step) + 2 * step;
    rmSync(join(place, how), { recursive: true, force: true });
  }
}
