/** How patient the read of a range is, and how much it asks for at a time. */
import { BLOCK_BYTES_MAX, PIECE_BYTES } from '../limits.ts';

export type ReadPolicy = {
  /** Somebody waits for it: only such reads hedge. A function, as somebody may join later. */
  readonly isDemand: () => boolean;
  /**
   * Homes are asked for what nobody is known to hold; else the origin is, at once. A read to answer others who
   * take this host for a home asks none, so that hosts whose views differ never send one round in circles,
   * nor does one of bytes that were wrong although homes alone had sent them.
   */
  readonly asksHomes: boolean;
  /** Numbers of [0, 1). */
  readonly random: () => number;
  readonly blockBytes: number;
  /** So many bytes at the front are waited for: they are blocks of their own, and the others go behind them. */
  readonly frontBytes: number;
  /** What is asked of peers at a time; the rest follows as blocks arrive. */
  readonly windowBytes: number;
  /**
   * How much this host may ask for besides, over all its reads: `DownloadWindow`. With none left a read
   * still has one block under way.
   */
  readonly roomBytes: () => number;
  /** A second holder is asked when the first takes longer than its p95, but within these bounds. */
  readonly hedgeMinMs: number;
  readonly hedgeMaxMs: number;
  /**
   * An asked peer from which nothing at all comes for so long is taken for dead: a reader shall lose
   * less than 300 ms by a dead one. Longer where it has been silent before and lived, since on a
   * machine that is overloaded all are at times.
   */
  readonly silenceMs: number;
  readonly silenceMsMax: number;
  /** A holder that lives but has not answered after so long is given up. */
  readonly blockTimeoutMs: number;
  /** After so many homes without an answer the lottery for the origin begins, beside the others. */
  readonly homeRanks: number;
  /** A home that lives may take so long: it waits for the origin, or serves others first. */
  readonly homePatienceMs: number;
  /** Until a peer that refused is asked again; doubles with each refusal in a row. */
  readonly refusedMs: number;
  readonly refusedMaxMs: number;
  readonly lotteryStepMs: number;
  /** From then on everybody may go to the origin. */
  readonly lotteryDeadlineMs: number;
};

export const READ_POLICY: ReadPolicy = {
  isDemand: () => true,
  asksHomes: true,
  random: Math.random,
  blockBytes: BLOCK_BYTES_MAX,
  frontBytes: 0,
  windowBytes: 4 * PIECE_BYTES,
  roomBytes: () => Number.POSITIVE_INFINITY,
  hedgeMinMs: 5,
  hedgeMaxMs: 500,
  silenceMs: 250,
  silenceMsMax: 3000,
  blockTimeoutMs: 1000,
  homeRanks: 2,
  homePatienceMs: 10_000,
  refusedMs: 10,
  refusedMaxMs: 200,
  lotteryStepMs: 200,
  lotteryDeadlineMs: 3000,
};
