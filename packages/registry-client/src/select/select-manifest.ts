/**
 * Which manifest of a reference is meant: the only one, or the one of an index that fits the
 * platform. An index may hold the original and the converted image of one platform side by side,
 * and other indexes. Every command that reads an image chooses here.
 */
import {
  bootstrapLayerOf,
  type Descriptor,
  formatPlatform,
  hostPlatform,
  type ImageIndex,
  type ImageManifest,
  isMarkedConverted,
  matchPlatform,
  type Platform,
} from '@shoal/oci';
import { PlatformMissingError } from '../errors.ts';
import type { ImageStore } from '../image-store.ts';
import { IMAGE_CANDIDATES_MAX } from '../limits.ts';
import { imagesBelow } from './images-of-index.ts';
import { readConfig, readDocument } from './read-document.ts';

/** Of an original and a converted manifest for one platform, the one to take. */
export type Preference = 'converted' | 'ordinary';

export type Selection = {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  /** The index it was chosen from, the outermost. */
  readonly index: ImageIndex | undefined;
};

export type PlatformOptions = {
  /** @default the host's platform, or the only one there is */
  readonly platform?: Platform | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type SelectOptions = PlatformOptions & { readonly prefer: Preference };

/**
 * The preferred kind where there is one, else the other. Throws
 * `ERR_REGISTRY_CLIENT_PLATFORM_MISSING` and what the store and the documents are wrong with.
 */
export async function selectManifest(
  store: ImageStore,
  options: SelectOptions,
): Promise<Selection> {
  let first: Selection | undefined;
  for await (const selection of fittingImages(store, options)) {
    if (isConverted(selection) === (options.prefer === 'converted')) return selection;
    first ??= selection;
  }
  if (first !== undefined) return first;
  throw new PlatformMissingError(store.description, formatPlatform(wantedBy(options)), []);
}

function isConverted({ manifest }: Selection): boolean {
  return bootstrapLayerOf(manifest) !== undefined;
}

/**
 * The images of the reference for the platform, those first that are marked as the preferred kind;
 * which kind one is, its manifest says. At least one, or an error.
 */
export async function* fittingImages(
  store: ImageStore,
  options: SelectOptions,
): AsyncGenerator<Selection, void> {
  const { signal } = options;
  const top = await store.resolve({ signal });
  const document = await readDocument(store, top, signal);
  if (document.kind === 'manifest') {
    const only = { descriptor: top, manifest: document, index: undefined };
    await checkPlatform(store, only, options);
    yield only;
    return;
  }
  const fitting = await fittingEntries(store, document, options);
  const isMarked = (entry: Descriptor) =>
    isMarkedConverted(entry) === (options.prefer === 'converted');
  const ranked = [...fitting.filter(isMarked), ...fitting.filter((entry) => !isMarked(entry))];
  for (const descriptor of ranked.slice(0, IMAGE_CANDIDATES_MAX)) {
    const manifest = await readDocument(store, descriptor, signal);
    if (manifest.kind === 'manifest') yield { descriptor, manifest, index: document };
  }
}

/** Entries that name the platform; without any the ones whose configuration does. */
async function fittingEntries(
  store: ImageStore,
  index: ImageIndex,
  options: SelectOptions,
): Promise<readonly Descriptor[]> {
  const images = await imagesBelow(store, index, options.signal);
  const wanted = wantedBy(options);
  const named = images.filter(
    ({ platform }) => platform !== undefined && matchPlatform(wanted, platform),
  );
  if (named.length > 0) return named;
  const described = await withPlatforms(store, images, options.signal);
  const fitting = described.filter(
    ({ platform }) => platform !== undefined && matchPlatform(wanted, platform),
  );
  if (fitting.length > 0) return fitting;
  const offered = [...new Set(described.map(platformText))];
  const isOnlyOne = options.platform === undefined && offered.length === 1;
  if (isOnlyOne) return described;
  throw new PlatformMissingError(store.description, formatPlatform(wanted), offered);
}

/** The first entries without a platform get the one of their configuration. */
async function withPlatforms(
  store: ImageStore,
  images: readonly Descriptor[],
  signal: AbortSignal | undefined,
): Promise<readonly Descriptor[]> {
  const described: Descriptor[] = [];
  let asked = 0;
  for (const entry of images) {
    const isAsked = entry.platform === undefined && asked++ < IMAGE_CANDIDATES_MAX;
    const manifest = isAsked ? await readDocument(store, entry, signal) : undefined;
    const platform =
      manifest?.kind === 'manifest' ? await platformOf(store, manifest, signal) : undefined;
    described.push(platform === undefined ? entry : { ...entry, platform });
  }
  return described;
}

async function platformOf(
  store: ImageStore,
  manifest: ImageManifest,
  signal: AbortSignal | undefined,
): Promise<Platform | undefined> {
  const { os, architecture, variant } = await readConfig(store, manifest.config, signal);
  return os === undefined || architecture === undefined ? undefined : { os, architecture, variant };
}

/** A reference that names one manifest is still refused when it is for another platform. */
async function checkPlatform(
  store: ImageStore,
  { manifest }: Selection,
  { platform: wanted, signal }: PlatformOptions,
): Promise<void> {
  if (wanted === undefined) return;
  const offered = await platformOf(store, manifest, signal);
  if (offered === undefined || matchPlatform(wanted, offered)) return;
  throw new PlatformMissingError(store.description, formatPlatform(wanted), [
    formatPlatform(offered),
  ]);
}

function wantedBy({ platform }: PlatformOptions): Platform {
  return platform ?? hostPlatform();
}

function platformText({ platform }: Descriptor): string {
  return platform === undefined ? 'an unnamed platform' : formatPlatform(platform);
}

/** The platforms an image comes for, each once; none when it is a single manifest. */
export async function listPlatforms(
  store: ImageStore,
  signal?: AbortSignal,
): Promise<readonly Platform[]> {
  const document = await readDocument(store, await store.resolve({ signal }), signal);
  if (document.kind === 'manifest') return [];
  const images = await imagesBelow(store, document, signal);
  const platforms = images.flatMap(({ platform }) => platform ?? []);
  return [...new Map(platforms.map((platform) => [formatPlatform(platform), platform])).values()];
}
