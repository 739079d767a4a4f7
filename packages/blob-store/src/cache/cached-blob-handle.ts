/**
 * One user's hold on a cached blob: his source, his calls. What others wait for is not his.
 */
import { chunksOfRange } from '../description/chunk-lookup.ts';
import { BlobRangeError, CacheFullError, ClosedError } from '../errors.ts';
import type { BlobSource } from '../source/blob-source.ts';
import type { BlobEntry, LooseChunks } from './blob-entry.ts';
import type { BlobStats, CachedBlob, EnsureOptions } from './cached-blob.ts';
import { Callers } from './callers.ts';

export type HandleComponents = {
  readonly entry: BlobEntry;
  readonly source: BlobSource;
  readonly directory: string;
  /** Gives the hold back; called once. */
  readonly onClosed: () => Promise<void>;
};

export class CachedBlobHandle implements CachedBlob {
  readonly #components: HandleComponents;
  readonly #entry: BlobEntry;
  readonly #callers = new Callers();
  #closing: Promise<void> | undefined;

  constructor(components: HandleComponents) {
    this.#components = components;
    this.#entry = components.entry;
  }

  get blobId(): CachedBlob['blobId'] {
    return this.#entry.description.blobId;
  }

  get fileKey(): string {
    return this.#entry.components.fileKey;
  }

  get path(): string {
    return this.#entry.components.paths.data;
  }

  get sizeBytes(): number {
    return this.#entry.description.sizeBytes;
  }

  get readyMap(): SharedArrayBuffer {
    return this.#entry.presence.ready.shared;
  }

  get isComplete(): boolean {
    return this.#entry.presence.isComplete;
  }

  async ensure(offset: number, length: number, options: EnsureOptions = {}): Promise<void> {
    const loose = await this.#ensure(offset, length, options, false);
    if (loose.size > 0) throw new CacheFullError(this.#components.directory);
  }

  async ensureOrRead(
    offset: number,
    length: number,
    options: EnsureOptions = {},
  ): Promise<Uint8Array | undefined> {
    const loose = await this.#ensure(offset, length, options, true);
    return loose.size === 0 ? undefined : await this.#assemble(offset, length, loose);
  }

  async read(offset: number, length: number, options: EnsureOptions = {}): Promise<Buffer> {
    const loose = await this.#ensure(offset, length, options, true);
    return await this.#assemble(offset, length, loose);
  }

  flush(): Promise<void> {
    return this.#entry.presence.flush();
  }

  stats(): BlobStats {
    const { counters, presence, description, components } = this.#entry;
    const { count, size } = description.chunks;
    let bytesTotal = 0;
    let bytesDurable = 0;
    for (let chunk = 0; chunk < count; chunk++) {
      bytesTotal += size[chunk] ?? 0;
      if (components.files.isDurable(chunk)) bytesDurable += size[chunk] ?? 0;
    }
    return {
      blobId: description.blobId,
      bytesTotal,
      bytesPresent: presence.presentBytes,
      bytesDurable,
      chunksTotal: count,
      chunksPresent: presence.presentCount,
      bytesFetchedBySource: { ...counters.bySource },
      bytesFetchedByCause: { ...counters.byCause },
      requests: counters.requests,
      misses: counters.misses,
      missMsP50: counters.missMs(0.5),
      missMsP99: counters.missMs(0.99),
      errors: counters.errors,
      bytesPassedThrough: counters.bytesPassedThrough,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#release();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #release(): Promise<void> {
    await this.#callers.close(new ClosedError(`blob ${this.blobId}`));
    await this.#entry.release(this);
    await this.#components.onClosed();
  }

  async #ensure(
    offset: number,
    length: number,
    options: EnsureOptions,
    wantsLoose: boolean,
  ): Promise<LooseChunks> {
    const isSane = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
    if (!isSane || offset < 0 || length < 0 || offset + length > this.sizeBytes) {
      throw new BlobRangeError(this.blobId, offset, length, this.sizeBytes);
    }
    const { priority = 'demand', onSource, readyEventFd } = options;
    const { source } = this.#components;
    return await this.#callers.run(options.signal, (signal) =>
      this.#entry.ensure(offset, length, {
        source,
        priority,
        signal,
        wantsLoose,
        onSource,
        readyEventFd,
        owner: this,
        mayStart: () => this.#closing === undefined,
      }),
    );
  }

  async #assemble(offset: number, length: number, loose: LooseChunks): Promise<Buffer> {
    // What is not loose is in the device file; what is loose reads as anything there.
    const bytes = await this.#entry.components.files.readData(length, offset);
    const { chunks } = this.#entry.description;
    const { first, end } = chunksOfRange(chunks, offset, length);
    for (let chunk = first; chunk < end; chunk++) {
      const start = (chunks.offset[chunk] ?? 0) - offset;
      const source = loose.get(chunk);
      if (source === undefined) continue;
      bytes.set(source.subarray(Math.max(0, -start), length - start), Math.max(0, start));
    }
    return bytes;
  }
}
