/** Blobs that programs of this host read of many places: few are open, none is closed under its reader. */
import type { BlobSource } from '@shoal/blob-store';
import { blobIdOfDigest, sha256Digest } from '@shoal/oci';
import { ImageAccess } from '@shoal/snapshotter';
import t from 'tap';
import { SHARED_BLOBS_OPEN_MAX } from '../src/limits.ts';
import { SharedBlobs } from '../src/peers/shared-blobs.ts';

const BLOB = { blobId: blobIdOfDigest(sha256Digest(Buffer.from('blob'))), sizeBytes: 4 };

t.test('a reader outlives that others read of many places', async (t) => {
  const opened: string[] = [];
  const closed: string[] = [];
  const slow = Promise.withResolvers<void>();
  const source = (_: BlobSource, name: string): BlobSource => {
    let isClosed = false;
    opened.push(name);
    return {
      name,
      read: async (_blob, offset, length) => {
        if (offset === 2) await slow.promise;
        if (isClosed) throw new Error('it is closed');
        return Buffer.alloc(length);
      },
      close: async () => {
        isClosed = true;
        closed.push(name);
      },
    };
  };
  const access = new ImageAccess();
  t.teardown(() => access.close());
  const shared = { access, shape: (origin: BlobSource) => origin, caFile: undefined };
  const blobs = new SharedBlobs({ ...shared, peer: { source } });
  const [first, ...others] = Array.from({ length: SHARED_BLOBS_OPEN_MAX + 1 }, (_, index) => {
    const from = `registry.test/team/app-${index}`;
    return { from, blobs: blobs.source({ from }, 'wait') };
  });
  if (first === undefined) throw new Error('two places, please');
  t.same(opened, [], 'nothing before it is read');
  await first.blobs.read(BLOB, 0, 1);
  const reading = first.blobs.read(BLOB, 2, 1);
  for (const other of others) await other.blobs.read(BLOB, 0, 1);
  t.equal(opened.length, SHARED_BLOBS_OPEN_MAX + 1);
  t.same(closed, [], 'the first is being read');
  slow.resolve();
  t.equal((await reading).length, 1);
  t.same(closed, [first.from]);
  t.equal((await first.blobs.read(BLOB, 0, 1)).length, 1, 'it is opened again');
  t.equal(opened.at(-1), first.from);
  await blobs.close();
  t.same(new Set(closed), new Set(opened));
});
