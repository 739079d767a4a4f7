/** Stores in temporary directories, and blobs whose every byte is known. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { CodecPool } from '@shoal/blob-store';
import { type BlobId, parseBlobId } from '@shoal/oci';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import {
  type ByteRange,
  CompressedStore,
  type CompressedStoreOptions,
  type CompressedStoreParts,
  type StoreEvent,
} from '../../src/index.ts';

export type SampleBytes = { readonly blobId: BlobId; readonly bytes: Buffer };

/** Bytes that are the same for the same seed, and nowhere the same as elsewhere. */
export function sampleBytes(seed: number, length: number): SampleBytes {
  const bytes = Buffer.allocUnsafe(Math.ceil(length / 32) * 32);
  const block = createHash('sha256').update(`seed ${seed}`).digest();
  for (let at = 0; at < bytes.length; at += block.length) {
    block.copy(bytes, at);
    // A cheap generator (xorshift) over the eight words: hashing each block would take seconds.
    for (let word = 0; word < block.length; word += 4) {
      let value = block.readUInt32LE(word) ^ (at + word);
      value ^= value << 13;
      value ^= value >>> 17;
      value ^= value << 5;
      block.writeUInt32LE(value >>> 0, word);
    }
  }
  const exact = bytes.subarray(0, length);
  return { bytes: exact, blobId: parseBlobId(createHash('sha256').update(exact).digest('hex')) };
}

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
