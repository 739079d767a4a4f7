/**
 * The converted image of a reference: what it names itself, beside the original in an index, or as
 * a referrer of the original. Spec: format page, sections 10.1 and 10.4.
 */
import { errorCode, isRetryable, ShoalError } from '@shoal/errors';
import {
  bootstrapLayerOf,
  type Descriptor,
  isManifestMediaType,
  isMarkedConverted,
  MediaType,
  NydusAnnotation,
} from '@shoal/oci';
import {
  ImageVersionError,
  LayersAboveError,
  NotConvertedError,
  ReferrersError,
} from '../errors.ts';
import type { ImageStore } from '../image-store.ts';
import { REFERRERS_READ_MAX } from '../limits.ts';
import { readDocument } from './read-document.ts';
import { fittingImages, type PlatformOptions, type Selection } from './select-manifest.ts';

const VERSION = '6';

export type ConvertedSelection = Selection & {
  /** The layer that holds the bootstrap. */
  readonly bootstrap: Descriptor;
  /** The original that it was found by, when it is neither named itself nor in its index. */
  readonly referrerOf?: Descriptor | undefined;
};

export type ConvertedOptions = PlatformOptions & {
  /** For who brings what ordinary layers above the bootstrap hold. @default 'refused' */
  readonly layersAbove?: 'refused' | 'ignored' | undefined;
};

/**
 * Throws `ERR_REGISTRY_CLIENT_NOT_CONVERTED` when there is none,
 * `ERR_REGISTRY_CLIENT_IMAGE_VERSION` when there are only ones of another format,
 * `ERR_REGISTRY_CLIENT_LAYERS_ABOVE` when there are only ones with ordinary layers above,
 * `ERR_REGISTRY_CLIENT_REFERRERS` when it cannot be told, `ERR_REGISTRY_CLIENT_PLATFORM_MISSING`,
 * and what the store and the documents are wrong with.
 */
export async function findConvertedImage(
  store: ImageStore,
  options: ConvertedOptions = {},
): Promise<ConvertedSelection> {
  const search = new Search(store, options);
  const originals: Selection[] = [];
  for await (const selection of fittingImages(store, { ...options, prefer: 'converted' })) {
    const converted = search.converted(selection);
    if (converted !== undefined) return converted;
    originals.push(selection);
  }
  for (const original of originals) {
    const converted = await search.referrerOf(original);
    if (converted !== undefined) return converted;
  }
  throw search.failure();
}

class Search {
  readonly #store: ImageStore;
  readonly #signal: AbortSignal | undefined;
  readonly #ignoresLayersAbove: boolean;
  /** Why a converted image was passed over. */
  #passedOver: ShoalError | undefined;

  constructor(store: ImageStore, { signal, layersAbove }: ConvertedOptions) {
    this.#store = store;
    this.#signal = signal;
    this.#ignoresLayersAbove = layersAbove === 'ignored';
  }

  converted(selection: Selection): ConvertedSelection | undefined {
    const bootstrap = bootstrapLayerOf(selection.manifest);
    if (bootstrap === undefined) return undefined;
    const { description } = this.#store;
    const version = bootstrap.annotations?.[NydusAnnotation.fsVersion] ?? VERSION;
    const isWhole = this.#ignoresLayersAbove || selection.manifest.layers.at(-1) === bootstrap;
    if (version === VERSION && isWhole) return { ...selection, bootstrap };
    this.#passedOver ??=
      version === VERSION
        ? new LayersAboveError(description)
        : new ImageVersionError(description, version);
    return undefined;
  }

  async referrerOf({ descriptor, index }: Selection): Promise<ConvertedSelection | undefined> {
    const referrers = await this.#referrersOf(descriptor);
    for (const referrer of referrers.slice(0, REFERRERS_READ_MAX)) {
      const manifest = await this.#read(referrer);
      if (manifest?.kind !== 'manifest') continue;
      const converted = this.converted({ descriptor: referrer, manifest, index });
      if (converted !== undefined) return { ...converted, referrerOf: descriptor };
    }
    return undefined;
  }

  /** Signatures and the like, of which there may be many, come last. */
  async #referrersOf(original: Descriptor): Promise<readonly Descriptor[]> {
    try {
      const options = { signal: this.#signal };
      const listed = await this.#store.listReferrers(original.digest, options);
      const manifests = listed.filter(({ mediaType }) => isManifestMediaType(mediaType));
      return manifests.sort((a, b) => rank(a) - rank(b));
    } catch (error) {
      if (this.#signal?.aborted === true) throw error;
      const { description } = this.#store;
      throw new ReferrersError(description, error instanceof Error ? error.message : `${error}`, {
        cause: error,
        retryable: isRetryable(error),
        ...(error instanceof ShoalError && error.remedy ? { remedy: error.remedy } : {}),
      });
    }
  }

  /** Lists of referrers may name what was deleted since. */
  async #read(referrer: Descriptor) {
    try {
      return await readDocument(this.#store, referrer, this.#signal);
    } catch (error) {
      if (errorCode(error) === 'ERR_REGISTRY_CLIENT_NOT_FOUND') return undefined;
      throw error;
    }
  }

  failure(): ShoalError {
    return this.#passedOver ?? new NotConvertedError(this.#store.description);
  }
}

const IMAGE_TYPES: readonly (string | undefined)[] = [
  undefined,
  MediaType.ociConfig,
  MediaType.dockerConfig,
  MediaType.nydusConfig,
];

function rank(referrer: Descriptor): number {
  if (isMarkedConverted(referrer)) return 0;
  return IMAGE_TYPES.includes(referrer.artifactType) ? 1 : 2;
}
