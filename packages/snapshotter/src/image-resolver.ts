/**
 * From a reference to the manifest that can be mounted: the converted image for this platform,
 * found directly, in an index beside the original, or as a referrer of it. Spec: format page,
 * sections 10.1 and 10.4.
 */
import type { Descriptor, ImageManifest, Platform } from '@shoal/oci';
import {
  bootstrapLayerOf,
  formatPlatform,
  isMarkedConverted,
  matchPlatform,
  NydusAnnotation,
  parseManifest,
} from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import { ImageNotConvertedError, ImageUnusableError } from './errors.ts';
import { INDEX_CANDIDATES_MAX, REFERRERS_MAX } from './limits.ts';

export type ResolvedImage = {
  readonly manifestDigest: string;
  readonly bootstrap: Descriptor;
  /** Data layers by digest. */
  readonly layers: readonly Descriptor[];
};

export type ResolveOptions = {
  /** For messages. */
  readonly reference: string;
  readonly platform: Platform;
  readonly signal?: AbortSignal;
};

/** @throws ImageNotConvertedError, ImageUnusableError, and whatever the store reports */
export async function resolveImage(
  store: ImageStore,
  options: ResolveOptions,
): Promise<ResolvedImage> {
  const io = options.signal === undefined ? {} : { signal: options.signal };
  const root = await store.resolve(io);
  const candidates = await manifestsOf(store, root, options);
  for (const candidate of candidates) {
    const converted = await convertedManifest(store, candidate, options);
    if (converted !== undefined) return converted;
  }
  for (const candidate of candidates) {
    const converted = await convertedReferrer(store, candidate, options);
    if (converted !== undefined) return converted;
  }
  throw new ImageNotConvertedError(options.reference);
}

async function manifestsOf(
  store: ImageStore,
  root: Descriptor,
  options: ResolveOptions,
): Promise<Descriptor[]> {
  const document = await readManifest(store, root, options);
  if (document.kind === 'manifest') return [root];
  const fitting = document.manifests.filter(
    ({ platform }) => platform === undefined || matchPlatform(options.platform, platform),
  );
  if (fitting.length === 0) {
    const offered = document.manifests.flatMap(({ platform }) =>
      platform === undefined ? [] : [formatPlatform(platform)],
    );
    throw new ImageUnusableError(
      options.reference,
      `has no image for ${formatPlatform(options.platform)}, only for ${offered.join(', ')}`,
      { remedy: 'pick one of these with --platform' },
    );
  }
  return fitting.sort((a, b) => rank(a) - rank(b)).slice(0, INDEX_CANDIDATES_MAX);
}

/** Marked manifests first; unmarked ones are looked into as well. */
function rank(descriptor: Descriptor): number {
  return isMarkedConverted(descriptor) ? 0 : 1;
}

async function convertedReferrer(
  store: ImageStore,
  original: Descriptor,
  options: ResolveOptions,
): Promise<ResolvedImage | undefined> {
  const io = options.signal === undefined ? {} : { signal: options.signal };
  const referrers = await store.listReferrers(original.digest, io).catch(() => []);
  for (const referrer of referrers.slice(0, REFERRERS_MAX)) {
    const converted = await convertedManifest(store, referrer, options);
    if (converted !== undefined) return converted;
  }
  return undefined;
}

async function convertedManifest(
  store: ImageStore,
  descriptor: Descriptor,
  options: ResolveOptions,
): Promise<ResolvedImage | undefined> {
  const document = await readManifest(store, descriptor, options);
  if (document.kind !== 'manifest') return undefined;
  return describeConverted(document, descriptor, options.reference);
}

function describeConverted(
  manifest: ImageManifest,
  descriptor: Descriptor,
  reference: string,
): ResolvedImage | undefined {
  const bootstrap = bootstrapLayerOf(manifest);
  if (bootstrap === undefined) return undefined;
  const version = bootstrap.annotations?.[NydusAnnotation.fsVersion] ?? '6';
  if (version !== '6') {
    throw new ImageUnusableError(reference, `is a RAFS version ${version} image, not version 6`);
  }
  const layers = manifest.layers.filter((layer) => layer !== bootstrap);
  return { manifestDigest: descriptor.digest, bootstrap, layers };
}

async function readManifest(store: ImageStore, descriptor: Descriptor, options: ResolveOptions) {
  const io = options.signal === undefined ? {} : { signal: options.signal };
  return parseManifest(await store.readManifest(descriptor, io), descriptor.digest);
}
