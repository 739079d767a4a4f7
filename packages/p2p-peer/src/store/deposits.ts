/** The deposits of a store: those that nobody judges are given up, the one unused for longest first. */

import { UNJUDGED_MS_MAX } from '../limits.ts';
import type { BlobEntry } from './blob-entry.ts';
import { Deposit } from './deposit.ts';
import { DEPOSITS_MAX } from './limits.ts';

export class Deposits {
  readonly #now: () => number;
  /** When each was used last, in that order. */
  readonly #used = new Map<Deposit, number>();

  constructor(now: () => number) {
    this.#now = now;
  }

  get count(): number {
    return this.#used.size;
  }

  /** Also looks for those whose time is over. */
  open(entry: BlobEntry): Deposit {
    this.#giveUpOld();
    const deposit = new Deposit(entry, (used) => this.#use(used));
    entry.deposits.add(deposit);
    this.#use(deposit);
    return deposit;
  }

  #use(deposit: Deposit): void {
    this.#used.delete(deposit);
    if (!deposit.isClosed) this.#used.set(deposit, this.#now());
  }

  #giveUpOld(): void {
    const oldestMs = this.#now() - UNJUDGED_MS_MAX;
    for (const [deposit, usedMs] of this.#used) {
      const isOver = this.#used.size >= DEPOSITS_MAX || usedMs < oldestMs || deposit.isClosed;
      if (!isOver) return;
      this.#used.delete(deposit);
      deposit.close();
    }
  }
}
