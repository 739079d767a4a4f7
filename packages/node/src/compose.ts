/**
 * Puts a daemon's mount service together: database, caches, codec threads, registries, drivers.
 */
import { join } from 'node:path';
import type { BlobSource } from '@shoal/blob-store';
import { CodecPool, type RateLimit } from '@shoal/blob-store';
import type { ServiceManager } from '@shoal/linux';
import { blobIdOfDigest, formatReference, formatRepository } from '@shoal/oci';
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
  type UsedImage,
} from '@shoal/snapshotter';
import { Caches, cacheDirectoryOf } from './caches.ts';
import type { NodeConfig } from './config/config.ts';
import type { DaemonPaths } from './config/paths.ts';
import type { CredentialStates } from './credential-states.ts';
import type { IdleMemory } from './idle-memory.ts';
import { CODEC_IDLE_MS } from './limits.ts';
import type { Log } from './log/log.ts';
import type { Metrics } from './metrics/metrics.ts';
import { RecentMisses } from './metrics/recent-misses.ts';
import { watchDaemon } from './metrics/watch-daemon.ts';
import { CacheLender } from './peers/cache-lender.ts';
import { type HostPeer, type HostPeerInput, openHostPeer } from './peers/open-host-peer.ts';
import { accessOptionsOf, type RegistryAccess, registryLimitOf } from './registry-access.ts';

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
  /** Closed with the service; undefined where the host shares nothing. */
  readonly peer: HostPeer | undefined;
  /** Of the service. */
  readonly access: ImageAccess;
  /** Keeps what is read within the bandwidth; undefined: there is no limit. */
  readonly limit: RateLimit | undefined;
  /** Threads that hash and decode; of the service. */
  readonly codecs: CodecPool;
};

export async function composeService(input: ComposeInput): Promise<Composed> {
  const fetching = await composeFetching(input);
  const { caches } = fetching;
  const drivers = await openDrivers(input);
  const service = composeMounts(input, fetching, drivers);
  await service.restore();
  await caches.startEviction();
  service.resumePrefetch();
  const lazy = composeLazy(input, fetching, service);
  watchDaemon(input.metrics, { service, drivers, caches, lazy, peer: fetching.peer });
  const { access, limit, peer, codecs } = fetching;
  return { service, lazy, caches, peer, access, limit, codecs };
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
  readonly peer: HostPeer | undefined;
  readonly limit: RateLimit | undefined;
};

async function composeFetching(input: ComposeInput): Promise<Fetching> {
  const { paths, config, state, log, metrics } = input;
  const codecs = new CodecPool({
    idleMs: CODEC_IDLE_MS,
    ...(config.codecThreads === undefined ? {} : { threads: config.codecThreads }),
  });
  const cacheDirectory = cacheDirectoryOf(config, paths);
  const caches = new Caches({
    ...{ defaultDirectory: cacheDirectory, config, codecs, log },
    onFetched: metrics.fetched,
    onEvent: metrics.cacheEvent,
  });
  const misses = new RecentMisses();
  const { access, peer, limit } = await composeAccess(input, caches, misses);
  const pool = composePool(input, caches, misses);
  const bootstraps = new BootstrapStore(paths.root, state);
  return { access, codecs, caches, pool, bootstraps, cacheDirectory, peer, limit };
}

/** Registries, all together within the bandwidth; before them this host's peers, where it has any. */
async function composeAccess(
  { config, paths, registries, credentials, metrics, log }: ComposeInput,
  caches: Caches,
  misses: RecentMisses,
) {
  const common = accessOptionsOf(config, registries, credentials.observe);
  const limit = registryLimitOf(config);
  const shape = (source: BlobSource) => limit?.over(source) ?? source;
  if (config.peer === undefined) {
    return { access: new ImageAccess({ ...common, wrapSource: shape }), peer: undefined, limit };
  }
  const peer = await openPeerOrGoOn({
    ...{ config: config.peer, root: paths.root, registries: common, shape, log },
    cacheBytes: () => caches.bytes,
    isCached: (blobId) => caches.hasAllOf(blobId),
    lender: new CacheLender(caches),
    missMs: () => misses.latency(),
    onBlock: metrics.blockArrived,
  });
  const access = new ImageAccess({
    ...common,
    onImage: (image) => tellPeer(peer, image),
    wrapSource: (source, reference) => {
      const shaped = shape(source);
      if (peer === undefined || reference.kind !== 'registry') return shaped;
      return peer.source(shaped, formatRepository(reference));
    },
  });
  return { access, peer, limit };
}

function tellPeer(
  peer: HostPeer | undefined,
  { reference, manifestDigest, layers }: UsedImage,
): void {
  if (peer === undefined || reference.kind !== 'registry') return;
  const blobs = layers.map(({ digest, size }) => ({
    ...{ blobId: blobIdOfDigest(digest), sizeBytes: size },
  }));
  const [name, repository] = [formatReference(reference), formatRepository(reference)];
  peer.learn({ name, repository, manifestDigest, blobs });
}

/** Mounts have to come back whatever is wrong with the peers. */
async function openPeerOrGoOn(input: HostPeerInput): Promise<HostPeer | undefined> {
  try {
    return await openHostPeer(input);
  } catch (error) {
    input.log.error(
      errorFields(error),
      'this host shares nothing: its images are fetched from registries alone',
    );
    return undefined;
  }
}

function composePool(
  { log, metrics, memory }: ComposeInput,
  caches: Caches,
  misses: RecentMisses,
): BlobPool {
  return new BlobPool({
    openCache: (directory) => caches.open(directory),
    observer: {
      missed: (miss) => {
        metrics.missed(miss);
        misses.add(miss.waitMs);
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
  { access, codecs, caches, pool, bootstraps, cacheDirectory, peer }: Fetching,
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
      owned: [pool, ...(peer === undefined ? [] : [peer]), access, codecs, collector],
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
