/**
 * Which manifest of a reference is meant: the only one, or the one of an index that fits the
 * platform. An index may hold the original and the converted image of one platform side by side.
 */
import type { Descriptor, ImageIndex, ImageManifest, Platform } from '@shoal/oci';
import {
  formatPlatform,
  hostPlatform,
  imagesOfIndex,
  isMarkedConverted,
  matchPlatform,
} from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { PlatformMissingError } from './errors.ts';
import { readDocument } from './read-document.ts';

/** Of an original and a converted manifest for one platform, the one to take. */
export type Preference = 'converted' | 'ordinary';

export type Selection = {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** The index it was chosen from. */
  readonly index: ImageIndex | undefined;
};

export type SelectOptions = {
  /** @default the host's platform, or the only one there is */
  readonly platform?: Platform | undefined;
  readonly prefer: Preference;
  readonly signal: AbortSignal;
};

/** Throws `ERR_CONVERTER_PLATFORM_MISSING` and what the store and the documents are wrong with. */
export async function selectManifest(
  store: ImageStore,
  options: SelectOptions,
): Promise<Selection> {
  const { signal } = options;
  const top = await store.resolve({ signal });
  const document = await readDocument(store, top, signal);
  if (document.kind === 'manifest') {
    return { descriptor: top, manifest: document, index: undefined };
  }
  const chosen = chooseManifest(document, store.description, options);
  const manifest = await readDocument(store, chosen, signal);
  if (manifest.kind === 'index') {
    throw new PlatformMissingError(store.description, 'any platform', ['an index inside an index']);
  }
  return { descriptor: chosen, manifest, index: document };
}

function chooseManifest(index: ImageIndex, image: string, options: SelectOptions): Descriptor {
  const images = imagesOfIndex(index);
  const wanted = options.platform ?? hostPlatform();
  const fitting = images.filter(
    ({ platform }) => platform !== undefined && matchPlatform(wanted, platform),
  );
  const offered = [...new Set(images.map(platformText))];
  const isOnlyOne = options.platform === undefined && offered.length === 1;
  const candidates = fitting.length === 0 && isOnlyOne ? images : fitting;
  const isPreferred = (descriptor: Descriptor) =>
    isMarkedConverted(descriptor) === (options.prefer === 'converted');
  const chosen = candidates.find(isPreferred) ?? candidates[0];
  if (chosen === undefined) throw new PlatformMissingError(image, formatPlatform(wanted), offered);
  return chosen;
}

function platformText({ platform }: Descriptor): string {
  return platform === undefined ? 'an unnamed platform' : formatPlatform(platform);
}

/** The platforms an image comes for, each once; none when it is a single manifest. */
export async function listPlatforms(
  store: ImageStore,
  signal: AbortSignal,
): Promise<readonly Platform[]> {
  const document = await readDocument(store, await store.resolve({ signal }), signal);
  if (document.kind === 'manifest') return [];
  const platforms = imagesOfIndex(document).flatMap(({ platform }) => platform ?? []);
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()];
}
