/**
 * What came of one read until its reader has judged it: bytes that lie in the store unseen, and who
 * sent them. What is right is held from then on; who sent what is wrong is not asked again.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Verdict } from '@shoal/blob-store';
import type { PeerId } from '../identity/peer-id.ts';
import { UNJUDGED_MS_MAX } from '../limits.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { ReadCredit } from '../select/credits.ts';
import type { Deposit } from '../store/deposit.ts';
import type { Sender } from './range-fetch-input.ts';
import { Senders, type SentParts, sentBytes } from './senders.ts';

export type JudgedReadInput = {
  readonly range: ByteRange;
  readonly deposit: Deposit;
  /** What its senders may be asked for besides until it is judged. */
  readonly credit: ReadCredit;
  /** Of the store: SHA-256 of what lies there. */
  readonly hash: (range: ByteRange) => Promise<Buffer | undefined>;
  /** Bytes of others that lie there are being looked at still; undefined when none are. */
  readonly whenFree: (range: ByteRange) => Promise<unknown> | undefined;
  /** Told of each part that is wrong, who sent any of it, and what; that never rejects. */
  readonly onWrong: (range: ByteRange, sent: SentParts, evidence: Promise<Evidence>) => void;
  /** It is held now, if it could be kept. */
  readonly onRight: (range: ByteRange) => void;
};

/** What somebody has sent, and its SHA-256. */
export type Exhibit = { readonly peer: PeerId; readonly range: ByteRange; readonly hash: Buffer };

/** What was not kept is not among them. */
export type Evidence = readonly Exhibit[];

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
    // Asked now: later its own wrong bytes would be among those that are looked at.
    const free = this.#input.whenFree(this.#input.range);
    this.#writing = nextTurn()
      .then(() => free)
      .then(() => Promise.all(runs.map(({ at, buffers }) => deposit.write(at, ...buffers))));
    void this.#writing.then(() => this.#used.resolve());
    this.#patience = setTimeout(() => this.#endCredit(), UNJUDGED_MS_MAX).unref();
  }

  /** Who may have sent wrong bytes is known at once; right ones are held as soon as they are written. */
  readonly judge = (offset: number, length: number, verdict: Verdict): void => {
    const range = { start: offset, end: offset + length };
    const sent = this.#senders.take(range);
    const evidence = verdict === 'wrong' ? this.#evidence(sent) : undefined;
    if (evidence !== undefined) this.#input.onWrong(range, sent, evidence);
    else for (const [peer, parts] of sent) this.#input.credit.right(peer, sentBytes(parts));
    // The verdicts of a read come together.
    setImmediate(() => this.#endCredit());
    void this.#settle(range, verdict, evidence);
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

  async #settle(range: ByteRange, verdict: Verdict, evidence?: Promise<Evidence>): Promise<void> {
    await this.#writing;
    await evidence;
    // The program that waits for right bytes is answered before others hear of them.
    if (verdict === 'right') await nextTurn();
    this.#input.deposit.settle(range.start, rangeBytes(range), verdict);
    if (verdict === 'right') this.#input.onRight(range);
    this.#unjudgedBytes -= rangeBytes(range);
    if (this.#unjudgedBytes <= 0) this.close();
  }

  /** By a codec thread, before the place is somebody else's. */
  async #evidence(sent: SentParts): Promise<Evidence> {
    await this.#writing;
    const { deposit, hash } = this.#input;
    const exhibits: Exhibit[] = [];
    const look = async (peer: PeerId, range: ByteRange) => {
      const found = deposit.covers(range) ? await hash(range) : undefined;
      if (found !== undefined && deposit.covers(range)) exhibits.push({ peer, range, hash: found });
    };
    // Blocks of one sender that touch are looked at as one.
    const looks = [...sent].flatMap(([peer, parts]) =>
      Array.from(RangeSet.from(parts), (range) => look(peer, range)),
    );
    await Promise.all(looks);
    return exhibits;
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
