/** Work that nobody waits for yet, but that has to be over before its owner may go. */
import { setTimeout as sleep } from 'node:timers/promises';

export class RunningTasks {
  readonly #tasks = new Set<Promise<void>>();

  get size(): number {
    return this.#tasks.size;
  }

  /** `task` must not reject. */
  add(task: Promise<void>): void {
    this.#tasks.add(task);
    void task.finally(() => this.#tasks.delete(task));
  }

  /** Resolves when everything that was added has ended, or the time has passed. */
  async endedWithin(timeoutMs: number): Promise<void> {
    const clock = new AbortController();
    const late = sleep(timeoutMs, undefined, { signal: clock.signal }).catch(() => undefined);
    await Promise.race([this.ended(), late]);
    clock.abort();
  }

  /** Resolves when everything that was added has ended. */
  async ended(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }
}
