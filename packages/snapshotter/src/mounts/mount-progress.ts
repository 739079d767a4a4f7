/** How far a mount request is: for people who wait for it over a slow link. */
import { pipeline, Transform } from 'node:stream';
import type { BlobSource } from '@shoal/blob-store';
import type { ImageStore } from '@shoal/registry-client';
import type { MountProgress } from './mount-types.ts';

/** Counts what one mount request fetches before its mount is usable. */
export class MountMeter {
  readonly #mountpoint: string;
  readonly #reference: string;
  #bytesFetched = 0;

  constructor(mountpoint: string, reference: string) {
    this.#mountpoint = mountpoint;
    this.#reference = reference;
  }

  add(bytes: number): void {
    this.#bytesFetched += bytes;
  }

  progress(): MountProgress {
    return {
      mountpoint: this.#mountpoint,
      reference: this.#reference,
      bytesFetched: this.#bytesFetched,
    };
  }
}

/** The same store; what is read from it is counted as it comes. */
export function countingStore(store: ImageStore, meter: MountMeter): ImageStore {
  return {
    description: store.description,
    resolve: (options) => store.resolve(options),
    readManifest: async (descriptor, options) => {
      const bytes = await store.readManifest(descriptor, options);
      meter.add(bytes.length);
      return bytes;
    },
    readBlob: async (descriptor, options) => {
      const counter = new Transform({
        transform: (chunk: Buffer, _encoding, done) => {
          meter.add(chunk.length);
          done(null, chunk);
        },
      });
      // An error of the stream becomes the counter's, where its reader sees it.
      return pipeline(await store.readBlob(descriptor, options), counter, () => undefined);
    },
    readBlobRange: async (descriptor, offset, length, options) => {
      const bytes = await store.readBlobRange(descriptor, offset, length, options);
      meter.add(bytes.length);
      return bytes;
    },
    listReferrers: (digest, options) => store.listReferrers(digest, options),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

/** The same source, counted. */
export function countingSource(source: BlobSource, meter: MountMeter): BlobSource {
  return {
    name: source.name,
    read: async (blob, offset, length, options) => {
      const bytes = await source.read(blob, offset, length, options);
      meter.add(bytes.length);
      return bytes;
    },
    close: () => source.close(),
  };
}
