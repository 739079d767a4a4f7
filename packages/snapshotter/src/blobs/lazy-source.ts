/**
 * A blob source that is opened at its first read. A restored mount touches the network only when
 * one of its readers misses something.
 */
import type { BlobKey, BlobReadOptions, BlobSource } from '@shoal/blob-store';
import { SourceClosedError } from '../errors.ts';

export class LazySource implements BlobSource {
  readonly name: string;
  readonly #open: () => Promise<BlobSource>;
  #opening: Promise<BlobSource> | undefined;
  #isClosed = false;

  constructor(name: string, open: () => Promise<BlobSource>) {
    this.name = name;
    this.#open = open;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    const source = await this.#source();
    return source.read(blob, offset, length, options);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const opening = this.#opening;
    this.#opening = undefined;
    await opening?.then((source) => source.close()).catch(() => {});
  }

  /** A failed opening is not remembered: the next read tries again. */
  async #source(): Promise<BlobSource> {
    if (this.#isClosed) throw new SourceClosedError(this.name);
    const opening = this.#opening ?? this.#open();
    this.#opening = opening;
    try {
      return await opening;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }
}
