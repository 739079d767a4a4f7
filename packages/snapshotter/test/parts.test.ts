/** The small parts: latencies, locks by key, sources that open late or fail over, directories. */
import { chmod, mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobKey, BlobSource } from '@shoal/blob-store';
import { parseBlobId } from '@shoal/oci';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { LatencyHistogram } from '../src/blobs/latency.ts';
import { LazySource } from '../src/blobs/lazy-source.ts';
import { SourceRouter } from '../src/blobs/source-router.ts';
import { MissFailedError } from '../src/errors.ts';
import { makePrivateDirectory } from '../src/state/private-directory.ts';

const BLOB: BlobKey = { blobId: parseBlobId('ab'.repeat(32)) };

function source(name: string, read: () => Promise<Buffer>): BlobSource & { closed: number } {
  const made = {
    name,
    closed: 0,
    read,
    close: () => {
      made.closed += 1;
      return Promise.resolve();
    },
  };
  return made;
}

t.test('percentiles are within a bucket of the truth', (t) => {
  const histogram = new LatencyHistogram();
  t.same(histogram.summary(), { count: 0, p50Ms: 0, p99Ms: 0 });
  for (let ms = 1; ms <= 100; ms++) histogram.add(ms);
  const { count, p50Ms, p99Ms } = histogram.summary();
  t.equal(count, 100);
  t.ok(p50Ms >= 50 && p50Ms <= 56, `p50 ${p50Ms}`);
  t.ok(p99Ms >= 99 && p99Ms <= 110, `p99 ${p99Ms}`);
  histogram.add(0);
  histogram.add(Number.MAX_SAFE_INTEGER);
  t.equal(histogram.summary().count, 102);
  t.end();
});

t.test('a lazy source opens at the first read and forgets a failed opening', async (t) => {
  let openings = 0;
  const inner = source('registry', () => Promise.resolve(Buffer.from('x')));
  const lazy = new LazySource('registry', async () => {
    openings += 1;
    if (openings === 1) throw new Error('no route');
    return inner;
  });
  t.equal(openings, 0);
  await t.rejects(lazy.read(BLOB, 0, 1), /no route/);
  t.equal((await lazy.read(BLOB, 0, 1)).toString(), 'x');
  await lazy.read(BLOB, 0, 1);
  t.equal(openings, 2);
  await lazy.close();
  t.equal(inner.closed, 1);
  await t.rejects(lazy.read(BLOB, 0, 1), { code: 'ERR_SNAPSHOTTER_SOURCE_CLOSED' });
});

t.test('a read fails over to the source of another mount, which is then preferred', async (t) => {
  const router = new SourceRouter();
  let bad = 0;
  const broken = source('a', () => {
    bad += 1;
    return Promise.reject(new Error('denied'));
  });
  router.add(BLOB.blobId, 'mount-a', broken);
  await t.rejects(router.read(BLOB, 0, 1), /denied/);
  router.add(
    BLOB.blobId,
    'mount-b',
    source('b', () => Promise.resolve(Buffer.from('y'))),
  );
  t.equal((await router.read(BLOB, 0, 1)).toString(), 'y');
  t.equal((await router.read(BLOB, 0, 1)).toString(), 'y');
  t.equal(bad, 2);
  router.remove(BLOB.blobId, 'mount-b');
  router.remove(BLOB.blobId, 'mount-a');
  await t.rejects(router.read(BLOB, 0, 1), { code: 'ERR_SNAPSHOTTER_SOURCE_CLOSED' });
});

t.test('a read fails for good only when every source of the blob says so', async (t) => {
  const failing = (name: string, retryable: boolean) =>
    source(name, () => Promise.reject(new MissFailedError(name, { retryable })));
  for (const order of [
    [true, false],
    [false, true],
  ]) {
    const router = new SourceRouter();
    for (const retryable of order) {
      const name = retryable ? 'unreachable' : 'deleted there';
      router.add(BLOB.blobId, name, failing(name, retryable));
    }
    await t.rejects(router.read(BLOB, 0, 1), { message: 'unreachable', retryable: true });
    router.remove(BLOB.blobId, 'unreachable');
    await t.rejects(router.read(BLOB, 0, 1), { message: 'deleted there', retryable: false });
  }
});

t.test('private directories are made step by step and must be ours', async (t) => {
  const directory = temporaryDirectory(t);
  const deep = join(directory, 'a', 'b', 'c');
  makePrivateDirectory(deep);
  makePrivateDirectory(deep);
  t.equal((await stat(join(directory, 'a'))).mode & 0o777, 0o700);
  const file = join(directory, 'file');
  await writeFile(file, '');
  const refused = { code: 'ERR_SNAPSHOTTER_DIRECTORY' };
  t.throws(() => makePrivateDirectory(file), refused);
  t.throws(() => makePrivateDirectory(join(file, 'below')), refused);
  t.throws(() => makePrivateDirectory('/proc/shoal/state'), refused);
  const link = join(directory, 'link');
  await symlink('a', link);
  t.throws(() => makePrivateDirectory(link), { ...refused, remedy: /leads to, .*\/a$/ });
  makePrivateDirectory(join(link, 'b'));
  const open = join(directory, 'open');
  await mkdir(open);
  await chmod(open, 0o777);
  t.throws(() => makePrivateDirectory(open), { ...refused, message: /others may write/ });
});
