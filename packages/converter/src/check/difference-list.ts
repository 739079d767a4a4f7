/** Collects differences: lists the first ones, counts all. */
import { DIFFERENCES_LISTED_MAX } from '../limits.ts';
import type { Difference } from './check-report.ts';

export class DifferenceList {
  readonly listed: Difference[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(difference: Difference): void {
    this.#count += 1;
    if (this.listed.length < DIFFERENCES_LISTED_MAX) this.listed.push(difference);
  }
}
