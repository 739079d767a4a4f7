/**
 * The threads of a conversion: started when the first layer needs them, so that a conversion from
 * the build cache has none, and ended after the last, because their memory is a third of the whole.
 * A module of its own, so that a command can start them while everything else is still loaded.
 */
import { CodecPool } from '@shoal/blob-store/codec-pool';
import { StreamDigester } from '../digest/stream-digester.ts';

/** With less memory than this in use, nothing is collected in advance. */
const RESIDENT_BYTES_KEPT = 256 << 20;

type Threads = { readonly pool: CodecPool; readonly digester: StreamDigester };

export class ConvertThreads implements AsyncDisposable {
  #threads: Threads | undefined;

  /** Running threads. */
  open(): Threads {
    this.#threads ??= startThreads();
    return this.#threads;
  }

  /** Ends them; `open` starts new ones. Idempotent. */
  async close(): Promise<void> {
    const threads = this.#threads;
    if (threads === undefined) return;
    this.#threads = undefined;
    await Promise.all([threads.pool.close(), threads.digester.close()]);
    // The next thing needs the room. `gc` is there only when Node was told so, as bin/shoal does;
    // a collection costs a small conversion more than it gives.
    if (process.memoryUsage.rss() > RESIDENT_BYTES_KEPT) globalThis.gc?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function startThreads(): Threads {
  const pool = new CodecPool();
  pool.warmUp();
  return { pool, digester: new StreamDigester() };
}
