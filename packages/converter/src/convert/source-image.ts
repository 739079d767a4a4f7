/**
 * The source image: which manifests of it are to be converted, each with its configuration, and
 * whether they are of a kind that can be.
 */
import type { Descriptor, ImageConfig, ImageManifest, Platform } from '@shoal/oci';
import {
  bootstrapLayerOf,
  formatPlatform,
  hostPlatform,
  isMarkedConverted,
  MediaType,
  matchPlatform,
} from '@shoal/oci';
import type { ImageStore } from '@shoal/registry-client';
import {
  imagesBelow,
  PlatformMissingError,
  readConfig,
  readDocument,
} from '@shoal/registry-client/stores';
import { SourceImageError, SourceKindError } from '../errors.ts';
import { CONVERTED_MANIFESTS_MAX } from '../limits.ts';
import type { PlatformChoice } from './convert-options.ts';

const CONFIG_TYPES: readonly string[] = [MediaType.ociConfig, MediaType.dockerConfig];

export type SourceManifest = {
  readonly descriptor: Descriptor;
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
  readonly platform: Platform;
};

export type SourceImage = {
  /** True when the reference names an index. */
  readonly isIndex: boolean;
  readonly manifests: readonly SourceManifest[];
  /** Printable platforms that were left out although all were asked for. */
  readonly leftOut: readonly string[];
};

/** Resolves the reference and reads the manifests and configurations that were chosen. */
export async function readSourceImage(
  store: ImageStore,
  choice: PlatformChoice,
  signal: AbortSignal,
): Promise<SourceImage> {
  const root = await store.resolve({ signal });
  const candidates = await listCandidates(store, root, signal);
  if (candidates === undefined) {
    const only = await readSourceManifest(store, root, undefined, signal);
    const isWanted = choice.kind !== 'one' || matchPlatform(choice.platform, only.platform);
    if (!isWanted) throw missing(store, choice, [only.platform]);
    checkLinux(store, only.platform);
    return { isIndex: false, manifests: [only], leftOut: [] };
  }
  const { chosen, leftOut } = choose(store, candidates, choice);
  const manifests: SourceManifest[] = [];
  for (const descriptor of chosen) {
    manifests.push(await readSourceManifest(store, descriptor, descriptor.platform, signal));
  }
  return { isIndex: true, manifests, leftOut };
}

/** The image manifests of an index, nested ones included; undefined when it is a manifest. */
async function listCandidates(
  store: ImageStore,
  root: Descriptor,
  signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const document = await readDocument(store, root, signal);
  if (document.kind === 'manifest') return undefined;
  const images = await imagesBelow(store, document, signal);
  return images.filter((entry) => !isNoImage(entry));
}

/** Attestations, and manifests that are converted images already. */
function isNoImage(descriptor: Descriptor): boolean {
  const { annotations, artifactType } = descriptor;
  if (annotations?.['vnd.docker.reference.type'] !== undefined) return true;
  if (artifactType !== undefined && artifactType !== '') return true;
  return isMarkedConverted(descriptor);
}

function choose(store: ImageStore, candidates: readonly Descriptor[], choice: PlatformChoice) {
  const offered = candidates.flatMap(({ platform }) => platform ?? []);
  if (choice.kind !== 'all') {
    const wanted = choice.kind === 'one' ? choice.platform : hostPlatform();
    const found = candidates.find(
      ({ platform }) => platform !== undefined && matchPlatform(wanted, platform),
    );
    const only = candidates.length === 1 && choice.kind === 'host' ? candidates[0] : undefined;
    const chosen = found ?? (only?.platform === undefined ? only : undefined);
    if (chosen === undefined) throw missing(store, choice, offered);
    if (chosen.platform !== undefined) checkLinux(store, chosen.platform);
    return { chosen: [chosen], leftOut: [] };
  }
  const isLinux = ({ platform }: Descriptor) => platform === undefined || platform.os === 'linux';
  const chosen = candidates.filter(isLinux);
  const leftOut = candidates.filter((candidate) => !isLinux(candidate));
  if (chosen.length === 0) throw missing(store, choice, offered);
  if (chosen.length > CONVERTED_MANIFESTS_MAX) {
    throw new SourceImageError(store.description, `${chosen.length} manifests in its index`);
  }
  return {
    chosen,
    leftOut: leftOut.map(({ platform }) =>
      platform === undefined ? '?' : formatPlatform(platform),
    ),
  };
}

async function readSourceManifest(
  store: ImageStore,
  descriptor: Descriptor,
  platform: Platform | undefined,
  signal: AbortSignal,
): Promise<SourceManifest> {
  const manifest = await readDocument(store, descriptor, signal);
  if (manifest.kind !== 'manifest') {
    throw new SourceImageError(store.description, `${descriptor.digest} is not an image manifest`);
  }
  checkKind(store, manifest);
  const config = await readConfig(store, manifest.config, signal);
  if (manifest.layers.length !== config.rootfs.diff_ids.length) {
    const counts = `${manifest.layers.length} layers, ${config.rootfs.diff_ids.length} diff ids`;
    throw new SourceImageError(store.description, counts);
  }
  const { os = 'linux', architecture = hostPlatform().architecture, variant } = config;
  const own = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  return { descriptor, manifest, config, platform: platform ?? own };
}

function checkKind(store: ImageStore, manifest: ImageManifest): void {
  const { config, layers } = manifest;
  const hasBlob = layers.some(({ mediaType }) => mediaType === MediaType.nydusBlob);
  if (hasBlob || bootstrapLayerOf(manifest) !== undefined) {
    const remedy = 'give the original image as --source';
    throw new SourceKindError(store.description, 'is a converted image already', remedy);
  }
  if (!CONFIG_TYPES.includes(config.mediaType)) {
    const detail = `is not a container image but ${config.mediaType}`;
    throw new SourceKindError(store.description, detail, 'give a container image as --source');
  }
  const strange = layers.find(({ mediaType }) =>
    /encrypted|foreign|nondistributable/.test(mediaType),
  );
  if (strange !== undefined) {
    const detail = `layer ${strange.digest} is ${strange.mediaType}`;
    const remedy = 'only plain tar, tar+gzip and tar+zstd layers are converted';
    throw new SourceKindError(store.description, detail, remedy);
  }
}

function checkLinux(store: ImageStore, platform: Platform): void {
  if (platform.os === 'linux') return;
  const detail = `is an image for ${formatPlatform(platform)}`;
  throw new SourceKindError(store.description, detail, 'only Linux images are converted');
}

function missing(
  store: ImageStore,
  choice: PlatformChoice,
  offered: readonly Platform[],
): PlatformMissingError {
  const wanted =
    choice.kind === 'one'
      ? formatPlatform(choice.platform)
      : choice.kind === 'host'
        ? formatPlatform(hostPlatform())
        : 'linux';
  return new PlatformMissingError(store.description, wanted, offered.map(formatPlatform));
}
