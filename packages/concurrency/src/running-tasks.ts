/** Work that has to be over before its owner may go, whoever else waits for it. */
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

  /** Starts what somebody waits for, who may go before it ends. Settles as `task` does. */
  async run<Value>(task: () => Promise<Value>): Promise<Value> {
    const running = task();
    const ended = () => {};
    this.add(running.then(ended, ended));
    return await running;
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
