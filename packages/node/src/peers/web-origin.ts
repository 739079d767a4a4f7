/**
 * A file at a URL as an origin of blobs: looked at when it is first read. It is this host's, or its
 * configuration's, choice: its server may have any address, what it redirects to only a public one.
 */
import {
  type BlobKey,
  type BlobReadOptions,
  type BlobSource,
  ClosedError,
  webBlobSource,
} from '@shoal/blob-store';
import { openWebFile, type WebFile } from '@shoal/registry-client';

export type WebOriginOptions = {
  /** Of authorities that the server may have, beside the system's. */
  readonly caFile: string | undefined;
};

export function webOriginOf(url: URL, options: WebOriginOptions): BlobSource {
  return new WebOrigin(url, options);
}

class WebOrigin implements BlobSource {
  readonly name = 'web';
  readonly #url: URL;
  readonly #options: WebOriginOptions;
  #opening: Promise<WebFile> | undefined;
  #isClosed = false;

  constructor(url: URL, options: WebOriginOptions) {
    this.#url = url;
    this.#options = options;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    if (this.#isClosed) throw new ClosedError(`source ${this.name}`);
    const opening = this.#opening ?? openWebFile(this.#url, this.#options);
    this.#opening = opening;
    try {
      return await webBlobSource(await opening).read(blob, offset, length, options);
    } catch (error) {
      // It may be another file by now: the next read looks again.
      if (options.signal?.aborted !== true) await this.#forget(opening);
      throw error;
    }
  }

  async #forget(opening: Promise<WebFile>): Promise<void> {
    if (this.#opening !== opening) return;
    this.#opening = undefined;
    await closeFile(opening);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const opening = this.#opening;
    this.#opening = undefined;
    if (opening !== undefined) await closeFile(opening);
  }
}

async function closeFile(opening: Promise<WebFile>): Promise<void> {
  await opening.then((file) => file.close()).catch(() => undefined);
}
