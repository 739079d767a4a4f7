/**
 * A queue in which the most urgent goes first, of one kind the oldest. Each eighth turn is that of the one
 * who waits longest, whatever its kind, so that nobody waits for ever.
 */
import { byPriority, PRIORITIES, type Priority } from '@shoal/blob-store';

/** What is urgent has all turns but one of so many. */
export const TURNS_OF_OLDEST = 8;

export class UrgentFirst<T extends { readonly priority: Priority }> {
  /** With when they came. */
  readonly #lanes: Readonly<Record<Priority, Map<T, number>>> = byPriority(() => new Map());
  #arrivals = 0;
  #turns = 0;

  get size(): number {
    return PRIORITIES.reduce((sum, priority) => sum + this.#lanes[priority].size, 0);
  }

  push(item: T): void {
    this.#lanes[item.priority].set(item, this.#arrivals++);
  }

  /** Whose turn it is; the same until something comes or goes. */
  peek(): T | undefined {
    if (this.#turns % TURNS_OF_OLDEST === TURNS_OF_OLDEST - 1) return this.oldest();
    for (const priority of PRIORITIES) {
      for (const item of this.#lanes[priority].keys()) return item;
    }
    return undefined;
  }

  oldest(): T | undefined {
    let oldest: readonly [item: T, arrival: number] | undefined;
    for (const priority of PRIORITIES) {
      const [first] = this.#lanes[priority];
      if (first !== undefined && first[1] < (oldest?.[1] ?? this.#arrivals)) oldest = first;
    }
    return oldest?.[0];
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
    return this.#lanes[item.priority].delete(item);
  }

  clear(): void {
    for (const priority of PRIORITIES) this.#lanes[priority].clear();
  }

  *[Symbol.iterator](): Generator<T> {
    for (const priority of PRIORITIES) yield* this.#lanes[priority].keys();
  }
}
