/**
 * Memory of blocks and of reads, used again. Each MiB of new buffers brings V8 nearer to a collection of the
 * whole heap, which costs more than all that is done with the bytes, and until then what is done with takes room:
 * without this a host that sends or takes blocks spends half of its processor time there.
 */
import {
  BLOCK_BUFFERS_KEPT_MAX,
  BLOCK_BYTES_MAX,
  HOME_FETCH_BYTES_MAX,
  READ_MEMORY_KEPT_BYTES_MAX,
} from './limits.ts';

export type KeptMemoryInput = {
  /** Bytes that a length takes of what is kept; undefined where it has memory of its own. */
  readonly sizeOf: (length: number) => number | undefined;
  readonly keptBytesMax: number;
};

export class KeptMemory {
  readonly #input: KeptMemoryInput;
  /** In the order in which it was given back. */
  readonly #free: ArrayBuffer[] = [];
  #keptBytes = 0;
  /** Not given back yet, as `take` gave them; whoever forgets to costs a collection, nothing else. */
  readonly #lent = new WeakMap<ArrayBufferLike, Uint8Array>();
  /** Given back: the memory may be somebody else's by now, who has other views of it. */
  readonly #over = new WeakSet<Uint8Array>();

  constructor(input: KeptMemoryInput) {
    this.#input = input;
  }

  /** Bytes that wait to be used. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /** Memory that is the caller's alone until it is given back, with whatever lay in it. */
  take(length: number): Buffer {
    const size = this.#input.sizeOf(length);
    if (size === undefined) return Buffer.allocUnsafeSlow(length);
    const memory = this.#takeKept(size) ?? Buffer.allocUnsafeSlow(size).buffer;
    const bytes = Buffer.from(memory, 0, length);
    this.#lent.set(memory, bytes);
    return bytes;
  }

  /**
   * Nobody touches these bytes any more: neither a write to a file or socket that has not ended, nor a
   * view of them. Others than those of `take`, and those that were given back before, are left alone,
   * whoever has that memory meanwhile: only a new view that is made of an old one could still be mistaken.
   */
  give(bytes: Uint8Array): void {
    const { buffer } = bytes;
    const lent = this.#lent.get(buffer);
    if (!(buffer instanceof ArrayBuffer) || lent === undefined || this.#over.has(bytes)) return;
    this.#lent.delete(buffer);
    this.#over.add(lent).add(bytes);
    // Moved to a thread it is that thread's.
    const size = buffer.byteLength;
    if (size === 0 || size > this.#input.keptBytesMax) return;
    this.#free.push(buffer);
    this.#keptBytes += size;
    // Lengths that nobody asks for any more would keep those from being kept that are asked for now.
    while (this.#keptBytes > this.#input.keptBytesMax) this.#remove(0);
  }

  /** Of that size, the last one that was given back. */
  #takeKept(size: number): ArrayBuffer | undefined {
    const at = this.#free.findLastIndex(({ byteLength }) => byteLength === size);
    return at < 0 ? undefined : this.#remove(at);
  }

  #remove(at: number): ArrayBuffer | undefined {
    const [memory] = this.#free.splice(at, 1);
    this.#keptBytes -= memory?.byteLength ?? 0;
    return memory;
  }
}

/** Others than whole ones are few: the ends of chunks, small reads, those of standard clients. */
export function sizeOfBlock(length: number): number | undefined {
  return length === BLOCK_BYTES_MAX ? length : undefined;
}

/** The next power of two: chunks have any length when they are compressed. */
export function sizeOfRead(length: number): number | undefined {
  if (length < BLOCK_BYTES_MAX || length > HOME_FETCH_BYTES_MAX) return undefined;
  return 2 ** Math.ceil(Math.log2(length));
}

/** Of this process, whatever hosts and wires it has: memory is shared by all of them anyway. */
export const blockMemory = new KeptMemory({
  sizeOf: sizeOfBlock,
  keptBytesMax: BLOCK_BUFFERS_KEPT_MAX * BLOCK_BYTES_MAX,
});

/** What a read brings until it is copied, written, or sent on. */
export const readMemory = new KeptMemory({
  sizeOf: sizeOfRead,
  keptBytesMax: READ_MEMORY_KEPT_BYTES_MAX,
});
