/**
 * Who goes to the origin when no home answers: of N hosts in the same need about one at once, one
 * more after a step, two after the next, then four. Each draws once; its turn is when the share of winners has grown to
 * its draw. A dead zone thus costs its origin a few reads, not one of each host.
 */
export type LotteryOptions = {
  readonly startedAtMs: number;
  /** Hosts that draw; with 1 or none the origin is free at once. */
  readonly knownPeers: number;
  /** Of [0, 1). */
  readonly draw: number;
  /** The share of winners doubles after each. */
  readonly stepMs: number;
  /** After so long everybody may go. */
  readonly deadlineMs: number;
};

export class OriginLottery {
  /** When this host may go. */
  readonly turnMs: number;

  constructor({ startedAtMs, knownPeers, draw, stepMs, deadlineMs }: LotteryOptions) {
    // After k steps 2 ** k of N have won: draw < 2 ** k / N.
    const step = Math.max(0, Math.floor(Math.log2(draw * knownPeers)) + 1);
    this.turnMs = startedAtMs + Math.min(step * stepMs, deadlineMs);
  }

  mayGo(nowMs: number): boolean {
    return nowMs >= this.turnMs;
  }
}
