/**
 * One stored blob read as a single stream from its first to its last byte, with ranges of it handed
 * out on the way: whoever needs both every chunk and the digest of the whole reads everything once.
 */
import type { Readable } from 'node:stream';
import type { BlobKey, BlobSource } from '@shoal/blob-store';
import type { Descriptor } from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';

export type BlobStreamOptions = {
  readonly store: ImageStore;
  readonly descriptor: Descriptor;
  /** Answers for ranges that lie before what was handed out last. */
  readonly fallback: BlobSource;
  readonly signal: AbortSignal;
  /** Told how many bytes of the stream were taken. */
  readonly onBytes: (bytes: number) => void;
};

/** Ranges have to be asked for in order of their places; they may be asked for all at once. */
export class BlobStream implements BlobSource, AsyncDisposable {
  readonly name: string;
  readonly #options: BlobStreamOptions;
  #stream: Readable | undefined;
  #pieces: AsyncIterator<Buffer> | undefined;
  /** What is left of the last piece. */
  #rest: Buffer = Buffer.alloc(0);
  /** First byte of the blob that was not taken yet. */
  #position = 0;
  /** Settles when the range before the next one has been taken. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: BlobStreamOptions) {
    this.#options = options;
    this.name = options.store.description;
  }

  /** Throws what the store throws; at the blob's end also that it is not the blob it should be. */
  async read(key: BlobKey, offset: number, length: number): Promise<Buffer> {
    const reading = this.#turn.then(() => this.#take(key, offset, length));
    this.#turn = reading.catch(() => {});
    return await reading;
  }

  /** Reads what is left. Throws when digest or size of the whole are not the descriptor's. */
  async drain(): Promise<void> {
    await this.#turn;
    while ((await this.#next()) !== undefined) this.#rest = Buffer.alloc(0);
  }

  async close(): Promise<void> {
    await this.#turn;
    this.#stream?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(key: BlobKey, offset: number, length: number): Promise<Buffer> {
    const { fallback, signal } = this.#options;
    if (offset < this.#position) return await fallback.read(key, offset, length, { signal });
    const taken = Buffer.from(new ArrayBuffer(length));
    let fill = 0;
    while (fill < length) {
      const piece = this.#rest.length > 0 ? this.#rest : await this.#next();
      // The blob ends here; the fallback knows the words for a range outside it.
      if (piece === undefined) return await fallback.read(key, offset, length, { signal });
      const skipped = Math.min(piece.length, Math.max(0, offset + fill - this.#position));
      const copied = piece.copy(taken, fill, skipped);
      fill += copied;
      this.#position += skipped + copied;
      this.#rest = piece.subarray(skipped + copied);
    }
    return taken;
  }

  async #next(): Promise<Buffer | undefined> {
    const { store, descriptor, signal, onBytes } = this.#options;
    this.#stream ??= await store.readBlob(descriptor, { signal });
    this.#pieces ??= this.#stream.iterator({ destroyOnReturn: true });
    const next = await this.#pieces.next();
    if (next.done === true) return undefined;
    onBytes(next.value.length);
    return next.value;
  }
}
