/**
 * What came of one read until its reader has judged it: bytes that lie in the store unseen, and who
 * sent them. What is right is held from then on; who sent what is wrong is not asked again.
 */
import type { Verdict } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { Deposit } from '../store/deposit.ts';
import type { Sender } from './range-fetch.ts';
import { Senders } from './senders.ts';

export type JudgedReadInput = {
  readonly range: ByteRange;
  readonly deposit: Deposit;
  /** Told of each part that is wrong, and who sent any of it. */
  readonly onWrong: (range: ByteRange, senders: ReadonlySet<PeerId>) => void;
  readonly onRight: (range: ByteRange) => void;
};

export class JudgedRead {
  readonly #input: JudgedReadInput;
  readonly #senders = new Senders();
  readonly #writes: Promise<unknown>[] = [];
  #unjudgedBytes: number;

  constructor(input: JudgedReadInput) {
    this.#input = input;
    this.#unjudgedBytes = rangeBytes(input.range);
  }

  /** The bytes are this object's alone from now on. */
  add(sender: Sender, range: ByteRange, bytes: Buffer): void {
    if (sender !== 'origin') this.#senders.add(sender, range);
    // What cannot be written is not kept; it never rejects.
    this.#writes.push(this.#input.deposit.write(range.start, bytes));
  }

  /** Whoever sent wrong bytes is known at once; right ones are held as soon as they are written. */
  readonly judge = (offset: number, length: number, verdict: Verdict): void => {
    const range = { start: offset, end: offset + length };
    const senders = this.#senders.take(range);
    if (verdict === 'wrong') this.#input.onWrong(range, senders);
    else this.#input.onRight(range);
    void this.#settle(range, verdict);
  };

  /** No verdict follows. */
  close(): void {
    this.#input.deposit.close();
  }

  async #settle(range: ByteRange, verdict: Verdict): Promise<void> {
    await Promise.all(this.#writes);
    this.#input.deposit.settle(range.start, rangeBytes(range), verdict);
    this.#unjudgedBytes -= rangeBytes(range);
    if (this.#unjudgedBytes <= 0) this.close();
  }
}
