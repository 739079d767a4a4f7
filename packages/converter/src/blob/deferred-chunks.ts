/**
 * Chunks of first reads, kept until the rest of their layer is written: their stored bytes in a file
 * without a name, what is known of them in memory. They come back in the order of their ranks.
 */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { DIGEST_SIZE } from '../chunk/chunk-index.ts';
import { TemporaryFileError } from '../errors.ts';
import { FIRST_READS_CHUNKS_MAX, FIRST_READS_STORED_BYTES_MAX } from '../limits.ts';

export type DeferredChunk = {
  /** Position in the list of first reads; the lowest of all that hold the chunk. */
  rank: number;
  /** Numbers the chunk has in its layer. */
  readonly locals: number[];
  readonly digest: Buffer;
  readonly size: number;
  readonly storedSize: number;
};

type Kept = DeferredChunk & { readonly position: number };

export class DeferredChunks {
  /** By what they hold, in the order they came. */
  readonly #chunks = new Map<string, Kept>();
  #pending: Buffer[] = [];
  #position = 0;
  #written = 0;
  #file: FileHandle | undefined;

  /** No more are taken. */
  get isFull(): boolean {
    return (
      this.#position >= FIRST_READS_STORED_BYTES_MAX || this.#chunks.size >= FIRST_READS_CHUNKS_MAX
    );
  }

  get count(): number {
    return this.#chunks.size;
  }

  /** The one with this digest and size. */
  find(digests: Uint8Array, at: number, size: number): DeferredChunk | undefined {
    if (this.#chunks.size === 0) return undefined;
    return this.#chunks.get(keyOf(digests.subarray(at, at + DIGEST_SIZE), size));
  }

  /** Keeps the bytes, which the next `flush` writes; the chunk must be a new one. */
  add(chunk: Omit<DeferredChunk, 'storedSize'>, stored: Buffer): void {
    const kept = { ...chunk, storedSize: stored.length, position: this.#position };
    this.#chunks.set(keyOf(chunk.digest, chunk.size), kept);
    this.#pending.push(stored);
    this.#position += stored.length;
  }

  /** @throws ERR_CONVERTER_TEMPORARY_FILE */
  async flush(): Promise<void> {
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    try {
      this.#file ??= await openUnnamed();
      const { bytesWritten } = await this.#file.writev(pending, this.#written);
      this.#written += bytesWritten;
    } catch (error) {
      throw new TemporaryFileError(tmpdir(), errorCode(error) ?? String(error), { cause: error });
    }
    if (this.#written !== this.#position) throw new TemporaryFileError(tmpdir(), 'ENOSPC');
  }

  /** All of them, those of one rank in the order of the archive; the bytes are the caller's. */
  async *inOrder(): AsyncGenerator<{ readonly chunk: DeferredChunk; readonly stored: Buffer }> {
    const sorted = [...this.#chunks.values()].toSorted((a, b) => a.rank - b.rank);
    for (const chunk of sorted) {
      const stored = Buffer.allocUnsafe(chunk.storedSize);
      const read = await this.#file?.read(stored, 0, stored.length, chunk.position);
      if (read?.bytesRead !== stored.length) throw new TemporaryFileError(tmpdir(), 'EIO');
      yield { chunk, stored };
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }
}

function keyOf(digest: Uint8Array, size: number): string {
  return `${Buffer.from(digest).toString('latin1')}${size}`;
}

/** Gone with its descriptor, whatever happens to the process. */
async function openUnnamed(): Promise<FileHandle> {
  const path = join(tmpdir(), `shoal-first-reads-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await rm(path, { force: true });
  return file;
}
