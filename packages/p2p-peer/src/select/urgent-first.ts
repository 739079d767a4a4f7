/**
 * A queue in which the most urgent goes first, of one kind the oldest. Each eighth turn is that of the one
 * who waits longest, whatever its kind, so that nobody waits for ever.
 */
import { type Priority, PriorityQueue } from '@shoal/blob-store';

/** What is urgent has all turns but one of so many. */
export const TURNS_OF_OLDEST = 8;

export class UrgentFirst<T extends { readonly priority: Priority }> {
  readonly #byUrgency = new PriorityQueue<T>();
  readonly #byArrival = new Set<T>();
  #turns = 0;

  get size(): number {
    return this.#byUrgency.size;
  }

  push(item: T): void {
    this.#byUrgency.push(item);
    this.#byArrival.add(item);
  }

  /** Whose turn it is; the same until something comes or goes. */
  peek(): T | undefined {
    const isTurnOfOldest = this.#turns % TURNS_OF_OLDEST === TURNS_OF_OLDEST - 1;
    return isTurnOfOldest ? this.oldest() : this.#byUrgency.peek();
  }

  oldest(): T | undefined {
    const [oldest] = this.#byArrival;
    return oldest;
  }

  shift(): T | undefined {
    const item = this.peek();
    if (item !== undefined) this.take(item);
    return item;
  }

  /** It has had its turn. */
  take(item: T): void {
    if (this.remove(item)) this.#turns += 1;
  }

  /** False when it does not wait here. */
  remove(item: T): boolean {
    this.#byArrival.delete(item);
    return this.#byUrgency.remove(item);
  }

  clear(): void {
    for (const item of this.#byArrival) this.remove(item);
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#byUrgency[Symbol.iterator]();
  }
}
