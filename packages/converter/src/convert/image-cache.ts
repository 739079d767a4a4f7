/**
 * Build cache in a registry (or layout): an image whose layers are records, each with its key as
 * annotation. The manifest is written again when something was added; the oldest records go first.
 */
import { errorCode, ShoalError } from '@shoal/errors';
import type { Descriptor, ImageReference } from '@shoal/oci';
import {
  encodeManifest,
  formatReference,
  MediaType,
  NydusAnnotation,
  parseManifest,
  sha256Digest,
} from '@shoal/oci';
import type { ClientOptions, ImageTarget } from '@shoal/registry-client';
import { openTarget } from '@shoal/registry-client/stores';
import { BuildCacheError } from '../errors.ts';
import { CACHE_RECORD_BYTES_MAX, CACHE_RECORDS_MAX } from '../limits.ts';
import type { BuildCache, CacheKey } from './build-cache.ts';
import { writeBlob } from './copy-blob.ts';

const RECORD_TYPE = 'application/vnd.shoal.layer-record.v1+zstd';
const KEY = 'shoal.build-cache.key';
const VERSION = 'shoal-v1';
const EMPTY_CONFIG = Buffer.from('{}');

export class ImageCache implements BuildCache {
  readonly description: string;
  readonly #target: ImageTarget;
  /** Oldest first. */
  readonly #records: Map<string, Descriptor>;
  #isChanged = false;

  private constructor(description: string, target: ImageTarget, records: Map<string, Descriptor>) {
    this.description = description;
    this.#target = target;
    this.#records = records;
  }

  static async open(
    reference: ImageReference,
    client: ClientOptions,
    signal: AbortSignal,
  ): Promise<ImageCache> {
    const name = formatReference(reference);
    if (reference.kind === 'oci-archive' || reference.kind === 'docker-archive') {
      throw new BuildCacheError(name, 'an archive is written once and cannot be added to', {
        remedy: 'give a directory, a layout (oci:DIR) or an image of a registry',
      });
    }
    try {
      const target = await openTarget(reference, client);
      try {
        return new ImageCache(name, target, await readRecords(target, name, signal));
      } catch (error) {
        await target.close();
        throw error;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw unusable(name, error);
    }
  }

  async read(key: CacheKey, signal: AbortSignal): Promise<Buffer | undefined> {
    const descriptor = this.#records.get(key);
    if (descriptor === undefined || descriptor.size > CACHE_RECORD_BYTES_MAX) return undefined;
    try {
      const pieces: Buffer[] = [];
      for await (const piece of await this.#target.readBlob(descriptor, { signal })) {
        pieces.push(piece);
      }
      // Used records are the youngest.
      this.#records.delete(key);
      this.#records.set(key, descriptor);
      return Buffer.concat(pieces);
    } catch {
      signal.throwIfAborted();
      this.#records.delete(key);
      return undefined;
    }
  }

  async write(key: CacheKey, record: Buffer, signal: AbortSignal): Promise<void> {
    const identity = { digest: sha256Digest(record), mediaType: RECORD_TYPE };
    const { digest, size, mediaType } = await writeBlob(this.#target, record, identity, signal);
    this.#records.delete(key);
    this.#records.set(key, { mediaType, digest, size, annotations: { [KEY]: key } });
    this.#isChanged = true;
  }

  async publish(signal: AbortSignal): Promise<void> {
    if (!this.#isChanged) return;
    const layers = [...this.#records.values()].slice(-CACHE_RECORDS_MAX);
    const identity = { digest: sha256Digest(EMPTY_CONFIG), mediaType: MediaType.ociEmpty };
    const { digest, size } = await writeBlob(this.#target, EMPTY_CONFIG, identity, signal);
    const bytes = encodeManifest({
      kind: 'manifest',
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      artifactType: RECORD_TYPE,
      config: { mediaType: MediaType.ociEmpty, digest, size },
      layers,
      annotations: { [NydusAnnotation.cache]: VERSION },
    });
    await this.#target.writeManifest(bytes, MediaType.ociManifest, { signal });
    this.#isChanged = false;
  }

  close(): Promise<void> {
    return this.#target.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What an earlier conversion left; nothing when there is no such image yet. */
async function readRecords(
  target: ImageTarget,
  name: string,
  signal: AbortSignal,
): Promise<Map<string, Descriptor>> {
  const records = new Map<string, Descriptor>();
  const root = await target.resolve({ signal }).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (root === undefined) return records;
  const document = parseManifest(await target.readManifest(root, { signal }), root.digest);
  const isOurs =
    document.kind === 'manifest' && document.annotations?.[NydusAnnotation.cache] === VERSION;
  if (!isOurs) throw new BuildCacheError(name, 'is an image, not a build cache');
  for (const layer of document.layers) {
    const key = layer.annotations?.[KEY];
    if (layer.mediaType === RECORD_TYPE && key !== undefined) records.set(key, layer);
  }
  return records;
}

/** With the option's name: the message of a registry could mean source or target as well. */
function unusable(name: string, error: unknown): BuildCacheError {
  if (error instanceof BuildCacheError) return error;
  const { message, remedy, retryable } =
    error instanceof ShoalError
      ? error
      : { message: String(error), remedy: undefined, retryable: false };
  return new BuildCacheError(name, message, {
    cause: error,
    retryable,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function isNotFound(error: unknown): boolean {
  return errorCode(error) === 'ERR_REGISTRY_CLIENT_NOT_FOUND';
}
