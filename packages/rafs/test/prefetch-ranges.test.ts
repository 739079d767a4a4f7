/** The parts of blobs that a prefetch table asks for. */
import { encodeBootstrap, firstReadRanges, openBootstrap, prefetchRanges } from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';
import t from 'tap';
import { file, inputOf, symlink, TestBlob } from './support/build-image.ts';

t.test('files in the order of the table, directories whole, neighbours together', async (t) => {
  const blob = new TestBlob();
  const size = blob.chunkSize;
  const large = file(blob, Buffer.alloc(2 * size + 10, 1));
  const skipped = file(blob, Buffer.alloc(5000, 2));
  const below = file(blob, 'below');
  const empty = file(blob, '');
  const folder = directory({ below, empty, link: symlink('below') });
  const last = file(blob, 'last');
  const root = directory({ large, skipped, folder, last });
  const rangesOf = (prefetch: (typeof root)[]) => {
    const bytes = encodeBootstrap({ ...inputOf(root, blob), prefetch });
    return [...prefetchRanges(openBootstrap(bytes))];
  };
  const at = (length: number) => ({ blobIndex: 0, length });
  t.match(rangesOf([large]), [{ ...at(2 * size + 10), offset: 0 }]);
  const [second, first] = [rangesOf([folder]), rangesOf([last])];
  t.match(second, [at(5)]);
  t.match(first, [at(4)]);
  t.same(rangesOf([last, folder, last]), [...first, ...second], 'as listed, each once');
  const [both] = rangesOf([folder, last]);
  t.match(both, { offset: second[0]?.offset, length: 4096 + 4 }, 'side by side in the blob');
  t.same(rangesOf([]), []);
  const everything = rangesOf([root]);
  t.equal(
    everything.reduce((sum, { length }) => sum + length, 0) >= 2 * size + 5000,
    true,
    'the root stands for all',
  );
});

t.test('a list that leads to too many chunks ends there', async (t) => {
  const blob = new TestBlob();
  const chunk = Buffer.alloc(blob.chunkSize, 1);
  const large = file(blob, Buffer.concat([chunk, chunk, chunk]));
  const last = file(blob, 'last');
  const input = inputOf(directory({ large, last }), blob);
  const firstReads = { block: 0, blocks: (3 * blob.chunkSize) / 4096 };
  const blobs = input.blobs.map((entry) => ({ ...entry, firstReads }));
  const bytes = encodeBootstrap({ ...input, blobs, prefetch: [large, last] });
  const bootstrap = openBootstrap(bytes);
  const lengths = (chunksMax?: number) =>
    [...prefetchRanges(bootstrap, chunksMax === undefined ? {} : { chunksMax })].map(
      ({ length }) => length,
    );
  t.same(lengths(), [4], 'what is set apart is left out');
  t.same(lengths(4), [4]);
  t.same(lengths(3), []);
});

t.test('first reads of a blob come apart, and are not in the table a second time', async (t) => {
  const blob = new TestBlob();
  const files = [file(blob, 'one'), file(blob, 'two'), file(blob, 'three')];
  const root = directory(Object.fromEntries(files.map((inode, index) => [`f${index}`, inode])));
  const encode = (firstReads: { block: number; blocks: number } | undefined) => {
    const input = inputOf(root, blob);
    const blobs = input.blobs.map((entry) => ({ ...entry, firstReads }));
    return encodeBootstrap({ ...input, blobs, prefetch: files });
  };
  const bootstrap = openBootstrap(encode({ block: 1, blocks: 2 }));
  t.same(firstReadRanges(bootstrap), [{ blobIndex: 0, offset: 4096, length: 8192 }]);
  t.same([...prefetchRanges(bootstrap)], [{ blobIndex: 0, offset: 0, length: 3 }]);
  t.same(firstReadRanges(openBootstrap(encode(undefined))), []);
  t.throws(() => encode({ block: 1, blocks: 3 }), { code: 'ERR_RAFS_CORRUPT' }, 'outside');
});
