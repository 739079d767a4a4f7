/** What a host does when it is told to make an image ready: every byte of its layers, once. */
import type { BlobSource } from '@shoal/blob-store';
import type { SharedImage } from '@shoal/p2p-peer';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { ImageAccess } from '@shoal/snapshotter';
import { pushArtifact, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { warmImage } from '../../packages/node/src/peers/warm-image.ts';
import { convertDirectory, writeFiles } from '../support/mounted-image.ts';

t.test('all layers of the image, and nothing twice', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const source = `${temporaryDirectory(t)}/source`;
  writeFiles(source, { a: 5_000_000, b: 100 });
  const reference = `${registry.host}/team/app:1`;
  await convertDirectory(source, reference);
  await using access = asDisposable(new ImageAccess());
  const read: { repository: string; bytes: number }[] = [];
  const shaped: number[] = [];
  const seen: [number, number][] = [];
  const learnt: string[] = [];
  const peer = {
    source: (origin: Parameters<PeerSource>[0], repository: string): ReturnType<PeerSource> => ({
      ...origin,
      name: origin.name,
      read: async (blob, offset, length, options) => {
        read.push({ repository, bytes: length });
        t.equal(options?.priority, 'preheat');
        return await origin.read(blob, offset, length, options);
      },
      close: () => origin.close(),
    }),
    learn: ({ name, blobs }: SharedImage) => learnt.push(`${name} ${blobs.length}`),
  };
  const shape = (origin: BlobSource): BlobSource => ({
    name: origin.name,
    read: async (blob, offset, length, options) => {
      shaped.push(length);
      return await origin.read(blob, offset, length, options);
    },
    close: () => origin.close(),
  });
  const need = { access: access.value, peer, shape };
  const call = {
    signal: new AbortController().signal,
    onProgress: (done: number, total: number) => seen.push([done, total]),
  };
  const order = { id: '1', reference };
  await warmImage(order, call, need);
  const [done, total] = seen.at(-1) ?? [0, 1];
  t.equal(done, total, 'it says that everything is here');
  t.ok(total > 5_000_000);
  t.equal(
    read.reduce((sum, { bytes }) => sum + bytes, 0),
    total,
  );
  t.equal(
    shaped.reduce((sum, bytes) => sum + bytes, 0),
    total,
    'within the limit of what is fetched from registries',
  );
  t.same(learnt, [`${reference} 2`], 'its name is known, for people');
  t.same([...new Set(read.map(({ repository }) => repository))], [`${registry.host}/team/app`]);
  await t.rejects(
    warmImage({ ...order, reference: `${registry.host}/team/no:1` }, call, need),
    'an image that is not there',
  );
  await t.rejects(warmImage({ ...order, reference: 'oci:/somewhere' }, call, need), {
    code: 'ERR_SNAPSHOTTER_IMAGE_UNUSABLE',
  });
});

t.test('the files of an artifact, which has no platform', async (t) => {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const reference = `${registry.host}/team/model:1`;
  await pushArtifact(reference, [
    { title: 'weights', content: Buffer.alloc(5_000_000, 1) },
    { title: 'nothing', content: Buffer.alloc(0) },
  ]);
  await using access = asDisposable(new ImageAccess());
  const peer = {
    source: (origin: Parameters<PeerSource>[0]) => origin,
    learn: () => undefined,
  };
  let done = 0;
  const call = {
    signal: new AbortController().signal,
    onProgress: (bytes: number) => {
      done = bytes;
    },
  };
  const shape = (origin: BlobSource) => origin;
  await warmImage({ id: '1', reference }, call, { access: access.value, peer, shape });
  t.equal(done, 5_000_000);
});

type PeerSource = Parameters<typeof warmImage>[2]['peer']['source'];

function asDisposable(value: ImageAccess) {
  return { value, [Symbol.asyncDispose]: () => value.close() };
}
