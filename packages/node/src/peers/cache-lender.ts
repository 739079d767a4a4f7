/**
 * The mount caches as lenders of stored bytes: what lies in a device file just as it is stored is shared
 * from there, and the store of this host keeps no copy of it.
 */
import type { ChunkCache, SizedBlob, VerbatimListener } from '@shoal/blob-store';
import type { ByteRange, Lender, LentListener } from '@shoal/p2p-peer';

export type LendingCaches = {
  all(): readonly Pick<ChunkCache, 'verbatim'>[];
  /** Returns what ends it. */
  watchVerbatim(listener: VerbatimListener): () => void;
};

export class CacheLender implements Lender {
  readonly #caches: LendingCaches;

  constructor(caches: LendingCaches) {
    this.#caches = caches;
  }

  rangesOf(blob: SizedBlob): readonly ByteRange[] {
    return this.#caches.all().flatMap(({ verbatim }) => verbatim.rangesOf(blob));
  }

  async read(blob: SizedBlob, range: ByteRange): Promise<Buffer | undefined> {
    for (const { verbatim } of this.#caches.all()) {
      const bytes = await verbatim.read(blob, range);
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }

  watch(listener: LentListener): () => void {
    return this.#caches.watchVerbatim(listener);
  }
}
