/**
 * A bootstrap layer that containerd has fetched and unpacked: verified, kept, and matched with the
 * image it belongs to, before containerd may count the layer as there.
 */
import { join } from 'node:path';
import { ShoalError } from '@shoal/errors';
import type { Digest } from '@shoal/oci';
import type { BootstrapStore, KeptBootstrap } from '../bootstraps/bootstrap-store.ts';
import { errorFields } from '../service-log.ts';
import type { UnpackedLayer } from '../snapshots/lazy-layers.ts';
import type { ContentStore } from './content-store.ts';
import { LazyImageError, LazyImageUnreachableError } from './errors.ts';
import { type ImageAddress, parseLayerLabels, repositoryOf } from './image-labels.ts';
import type { ImageMounts } from './image-mounts.ts';
import type { ImageMark } from './lazy-mark.ts';
import { REFUSED_IMAGES_MAX } from './limits.ts';
import { readUnpackedBootstrap } from './unpacked-bootstrap.ts';

export type BootstrapCommitParts = {
  readonly bootstraps: BootstrapStore;
  readonly mounts: ImageMounts;
  /** Where clients send no labels; absent: containerd's address is not configured. */
  readonly content?: ContentStore | undefined;
};

export class BootstrapCommits {
  readonly #parts: BootstrapCommitParts;
  /** Why a bootstrap was refused, by the digest of its files. */
  readonly #refused = new Map<Digest, LazyImageError>();

  constructor(parts: BootstrapCommitParts) {
    this.#parts = parts;
  }

  /** @throws LazyImageError */
  async identify(layer: UnpackedLayer, signal: AbortSignal): Promise<ImageMark> {
    const { image, imageRef, layerDigest } = parseLayerLabels(layer.labels);
    if (image !== undefined && imageRef !== undefined) {
      // The look-up may have been late for Prepare only.
      const { mounts } = this.#parts;
      const mark = markOf(image, imageRef);
      // containerd has compared what it unpacked with the chain id: only that may stand for it.
      const isThis = (await mounts.isMounted(mark)) && mounts.bootstrapOf(mark) === layerDigest;
      if (isThis) return mark;
    }
    const kept = await this.#keep(layer, imageRef ?? 'the image');
    const asking = { key: layer.key, signal };
    const address = image ?? (await this.#ask(kept, asking, imageRef ?? 'the image'));
    const name = imageRef ?? `${repositoryOf(address.reference)}@${address.manifestDigest}`;
    return { ...markOf(address, name), bootstrapDigest: kept.digest };
  }

  async #keep(layer: UnpackedLayer, imageRef: string): Promise<KeptBootstrap> {
    const { bootstraps } = this.#parts;
    const unpacked = await readUnpackedBootstrap(join(layer.directory, 'fs'));
    const digest = bootstraps.digestOf(unpacked);
    const before = this.#refused.get(digest);
    if (before !== undefined) throw before;
    try {
      return await bootstraps.keep(digest, unpacked);
    } catch (error) {
      // Anything else is a trouble of this host.
      if (!(error instanceof ShoalError) || error.retryable) throw error;
      const refusal = new LazyImageError(imageRef, errorFields(error).reason, { cause: error });
      this.#remember(digest, refusal);
      throw refusal;
    }
  }

  #remember(digest: Digest, refusal: LazyImageError): void {
    this.#refused.set(digest, refusal);
    const [oldest] = this.#refused.keys();
    if (this.#refused.size > REFUSED_IMAGES_MAX && oldest !== undefined) {
      this.#refused.delete(oldest);
    }
  }

  /** What the client did not say, containerd's content store may know. */
  async #ask(
    kept: KeptBootstrap,
    { key, signal }: Pick<UnpackedLayer, 'key' | 'signal'>,
    imageRef: string,
  ): Promise<ImageAddress> {
    const { content } = this.#parts;
    const { blobIds } = kept.stored.verified;
    const detail = 'the client does not say which registry and manifest it comes from';
    const remedy =
      'turn snapshot annotations on in containerd, or give [snapshotter] containerd_address';
    if (content === undefined) throw new LazyImageError(imageRef, detail, { remedy });
    const namespace = key.split('/')[0] ?? '';
    const found = await content.findImage(namespace, blobIds, signal).catch((error: unknown) => {
      const { reason } = errorFields(error);
      throw new LazyImageUnreachableError(imageRef, `containerd does not answer: ${reason}`, {
        cause: error,
      });
    });
    if (found !== undefined) return found;
    throw new LazyImageError(imageRef, `${detail}, nor does containerd`, { remedy });
  }
}

function markOf({ reference, manifestDigest }: ImageAddress, imageRef: string): ImageMark {
  return { kind: 'image', repository: repositoryOf(reference), manifestDigest, imageRef };
}
