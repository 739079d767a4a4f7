/**
 * Which process has the state of a root open, and whether it served already: what a command can know
 * of a daemon that does not answer. A daemon leaves its number in the run directory while it serves.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileLockHolder } from '@shoal/linux/proc';
import type { DaemonPaths } from '../config/paths.ts';

const FILE = 'serving.pid';

export type StateHolder = {
  readonly pid: number;
  /** It was ready and was not asked to leave; otherwise it starts or stops. */
  readonly isServing: boolean;
};

/** Undefined: nobody that can be seen. */
export function findStateHolder({ root, run }: DaemonPaths): StateHolder | undefined {
  // LevelDB's lock file.
  const pid = fileLockHolder(join(root, 'state', 'LOCK'));
  return pid === undefined ? undefined : { pid, isServing: servingPid(run) === pid };
}

/** From when it is made until it is closed, this process is the one that serves. Best effort. */
export class ServingMark implements Disposable {
  readonly #file: string;

  constructor(run: string) {
    this.#file = join(run, FILE);
    try {
      writeFileSync(this.#file, `${process.pid}\n`, { mode: 0o600 });
    } catch {
      // A full disk: commands are more patient without it, that is all.
    }
  }

  close(): void {
    rmSync(this.#file, { force: true });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function servingPid(run: string): number | undefined {
  try {
    return Number(readFileSync(join(run, FILE), 'latin1'));
  } catch {
    return undefined;
  }
}
