/** The hashes that codec threads keep while their bytes come, one buffer after the other. */
import { createHash, type Hash } from 'node:crypto';
import { CodecJobError } from '../errors.ts';
import type { HashStreamJob, HashStreamResult } from './codec-jobs.ts';

const hashes = new Map<number, Hash>();

export function runHashStream(job: HashStreamJob): HashStreamResult {
  const { stream, raw, length, isLast } = job;
  if (length > raw.byteLength) {
    throw new CodecJobError(`${length} bytes do not fit a buffer of ${raw.byteLength}`);
  }
  const hash = hashes.get(stream) ?? createHash(job.algorithm);
  hash.update(new Uint8Array(raw, 0, length));
  if (!isLast) {
    hashes.set(stream, hash);
    return { raw, hex: undefined };
  }
  hashes.delete(stream);
  return { raw, hex: hash.digest('hex') };
}
