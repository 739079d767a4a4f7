/** A set of at most 64 pieces. */
export class PieceBits {
  #low = 0;
  #high = 0;

  has(piece: number): boolean {
    return piece < 32 ? (this.#low & (1 << piece)) !== 0 : (this.#high & (1 << (piece - 32))) !== 0;
  }

  add(piece: number): void {
    if (piece < 32) this.#low |= 1 << piece;
    else this.#high |= 1 << (piece - 32);
  }

  merge(other: PieceBits): void {
    this.#low |= other.#low;
    this.#high |= other.#high;
  }

  get isEmpty(): boolean {
    return this.#low === 0 && this.#high === 0;
  }

  /** The set as it is; this one is empty afterwards. */
  take(): PieceBits {
    const taken = new PieceBits();
    taken.merge(this);
    this.#low = 0;
    this.#high = 0;
    return taken;
  }
}
