/**
 * Puts a daemon's mount service together: database, caches, codec threads, registries, drivers.
 */
import { join } from 'node:path';
import type { BlobSource, CacheEvent } from '@shoal/blob-store';
import { ChunkCache, CodecPool, ReadGate, rateLimitedSource } from '@shoal/blob-store';
import type { ServiceManager } from '@shoal/linux';
import {
  BlobPool,
  BootstrapCollector,
  BootstrapStore,
  type DriverName,
  errorFields,
  ImageAccess,
  ImageBlobs,
  type LazyImages,
  type MountDriver,
  MountPlanner,
  MountService,
  makePrivateDirectory,
  openBlobfsDriver,
  openCompleteDriver,
  openLazyImages,
  type StateStore,
} from '@shoal/snapshotter';
import type { NodeConfig } from './config.ts';
import type { Log } from './log.ts';
import type { DaemonPaths } from './paths.ts';

export type ComposeInput = {
  readonly paths: DaemonPaths;
  readonly config: NodeConfig;
  readonly state: StateStore;
  readonly log: Log;
  /** Keeps descriptors beside the holder; absent where no service manager started the daemon. */
  readonly manager?: ServiceManager | undefined;
};

export type Composed = {
  /** Restored; it owns everything but `lazy`, and closes it. */
  readonly service: MountService;
  /** Closed before the service. */
  readonly lazy: LazyImages;
};

export async function composeService(input: ComposeInput): Promise<Composed> {
  const { paths, config, state, log } = input;
  const codecs = new CodecPool(
    config.codecThreads === undefined ? {} : { threads: config.codecThreads },
  );
  const access = new ImageAccess({
    dockerConfigDirectory: config.dockerConfigDirectory,
    caFile: config.caFile,
  });
  const parts: CacheParts = { pool: codecs, gate: new ReadGate() };
  const caches = new EarlyCaches();
  const pool = new BlobPool({
    openCache: (directory) =>
      caches.open((evictsAtOnce) => openCache(directory, parts, input, evictsAtOnce)),
    wrapSource: (source) => shapeFetches(source, config),
    log,
  });
  const bootstraps = new BootstrapStore(paths.root, state);
  const collector = new BootstrapCollector(paths.root, state, log);
  const planner = new MountPlanner(
    {
      root: paths.root,
      defaultCacheDirectory: cacheDirectoryOf(input),
      defaultMissPolicy: config.missPolicy,
    },
    { access, bootstraps, collector, images: new ImageBlobs(pool, bootstraps) },
  );
  const service = new MountService(
    { root: paths.root, reserved: [paths.root, paths.run, cacheDirectoryOf(input)] },
    {
      state,
      planner,
      drivers: await openDrivers(input),
      collector,
      log,
      owned: [pool, access, codecs, collector],
    },
  );
  await service.restore();
  await caches.startEviction();
  const lazy = openLazyImages({
    root: paths.root,
    service,
    access,
    bootstraps,
    log,
    lookupDeadlineMs: config.lookupDeadlineMs,
    findConverted: config.findConverted,
  });
  return { service, lazy };
}

/** Caches opened while mounts are restored evict only afterwards: their blobs look unused before. */
class EarlyCaches {
  #isRestored = false;
  readonly #early: ChunkCache[] = [];

  async open(openIt: (evictsAtOnce: boolean) => Promise<ChunkCache>): Promise<ChunkCache> {
    const evictsAtOnce = this.#isRestored;
    const cache = await openIt(evictsAtOnce);
    if (this.#isRestored && !evictsAtOnce) await cache.startEviction();
    else if (!evictsAtOnce) this.#early.push(cache);
    return cache;
  }

  async startEviction(): Promise<void> {
    this.#isRestored = true;
    await Promise.all(this.#early.splice(0).map((cache) => cache.startEviction()));
  }
}

function cacheDirectoryOf({ config, paths }: ComposeInput): string {
  return config.cacheDirectory ?? join(paths.root, 'cache');
}

/** What the caches of a daemon share: its threads, and one bound for what they fetch at once. */
type CacheParts = { readonly pool: CodecPool; readonly gate: ReadGate };

/** All registries together stay within the bandwidth; order and bounds are the gate's. */
function shapeFetches(source: BlobSource, { bytesPerSecond }: NodeConfig): BlobSource {
  return bytesPerSecond === undefined ? source : rateLimitedSource(source, { bytesPerSecond });
}

async function openCache(
  directory: string,
  parts: CacheParts,
  input: ComposeInput,
  evictsAtOnce: boolean,
) {
  const { config, log } = input;
  makePrivateDirectory(directory);
  const isDefault = directory === cacheDirectoryOf(input);
  return ChunkCache.open(
    {
      directory,
      evictsAtOnce,
      ...(isDefault && config.cacheBytesMax !== undefined
        ? { cacheBytesMax: config.cacheBytesMax }
        : {}),
    },
    { ...parts, onEvent: (event) => logCacheEvent(log, directory, event) },
  );
}

async function openDrivers({ paths, config, log, manager }: ComposeInput) {
  const drivers = new Map<DriverName, MountDriver>();
  const blobfs = await openBlobfsDriver({
    stateDirectory: join(paths.run, 'blobfs'),
    holderKind: config.fuseHolder,
    fdStore: manager?.isPresent === true ? manager : undefined,
    ...(config.fuseThreads === undefined ? {} : { threads: config.fuseThreads }),
    onEvent: ({ level, message, error }) => {
      log[level](error === undefined ? {} : errorFields(error), message);
    },
  });
  drivers.set('blobfs', blobfs);
  const complete = await openCompleteDriver({ stateDirectory: join(paths.run, 'complete') });
  drivers.set('complete', complete);
  return drivers;
}

function logCacheEvent(log: Log, cache: string, event: CacheEvent): void {
  const { kind, message, error } = event;
  const level =
    kind === 'evicted' || kind === 'adopted' || kind === 'disk-writable' ? 'info' : 'warn';
  log[level]({ cache, kind, ...(error === undefined ? {} : errorFields(error)) }, message);
}
