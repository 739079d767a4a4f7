/** What waits in order of priority, then of arrival. An item's priority can be raised while it waits. */
import { byPriority, PRIORITIES, type Priority, rankOf } from './priority.ts';

export class PriorityQueue<T extends { readonly priority: Priority }> {
  readonly #lanes: Readonly<Record<Priority, Set<T>>> = byPriority(() => new Set());
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    this.#lanes[item.priority].add(item);
    this.#size++;
  }

  peek(): T | undefined {
    for (const priority of PRIORITIES) for (const item of this.#lanes[priority]) return item;
    return undefined;
  }

  shift(): T | undefined {
    const item = this.peek();
    if (item !== undefined) this.remove(item);
    return item;
  }

  /** False when the item does not wait here. */
  remove(item: T): boolean {
    const isHere = this.#lanes[item.priority].delete(item);
    if (isHere) this.#size--;
    return isHere;
  }

  /** Moves an item to a higher priority; no effect when it does not wait or is there already. */
  raise(item: T & { priority: Priority }, priority: Priority): void {
    if (rankOf(priority) >= rankOf(item.priority)) return;
    const isWaiting = this.remove(item);
    item.priority = priority;
    if (isWaiting) this.push(item);
  }

  /** In the order in which they would be taken. */
  *[Symbol.iterator](): Generator<T> {
    for (const priority of PRIORITIES) yield* this.#lanes[priority];
  }
}
