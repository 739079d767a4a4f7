/**
 * The converted image that stands for the one containerd pulls: beside it in its index, or a
 * referrer of it. What is found belongs to exactly the manifest containerd chose: a tag may have
 * moved since, and an index holds several platforms.
 */
import { errorCode } from '@shoal/errors';
import { type Digest, formatReference, type ImageIndex, type Platform } from '@shoal/oci';
import {
  type ConvertedSelection,
  findConvertedImage,
  type ImageStore,
  imagesBelow,
} from '@shoal/registry-client';
import { type ImageAddress, repositoryOf } from './image-labels.ts';

export type OpenStore = (reference: string) => Promise<ImageStore>;

/**
 * The digest of its manifest. Throws `ERR_REGISTRY_CLIENT_NOT_CONVERTED` when there is none,
 * `ERR_REGISTRY_CLIENT_LAYERS_ABOVE` when the image is a converted one itself and its layer lies above,
 * `ERR_REGISTRY_CLIENT_REFERRERS` when it cannot be told, and what the registry reports.
 */
export async function findCounterpart(
  open: OpenStore,
  { reference, manifestDigest }: ImageAddress,
  signal: AbortSignal,
): Promise<Digest> {
  const pinned = `${repositoryOf(reference)}@${manifestDigest}`;
  const named = formatReference(reference);
  if (reference.digest !== manifestDigest) {
    await using store = await open(named);
    const found = await findByName(store, manifestDigest, signal);
    if (found !== undefined) return found;
  }
  await using store = await open(pinned);
  const { descriptor } = await findConvertedImage(store, { signal });
  return descriptor.digest;
}

/** Undefined when the name does not lead there: the manifest itself has to be asked. */
async function findByName(
  store: ImageStore,
  manifestDigest: Digest,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  const top = await store.resolve({ signal });
  if (top.digest === manifestDigest) return undefined;
  const first = await tryFind(store, undefined, signal);
  if (first === undefined) return undefined;
  const original = await entryOf(store, first.index, manifestDigest, signal);
  if (original === undefined) return undefined;
  const isForIt = isSamePlatform(original.platform, first.descriptor.platform);
  const chosen = isForIt ? first : await tryFind(store, original.platform, signal);
  // Of two originals for one platform a referrer belongs to one.
  const subject = chosen?.manifest.subject?.digest ?? manifestDigest;
  return subject === manifestDigest ? chosen?.descriptor.digest : undefined;
}

async function tryFind(
  store: ImageStore,
  platform: Platform | undefined,
  signal: AbortSignal,
): Promise<ConvertedSelection | undefined> {
  try {
    return await findConvertedImage(store, { platform, signal });
  } catch (error) {
    const code = errorCode(error);
    const isOther =
      code === 'ERR_REGISTRY_CLIENT_NOT_CONVERTED' ||
      code === 'ERR_REGISTRY_CLIENT_LAYERS_ABOVE' ||
      code === 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING';
    if (isOther) return undefined;
    throw error;
  }
}

async function entryOf(
  store: ImageStore,
  index: ImageIndex | undefined,
  digest: Digest,
  signal: AbortSignal,
) {
  if (index === undefined) return undefined;
  const images = await imagesBelow(store, index, signal);
  return images.find((entry) => entry.digest === digest);
}

/** A referrer names no platform: it belongs to the image that was asked for. */
function isSamePlatform(a: Platform | undefined, b: Platform | undefined): boolean {
  if (a === undefined || b === undefined) return a === undefined && b === undefined;
  return a.os === b.os && a.architecture === b.architecture && a.variant === b.variant;
}
