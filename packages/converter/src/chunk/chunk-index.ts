/**
 * Every chunk of one image, in columns: 70 bytes a chunk instead of 300 as objects, and a hash
 * table over the digests. A chunk's number is its position; numbers never change. The first chunk
 * with a digest and size wins, so the order of `add` decides deduplication and must be the
 * order of the layers.
 */
import { ImageLimitError } from '../errors.ts';
import { IMAGE_CHUNKS_MAX } from '../limits.ts';

export const DIGEST_SIZE = 32;
const INITIAL_CAPACITY = 1024;
const EMPTY = -1;

export type ChunkPlace = {
  /** Number of the blob in the image's blob list. */
  readonly blob: number;
  /** Position of the chunk in that blob's chunk list. */
  readonly index: number;
  readonly storedOffset: number;
  readonly storedSize: number;
  /** Byte offset in the blob's uncompressed address space, 4 KiB aligned. */
  readonly offset: number;
  readonly size: number;
};

export class ChunkIndex {
  #count = 0;
  #digests = Buffer.alloc(INITIAL_CAPACITY * DIGEST_SIZE);
  #blob = new Uint16Array(INITIAL_CAPACITY);
  #index = new Uint32Array(INITIAL_CAPACITY);
  #storedOffset = new Float64Array(INITIAL_CAPACITY);
  #storedSize = new Uint32Array(INITIAL_CAPACITY);
  #offset = new Float64Array(INITIAL_CAPACITY);
  #size = new Uint32Array(INITIAL_CAPACITY);
  /** Open addressing; slot -> chunk number. Digests are uniform, so their bytes are the hash. */
  #slots = new Int32Array(INITIAL_CAPACITY * 2).fill(EMPTY);

  get count(): number {
    return this.#count;
  }

  /** Number of the chunk with this digest and size, or undefined. */
  find(digests: Uint8Array, at: number, size: number): number | undefined {
    const found = this.#slots[this.#slotOf(digests, at, size)];
    return found === undefined || found === EMPTY ? undefined : found;
  }

  /** Appends a chunk; when its digest and size are known already the older one stays findable. */
  add(digests: Uint8Array, at: number, place: ChunkPlace): number {
    if (this.#count === this.#blob.length) this.#grow();
    const number = this.#count++;
    this.#digests.set(digests.subarray(at, at + DIGEST_SIZE), number * DIGEST_SIZE);
    this.#blob[number] = place.blob;
    this.#index[number] = place.index;
    this.#storedOffset[number] = place.storedOffset;
    this.#storedSize[number] = place.storedSize;
    this.#offset[number] = place.offset;
    this.#size[number] = place.size;
    const slot = this.#slotOf(digests, at, place.size);
    if (this.#slots[slot] === EMPTY) this.#slots[slot] = number;
    return number;
  }

  /** View of a chunk's digest; do not modify. */
  digest(number: number): Buffer {
    return this.#digests.subarray(number * DIGEST_SIZE, (number + 1) * DIGEST_SIZE);
  }

  place(number: number): ChunkPlace {
    return {
      blob: this.#blob[number] ?? 0,
      index: this.#index[number] ?? 0,
      storedOffset: this.#storedOffset[number] ?? 0,
      storedSize: this.#storedSize[number] ?? 0,
      offset: this.#offset[number] ?? 0,
      size: this.#size[number] ?? 0,
    };
  }

  blobOf(number: number): number {
    return this.#blob[number] ?? 0;
  }

  indexOf(number: number): number {
    return this.#index[number] ?? 0;
  }

  sizeOf(number: number): number {
    return this.#size[number] ?? 0;
  }

  offsetOf(number: number): number {
    return this.#offset[number] ?? 0;
  }

  /** Slot that holds the digest, or the empty one where it would go. */
  #slotOf(digests: Uint8Array, at: number, size: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(digests, at) & mask;
    for (;;) {
      const number = this.#slots[slot] ?? EMPTY;
      if (number === EMPTY || this.#isSame(number, digests, at, size)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isSame(number: number, digests: Uint8Array, at: number, size: number): boolean {
    const own = number * DIGEST_SIZE;
    return (
      this.#size[number] === size &&
      this.#digests.compare(digests, at, at + DIGEST_SIZE, own, own + DIGEST_SIZE) === 0
    );
  }

  #grow(): void {
    const capacity = this.#blob.length * 2;
    if (capacity > IMAGE_CHUNKS_MAX * 2) {
      throw new ImageLimitError(`the image has more than ${IMAGE_CHUNKS_MAX} different chunks`, {
        remedy: 'use a larger --chunk-size',
      });
    }
    const digests = Buffer.alloc(capacity * DIGEST_SIZE);
    this.#digests.copy(digests);
    this.#digests = digests;
    this.#blob = grown(this.#blob, new Uint16Array(capacity));
    this.#index = grown(this.#index, new Uint32Array(capacity));
    this.#storedOffset = grown(this.#storedOffset, new Float64Array(capacity));
    this.#storedSize = grown(this.#storedSize, new Uint32Array(capacity));
    this.#offset = grown(this.#offset, new Float64Array(capacity));
    this.#size = grown(this.#size, new Uint32Array(capacity));
    this.#rehash(capacity * 2);
  }

  #rehash(slots: number): void {
    this.#slots = new Int32Array(slots).fill(EMPTY);
    for (let number = 0; number < this.#count; number++) {
      const slot = this.#slotOf(this.#digests, number * DIGEST_SIZE, this.#size[number] ?? 0);
      if (this.#slots[slot] === EMPTY) this.#slots[slot] = number;
    }
  }
}

function grown<T extends { set(source: T): void }>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

function hashOf(digests: Uint8Array, at: number): number {
  return (
    (digests[at] ?? 0) |
    ((digests[at + 1] ?? 0) << 8) |
    ((digests[at + 2] ?? 0) << 16) |
    ((digests[at + 3] ?? 0) << 24)
  );
}
