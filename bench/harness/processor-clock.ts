/**
 * Processor time of all processes that name some directories, thread by thread and to the nanosecond: the
 * times of `/proc/PID/stat` are of 10 ms, more than a read costs.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesNaming } from '../../test/support/own-daemon.ts';

export class ProcessorClock {
  readonly #pids: readonly number[];
  /** By thread: one that has ended keeps what it had used. */
  readonly #used = new Map<string, number>();

  /** Of the processes that run now. */
  constructor(homes: readonly string[]) {
    this.#pids = homes.flatMap((home) => processesNaming(home));
  }

  ms(): number {
    for (const pid of this.#pids) this.#look(pid);
    return [...this.#used.values()].reduce((sum, ms) => sum + ms, 0);
  }

  #look(pid: number): void {
    const tasks = join('/proc', String(pid), 'task');
    try {
      for (const task of readdirSync(tasks)) {
        const [ns] = readFileSync(join(tasks, task, 'schedstat'), 'latin1').split(' ');
        this.#used.set(task, Number(ns) / 1e6);
      }
    } catch {
      // A thread, or the process, has ended between two lines.
    }
  }
}
