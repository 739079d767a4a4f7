/**
 * Opens an image wherever it is: a registry, a layout directory, an archive. What comes back knows
 * whether it is an ordinary image or a converted one.
 */
import type { Descriptor, ImageConfig, ImageReference, Platform } from '@shoal/oci';
import {
  bootstrapLayerOf,
  formatPlatform,
  formatReference,
  isManifestMediaType,
  matchPlatform,
} from '@shoal/oci';
import type { ClientOptions, ImageStore } from '@shoal/registry-client';
import { openSource } from '@shoal/registry-client';
import { readBootstrapLayer } from './bootstrap-layer.ts';
import { ConvertedImage } from './converted-image.ts';
import { ImagePathError, NotConvertedError, PlatformMissingError } from './errors.ts';
import { REFERRERS_MAX } from './limits.ts';
import { namedFailure } from './named-failure.ts';
import type { OpenedImageFacts } from './opened-image.ts';
import { OrdinaryImage } from './opened-image.ts';
import { readConfig, readDocument } from './read-document.ts';
import type { Preference, Selection } from './select-manifest.ts';
import { selectManifest } from './select-manifest.ts';

export type OpenImageOptions = {
  readonly client?: ClientOptions | undefined;
  /** @default the host's platform, or the only one there is */
  readonly platform?: Platform | undefined;
  /** Which one to take where an index holds both kinds. @default 'converted' */
  readonly prefer?: Preference | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type OpenedImage = OrdinaryImage | ConvertedImage;

/** Opens an image of either kind. The caller closes it. */
export async function openImage(
  reference: ImageReference,
  options: OpenImageOptions = {},
): Promise<OpenedImage> {
  if (reference.kind === 'directory') {
    throw new ImagePathError(formatReference(reference), 'is a directory, not an image', {
      remedy: 'convert it first with shoal convert, or give an image',
    });
  }
  const store = await openSource(reference, options.client ?? {});
  try {
    return await openFromStore(store, options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Opens an image that has to be a converted one; of an ordinary image the converted one that names
 * it as its subject. Throws `ERR_CONVERTER_NOT_CONVERTED`.
 */
export async function openConvertedImage(
  reference: ImageReference,
  options: OpenImageOptions = {},
): Promise<ConvertedImage> {
  const image = await openImage(reference, options);
  if (image.kind === 'converted') return image;
  try {
    const converted = await convertedReferrer(image.facts, signalOf(options));
    if (converted !== undefined) return converted;
    throw new NotConvertedError(image.facts.description);
  } catch (error) {
    await image.close();
    throw error;
  }
}

/** The first converted image that refers to this one; it owns the store from then on. */
async function convertedReferrer(
  { store, descriptor }: OpenedImageFacts,
  signal: AbortSignal,
): Promise<ConvertedImage | undefined> {
  const referrers = await store.listReferrers(descriptor.digest, { signal });
  const manifests = referrers.filter(({ mediaType }) => isManifestMediaType(mediaType));
  for (const referrer of manifests.slice(0, REFERRERS_MAX)) {
    const manifest = await readDocument(store, referrer, signal);
    const layer = manifest.kind === 'manifest' ? bootstrapLayerOf(manifest) : undefined;
    if (manifest.kind === 'index' || layer === undefined) continue;
    const { description } = store;
    const selection = { descriptor: referrer, manifest, index: undefined };
    const config = await readConfig(store, manifest.config, signal);
    const facts: OpenedImageFacts = { ...selection, description, config, store };
    return await openConverted(facts, layer, signal);
  }
  return undefined;
}

/** The image a store points at; the image owns the store from then on. */
export async function openFromStore(
  store: ImageStore,
  options: OpenImageOptions = {},
): Promise<OpenedImage> {
  const signal = signalOf(options);
  const selection = await selectManifest(store, {
    platform: options.platform,
    prefer: options.prefer ?? 'converted',
    signal,
  });
  const config = await readConfig(store, selection.manifest.config, signal);
  checkPlatform(store, selection, config, options.platform);
  const facts: OpenedImageFacts = { ...selection, description: store.description, config, store };
  const layer = bootstrapLayerOf(selection.manifest);
  if (layer === undefined) return new OrdinaryImage(facts);
  return await openConverted(facts, layer, signal);
}

async function openConverted(
  facts: OpenedImageFacts,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<ConvertedImage> {
  try {
    return new ConvertedImage(facts, await readBootstrapLayer(facts.store, layer, signal));
  } catch (error) {
    throw namedFailure(error, facts.description);
  }
}

function signalOf({ signal }: OpenImageOptions): AbortSignal {
  return signal ?? new AbortController().signal;
}

/** A reference that names one manifest is still refused when it is for another platform. */
function checkPlatform(
  store: ImageStore,
  { index }: Selection,
  config: ImageConfig,
  wanted: Platform | undefined,
): void {
  const { os, architecture, variant } = config;
  if (wanted === undefined || index !== undefined) return;
  if (os === undefined || architecture === undefined) return;
  const offered = { os, architecture, variant };
  if (matchPlatform(wanted, offered)) return;
  throw new PlatformMissingError(store.description, formatPlatform(wanted), [
    formatPlatform(offered),
  ]);
}
