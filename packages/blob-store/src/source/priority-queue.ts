/**
 * Items in order of priority, then of arrival. An item's priority can be raised while it waits.
 */
import { byPriority, PRIORITIES, type Priority } from './blob-source.ts';

/** True when `left` goes before `right`. */
export function isBefore(left: Priority, right: Priority): boolean {
  return PRIORITIES.indexOf(left) < PRIORITIES.indexOf(right);
}

export class PriorityQueue<T extends { priority: Priority }> {
  readonly #lanes: Record<Priority, T[]> = byPriority(() => []);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    this.#lanes[item.priority].push(item);
    this.#size++;
  }

  peek(): T | undefined {
    for (const priority of PRIORITIES) {
      const [first] = this.#lanes[priority];
      if (first !== undefined) return first;
    }
    return undefined;
  }

  shift(): T | undefined {
    const item = this.peek();
    if (item === undefined) return undefined;
    this.#lanes[item.priority].shift();
    this.#size--;
    return item;
  }

  /** False when the item does not wait here. */
  remove(item: T): boolean {
    const lane = this.#lanes[item.priority];
    const at = lane.indexOf(item);
    if (at === -1) return false;
    lane.splice(at, 1);
    this.#size--;
    return true;
  }

  /** Moves an item to a higher priority; no effect when it does not wait or is there already. */
  raise(item: T, priority: Priority): void {
    if (!isBefore(priority, item.priority)) return;
    const isWaiting = this.remove(item);
    item.priority = priority;
    if (isWaiting) this.push(item);
  }
}
