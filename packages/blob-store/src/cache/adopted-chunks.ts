/**
 * Chunks a chunk map claims to be in the device file without our record of their digest: left by
 * nydusd, or by an image that expected other bytes. They are verified when somebody wants them.
 */
import { orAbort } from '@shoal/concurrency';
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import type { CodecPool } from '../codec/codec-pool.ts';
import type { BlobDescription } from '../description/blob-description.ts';
import { hasBit } from '../files/chunk-map.ts';
import { ADOPT_BYTES_PER_JOB_MAX, ADOPT_CHUNKS_PER_JOB_MAX } from '../limits.ts';

export type AdoptedChunksInit = {
  readonly path: string;
  readonly description: BlobDescription;
  readonly pool: CodecPool;
  /** Bits of the chunks that are claimed; cleared through the callbacks only. */
  readonly claimed: Uint8Array;
  readonly onVerified: (chunks: readonly number[]) => void;
  readonly onRefuted: (chunks: readonly number[]) => Promise<void>;
};

export class AdoptedChunks {
  readonly #init: AdoptedChunksInit;
  readonly #verifying = new Map<number, Promise<void>>();

  constructor(init: AdoptedChunksInit) {
    this.#init = init;
  }

  isClaimed(chunk: number): boolean {
    return hasBit(this.#init.claimed, chunk);
  }

  /** Resolves when none of the chunks is a mere claim any more. */
  async settle(chunks: readonly number[], signal: AbortSignal): Promise<void> {
    const running = new Set<Promise<void>>();
    let job: number[] = [];
    let bytes = 0;
    const start = () => {
      if (job.length > 0) running.add(this.#verify(job));
      job = [];
      bytes = 0;
    };
    for (const chunk of chunks) {
      const joined = this.#verifying.get(chunk);
      if (joined !== undefined) running.add(joined);
      else if (this.isClaimed(chunk)) {
        job.push(chunk);
        bytes += this.#init.description.chunks.size[chunk] ?? 0;
        if (job.length >= ADOPT_CHUNKS_PER_JOB_MAX || bytes >= ADOPT_BYTES_PER_JOB_MAX) start();
      }
    }
    start();
    if (running.size > 0) await orAbort(Promise.all(running), signal);
  }

  /** Resolves when no verification runs. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.#verifying.values());
  }

  #verify(chunks: readonly number[]): Promise<void> {
    const done = this.#run(chunks).finally(() => {
      for (const chunk of chunks) this.#verifying.delete(chunk);
    });
    for (const chunk of chunks) this.#verifying.set(chunk, done);
    return done;
  }

  async #run(chunks: readonly number[]): Promise<void> {
    const { path, description, pool, onVerified, onRefuted } = this.#init;
    const { offset, size, digests } = description.chunks;
    const job = {
      path,
      digester: description.digester,
      chunks: chunks.map((chunk) => ({
        offset: offset[chunk] ?? 0,
        size: size[chunk] ?? 0,
        digest: digests.slice(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES),
      })),
    };
    // Whatever keeps a chunk from being verified, it can still be fetched.
    const { verified } = await pool
      .run('verify-file', job, { isUrgent: true })
      .catch(() => ({ verified: [] as readonly boolean[] }));
    onVerified(chunks.filter((_, at) => verified[at] === true));
    const refuted = chunks.filter((_, at) => verified[at] !== true);
    if (refuted.length > 0) await onRefuted(refuted);
  }
}
