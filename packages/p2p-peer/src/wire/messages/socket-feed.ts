/**
 * What comes on a TLS socket, in one memory of its own: Node would allocate for each record, and to collect
 * that is half of what a byte costs whoever reads it. Only a socket that dials by itself can have one.
 */
import type { OnReadOpts, Socket } from 'node:net';
import { FEED_KEPT_BYTES_MAX } from '../limits.ts';

/** Most bytes of one record of TLS. */
const RECORD_BYTES = 16 << 10;

/** The bytes are its own until it returns; then the next ones come into the same memory. */
export type FeedSink = (bytes: Buffer) => void;

export class SocketFeed {
  /** Of the socket's options. */
  readonly onread: OnReadOpts;
  readonly #memory = Buffer.allocUnsafeSlow(RECORD_BYTES);
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  #sink: FeedSink | undefined;

  constructor() {
    const callback = (count: number) => this.#come(this.#memory.subarray(0, count));
    this.onread = { buffer: this.#memory, callback };
  }

  /** Of what came before there was a sink. */
  get keptBytes(): number {
    return this.#keptBytes;
  }

  /**
   * Called once: gives the sink what has come already, in the next tick, then all that comes. Nobody may write
   * empty bytes to the socket while the sink reads: see `PeerWire`.
   */
  open(socket: Socket, sink: FeedSink): void {
    process.nextTick(() => {
      for (const bytes of this.#kept.splice(0)) sink(bytes);
      this.#keptBytes = 0;
      this.#sink = sink;
      // Who had enough of what was kept goes on by itself.
      if (!socket.isPaused()) socket.resume();
    });
  }

  /** False: no more for now. */
  #come(bytes: Buffer): boolean {
    if (this.#sink !== undefined) {
      this.#sink(bytes);
      return true;
    }
    this.#kept.push(Buffer.from(bytes));
    this.#keptBytes += bytes.length;
    return this.#keptBytes < FEED_KEPT_BYTES_MAX;
  }
}
