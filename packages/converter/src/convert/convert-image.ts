/**
 * `shoal convert` as a function: from a source image to a published, read-back converted image.
 * Nothing points at what is written until everything is there; the tag comes last.
 */
import { VERSION } from '@shoal/errors/version';
import type { ImageConfig, ImageReference, Platform } from '@shoal/oci';
import { hostPlatform } from '@shoal/oci';
import type { ClientOptions, ImageStore } from '@shoal/registry-client';
import { openSource, openTarget } from '@shoal/registry-client/stores';
import { CodecThreads } from '../chunk/codec-threads.ts';
import { FirstReads } from '../layer/first-reads.ts';
import { archiveLayer, directoryLayer } from '../layer/layer-source.ts';
import type { CacheKey } from './build-cache.ts';
import { layerCacheKey, rootCacheKey } from './build-cache.ts';
import { openChunkDict } from './chunk-dict.ts';
import type { ConvertedManifest, ManifestInput } from './convert-manifest.ts';
import { convertManifest } from './convert-manifest.ts';
import type { ConvertOptions, ConvertReport } from './convert-options.ts';
import type { ConvertSettings } from './convert-settings.ts';
import { checkConvertOptions } from './convert-settings.ts';
import { openBuildCache } from './open-build-cache.ts';
import type { Original } from './publish.ts';
import { publish } from './publish.ts';
import { convertReport } from './report.ts';
import type { ConvertSession } from './session.ts';
import { Warnings } from './session.ts';
import type { SourceManifest } from './source-image.ts';
import { readSourceImage } from './source-image.ts';
import { zstdVersion } from './zstd-version.ts';

/** Converts `source` into `target`; the tag is written last, after everything was read back. */
export async function convertImage(options: ConvertOptions): Promise<ConvertReport> {
  const startMs = performance.now();
  const settings = checkConvertOptions(options);
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const client = { ...options.client, signal };
  await using resources = new AsyncDisposableStack();
  const original = await openOriginal(settings, client, resources, signal);
  const session = await openSession(options, { settings, client, signal, original, resources });
  const inputs = await manifestInputs(session, original);
  const converted: ConvertedManifest[] = [];
  for (const input of inputs) converted.push(await convertManifest(session, input));
  const published = await publish(session, converted, original);
  await publishCache(session);
  return convertReport({
    settings,
    published,
    manifests: converted.map(({ report }) => report),
    warnings: session.warnings.list(),
    durationMs: performance.now() - startMs,
  });
}

type Opened = {
  readonly settings: ConvertSettings;
  readonly client: ClientOptions;
  readonly signal: AbortSignal;
  readonly original: (Original & { readonly leftOut: readonly string[] }) | undefined;
  readonly resources: AsyncDisposableStack;
};

