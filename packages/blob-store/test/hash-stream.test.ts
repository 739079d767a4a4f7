/** Hashes of bytes that come bit by bit: right, side by side, given up, bounded, with a thread that ends. */
import { createHash, randomBytes } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import { type DigestAlgorithm, parseDigest, sha256Digest } from '@shoal/oci';
import t from 'tap';
import { CodecPool } from '../src/index.ts';
import { HASH_STEP_BYTES_MAX, HASH_STREAMS_MAX } from '../src/limits.ts';

const BYTES = randomBytes(3 * HASH_STEP_BYTES_MAX + 17);

function expected(algorithm: DigestAlgorithm, bytes: Uint8Array) {
  return parseDigest(`${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`);
}

t.test('the digest is that of all bytes, however they come', async (t) => {
  await using pool = new CodecPool({ threads: 2 });
  const sizes = [0, 1, 70_000, HASH_STEP_BYTES_MAX, 2 * HASH_STEP_BYTES_MAX, BYTES.length];
  for (const algorithm of ['sha256', 'sha512'] as const) {
    for (const size of sizes) {
      for (const step of [65_536, 3_000_000]) {
        using hash = pool.openHash(algorithm);
        const bytes = Buffer.from(BYTES.subarray(0, size));
        for (let at = 0; at < size; at += step) {
          const part = Buffer.from(bytes.subarray(at, at + step));
          await hash.update(part);
          part.fill(0);
        }
        t.equal(await hash.digest(), expected(algorithm, bytes), `${algorithm} ${size} ${step}`);
        await t.rejects(hash.update(bytes), { code: 'ERR_BLOB_STORE_CLOSED' });
        await t.rejects(hash.digest(), { code: 'ERR_BLOB_STORE_CLOSED' });
      }
    }
  }
});

t.test('many at a time keep apart, and those given up harm nobody', async (t) => {
  await using pool = new CodecPool({ threads: 2, idleMs: 1 });
  const digests = Array.from({ length: 80 }, async (_, index) => {
    using hash = pool.openHash('sha256');
    const bytes = BYTES.subarray(index);
    await hash.update(bytes.subarray(0, 1_500_000));
    if (index % 4 === 0) return [undefined, undefined] as const;
    await hash.update(bytes.subarray(1_500_000));
    return [await hash.digest(), sha256Digest(bytes)] as const;
  });
  for (const [found, right] of await Promise.all(digests)) t.equal(found, right);
});

t.test('so many and no more', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const open = Array.from({ length: HASH_STREAMS_MAX }, () => pool.openHash('sha256'));
  t.throws(() => pool.openHash('sha256'), { code: 'ERR_BLOB_STORE_CODEC_POOL', retryable: true });
  for (const hash of open) {
    hash.close();
    hash.close();
  }
  using hash = pool.openHash('sha256');
  await hash.update(BYTES);
  t.equal(await hash.digest(), sha256Digest(BYTES));
});

t.test('a hash whose thread dies ends with an error, and the next one is right', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const workers: Worker[] = [];
  const onWorker = (worker: Worker) => workers.push(worker);
  process.on('worker', onWorker);
  t.teardown(() => process.off('worker', onWorker));
  using hash = pool.openHash('sha256');
  await hash.update(BYTES);
  await Promise.all(workers.map((worker) => worker.terminate()));
  const code = 'ERR_BLOB_STORE_CODEC_POOL';
  await t.rejects(hash.update(BYTES), { code, retryable: true });
  await t.rejects(hash.digest(), { code, retryable: true });
  using next = pool.openHash('sha256');
  await next.update(BYTES);
  t.equal(await next.digest(), sha256Digest(BYTES));
});

t.test('a closed pool takes no bytes', async (t) => {
  const pool = new CodecPool({ threads: 1 });
  using hash = pool.openHash('sha256');
  await hash.update(BYTES);
  await pool.close();
  await t.rejects(hash.update(BYTES), { code: 'ERR_BLOB_STORE_CODEC_POOL' });
});
