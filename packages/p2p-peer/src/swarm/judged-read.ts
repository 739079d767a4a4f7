/**
 * What came of one read until its reader has judged it: bytes that lie in the store unseen, and who
 * sent them. What is right is held from then on; who sent what is wrong is not asked again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Verdict } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { UNJUDGED_MS_MAX } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { ReadCredit } from '../select/credits.ts';
import type { Deposit } from '../store/deposit.ts';
import type { Sender } from './range-fetch-input.ts';
import { Senders } from './senders.ts';

export type JudgedReadInput = {
  readonly range: ByteRange;
  readonly deposit: Deposit;
  /** What its senders may be asked for besides until it is judged. */
  readonly credit: ReadCredit;
  /** Told of each part that is wrong, and who sent any of it. */
  readonly onWrong: (range: ByteRange, senders: ReadonlySet<PeerId>) => void;
  readonly onRight: (range: ByteRange) => void;
};

type Part = { readonly range: ByteRange; readonly bytes: Buffer };

/** Bytes without a gap. */
type Run = { readonly at: number; end: number; readonly buffers: Buffer[] };

export class JudgedRead {
  readonly #input: JudgedReadInput;
  readonly #senders = new Senders();
  /** What has come, until it is written all together: a write costs more than what it writes. */
  #unwritten: Part[] = [];
  #writing: Promise<unknown> | undefined;
  /** The bytes are not used any more. */
  readonly #used = Promise.withResolvers<void>();
  #unjudgedBytes: number;
  /** As long as a verdict may follow. */
  #patience: NodeJS.Timeout | undefined;

  constructor(input: JudgedReadInput) {
    this.#input = input;
    this.#unjudgedBytes = rangeBytes(input.range);
  }

  get credit(): ReadCredit {
    return this.#input.credit;
  }

  /** The bytes must not change until it resolves; it never rejects. */
  add(sender: Sender, range: ByteRange, bytes: Buffer): Promise<unknown> {
    if (sender !== 'origin') this.#senders.add(sender, range);
    this.#unwritten.push({ range, bytes });
    return this.#used.promise;
  }

  /**
   * Nothing more comes: a verdict may follow. What cannot be written is not kept. The reader goes first: what he
   * does with the bytes is under way before they are written.
   */
  write(): void {
    const { deposit } = this.#input;
    const runs = runsOf(this.#unwritten);
    this.#unwritten = [];
    this.#writing = nextTurn().then(() =>
      Promise.all(runs.map(({ at, buffers }) => deposit.write(at, ...buffers))),
    );
    void this.#writing.then(() => this.#used.resolve());
    this.#patience = setTimeout(() => this.#endCredit(), UNJUDGED_MS_MAX).unref();
  }

  /** Whoever sent wrong bytes is known at once; right ones are held as soon as they are written. */
  readonly judge = (offset: number, length: number, verdict: Verdict): void => {
    const range = { start: offset, end: offset + length };
    const senders = this.#senders.take(range);
    if (verdict === 'wrong') this.#input.onWrong(range, new Set(senders.keys()));
    else {
      for (const [peer, bytes] of senders) this.#input.credit.right(peer, bytes);
      this.#input.onRight(range);
    }
    // The verdicts of a read come together.
    setImmediate(() => this.#endCredit());
    void this.#settle(range, verdict);
  };

  /** No verdict follows. */
  close(): void {
    this.#endCredit();
    this.#input.deposit.close();
    if (this.#writing === undefined) this.#used.resolve();
  }

  #endCredit(): void {
    clearTimeout(this.#patience);
    this.#input.credit.close();
  }

  async #settle(range: ByteRange, verdict: Verdict): Promise<void> {
    await this.#writing;
    // The program that waits for right bytes is answered before others hear of them.
    if (verdict === 'right') await nextTurn();
    this.#input.deposit.settle(range.start, rangeBytes(range), verdict);
    this.#unjudgedBytes -= rangeBytes(range);
    if (this.#unjudgedBytes <= 0) this.close();
  }
}

/** Each byte is in one part only. */
function runsOf(parts: Part[]): Run[] {
  const runs: Run[] = [];
  for (const { range, bytes } of parts.sort((a, b) => a.range.start - b.range.start)) {
    const last = runs.at(-1);
    if (last?.end === range.start) {
      last.buffers.push(bytes);
      last.end = range.end;
    } else runs.push({ at: range.start, end: range.end, buffers: [bytes] });
  }
  return runs;
}
