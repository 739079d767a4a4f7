/**
 * Gives memory back when the daemon has had something to do and is quiet again: V8 and the C library
 * keep what they once had, for hours on a host where little happens. Nothing runs while nothing happens.
 */
import { trimAllocator } from '@shoal/linux';
import { TRIM_AFTER_MS, TRIM_BYTES_MIN, TRIM_LOAD_MAX } from './limits.ts';

export type IdleMemoryParts = {
  readonly afterMs: number;
  /** Bytes that the process has in memory now. */
  readonly residentBytes: () => number;
  readonly collect: () => void;
};

const PARTS: IdleMemoryParts = {
  afterMs: TRIM_AFTER_MS,
  residentBytes: () => process.memoryUsage.rss(),
  collect,
};

export class IdleMemory implements Disposable {
  readonly #parts: IdleMemoryParts;
  #timer: NodeJS.Timeout | undefined;
  #load = performance.eventLoopUtilization();
  #trimmedBytes = 0;
  #isClosed = false;

  constructor(parts: Partial<IdleMemoryParts> = {}) {
    this.#parts = { ...PARTS, ...parts };
    this.touch();
  }

  /** Something was done, so that there may be something to give back soon. */
  touch(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.#look(), this.#parts.afterMs).unref();
  }

  #look(): void {
    this.#timer = undefined;
    const { residentBytes, collect } = this.#parts;
    const load = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(load, this.#load);
    this.#load = load;
    // A collection stops the thread that answers misses: not while there is work.
    if (utilization > TRIM_LOAD_MAX) this.touch();
    else if (residentBytes() >= this.#trimmedBytes + TRIM_BYTES_MIN) {
      collect();
      this.#trimmedBytes = residentBytes();
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Also what V8 keeps for speed; without `--expose-gc` only the C library's part. */
function collect(): void {
  globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  trimAllocator();
}
