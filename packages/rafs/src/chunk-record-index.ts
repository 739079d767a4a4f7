/**
 * Finds the chunk record of (blob, chunk index) in a table sorted by digest: a hash table of record
 * numbers, built at the first question. Its size follows the table's, not what the table claims.
 */
import { randomInt } from 'node:crypto';
import { CHUNK_RECORD_FIELD, CHUNK_RECORD_SIZE } from './chunk-record.ts';

const EMPTY = -1;

export class ChunkRecordIndex {
  readonly #records: Buffer;
  readonly #slots: Int32Array;
  readonly #mask: number;
  readonly #seed = randomInt(2 ** 32);

  constructor(records: Buffer) {
    const count = records.length / CHUNK_RECORD_SIZE;
    const size = 2 ** Math.ceil(Math.log2(Math.max(count, 1) * 2));
    this.#records = records;
    this.#slots = new Int32Array(size).fill(EMPTY);
    this.#mask = size - 1;
    for (let number = 0; number < count; number++) {
      const slot = this.#slotOf(this.#blobIndex(number), this.#chunkIndex(number));
      if (this.#slots[slot] === EMPTY) this.#slots[slot] = number;
    }
  }

  /** Byte offset of the record in the table, or undefined. */
  find(blobIndex: number, chunkIndex: number): number | undefined {
    const number = this.#slots[this.#slotOf(blobIndex, chunkIndex)] ?? EMPTY;
    return number === EMPTY ? undefined : number * CHUNK_RECORD_SIZE;
  }

  #slotOf(blobIndex: number, chunkIndex: number): number {
    let slot = this.#hashOf(blobIndex, chunkIndex) & this.#mask;
    for (;;) {
      const number = this.#slots[slot] ?? EMPTY;
      if (number === EMPTY) return slot;
      if (this.#blobIndex(number) === blobIndex && this.#chunkIndex(number) === chunkIndex) {
        return slot;
      }
      slot = (slot + 1) & this.#mask;
    }
  }

  /** Seeded, so that no image can be made whose records all collide. */
  #hashOf(blobIndex: number, chunkIndex: number): number {
    let hash = Math.imul(chunkIndex ^ this.#seed, 0x85eb_ca6b);
    hash ^= hash >>> 15;
    hash = Math.imul(hash ^ Math.imul(blobIndex + 1, 0x9e37_79b1), 0xc2b2_ae35);
    return (hash ^ (hash >>> 13)) >>> 0;
  }

  #blobIndex(number: number): number {
    return this.#records.readUInt32LE(number * CHUNK_RECORD_SIZE + CHUNK_RECORD_FIELD.blobIndex);
  }

  #chunkIndex(number: number): number {
    return this.#records.readUInt32LE(number * CHUNK_RECORD_SIZE + CHUNK_RECORD_FIELD.chunkIndex);
  }
}
