/** A source that keeps what it reads hears which of its bytes were right. */
import { until } from '@shoal/test-kit';
import t from 'tap';
import type { BlobKey, BlobReadOptions, BlobSource, Verdict } from '../src/index.ts';
import { READAHEAD_BYTES_MAX } from '../src/limits.ts';
import { openCache, withOtherDigest } from './support/cache-fixture.ts';
import { type SampleBlob, sampleBlob } from './support/sample-blob.ts';

type Heard = { readonly offset: number; readonly length: number; readonly verdict: Verdict };

const sizes = [5000, 100_000, 8192, 3000, 2000];

/** Answers from memory and writes down what it hears. */
function listeningSource({ stored }: SampleBlob, heard: Heard[]): BlobSource {
  return {
    name: 'listening',
    async read(_: BlobKey, offset: number, length: number, { onVerdict }: BlobReadOptions = {}) {
      onVerdict?.((at, bytes, verdict) => heard.push({ offset: at, length: bytes, verdict }));
      return Buffer.from(stored.subarray(offset, offset + length));
    },
    close: () => Promise.resolve(),
  };
}

function unitOf({ description: { chunks } }: SampleBlob, chunk: number) {
  return { offset: chunks.storedOffset[chunk] ?? 0, length: chunks.storedSize[chunk] ?? 0 };
}

t.test('each chunk that verifies is told as right', async (t) => {
  const sample = sampleBlob({ sizes });
  const { cache } = await openCache(t);
  const heard: Heard[] = [];
  const blob = await cache.openBlob(sample.description, listeningSource(sample, heard));
  await blob.ensure(0, 10_000);
  t.same(
    heard,
    [0, 1].map((chunk) => ({ ...unitOf(sample, chunk), verdict: 'right' })),
    'those that were asked for, no others',
  );
});

t.test(
  'a chunk that does not verify is told as wrong at each attempt, others as right',
  async (t) => {
    const sample = sampleBlob({ sizes });
    const { cache } = await openCache(t);
    const heard: Heard[] = [];
    const description = withOtherDigest(sample.description, 1);
    const blob = await cache.openBlob(description, listeningSource(sample, heard));
    await t.rejects(blob.ensure(0, 100_000), { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
    const wrong = { ...unitOf(sample, 1), verdict: 'wrong' };
    t.same(heard[0], { ...unitOf(sample, 0), verdict: 'right' });
    t.same(heard.slice(1), [wrong, wrong, wrong]);
  },
);

t.test(
  'a batch is right when all of its chunks were looked at, and not told otherwise',
  async (t) => {
    const sample = sampleBlob({ sizes, batches: [[2, 5]] });
    const { cache } = await openCache(t);
    const heard: Heard[] = [];
    const source = listeningSource(sample, heard);
    const blob = await cache.openBlob(sample.description, source);
    await blob.ensure(sample.description.chunks.offset[3] ?? 0, 10);
    t.same(heard, [{ ...unitOf(sample, 3), verdict: 'right' }]);
  },
);

t.test('verdicts are of what was answered, whatever another try had told before', async (t) => {
  const equal = Array.from({ length: 3 }, () => 64 << 10);
  const sample = sampleBlob({ sizes: equal, compressor: 'none' });
  const { cache } = await openCache(t, { readaheadBytesMax: READAHEAD_BYTES_MAX });
  const heard: Heard[] = [];
  const { stored } = sample;
  const blob = await cache.openBlob(sample.description, {
    name: 'of two minds',
    async read(_, offset, length, { onBytes, onVerdict } = {}) {
      const bytes = Buffer.from(stored.subarray(offset, offset + length));
      onVerdict?.((at, count, verdict) => heard.push({ offset: at, length: count, verdict }));
      onBytes?.(offset, bytes);
      // Only the first read has a front.
      if (onBytes !== undefined) bytes.writeUInt8((bytes[0] ?? 0) ^ 0xff, 0);
      return bytes;
    },
    close: () => Promise.resolve(),
  });
  await blob.ensure(0, 1);
  await until('the rest has come', () => blob.isComplete);
  t.match(heard, [
    { ...unitOf(sample, 0), verdict: 'wrong' },
    { ...unitOf(sample, 1), verdict: 'right' },
    { ...unitOf(sample, 2), verdict: 'right' },
  ]);
});
