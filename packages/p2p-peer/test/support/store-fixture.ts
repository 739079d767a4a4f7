/** Stores in temporary directories, and what they hold of blobs. */
import { join } from 'node:path';
import { CodecPool } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import type { ByteRange, StoreEvent } from '../../src/index.ts';
import { CompressedStore, type CompressedStoreOptions } from '../../src/store/compressed-store.ts';
import type { CompressedStoreParts } from '../../src/store/store-outside.ts';
import type { SampleBytes } from './sample-bytes.ts';

export type StoreFixture = {
  readonly directory: string;
  readonly pool: CodecPool;
  readonly events: StoreEvent[];
  readonly lost: (readonly [BlobId, readonly ByteRange[]])[];
  open(
    options?: Partial<CompressedStoreOptions>,
    parts?: Partial<CompressedStoreParts>,
  ): Promise<CompressedStore>;
};

/** Stores are closed when the test ends; several may be opened, one after the other. */
export function storeFixture(t: TestScope): StoreFixture {
  const directory = join(temporaryDirectory(t), 'store');
  const pool = new CodecPool({ threads: 1 });
  const events: StoreEvent[] = [];
  const lost: (readonly [BlobId, readonly ByteRange[]])[] = [];
  const stores: CompressedStore[] = [];
  t.teardown(async () => {
    for (const store of stores) await store.close();
    await pool.close();
  });
  return {
    directory,
    pool,
    events,
    lost,
    async open(options = {}, parts = {}) {
      const store = await CompressedStore.open(
        { directory, bytesMax: 2 ** 40, durableDelayMs: 60_000, ...options },
        {
          pool,
          onEvent: (event) => events.push(event),
          onLost: (blobId, ranges) => lost.push([blobId, ranges]),
          ...parts,
        },
      );
      stores.push(store);
      return store;
    },
  };
}

/** Writes a range of the sample and settles it as right. */
export async function put(
  blob: Awaited<ReturnType<CompressedStore['blob']>>,
  { bytes }: SampleBytes,
  start: number,
  end: number,
): Promise<boolean> {
  const deposit = blob.deposit();
  const isKept = await deposit.write(start, bytes.subarray(start, end));
  deposit.settle(start, end - start, 'right');
  deposit.close();
  return isKept;
}

/** Ranges that are held and whose bytes are not those of the sample. */
export async function wrongRanges(
  blob: Awaited<ReturnType<CompressedStore['blob']>>,
  { bytes }: SampleBytes,
): Promise<ByteRange[]> {
  const wrong: ByteRange[] = [];
  for (const range of blob.held) {
    const found = await blob.read(range.start, range.end - range.start);
    if (found === undefined || !found.equals(bytes.subarray(range.start, range.end))) {
      wrong.push(range);
    }
  }
  return wrong;
}
