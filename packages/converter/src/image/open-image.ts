/**
 * Opens an image wherever it is: a registry, a layout directory, an archive. What comes back knows
 * whether it is an ordinary image or a converted one.
 */
import { readBootstrapLayer } from '@shoal/blob-store';
import type { Descriptor, ImageReference, Platform } from '@shoal/oci';
import { bootstrapLayerOf, formatReference } from '@shoal/oci';
import type { ClientOptions, ImageStore, Preference, Selection } from '@shoal/registry-client';
import {
  findConvertedImage,
  openSource,
  readConfig,
  selectManifest,
} from '@shoal/registry-client/stores';
import { ImagePathError } from '../errors.ts';
import { ConvertedImage } from './converted-image.ts';
import { namedFailure } from './named-failure.ts';
import type { OpenedImageFacts } from './opened-image.ts';
import { OrdinaryImage } from './opened-image.ts';

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
  const { platform, prefer = 'converted' } = options;
  return await openWith(reference, options, async (store, signal) => {
    const selection = await selectManifest(store, { platform, prefer, signal });
    const layer = bootstrapLayerOf(selection.manifest);
    const facts = await factsOf(store, selection, signal);
    return layer === undefined
      ? new OrdinaryImage(facts)
      : await openConverted(facts, layer, signal);
  });
}

/**
 * Opens an image that has to be a converted one; of an ordinary image the converted one that names
 * it as its subject. Throws `ERR_REGISTRY_CLIENT_NOT_CONVERTED`.
 */
export async function openConvertedImage(
  reference: ImageReference,
  options: OpenImageOptions = {},
): Promise<ConvertedImage> {
  const { platform } = options;
  return await openWith(reference, options, (store, signal) =>
    openConvertedImageIn(store, { platform, signal }),
  );
}

/** The same in a store that is open; the image owns it from then on, if there is one. */
export async function openConvertedImageIn(
  store: ImageStore,
  options: Pick<OpenImageOptions, 'platform' | 'signal'>,
): Promise<ConvertedImage> {
  const { platform, signal = new AbortController().signal } = options;
  const selection = await findConvertedImage(store, { platform, signal });
  const facts = await factsOf(store, selection, signal);
  return await openConverted(facts, selection.bootstrap, signal);
}

/** The image owns the store from then on. */
async function openWith<Image>(
  reference: ImageReference,
  options: OpenImageOptions,
  open: (store: ImageStore, signal: AbortSignal) => Promise<Image>,
): Promise<Image> {
  if (reference.kind === 'directory') {
    throw new ImagePathError(formatReference(reference), 'is a directory, not an image', {
      remedy: 'convert it first with shoal convert, or give an image',
    });
  }
  const store = await openSource(reference, options.client ?? {});
  try {
    return await open(store, options.signal ?? new AbortController().signal);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function factsOf(
  store: ImageStore,
  { descriptor, manifest, index }: Selection,
  signal: AbortSignal,
): Promise<OpenedImageFacts> {
  const config = await readConfig(store, manifest.config, signal);
  return { descriptor, manifest, index, description: store.description, config, store };
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
