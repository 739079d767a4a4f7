/**
 * A cache in a directory of its own, with a codec pool, closed when the test ends.
 */
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import {
  type BlobDescription,
  type CachedBlob,
  type CacheEvent,
  ChunkCache,
  type ChunkCacheComponents,
  type ChunkCacheOptions,
  CodecPool,
} from '../../src/index.ts';
import { type SampleBlob, sha256 } from './sample-blob.ts';
import { ScriptedSource } from './scripted-source.ts';

/** One for a test file: threads take a while to start, and idle ones let the process end. */
const SHARED_POOL = new CodecPool({ threads: 1 });

export type CacheFixture = {
  readonly cache: ChunkCache;
  readonly pool: CodecPool;
  readonly directory: string;
  readonly events: CacheEvent[];
};

export async function openCache(
  t: TestScope,
  options: Partial<ChunkCacheOptions> = {},
  components: Partial<ChunkCacheComponents> = {},
): Promise<CacheFixture> {
  const directory = options.directory ?? `${temporaryDirectory(t)}/cache`;
  const pool = components.pool ?? SHARED_POOL;
  const events: CacheEvent[] = [];
  const onEvent = (event: CacheEvent) => events.push(event);
  const cache = await ChunkCache.open(
    // Readahead would make what is fetched a question of when.
    { durableDelayMs: 5, readaheadBytesMax: 0, ...options, directory },
    { onEvent, ...components, pool },
  );
  t.teardown(() => cache.close());
  return { cache, pool, directory, events };
}

/** The blob, opened, with a source that can be told to misbehave. */
export async function openSample(
  fixture: CacheFixture,
  sample: SampleBlob,
  description: BlobDescription = sample.description,
): Promise<{ blob: CachedBlob; source: ScriptedSource }> {
  const source = new ScriptedSource([sample]);
  return { blob: await fixture.cache.openBlob(description, source), source };
}

/** The same blob, of which this image expects another content in one chunk. */
export function withOtherDigest(description: BlobDescription, chunk: number): BlobDescription {
  const digests = description.chunks.digests.slice();
  digests.set(sha256(Buffer.from('something else')), chunk * 32);
  return { ...description, chunks: { ...description.chunks, digests } };
}
