/** What a mount request fetches is counted as it comes, and an error stays an error. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Descriptor } from '@shoal/oci';
import { parseBlobId, parseDigest } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import t from 'tap';
import { countingSource, countingStore, MountMeter } from '../src/mounts/mount-progress.ts';

const DESCRIPTOR: Descriptor = {
  mediaType: 'application/octet-stream',
  digest: parseDigest(`sha256:${'ab'.repeat(32)}`),
  size: 6,
};

function storeOf(blob: () => Readable): ImageStore {
  return {
    description: 'a store',
    resolve: () => Promise.resolve(DESCRIPTOR),
    readManifest: () => Promise.resolve(Buffer.alloc(10)),
    readBlob: () => Promise.resolve(blob()),
    readBlobRange: (_descriptor, _offset, length) => Promise.resolve(Buffer.alloc(length)),
    listReferrers: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

t.test('bytes of manifests, blobs and ranges', async (t) => {
  const meter = new MountMeter('/mnt/m', 'host/name:tag');
  const fetched = () => meter.progress().bytesFetched;
  const store = countingStore(
    storeOf(() => Readable.from([Buffer.from('abc'), Buffer.from('def')])),
    meter,
  );
  t.same(await store.resolve(), DESCRIPTOR);
  await store.readManifest(DESCRIPTOR);
  t.equal(fetched(), 10);
  t.equal(String(await buffer(await store.readBlob(DESCRIPTOR))), 'abcdef');
  t.equal(fetched(), 16);
  await store.readBlobRange(DESCRIPTOR, 0, 4);
  const source = countingSource(
    { name: 's', read: () => Promise.resolve(Buffer.alloc(5)), close: () => Promise.resolve() },
    meter,
  );
  await source.read({ blobId: parseBlobId('ab'.repeat(32)) }, 0, 5);
  t.same(meter.progress(), {
    mountpoint: '/mnt/m',
    reference: 'host/name:tag',
    bytesFetched: 25,
  });
});

t.test('a transfer that breaks breaks for its reader', async (t) => {
  const broken = () =>
    Readable.from(
      (function* () {
        yield Buffer.from('abc');
        throw new Error('the line broke');
      })(),
    );
  const store = countingStore(storeOf(broken), new MountMeter('/mnt/m', 'r'));
  await t.rejects(buffer(await store.readBlob(DESCRIPTOR)), /the line broke/);
});
