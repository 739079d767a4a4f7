/** Hashes ranges of a file that somebody else has open: pieces of a stored blob, or all of it. */
import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { CodecJobError } from '../errors.ts';
import { HASH_READ_BYTES, JOB_CHUNKS_MAX } from '../limits.ts';
import type { HashFileJob, HashFileResult } from './codec-jobs.ts';
import { DIGEST_BYTES } from './codec-jobs.ts';

/** Throws `ERR_BLOB_STORE_CODEC_JOB` for a file that ends before a range does. */
export function runHashFile(job: HashFileJob): HashFileResult {
  const { fd, offsets, lengths } = job;
  if (offsets.length !== lengths.length || offsets.length > JOB_CHUNKS_MAX) {
    throw new CodecJobError(`${offsets.length} offsets and ${lengths.length} lengths`);
  }
  const buffer = Buffer.allocUnsafeSlow(HASH_READ_BYTES);
  const digests = new Uint8Array(offsets.length * DIGEST_BYTES);
  for (const [index, offset] of offsets.entries()) {
    const hash = createHash('sha256');
    const end = offset + (lengths[index] ?? 0);
    for (let at = offset; at < end; ) {
      if (isStopped(job)) return { digests: undefined };
      const got = readSync(fd, buffer, 0, Math.min(buffer.length, end - at), at);
      if (got === 0) throw new CodecJobError(`the file ends at ${at}, before ${end}`);
      hash.update(buffer.subarray(0, got));
      at += got;
    }
    digests.set(hash.digest(), index * DIGEST_BYTES);
  }
  return { digests };
}

function isStopped({ stop }: HashFileJob): boolean {
  return stop !== undefined && Atomics.load(stop, 0) !== 0;
}
