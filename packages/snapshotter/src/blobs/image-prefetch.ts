/**
 * Fetches what an image's own prefetch list names, behind its first mount: nobody waits for it, every
 * reader goes first, and it ends with the first failure, since whoever needs the bytes asks again.
 */
import type { BlobRange, Bootstrap } from '@shoal/rafs';
import { BLOCK_SIZE, firstReadRanges, prefetchRanges } from '@shoal/rafs';
import {
  PREFETCH_BYTES_MAX,
  PREFETCH_PARALLEL_MAX,
  PREFETCH_RANGES_MAX,
  PREFETCH_STEP_BYTES,
  PREFETCH_WINDOW_RANGES,
} from '../limits.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';

/** What is needed of a served blob. */
export type PrefetchedBlob = {
  prefetch(offset: number, length: number, signal: AbortSignal): Promise<void>;
};

/**
 * The list of a verified image in its order, cut at its bounds: what its builder put together as first
 * reads, then the rest of its table. Neighbours in a blob that are near each other in the list become one
 * range: they are one request.
 */
export function prefetchListOf(bootstrap: Bootstrap): readonly BlobRange[] {
  const { prefetchNids, rootNid } = bootstrap;
  const list: BlobRange[] = [];
  let bytes = 0;
  for (const step of firstReadRanges(bootstrap).values().flatMap(steps)) {
    bytes += step.length;
    if (bytes > PREFETCH_BYTES_MAX) return list;
    list.push(step);
  }
  // What builders write that were given no list: it tells nothing of what comes first.
  if (prefetchNids.length === 1 && prefetchNids[0] === rootNid) return list;
  let window: BlobRange[] = [];
  const close = () => {
    for (const range of joined(window)) list.push(...steps(range));
    window = [];
  };
  for (const range of prefetchRanges(bootstrap)) {
    bytes += range.length;
    if (bytes > PREFETCH_BYTES_MAX || list.length >= PREFETCH_RANGES_MAX) break;
    window.push(range);
    if (window.length >= PREFETCH_WINDOW_RANGES) close();
  }
  close();
  return list;
}

export class ImagePrefetch {
  readonly #blobs: readonly PrefetchedBlob[];
  readonly #log: ServiceLog;
  readonly #controller = new AbortController();
  #running: Promise<void> | undefined;

  /** `blobs` in the order of the image's device table. */
  constructor(blobs: readonly PrefetchedBlob[], log: ServiceLog) {
    this.#blobs = blobs;
    this.#log = log;
  }

  /** Returns at once. */
  start(list: readonly BlobRange[]): void {
    if (list.length > 0) this.#running ??= this.#run(list);
  }

  /** Resolves when nothing of it is under way any more. */
  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#running;
  }

  async #run(list: readonly BlobRange[]): Promise<void> {
    const rest = list.values();
    await Promise.all(Array.from({ length: PREFETCH_PARALLEL_MAX }, () => this.#work(rest)));
  }

  async #work(rest: Iterable<BlobRange>): Promise<void> {
    const { signal } = this.#controller;
    for (const { blobIndex, offset, length } of rest) {
      if (signal.aborted) return;
      try {
        await this.#blobs[blobIndex]?.prefetch(offset, length, signal);
      } catch (error) {
        this.#giveUp(error);
      }
    }
  }

  #giveUp(error: unknown): void {
    if (this.#controller.signal.aborted) return;
    this.#controller.abort();
    this.#log.info(errorFields(error), 'what an image wants first is not fetched ahead any more');
  }
}

/**
 * In the order of the blobs; what overlaps or touches is one. The rest of a file's last block belongs
 * to nobody: what comes next begins at the next block.
 */
function joined(ranges: readonly BlobRange[]): BlobRange[] {
  const result: BlobRange[] = [];
  const sorted = ranges.toSorted((a, b) => a.blobIndex - b.blobIndex || a.offset - b.offset);
  for (const range of sorted) {
    const last = result.at(-1);
    const lastEnd = last === undefined ? 0 : last.offset + last.length;
    const gap = range.offset - lastEnd;
    if (last === undefined || last.blobIndex !== range.blobIndex || gap >= BLOCK_SIZE) {
      result.push(range);
      continue;
    }
    const length = Math.max(lastEnd, range.offset + range.length) - last.offset;
    result[result.length - 1] = { ...last, length };
  }
  return result;
}

/** Pieces that a reader who joins one need not wait for long. */
function* steps({ blobIndex, offset, length }: BlobRange): Generator<BlobRange, void, undefined> {
  for (let at = 0; at < length; at += PREFETCH_STEP_BYTES) {
    yield { blobIndex, offset: offset + at, length: Math.min(PREFETCH_STEP_BYTES, length - at) };
  }
}
