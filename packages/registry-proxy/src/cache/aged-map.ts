/** Facts with the time they were learnt at, the longest unused forgotten first. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';

export type Aged<Value> = { readonly value: Value; readonly ageMs: number };

export class AgedMap<Value extends object> {
  readonly #entries: LRUCache<string, { readonly value: Value; readonly atMs: number }>;
  readonly #clock: Clock;

  constructor(entriesMax: number, clock: Clock) {
    this.#entries = new LRUCache({ max: entriesMax });
    this.#clock = clock;
  }

  set(key: string, value: Value): void {
    this.#entries.set(key, { value, atMs: this.#clock() });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Whatever its age. */
  find(key: string): Aged<Value> | undefined {
    const entry = this.#entries.get(key);
    return entry === undefined
      ? undefined
      : { value: entry.value, ageMs: this.#clock() - entry.atMs };
  }

  /** Younger than that. */
  fresh(key: string, ageMsMax: number): Value | undefined {
    const found = this.find(key);
    return found !== undefined && found.ageMs < ageMsMax ? found.value : undefined;
  }
}
