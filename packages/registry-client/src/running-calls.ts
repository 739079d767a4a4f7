/**
 * The calls of one store that have not ended yet, so that closing it can wait for them.
 */
import { CLOSE_GRACE_MS } from './limits.ts';

export class RunningCalls {
  readonly #calls = new Set<Promise<unknown>>();

  /** Starts a call and remembers it until it ends. */
  async run<Value>(call: () => Promise<Value>): Promise<Value> {
    const running = call();
    this.#calls.add(running);
    try {
      return await running;
    } finally {
      this.#calls.delete(running);
    }
  }

  /** Waits for the calls that run now, but not for ever. */
  async drain(): Promise<void> {
    const { promise: patienceEnds, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, CLOSE_GRACE_MS);
    await Promise.race([Promise.allSettled(this.#calls), patienceEnds]);
    clearTimeout(timer);
  }
}
