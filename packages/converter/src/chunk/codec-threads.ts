/**
 * The threads of a command that reads whole layers: started when the first layer needs them, so
 * that a conversion from the build cache has none, and ended after the last, because their memory
 * is a third of the whole. A module of its own, so that a command can start them while everything
 * else is still loaded.
 */
import { CodecPool } from '@shoal/blob-store/codec-pool';

/** With less memory than this in use, nothing is collected in advance. */
const RESIDENT_BYTES_KEPT = 256 << 20;

export class CodecThreads implements AsyncDisposable {
  #pool: CodecPool | undefined;
  #ending: Promise<void> | undefined;

  /** Running threads. */
  open(): CodecPool {
    this.#pool ??= startPool();
    return this.#pool;
  }

  /** Ends them, and waits for their memory if it is scarce; `open` starts new ones. Idempotent. */
  async close(): Promise<void> {
    const pool = this.#pool;
    if (pool === undefined) return;
    this.#pool = undefined;
    this.#ending = pool.close();
    // With little memory in use the next thing does not wait for the room; it goes on meanwhile.
    if (process.memoryUsage.rss() <= RESIDENT_BYTES_KEPT) return;
    await this.#ending;
    // The next thing needs the room. `gc` is there only when Node was told so, as bin/shoal does;
    // a collection costs a small conversion more than it gives.
    globalThis.gc?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.#ending;
  }
}

function startPool(): CodecPool {
  const pool = new CodecPool();
  pool.warmUp();
  return pool;
}
