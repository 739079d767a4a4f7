/** Work that must not overlap for one thing, and may for different things. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs when what came before for the same key is over, however that ended. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.then(work);
    const over = result
      .catch(() => {})
      .finally(() => {
        if (this.#last.get(key) === over) this.#last.delete(key);
      });
    this.#last.set(key, over);
    return result;
  }

  /** Resolves when everything that was begun is over. */
  async over(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}
