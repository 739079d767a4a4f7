/** What is counted while a simulated cluster runs. */

export class Figures {
  /** Of each host that finished: its first read, and all of it, from its own start, ms. */
  readonly firstReadMs: number[] = [];
  readonly hostMs: number[] = [];
  readonly readMs: number[] = [];
  /** When hosts finished, on the clock of the cluster. */
  readonly doneAtMs: number[] = [];
  readonly originBytesOfZone = new Map<string, number>();
  /** Sent for asks, refusals, cancellations, what is held: without the bytes themselves. */
  messages = 0;
  asks = 0;
  hedges = 0;
  refusals = 0;
  /** Asks that went to hosts which refuse everything. */
  withheld = 0;
  /** Bytes from peers, and those of them that nobody needed any more. */
  peerBytes = 0;
  wastedBytes = 0;
  wrongBlocks = 0;
  failures = 0;
  /** Asks given up because nothing was heard, or nothing came. */
  silent = 0;
  late = 0;
  handshakes = 0;
  deaths = 0;

  addOriginBytes(zone: string, bytes: number): void {
    this.originBytesOfZone.set(zone, (this.originBytesOfZone.get(zone) ?? 0) + bytes);
  }
}
