/**
 * Compares what an open blob's device file holds with the digests of its image, in codec threads and
 * behind everybody who waits. What is damaged counts as absent afterwards, so that it is fetched again.
 */
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import { ADOPT_BYTES_PER_JOB_MAX, ADOPT_CHUNKS_PER_JOB_MAX } from '../limits.ts';
import type { BlobEntry } from './blob-entry.ts';

export type BlobVerification = {
  readonly key: string;
  readonly chunksChecked: number;
  readonly bytesChecked: number;
  /** Chunks whose bytes were not the image's. */
  readonly chunksDamaged: number;
};

export async function verifyEntry(
  entry: BlobEntry,
  signal: AbortSignal,
): Promise<BlobVerification> {
  let chunksChecked = 0;
  let bytesChecked = 0;
  let chunksDamaged = 0;
  for (const chunks of jobsOf(entry)) {
    signal.throwIfAborted();
    const damaged = await damagedOf(entry, chunks);
    await entry.presence.forget(damaged);
    chunksChecked += chunks.length;
    bytesChecked += sizeOf(entry, chunks);
    chunksDamaged += damaged.length;
  }
  return { key: entry.components.fileKey, chunksChecked, bytesChecked, chunksDamaged };
}

/** Present chunks, a job's worth at a time; asked again for each job, since blobs are in use. */
function* jobsOf(entry: BlobEntry): Generator<readonly number[], void, undefined> {
  const { chunks } = entry.description;
  let job: number[] = [];
  let bytes = 0;
  for (let chunk = 0; chunk < chunks.count; chunk++) {
    if (!entry.presence.isPresent(chunk)) continue;
    job.push(chunk);
    bytes += chunks.size[chunk] ?? 0;
    if (job.length < ADOPT_CHUNKS_PER_JOB_MAX && bytes < ADOPT_BYTES_PER_JOB_MAX) continue;
    yield job;
    job = [];
    bytes = 0;
  }
  if (job.length > 0) yield job;
}

async function damagedOf(entry: BlobEntry, chunks: readonly number[]): Promise<readonly number[]> {
  const { description, components } = entry;
  const { offset, size, digests } = description.chunks;
  const job = {
    path: components.paths.data,
    digester: description.digester,
    chunks: chunks.map((chunk) => ({
      offset: offset[chunk] ?? 0,
      size: size[chunk] ?? 0,
      digest: digests.slice(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES),
    })),
  };
  const { verified } = await components.pool.run('verify-file', job);
  return chunks.filter((_, at) => verified[at] !== true);
}

function sizeOf({ description }: BlobEntry, chunks: readonly number[]): number {
  return chunks.reduce((sum, chunk) => sum + (description.chunks.size[chunk] ?? 0), 0);
}