/** The source's store and its chosen manifests; undefined for a directory. */
async function openOriginal(
  { source, platforms }: ConvertSettings,
  client: ClientOptions,
  resources: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Opened['original']> {
  if (source.kind === 'directory') return undefined;
  const store = resources.use(await openSource(source, client));
  const image = await readSourceImage(store, platforms, signal);
  return { store, reference: source, manifests: image.manifests, leftOut: image.leftOut };
}

async function openSession(options: ConvertOptions, opened: Opened): Promise<ConvertSession> {
  const { settings, client, signal, original, resources } = opened;
  const onProgress = options.onProgress ?? (() => {});
  const warnings = new Warnings(onProgress);
  warnAhead(options, opened, warnings);
  const dicts = [];
  for (const reference of settings.chunkDicts) {
    const platform = original?.manifests[0]?.platform;
    const dict = await openChunkDict(reference, settings, { client, platform, signal });
    resources.defer(() => dict.close());
    dicts.push(dict);
  }
  const cache =
    options.buildCache === undefined
      ? undefined
      : resources.use(await openBuildCache(options.buildCache, client, signal));
  const target = resources.use(await openTarget(settings.target, client));
  const threads = resources.use(options.threads ?? new CodecThreads());
  return {
    settings,
    target,
    threads,
    torrents: await openTorrents(settings, { target, threads, warnings, signal }),
    dicts,
    cache,
    firstReads: new FirstReads(settings.prefetchPatterns),
    warnings,
    onProgress,
    signal,
  };
}

/** Loads what other conversions do not need. */
async function openTorrents(
  { torrent, target: { kind } }: ConvertSettings,
  { warnings, ...parts }: Pick<ConvertSession, 'target' | 'threads' | 'warnings' | 'signal'>,
) {
  if (torrent === false) return undefined;
  const { Torrents } = await import('./torrents.ts');
  const warn = (text: string) => warnings.add(text);
  return new Torrents({ ...parts, targetKind: kind, isRequired: torrent === true, warn });
}

/** What is known to be of little use before anything is converted. */
function warnAhead(options: ConvertOptions, opened: Opened, warnings: Warnings): void {
  const { source, target, withReferrer } = opened.settings;
  for (const platform of opened.original?.leftOut ?? []) {
    warnings.add(`the image for ${platform} was left out: only Linux images are converted`);
  }
  if (options.buildCache !== undefined && target.kind.endsWith('-archive')) {
    warnings.add(
      'the build cache spares nothing here: its records name blobs of the target, and an archive starts without any (write to oci:DIR or a registry)',
    );
  }
  if (withReferrer && placeOf(source) !== placeOf(target)) {
    warnings.add(
      `a referrer is looked for beside its original: hosts find it only when the same original is in ${placeOf(target)}, too`,
    );
  }
}

/** The repository, layout or archive a reference lies in. */
function placeOf(reference: ImageReference): string {
  if (reference.kind === 'registry') return `${reference.registry}/${reference.repository}`;
  return reference.path;
}

async function manifestInputs(
  session: ConvertSession,
  original: Opened['original'],
): Promise<ManifestInput[]> {
  const { source, platforms } = session.settings;
  if (original === undefined || source.kind === 'directory') {
    const platform = platforms.kind === 'one' ? platforms.platform : hostPlatform();
    return [await directoryInput(source, platform)];
  }
  const rootKey = rootCacheKey(
    { shoal: VERSION, zstd: zstdVersion() },
    session.settings,
    session.dicts.map(({ identity }) => identity),
  );
  return original.manifests.map((manifest) => manifestInput(original.store, manifest, rootKey));
}

function manifestInput(
  store: ImageStore,
  { descriptor, manifest, config, platform }: SourceManifest,
  rootKey: CacheKey,
): ManifestInput {
  let key = rootKey;
  const layers = manifest.layers.map((layer, position) => {
    const diffId = config.rootfs.diff_ids[position] ?? layer.digest;
    key = layerCacheKey(key, layer.digest, diffId);
    return { source: archiveLayer(store, layer, diffId), key };
  });
  return { platform, config, layers, original: descriptor };
}

/** A directory has no configuration: the smallest valid one. */
async function directoryInput(source: ImageReference, platform: Platform): Promise<ManifestInput> {
  // Loads the system call library, which nothing else of a conversion needs.
  const { readXattrs } = await import('@shoal/linux');
  const path = source.kind === 'directory' ? source.path : '';
  const config: ImageConfig = {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
    config: {},
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const layers = [{ source: directoryLayer(path, readXattrs), key: undefined }];
  return { platform, config, layers, original: undefined };
}

/** The image is published: a cache that cannot be written is worth a warning only. */
async function publishCache({ cache, signal, warnings }: ConvertSession): Promise<void> {
  try {
    await cache?.publish(signal);
  } catch (error) {
    signal.throwIfAborted();
    const detail = error instanceof Error ? error.message : String(error);
    warnings.add(`the build cache was not updated: ${detail}`);
  }
}
