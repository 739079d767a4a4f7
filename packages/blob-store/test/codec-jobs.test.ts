/** Jobs of the codec's pool: cancelled, wrong, waited for; and threads that come and go. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { until } from '@shoal/test-kit';
import t from 'tap';
import { DIGEST_BYTES } from '../src/codec/codec-jobs.ts';
import { CodecPool } from '../src/index.ts';
import { CHUNKS, packed } from './support/packed-chunks.ts';

t.test('pieces of a torrent are hashed, for several lengths at once', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const bytes = Buffer.alloc(100_000, 'pieces of a blob');
  const job = () => ({ raw: Uint8Array.from(bytes).buffer, length: 70_000 });
  const { raw, hashes } = await pool.run('piece-hashes', { ...job(), pieceBytes: [16384, 65536] });
  t.equal(raw.byteLength, bytes.length, 'the buffer comes back');
  for (const [position, pieceBytes] of [16384, 65536].entries()) {
    const expected: Buffer[] = [];
    for (let at = 0; at < 70_000; at += pieceBytes) {
      const piece = bytes.subarray(at, Math.min(70_000, at + pieceBytes));
      expected.push(createHash('sha1').update(piece).digest());
    }
    t.same(Buffer.from(hashes[position] ?? []), Buffer.concat(expected));
  }
  for (const wrong of [{ pieceBytes: [0] }, { pieceBytes: [1] }, { length: 200_000 }]) {
    const run = pool.run('piece-hashes', { ...job(), pieceBytes: [16384], ...wrong });
    await t.rejects(run, { code: 'ERR_BLOB_STORE_CODEC_JOB' });
  }
});

t.test('a cancelled or wrong job harms no other', async (t) => {
  const pool = new CodecPool({ threads: 1 });
  const compress = (signal?: AbortSignal) =>
    pool.run(
      'compress',
      { ...packed(CHUNKS), compressor: 'zstd', digester: 'sha256', withCrc32c: false },
      signal === undefined ? {} : { signal },
    );
  const controllers = [new AbortController(), new AbortController(), new AbortController()];
  const cancelled = controllers.map(({ signal }) => compress(signal));
  const kept = compress();
  for (const controller of controllers) controller.abort(new Error('changed my mind'));
  for (const job of cancelled) await t.rejects(job, { message: 'changed my mind' });
  await t.rejects(compress(AbortSignal.abort(new Error('before'))), { message: 'before' });
  const wrong = { ...packed([Buffer.from('abc')]), digester: 'sha256' as const };
  await t.rejects(pool.run('digest', { ...wrong, lengths: Uint32Array.of(4) }), {
    code: 'ERR_BLOB_STORE_CODEC_JOB',
  });
  const twice = packed([Buffer.from('abc')]);
  await pool.run('digest', { ...twice, digester: 'sha256' });
  await t.rejects(pool.run('digest', { ...twice, digester: 'sha256' }), {
    code: 'ERR_BLOB_STORE_CODEC_JOB',
  });
  const last = compress();
  await Promise.all([pool.close(), pool.close()]);
  t.equal((await kept).storedLengths.length, CHUNKS.length);
  t.equal((await last).storedLengths.length, CHUNKS.length, 'close waits for what runs');
  await t.rejects(compress(), { code: 'ERR_BLOB_STORE_CODEC_POOL' });
});

t.test('a job that writes is waited for once a thread has it, whoever gives up', async (t) => {
  await using pool = new CodecPool({ threads: 1 });
  const controller = new AbortController();
  const options = { signal: controller.signal, endsWithJob: true };
  const hash = () => pool.run('digest', { ...packed(CHUNKS), digester: 'sha256' }, options);
  const [runs, waitsInThread, queued] = [hash(), hash(), hash()];
  controller.abort(new Error('gave up'));
  await t.rejects(queued, { message: 'gave up' }, 'no thread has it');
  for (const job of [runs, waitsInThread]) t.ok((await job).digests.length > 0);
});

t.test('threads that nobody needs end, and start again for the next job', async (t) => {
  await using pool = new CodecPool({ threads: 2, idleMs: 1 });
  const before = codecThreads();
  for (let round = 0; round < 2; round++) {
    const { digests } = await pool.run('digest', { ...packed(CHUNKS), digester: 'sha256' });
    t.equal(digests.length, CHUNKS.length * DIGEST_BYTES);
    await until('no thread is left', () => codecThreads() === before);
  }
  pool.warmUp();
});

/** Threads of this process; Linux keeps the first 15 characters of a name. */
function codecThreads(): number {
  const names = readdirSync('/proc/self/task').map((id) => {
    try {
      return readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim();
    } catch {
      return 'gone';
    }
  });
  return names.filter((name) => name === 'shoal-codec').length;
}
