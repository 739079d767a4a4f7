/**
 * What can be wrong with an image that is to be loaded lazily, one class each. Codes are stable;
 * `grpc/status-codes.ts` says which gRPC status each becomes.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** The image cannot be used as it is: its layers, its metadata, where it comes from. */
export class LazyImageError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_LAZY_IMAGE';

  constructor(image: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${image} cannot be loaded lazily: ${detail}`, {
      remedy: 'convert the image again, or pull the original',
      ...options,
    });
  }
}

/** The image is fine, but what is needed for it cannot be had at the moment. */
export class LazyImageUnreachableError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_LAZY_IMAGE_UNREACHABLE';

  constructor(image: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${image} cannot be mounted now: ${detail}`, {
      remedy: 'the registry has to be reachable for that, with credentials that it takes',
      retryable: true,
      ...options,
    });
  }
}

/** A layer's content was never fetched, and it is wanted without the image that stands for it. */
export class LayerAbsentError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_LAYER_ABSENT';

  constructor(layer: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`the layer ${layer} was not fetched: ${detail}`, {
      remedy: 'remove the images that share the layer, then pull again',
      ...options,
    });
  }
}

/** What was remembered of a lazily loaded layer does not decode. */
export class LazyMarkError extends ShoalError {
  override readonly code = 'ERR_SNAPSHOTTER_LAZY_MARK';

  constructor(detail: string, options: ShoalErrorOptions = {}) {
    super(`what is recorded of a lazily loaded layer is damaged: ${detail}`, {
      remedy: 'remove the image from containerd and pull it again',
      ...options,
    });
  }
}
