/**
 * What crossed a wire, message by message: names and sizes, never bytes or tokens. For a person who
 * looks for a fault; off unless asked for.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { WIRE_LOG_BYTES_MAX } from './limits.ts';

export type WireRecord = {
  readonly direction: 'in' | 'out';
  /** As in the BEPs; messages of extensions as `extended:NAME`. */
  readonly type: string;
  /** Ids of the swarm and the other side, once they are known. */
  readonly swarm: string | undefined;
  readonly peer: string | undefined;
  readonly piece?: number;
  /** Inside the piece. */
  readonly offset?: number;
  /** Of the block where there is one, else of the message. */
  readonly length: number;
};

export interface WireLog {
  record(record: WireRecord): void;
}

/** One JSON object a line, in a file that is appended to; mode 0600. */
export class JsonLinesWireLog implements WireLog {
  readonly #stream: WriteStream;
  #dropped = 0;

  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // A log that cannot be written must not end the process; what it would have had is counted.
    this.#stream.on('error', () => {});
  }

  /** Records that were not written because the disk was too slow, full or gone. */
  get dropped(): number {
    return this.#dropped;
  }

  record(record: WireRecord): void {
    if (!this.#stream.writable || this.#stream.writableLength > WIRE_LOG_BYTES_MAX) {
      this.#dropped += 1;
      return;
    }
    this.#stream.write(`${JSON.stringify({ at: new Date().toISOString(), ...record })}\n`);
  }

  /** Resolves when everything is in the file. */
  async close(): Promise<void> {
    if (this.#stream.closed) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stream.once('close', resolve);
    this.#stream.end();
    await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
