/**
 * The threads of a conversion: started when the first layer needs them, so that a conversion from
 * the build cache has none, and ended after the last, because their memory is a third of the whole.
 * A module of its own, so that a command can start them while everything else is still loaded.
 */
import { CodecPool } from '@shoal/blob-store/codec-pool';

/** With less memory than this in use, nothing is collected in advance. */
const RESIDENT_BYTES_KEPT = 256 << 20;

export class ConvertThreads implements AsyncDisposable {
  #pool: CodecPool | undefined;

  /** Running threads. */
  open(): CodecPool {
    this.#pool ??= startPool();
    return this.#pool;
  }

  /** Ends them; `open` starts new ones. Idempotent. */
  async close(): Promise<void> {
    const pool = this.#pool;
    if (pool === undefined) return;
    this.#pool = undefined;
    await pool.close();
    // The next thing needs the room. `gc` is there only when Node was told so, as bin/shoal does;
    // a collection costs a small conversion more than it gives.
    if (process.memoryUsage.rss() > RESIDENT_BYTES_KEPT) globalThis.gc?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function startPool(): CodecPool {
  const pool = new CodecPool();
  pool.warmUp();
  return pool;
}
