/** A source whose failures somebody else hears of, too: not what its reader gave up himself. */
import {
  type BlobKey,
  type BlobReadOptions,
  type BlobSource,
  SourceBusyError,
} from '@shoal/blob-store';

export class ToldFailures implements BlobSource {
  readonly name: string;
  readonly #source: BlobSource;
  readonly #onFailed: (error: unknown) => void;

  constructor(source: BlobSource, onFailed: (error: unknown) => void) {
    this.name = source.name;
    this.#source = source;
    this.#onFailed = onFailed;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    try {
      return await this.#source.read(blob, offset, length, options);
    } catch (error) {
      // Where nobody was asked, nothing is wrong.
      const isNone = options.signal?.aborted === true || error instanceof SourceBusyError;
      if (!isNone) this.#onFailed(error);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#source.close();
  }
}
