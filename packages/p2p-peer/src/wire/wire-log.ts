/**
 * What crossed a wire, message by message: names and sizes, never bytes or tokens. For a person who
 * looks for a fault; off unless asked for.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { WIRE_LOG_BYTES_MAX, WIRE_LOG_FILE_BYTES_MAX } from './limits.ts';

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

export type WireLogOptions = {
  /** Told once, when the file cannot be written. */
  readonly onFailed?: (error: unknown) => void;
  /** @default WIRE_LOG_FILE_BYTES_MAX */
  readonly bytesMax?: number;
};

/** One JSON object a line, in a file that is appended to; mode 0600. */
export class JsonLinesWireLog implements WireLog {
  readonly #stream: WriteStream;
  readonly #bytesMax: number;
  #bytes = 0;
  #dropped = 0;

  constructor(path: string, options: WireLogOptions = {}) {
    const { onFailed = () => {}, bytesMax = WIRE_LOG_FILE_BYTES_MAX } = options;
    this.#bytesMax = bytesMax;
    this.#stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // A log that cannot be written must not end the process; what it would have had is counted.
    this.#stream.on('error', onFailed);
  }

  /** Records that were not written because the disk was too slow, full or gone, or the file long enough. */
  get dropped(): number {
    return this.#dropped;
  }

  record(record: WireRecord): void {
    const isBehind = this.#stream.writableLength > WIRE_LOG_BYTES_MAX;
    if (!this.#stream.writable || isBehind || this.#bytes >= this.#bytesMax) {
      this.#dropped += 1;
      return;
    }
    const line = `${JSON.stringify({ at: new Date().toISOString(), ...record })}\n`;
    this.#bytes += line.length;
    this.#stream.write(line);
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
