/** How urgent a read is: whatever keeps reads waiting keeps them in this order. */

/**
 * Who waits for a read. A demand read has a program waiting for it and goes first; a preheat was ordered by
 * somebody who will start programs soon, a prefetch is a guess.
 */
export type Priority = 'demand' | 'preheat' | 'prefetch' | 'background';

/** Most urgent first. */
export const PRIORITIES: readonly Priority[] = ['demand', 'preheat', 'prefetch', 'background'];

/** One of each, made anew: a queue, a sum. */
export function byPriority<T>(make: (priority: Priority) => T): Record<Priority, T> {
  return {
    demand: make('demand'),
    preheat: make('preheat'),
    prefetch: make('prefetch'),
    background: make('background'),
  };
}

/** The lowest goes first. */
export function rankOf(priority: Priority): number {
  return PRIORITIES.indexOf(priority);
}

/** Of those who wait; nobody is in no hurry. */
export function mostUrgent(priorities: Iterable<Priority>): Priority {
  let most: Priority = 'background';
  for (const priority of priorities) if (rankOf(priority) < rankOf(most)) most = priority;
  return most;
}
