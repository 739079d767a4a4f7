/**
 * Puts a daemon's mount service together: database, caches, codec threads, registries, drivers.
 */
import { join } from 'node:path';
import type { BlobSource } from '@shoal/blob-store';
import { CodecPool, rateLimitedSource } from '@shoal/blob-store';
import type { ServiceManager } from '@shoal/linux';
import {
  BlobPool,
  BootstrapCollector,
  BootstrapStore,
  containerdContent,
  type DriverName,
  errorFields,
  ImageAccess,
  ImageBlobs,
  type LazyImages,
  type MountDriver,
  MountPlanner,
  MountService,
  openBlobfsDriver,
  openCompleteDriver,
  openLazyImages,
  type StateStore,
} from '@shoal/snapshotter';
import { Caches, cacheDirectoryOf } from './caches.ts';
import type { NodeConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import type { CredentialStates } from './credential-states.ts';
import type { IdleMemory } from './idle-memory.ts';
import { CODEC_IDLE_MS } from './limits.ts';
import type { Log } from './log/log.ts';
import type { Metrics } from './metrics/metrics.ts';
import { watchDaemon } from './metrics/watch-daemon.ts';
import type { RegistryAccess } from './registry-access.ts';

export type ComposeInput = {
  readonly paths: DaemonPaths;
  readonly config: NodeConfig;
  readonly state: StateStore;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly credentials: CredentialStates;
  readonly registries: RegistryAccess;
  /** Told when there was something to do. */
  readonly memory: Pick<IdleMemory, 'touch'>;
  /** Keeps descriptors beside the holder; absent where no service manager started the daemon. */
  readonly manager?: ServiceManager | undefined;
};

export type Composed = {
  /** Restored; it owns everything but `lazy`, and closes it. */
  readonly service: MountService;
  /** Closed before the service. */
  readonly lazy: LazyImages;
  readonly caches: Caches;
};

export async function composeService(input: ComposeInput): Promise<Composed> {
  const fetching = composeFetching(input);
  const { caches } = fetching;
  const drivers = await openDrivers(input);
  const service = composeMounts(input, fetching, drivers);
  await service.restore();
  await caches.startEviction();
  service.resumePrefetch();
  const lazy = composeLazy(input, fetching, service);
  watchDaemon(input.metrics, { service, drivers, caches, lazy });
  return { service, lazy, caches };
}

/** What bytes come through: registries, codec threads, caches, and the blobs open over them. */
type Fetching = {
  readonly access: ImageAccess;
  readonly codecs: CodecPool;
  readonly caches: Caches;
  readonly pool: BlobPool;
  readonly bootstraps: BootstrapStore;
  /** Of a mount that names none. */
  readonly cacheDirectory: string;
};

function composeFetching(input: ComposeInput): Fetching {
  const { paths, config, state, log, metrics } = input;
  const codecs = new CodecPool({
    idleMs: CODEC_IDLE_MS,
    ...(config.codecThreads === undefined ? {} : { threads: config.codecThreads }),
  });
  const access = new ImageAccess({
    dockerConfigDirectory: config.dockerConfigDirectory,
    caFile: config.caFile,
    credentialSources: input.registries.credentialSources,
    hostsDirectories: input.registries.hostsDirectories,
    onAuthentication: input.credentials.observe,
  });
  const cacheDirectory = cacheDirectoryOf(config, paths);
  const caches = new Caches({
    ...{ defaultDirectory: cacheDirectory, config, codecs, log },
    onFetched: metrics.fetched,
    onEvent: metrics.cacheEvent,
  });
  const pool = composePool(input, caches);
  const bootstraps = new BootstrapStore(paths.root, state);
  return { access, codecs, caches, pool, bootstraps, cacheDirectory };
}

function composePool({ config, log, metrics, memory }: ComposeInput, caches: Caches): BlobPool {
  return new BlobPool({
    openCache: (directory) => caches.open(directory),
    wrapSource: (source) => shapeFetches(source, config),
    observer: {
      missed: (miss) => {
        metrics.missed(miss);
        memory.touch();
      },
      stalled: metrics.stalled,
    },
    log,
  });
}

/** The service owns what fetches for it, and closes it. */
function composeMounts(
  { paths, config, state, log }: ComposeInput,
  { access, codecs, caches, pool, bootstraps, cacheDirectory }: Fetching,
  drivers: ReadonlyMap<DriverName, MountDriver>,
): MountService {
  const { root } = paths;
  const collector = new BootstrapCollector(root, state, log);
  const images = new ImageBlobs(pool, bootstraps);
  const planner = new MountPlanner(
    {
      ...{ root, defaultCacheDirectory: cacheDirectory, defaultMissPolicy: config.missPolicy },
      prefetches: config.prefetches,
    },
    { access, bootstraps, collector, images, log },
  );
  return new MountService(
    { root, reserved: [root, paths.run, cacheDirectory] },
    {
      state,
      planner,
      drivers,
      collector,
      onImageRemoved: ({ record, blobs }) =>
        caches.markRemoved(
          record.cacheDirectory,
          blobs.map(({ blobId }) => blobId),
        ),
      log,
      owned: [pool, access, codecs, collector],
    },
  );
}

function composeLazy(
  { paths, config, log }: ComposeInput,
  { access, bootstraps }: Fetching,
  service: MountService,
): LazyImages {
  const { containerdAddress } = config;
  return openLazyImages({
    root: paths.root,
    service,
    access,
    bootstraps,
    log,
    lookupDeadlineMs: config.lookupDeadlineMs,
    findConverted: config.findConverted,
    content: containerdAddress === undefined ? undefined : containerdContent(containerdAddress),
  });
}

/** All registries together stay within the bandwidth; order and bounds are the gate's. */
function shapeFetches(source: BlobSource, { bytesPerSecond }: NodeConfig): BlobSource {
  return bytesPerSecond === undefined ? source : rateLimitedSource(source, { bytesPerSecond });
}

async function openDrivers({ paths, config, log, manager }: ComposeInput) {
  const drivers = new Map<DriverName, MountDriver>();
  const blobfs = await openBlobfsDriver({
    stateDirectory: join(paths.run, 'blobfs'),
    holderKind: config.fuseHolder,
    fdStore: manager?.isPresent === true ? manager : undefined,
    ...(config.fuseThreads === undefined ? {} : { threads: config.fuseThreads }),
    onEvent: ({ level, message, error }) => {
      const fields = error === undefined ? {} : errorFields(error);
      log[level]({ event: 'driver', ...fields }, message);
    },
    // As any unexpected error it ends the daemon, with a status that calls for the next one.
    onUnableToServe: (error) =>
      queueMicrotask(() => {
        throw error;
      }),
  });
  drivers.set('blobfs', blobfs);
  const complete = await openCompleteDriver({ stateDirectory: join(paths.run, 'complete') });
  drivers.set('complete', complete);
  return drivers;
}
