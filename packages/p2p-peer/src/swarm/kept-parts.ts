/**
 * What a home keeps of a read that it makes for others, while it comes: a piece is written, and told to
 * others, as soon as it is whole, since a write costs more than what it writes. Only of origins that are
 * believed: nobody judges these bytes.
 */
import { PIECE_BYTES } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Deposit } from '../store/deposit.ts';

export class KeptParts {
  readonly #deposit: Deposit;
  readonly #memory: Buffer;
  /** Where the memory begins in the blob. */
  readonly #start: number;
  readonly #writes: Promise<void>[] = [];
  #unwritten: ByteRange | undefined;

  /** The memory of a read that begins at `start`; what was added of it does not change any more. */
  constructor(deposit: Deposit, memory: Buffer, start: number) {
    this.#deposit = deposit;
    this.#memory = memory;
    this.#start = start;
  }

  /** These bytes are there, each once. */
  add(part: ByteRange): void {
    const before = this.#unwritten;
    if (before !== undefined && before.end !== part.start) this.#flush(before);
    const start = before?.end === part.start ? before.start : part.start;
    const whole = Math.floor(part.end / PIECE_BYTES) * PIECE_BYTES;
    if (whole > start) this.#flush({ start, end: whole });
    const rest = { start: Math.max(start, whole), end: part.end };
    this.#unwritten = rest.start < rest.end ? rest : undefined;
  }

  /** Nothing more comes, be it that the read has failed. Resolves when it is written; never rejects. */
  async end(): Promise<void> {
    if (this.#unwritten !== undefined) this.#flush(this.#unwritten);
    this.#unwritten = undefined;
    await Promise.all(this.#writes);
    this.#deposit.close();
  }

  #flush(part: ByteRange): void {
    this.#writes.push(this.#write(part));
  }

  async #write({ start, end }: ByteRange): Promise<void> {
    const bytes = this.#memory.subarray(start - this.#start, end - this.#start);
    await this.#deposit.write(start, bytes);
    this.#deposit.settle(start, rangeBytes({ start, end }), 'right');
  }
}
