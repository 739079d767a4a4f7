/**
 * Bytes of a socket as messages of known length: each byte is copied at most once, however the network has
 * cut them, and once more where reading has stopped in the middle of a chunk. Nothing is kept beyond that chunk
 * and the one message that is begun.
 */
import { blockMemory } from '../../kept-memory.ts';

const EMPTY = Buffer.alloc(0);

export class IncomingBytes {
  #chunks: Buffer[] = [];
  /** Bytes of the first chunk that are taken. */
  #at = 0;
  /** The message that is begun, and how much of it is there. */
  #begun: Buffer | undefined;
  #begunBytes = 0;

  /** The chunk is looked at until `keep`, not longer. */
  push(chunk: Buffer): void {
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /**
   * The next `size` bytes, or undefined until they have come; then `size` must stay the same. With
   * `isOwn` nobody else has that memory, which is one of `blockMemory`; otherwise they hold until
   * the next call of this class only.
   */
  take(size: number, isOwn: boolean): Buffer | undefined {
    const [first] = this.#chunks;
    if (this.#begun === undefined && !isOwn && first !== undefined) {
      const end = this.#at + size;
      if (end <= first.length) {
        const bytes = first.subarray(this.#at, end);
        this.#advance(first, size);
        return bytes;
      }
    }
    if (size === 0) return EMPTY;
    if (this.#begun === undefined && first === undefined) return undefined;
    this.#begun ??= isOwn ? blockMemory.take(size) : Buffer.allocUnsafeSlow(size);
    return this.#fill(this.#begun);
  }

  /** The memory of what was pushed last is about to be used again: what is left of it is copied. */
  keep(): void {
    const last = this.#chunks.length - 1;
    const chunk = this.#chunks[last];
    if (chunk === undefined) return;
    const taken = last === 0 ? this.#at : 0;
    this.#chunks[last] = Buffer.from(chunk.subarray(taken));
    this.#at -= taken;
  }

  clear(): void {
    this.#chunks = [];
    this.#at = 0;
    this.#begun = undefined;
    this.#begunBytes = 0;
  }

  #fill(begun: Buffer): Buffer | undefined {
    for (;;) {
      const [first] = this.#chunks;
      if (first === undefined) return undefined;
      const copied = first.copy(begun, this.#begunBytes, this.#at);
      this.#begunBytes += copied;
      this.#advance(first, copied);
      if (this.#begunBytes < begun.length) continue;
      this.#begun = undefined;
      this.#begunBytes = 0;
      return begun;
    }
  }

  #advance(first: Buffer, size: number): void {
    this.#at += size;
    if (this.#at < first.length) return;
    this.#chunks.shift();
    this.#at = 0;
  }
}
