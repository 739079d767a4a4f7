/**
 * Callers of a shared thing: each may give up by its signal, or be given up when the thing closes,
 * and either way only its own waiting ends. No listener outlives the call.
 */
export class Callers {
  readonly #running = new Map<AbortController, Promise<unknown>>();
  #closedBy: Error | undefined;

  /** Runs `work` with a signal that fires with the caller's own or when all are given up. */
  async run<T>(
    outer: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (this.#closedBy !== undefined) throw this.#closedBy;
    outer?.throwIfAborted();
    const controller = new AbortController();
    const onAbort = () => controller.abort(outer?.reason);
    outer?.addEventListener('abort', onAbort, { once: true });
    const running = work(controller.signal);
    this.#running.set(controller, running);
    try {
      return await running;
    } finally {
      this.#running.delete(controller);
      outer?.removeEventListener('abort', onAbort);
    }
  }

  /** Refuses new calls, gives up the running ones, resolves when they are over. */
  async close(reason: Error): Promise<void> {
    this.#closedBy ??= reason;
    const running = [...this.#running];
    for (const [controller] of running) controller.abort(this.#closedBy);
    await Promise.allSettled(running.map(([, call]) => call));
  }
}
