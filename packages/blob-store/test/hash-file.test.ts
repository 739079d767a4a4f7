/** Ranges of files that codec threads hash: right, beyond the end, stopped. */
import { createHash, randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestScope, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { DIGEST_BYTES } from '../src/codec/codec-jobs.ts';
import { CodecPool } from '../src/index.ts';

const BYTES = randomBytes((3 << 20) + 17);

async function openFile(t: TestScope, bytes: Uint8Array) {
  const file = await open(join(temporaryDirectory(t), 'file'), 'wx+', 0o600);
  t.teardown(() => void file.close());
  await file.writeFile(bytes);
  return file;
}

t.test('each range has the hash of its bytes', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const file = await openFile(t, BYTES);
  const ranges: readonly (readonly [number, number])[] = [
    [0, BYTES.length],
    [5, 0],
    [1 << 20, 1 << 20],
    [BYTES.length - 1, 1],
  ];
  const { digests } = await pool.run('hash-file', {
    fd: file.fd,
    offsets: Float64Array.from(ranges, ([offset]) => offset),
    lengths: Float64Array.from(ranges, ([, length]) => length),
  });
  for (const [index, [offset, length]] of ranges.entries()) {
    const expected = createHash('sha256')
      .update(BYTES.subarray(offset, offset + length))
      .digest();
    const found = digests?.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
    t.ok(found !== undefined && expected.equals(found), `${length} bytes at ${offset}`);
  }
});

t.test('a file that is too short, and a job that makes no sense, are refused', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const { fd } = await openFile(t, BYTES);
  const code = 'ERR_BLOB_STORE_CODEC_JOB';
  const one = Float64Array.of(1);
  const all = Float64Array.of(BYTES.length);
  await t.rejects(pool.run('hash-file', { fd, offsets: one, lengths: all }), { code });
  const two = Float64Array.of(1, 2);
  await t.rejects(pool.run('hash-file', { fd, offsets: one, lengths: two }), { code });
});

t.test('a job that is stopped has no hashes', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const { fd } = await openFile(t, BYTES);
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const job = { fd, offsets: Float64Array.of(0), lengths: Float64Array.of(BYTES.length), stop };
  t.ok((await pool.run('hash-file', job)).digests, 'nobody stops it');
  Atomics.store(stop, 0, 1);
  t.equal((await pool.run('hash-file', job)).digests, undefined);
});
