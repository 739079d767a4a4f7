/**
 * The bytes at the front of a read that goes on, gathered as they come: in any order, some of them more
 * than once.
 */
export class FrontBytes {
  readonly #start: number;
  readonly length: number;
  readonly #bytes: Buffer;
  #onHere: ((bytes: Buffer) => void) | undefined;
  /** All up to here have come. */
  #until = 0;
  /** What has come behind that: ends, by start. */
  readonly #behind = new Map<number, number>();

  /** `onHere` is called once, when all bytes from `start` on have come that `length` says: they stay here. */
  constructor(start: number, length: number, onHere: (bytes: Buffer) => void) {
    this.#start = start;
    this.length = length;
    this.#bytes = Buffer.allocUnsafeSlow(length);
    this.#onHere = onHere;
  }

  /** `offset` is of the same whole as `start`. */
  add(offset: number, bytes: Buffer): void {
    const { length } = this;
    if (this.#until === length) return;
    const at = offset - this.#start;
    const from = Math.max(0, at);
    const to = Math.min(length, at + bytes.length);
    if (from >= to) return;
    bytes.copy(this.#bytes, from, from - at, to - at);
    this.#behind.set(from, Math.max(to, this.#behind.get(from) ?? 0));
    this.#advance();
    if (this.#until === length) this.#onHere?.(this.#bytes);
  }

  /** Nothing that comes later starts anything: the read is over. */
  close(): void {
    this.#onHere = undefined;
  }

  /** Whether what was answered in the end begins with just these. */
  isFrontOf(answer: Buffer): boolean {
    return this.#until === this.length && this.#bytes.equals(answer.subarray(0, this.length));
  }

  #advance(): void {
    for (const [from, to] of [...this.#behind].sort(([a], [b]) => a - b)) {
      if (from > this.#until) return;
      this.#behind.delete(from);
      this.#until = Math.max(this.#until, to);
    }
  }
}
