/** What can be done with a cache beside serving mounts: list what may go, remove it, check the rest. */
import type { BlobEntry } from './blob-entry.ts';
import type { CacheSpace, UnusedBlob } from './cache-space.ts';
import { type BlobVerification, verifyEntry } from './verify-entry.ts';

/** A blob that somebody has open. */
export type OpenEntry = { readonly entry: BlobEntry; users: number };

export class CacheUpkeep {
  readonly #space: CacheSpace;
  readonly #entries: ReadonlyMap<string, OpenEntry>;

  constructor(space: CacheSpace, entries: ReadonlyMap<string, OpenEntry>) {
    this.#space = space;
    this.#entries = entries;
  }

  /** Blobs that nobody has open, in the order in which they are evicted. */
  unused(): readonly UnusedBlob[] {
    return this.#space.unused();
  }

  /** The bytes that are free now; 0 when somebody has opened it meanwhile. */
  evict(key: string): Promise<number> {
    return this.#space.evict(key);
  }

  /** Their images are gone: they are evicted before others, until somebody opens them again. */
  markRemoved(blobIds: Iterable<string>): void {
    for (const blobId of blobIds) this.#space.markRemoved(blobId);
  }

  /** Blobs that mounts use, one after the other: only of these is it known what they should hold. */
  async *verify(signal: AbortSignal): AsyncGenerator<BlobVerification, void, void> {
    for (const { entry } of [...this.#entries.values()]) yield await verifyEntry(entry, signal);
  }
}
