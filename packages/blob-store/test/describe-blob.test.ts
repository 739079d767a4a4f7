import { Readable } from 'node:stream';
import type { Descriptor } from '@shoal/oci';
import { parseBlobId } from '@shoal/oci';
import { BlobFeature, openBootstrap } from '@shoal/rafs';
import type { ImageStore } from '@shoal/registry-client';
import t from 'tap';
import { describeBlob, registryBlobSource } from '../src/index.ts';
import { openCache } from './support/cache-fixture.ts';
import { sampleBlob } from './support/sample-blob.ts';
import { sampleImage } from './support/sample-image.ts';
import { FaultError, ScriptedSource } from './support/scripted-source.ts';

const sample = sampleBlob({ sizes: [5000, 4096, 100_000, 12_345, 8192] });
const image = sampleImage(sample);
const blobId = parseBlobId(image.blobId);
const sourceOf = () => new ScriptedSource([{ blobId, stored: image.stored }]);
const noNetwork = () => {
  const source = sourceOf();
  source.script = () => {
    throw new FaultError('no network');
  };
  return source;
};

t.test('from the blob’s tail and the bootstrap', async (t) => {
  const source = sourceOf();
  const storedBytes = image.stored.length;
  const bootstrap = openBootstrap(image.bootstrap);
  const description = await describeBlob(bootstrap, 0, source, { storedBytes });
  t.equal(source.reads.length, 1, 'one read: the digests are in the bootstrap');
  t.equal(description.blobId, blobId);
  t.equal(description.sizeBytes, sample.description.sizeBytes);
  t.same(description.chunks, sample.description.chunks);
  t.ok(description.blobMeta?.equals(image.metaFile));
  t.equal(description.digestSection, undefined);
  const fixture = await openCache(t);
  const cached = await fixture.cache.openBlob(description, source);
  t.ok((await cached.read(0, description.sizeBytes)).equals(sample.device));
});

t.test('without the network, from what was kept', async (t) => {
  const { blobMeta } = await describeBlob(openBootstrap(image.bootstrap), 0, sourceOf());
  const again = await describeBlob(openBootstrap(image.bootstrap), 0, noNetwork(), {
    ...(blobMeta === undefined ? {} : { blobMeta }),
  });
  t.same(again.chunks, sample.description.chunks);
  await t.rejects(describeBlob(openBootstrap(image.bootstrap), 0, noNetwork()), {
    message: 'no network',
  });
});

t.test('chunks that no file refers to take their digests from the blob', async (t) => {
  const partial = sampleImage(sample, [1, 3]);
  const bootstrap = openBootstrap(partial.bootstrap);
  const source = sourceOf();
  const description = await describeBlob(bootstrap, 0, source);
  t.equal(source.reads.length, 2);
  t.same(description.chunks.digests, sample.description.chunks.digests);
  t.equal(description.digestSection?.length, 5 * 32);
  const kept = { blobMeta: image.metaFile };
  const offline = await describeBlob(bootstrap, 0, noNetwork(), kept);
  t.ok(
    offline.chunks.digests.subarray(32, 64).every((byte) => byte === 0),
    'unknown, not guessed',
  );
  const full = await describeBlob(bootstrap, 0, noNetwork(), {
    ...kept,
    ...(description.digestSection === undefined
      ? {}
      : { digestSection: description.digestSection }),
  });
  t.same(full.chunks.digests, sample.description.chunks.digests);
});

t.test('old blobs without a digest section', async (t) => {
  const withoutSection = sampleImage(sample, [4], (entry) => ({
    ...entry,
    features: entry.features & ~BlobFeature.inlinedChunkDigest,
  }));
  const source = sourceOf();
  const bootstrap = openBootstrap(withoutSection.bootstrap);
  const description = await describeBlob(bootstrap, 0, source);
  t.equal(source.reads.length, 1);
  const fixture = await openCache(t, { readaheadBytesMax: 0 });
  const cached = await fixture.cache.openBlob(description, source);
  const end = description.chunks.offset[4] ?? 0;
  t.ok((await cached.read(0, end)).equals(sample.device.subarray(0, end)));
  await t.rejects(cached.ensure(end, 1), { code: 'ERR_BLOB_STORE_CHUNK_UNKNOWN' });
});

t.test('tables that contradict each other', async (t) => {
  const bootstrap = openBootstrap(image.bootstrap);
  await t.rejects(describeBlob(bootstrap, 1, sourceOf()), { code: 'ERR_BLOB_STORE_BLOB_LAYOUT' });
  const shifted = sampleBlob({ sizes: [4096, 5000, 100_000, 12_345, 8192] });
  const lying = openBootstrap(sampleImage(shifted, [], () => image.entry).bootstrap);
  await t.rejects(describeBlob(lying, 0, noNetwork(), { blobMeta: image.metaFile }), {
    code: 'ERR_BLOB_STORE_BLOB_LAYOUT',
    message: /its chunk 0 lies elsewhere/,
  });
  await t.rejects(describeBlob(bootstrap, 0, noNetwork(), { blobMeta: Buffer.alloc(10) }), {
    code: 'ERR_RAFS_CORRUPT',
  });
  const source = sourceOf();
  source.script = (_, bytes) => bytes.fill(7);
  await t.rejects(describeBlob(bootstrap, 0, source), { code: 'ERR_RAFS_CORRUPT' });
});

t.test('an image store as source', async (t) => {
  const asked: { descriptor: Descriptor; offset: number; length: number }[] = [];
  let closes = 0;
  const store: ImageStore = {
    description: 'a store of a test',
    resolve: () => Promise.reject(new FaultError('unused')),
    readManifest: () => Promise.reject(new FaultError('unused')),
    readBlob: () => Promise.resolve(Readable.from([])),
    readBlobRange: async (descriptor, offset, length) => {
      asked.push({ descriptor, offset, length });
      return Buffer.from(image.stored.subarray(offset, offset + length));
    },
    listReferrers: async () => [],
    close: async () => {
      closes++;
    },
    [Symbol.asyncDispose]: async () => {},
  };
  const layer: Descriptor = {
    mediaType: 'application/vnd.oci.image.layer.nydus.blob.v1',
    digest: `sha256:${blobId}` as Descriptor['digest'],
    size: image.stored.length,
  };
  const told: [string, number][] = [];
  const onFetched = (name: string, bytes: number) => told.push([name, bytes]);
  const source = registryBlobSource(store, { descriptors: [layer] });
  const bytes = await source.read({ blobId }, 10, 20, { onFetched });
  t.ok(bytes.equals(image.stored.subarray(10, 30)));
  t.same(asked, [{ descriptor: layer, offset: 10, length: 20 }]);
  t.same(told, [['registry', 20]]);
  const unknown = registryBlobSource(store, { closesStore: false });
  await unknown.read({ blobId, sizeBytes: 1234 }, 0, 5);
  t.match(asked[1]?.descriptor, { digest: layer.digest, size: 1234 });
  await unknown.close();
  t.equal(closes, 0);
  await source.close();
  t.equal(closes, 1);
});
