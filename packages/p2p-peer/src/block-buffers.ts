/**
 * Memory of blocks, used again. Each MiB of new buffers brings V8 nearer to a collection of the whole
 * heap, which costs more than all that is done with the bytes: without this a host that sends or takes
 * blocks spends half of its processor time there.
 */
import { BLOCK_BUFFERS_KEPT_MAX, BLOCK_BYTES_MAX } from './limits.ts';

export class BlockBuffers {
  readonly #free: ArrayBuffer[] = [];
  /** Not given back yet; whoever forgets to costs a collection, nothing else. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  readonly #keptMax: number;

  constructor(keptMax: number = BLOCK_BUFFERS_KEPT_MAX) {
    this.#keptMax = keptMax;
  }

  /** So many that wait to be used. */
  get kept(): number {
    return this.#free.length;
  }

  /** Memory that is the caller's alone until it is given back, with whatever lay in it. */
  take(length: number): Buffer {
    // Others are few: the ends of chunks, small reads, those of standard clients.
    if (length !== BLOCK_BYTES_MAX) return Buffer.allocUnsafeSlow(length);
    const memory = this.#free.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES_MAX).buffer;
    this.#lent.add(memory);
    return Buffer.from(memory);
  }

  /**
   * Nobody touches these bytes any more: neither a write to a file or socket that has not ended, nor a
   * view of them. Others than those of `take`, and those that were given back before, are left alone.
   */
  give(bytes: Uint8Array): void {
    const { buffer } = bytes;
    if (!(buffer instanceof ArrayBuffer) || !this.#lent.delete(buffer)) return;
    if (this.#free.length < this.#keptMax) this.#free.push(buffer);
  }
}

/** Of this process, whatever hosts and wires it has: memory is shared by all of them anyway. */
export const blockBuffers = new BlockBuffers();
