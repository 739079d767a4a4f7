/** What happens when, in a world without a clock: a heap of times, each with what is done then. */

const FIRST_CAPACITY = 1 << 16;

export class EventQueue {
  nowMs = 0;
  /** Events that were run. */
  count = 0;
  /** A binary heap: the earliest first, of one time the one that was asked for first. */
  #times = new Float64Array(FIRST_CAPACITY);
  #orders = new Float64Array(FIRST_CAPACITY);
  readonly #runs: (() => void)[] = [];
  #length = 0;
  #nextOrder = 0;

  at(atMs: number, run: () => void): void {
    if (this.#length === this.#times.length) this.#grow();
    const order = this.#nextOrder++;
    let index = this.#length++;
    // Children move down until the place is found.
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#isBefore(parent, atMs, order)) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#set(index, atMs, order, run);
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run);
  }

  /** Until nothing is left, `isDone` says so, or the time is up. */
  run(endMs: number, isDone: () => boolean): void {
    while (this.#length > 0 && !isDone()) {
      const atMs = this.#times[0] ?? 0;
      if (atMs > endMs) return;
      const run = this.#takeFirst();
      this.nowMs = Math.max(this.nowMs, atMs);
      this.count += 1;
      run();
    }
  }

  #takeFirst(): () => void {
    const first = this.#runs[0];
    const last = this.#runs.pop();
    if (first === undefined || last === undefined) throw new RangeError('no events');
    const length = --this.#length;
    if (length === 0) return first;
    const atMs = this.#times[length] ?? 0;
    const order = this.#orders[length] ?? 0;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isBefore(child + 1, this.#times[child], this.#orders[child]))
        child += 1;
      if (!this.#isBefore(child, atMs, order)) break;
      this.#move(child, index);
      index = child;
    }
    this.#set(index, atMs, order, last);
    return first;
  }

  #isBefore(index: number, atMs = 0, order = 0): boolean {
    const other = this.#times[index] ?? 0;
    return other < atMs || (other === atMs && (this.#orders[index] ?? 0) < order);
  }

  #move(from: number, to: number): void {
    const run = this.#runs[from];
    if (run !== undefined) this.#set(to, this.#times[from] ?? 0, this.#orders[from] ?? 0, run);
  }

  #set(index: number, atMs: number, order: number, run: () => void): void {
    this.#times[index] = atMs;
    this.#orders[index] = order;
    this.#runs[index] = run;
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2);
    const orders = new Float64Array(this.#orders.length * 2);
    times.set(this.#times);
    orders.set(this.#orders);
    this.#times = times;
    this.#orders = orders;
  }
}
