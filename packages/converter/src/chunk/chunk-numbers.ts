/**
 * A growing list of chunk numbers: which chunk of the image each chunk of a layer turned out to be.
 */
const INITIAL_CAPACITY = 256;

export class ChunkNumbers {
  #numbers = new Uint32Array(INITIAL_CAPACITY);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  push(number: number): void {
    if (this.#count === this.#numbers.length) {
      const larger = new Uint32Array(this.#numbers.length * 2);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#count++] = number;
  }

  /** Another number for a chunk that was pushed. */
  set(position: number, number: number): void {
    this.#numbers[position] = number;
  }

  /** The numbers so far, as a copy of their exact size. */
  finish(): Uint32Array {
    return this.#numbers.slice(0, this.#count);
  }
}
