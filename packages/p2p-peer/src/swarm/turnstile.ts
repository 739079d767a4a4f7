/** Lets so many in for each key at a time; whoever comes above that is sent away. */
export class Turnstile<Key> {
  readonly #countMax: number;
  readonly #inside = new Map<Key, number>();

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** False when it is full. Whoever was let in has to `leave`. */
  enter(key: Key): boolean {
    const count = this.#inside.get(key) ?? 0;
    if (count >= this.#countMax) return false;
    this.#inside.set(key, count + 1);
    return true;
  }

  leave(key: Key): void {
    const count = (this.#inside.get(key) ?? 0) - 1;
    if (count > 0) this.#inside.set(key, count);
    else this.#inside.delete(key);
  }
}
