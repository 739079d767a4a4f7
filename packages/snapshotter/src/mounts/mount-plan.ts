/**
 * Everything a mount needs before the kernel is asked: the converted image found, its bootstrap
 * verified and on disk, its blobs open. A plan is made from a request (with network) or from a
 * record (without).
 */
import { randomBytes } from 'node:crypto';
import { statfsSync } from 'node:fs';
import { shellWord } from '@shoal/errors';
import { type Descriptor, type Digest, parsePlatform } from '@shoal/oci';
import {
  type ConvertedSelection,
  findConvertedImage,
  type ImageStore,
} from '@shoal/registry-client';
import type { MissPolicy } from '../blobs/blob-types.ts';
import type { ImageAccess } from '../blobs/image-access.ts';
import type { ImageBlobs } from '../blobs/image-blobs.ts';
import { ImagePrefetch } from '../blobs/image-prefetch.ts';
import type { ServedBlob } from '../blobs/served-blob.ts';
import type { BootstrapCollector } from '../bootstraps/bootstrap-collector.ts';
import type { BootstrapStore, StoredBootstrap } from '../bootstraps/bootstrap-store.ts';
import type { DriverMountRequest } from '../driver/index.ts';
import { StateDamagedError } from '../errors.ts';
import type { ServiceLog } from '../service-log.ts';
import { currentBootId } from '../state/boot-id.ts';
import type { MountRecord } from '../state/mount-record.ts';
import { chooseDriver } from './driver-choice.ts';
import { countingSource, countingStore, type MountMeter } from './mount-progress.ts';
import type { MountRequest } from './mount-types.ts';
import { prepareWritable, writableDirectories } from './writable.ts';

export type PlannerOptions = {
  readonly root: string;
  readonly defaultCacheDirectory: string;
  readonly defaultMissPolicy: MissPolicy;
  /** Whether what an image's list names first is fetched ahead of its readers. */
  readonly prefetches: boolean;
};

export type PlannerComponents = {
  readonly access: ImageAccess;
  readonly bootstraps: BootstrapStore;
  readonly collector: BootstrapCollector;
  readonly images: ImageBlobs;
  readonly log: ServiceLog;
};

export type MountPlan = {
  readonly record: MountRecord;
  readonly blobs: readonly ServedBlob[];
  readonly driverRequest: DriverMountRequest;
  /** Of a mount just asked for: the original whose referrer it is. */
  readonly referrerOf?: Digest | undefined;
  /** When it is mounted: fetches what the image wants first, behind everybody. Returns at once. */
  startPrefetch(): void;
  /** Closes blobs and source; the files stay. Idempotent. */
  release(): Promise<void>;
};

export type PlanOptions = { readonly signal: AbortSignal; readonly meter: MountMeter };

/** A mount as somebody asked for it, or one that overlays lie on. */
export type PlanRequest = MountRequest & {
  readonly isLower?: boolean | undefined;
  readonly bootstrapDigest?: Digest | undefined;
};

/** What the service needs of a planner. */
export type MountPlans = Pick<MountPlanner, 'fromRequest' | 'fromRecord'>;

export class MountPlanner {
  readonly #options: PlannerOptions;
  readonly #components: PlannerComponents;

  constructor(options: PlannerOptions, components: PlannerComponents) {
    this.#options = options;
    this.#components = components;
  }

  /** `mountpoint` is the checked, real path. */
  async fromRequest(
    request: PlanRequest,
    mountpoint: string,
    { signal, meter }: PlanOptions,
  ): Promise<MountPlan> {
    const { access, collector } = this.#components;
    const { reference, source = {} } = request;
    const missPolicy = request.missPolicy ?? this.#options.defaultMissPolicy;
    const platform = request.platform === undefined ? undefined : parsePlatform(request.platform);
    const opened = await access.open({ reference, source, missPolicy });
    await using store = countingStore(opened, meter);
    // What lies above is in snapshots of its own.
    const layersAbove = request.isLower === true ? 'ignored' : 'refused';
    const image = await findConvertedImage(store, { platform, signal, layersAbove });
    const drop = collector.hold(request.bootstrapDigest ?? image.bootstrap.digest);
    try {
      const stored =
        request.bootstrapDigest === undefined
          ? await this.#storedOrFetched(store, image.bootstrap, signal)
          : await this.#stored({ mountpoint, bootstrapDigest: request.bootstrapDigest });
      const draft = this.#draft(request, mountpoint, image);
      const plan = await this.#open(draft, stored, { request, meter });
      const referrerOf = image.referrerOf?.digest;
      if (!signal.aborted) return holding({ ...plan, referrerOf }, drop);
      await plan.release();
      throw signal.reason;
    } catch (error) {
      drop();
      throw error;
    }
  }

  async #storedOrFetched(
    store: ImageStore,
    layer: Descriptor,
    signal: AbortSignal,
  ): Promise<StoredBootstrap> {
    const { bootstraps } = this.#components;
    return (await bootstraps.find(layer.digest)) ?? bootstraps.fetch(store, layer, signal);
  }

  async #stored(record: Pick<MountRecord, 'bootstrapDigest' | 'mountpoint'>) {
    const stored = await this.#components.bootstraps.find(record.bootstrapDigest);
    if (stored === undefined) throw bootstrapMissing(this.#options.root, record);
    return stored;
  }

  #draft(request: PlanRequest, mountpoint: string, image: ConvertedSelection): MountRecord {
    const { reference, source = {}, missPolicy, cacheDirectory } = request;
    const layers = image.manifest.layers.filter((layer) => layer !== image.bootstrap);
    return {
      version: 1,
      id: randomBytes(8).toString('hex'),
      state: 'mounting',
      reference,
      manifestDigest: image.descriptor.digest,
      bootstrapDigest: request.bootstrapDigest ?? image.bootstrap.digest,
      mountpoint,
      driver: '',
      driverReason: '',
      ...(request.isLower === true ? { isLower: true } : {}),
      allowSuid: request.allowSuid === true,
      allowDevices: request.allowDevices === true,
      source,
      missPolicy: missPolicy ?? this.#options.defaultMissPolicy,
      cacheDirectory: cacheDirectory ?? this.#options.defaultCacheDirectory,
      layers: layers.map(({ mediaType, digest, size }) => ({ mediaType, digest, size })),
      bootId: currentBootId(),
      mountedAt: new Date().toISOString(),
    };
  }

  /** From what is on disk; never touches the network. @throws StateDamagedError */
  async fromRecord(record: MountRecord): Promise<MountPlan> {
    const drop = this.#components.collector.hold(record.bootstrapDigest);
    try {
      return holding(await this.#open(record, await this.#stored(record)), drop);
    } catch (error) {
      drop();
      throw error;
    }
  }

  async #open(
    draft: MountRecord,
    stored: StoredBootstrap,
    asked?: { readonly request: MountRequest; readonly meter: MountMeter },
  ): Promise<MountPlan> {
    const { access, images } = this.#components;
    const source = access.lazySource(draft, draft.layers);
    const opened = await images.open({
      owner: draft.id,
      layerDigest: draft.bootstrapDigest,
      stored,
      cacheDirectory: draft.cacheDirectory,
      missPolicy: draft.missPolicy,
      layers: draft.layers,
      source: asked === undefined ? source : countingSource(source, asked.meter),
      isOffline: asked === undefined,
    });
    try {
      const { blobs, prefetchList } = opened;
      const record = asked === undefined ? draft : this.#complete(draft, asked.request, blobs);
      const prefetch = new ImagePrefetch(blobs, this.#components.log);
      const list = this.#options.prefetches ? prefetchList : [];
      return {
        ...{ record, blobs, driverRequest: driverRequest(record, stored, blobs) },
        startPrefetch: () => prefetch.start(list),
        release: async () => {
          await prefetch.stop();
          await opened.close();
        },
      };
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  #complete(draft: MountRecord, request: MountRequest, blobs: readonly ServedBlob[]): MountRecord {
    // An image without data has no device, and nobody has made the cache directory for it.
    const isComplete =
      blobs.length === 0 ||
      (blobs.every((blob) => blob.isComplete) && canBeDevices(draft.cacheDirectory));
    const driver = chooseDriver(request.driver ?? 'auto', isComplete);
    const record = { ...draft, driver: driver.name, driverReason: driver.reason };
    if (request.isWritable !== true) return record;
    const { root } = this.#options;
    const { directory } = prepareWritable(root, draft.mountpoint, draft.bootstrapDigest);
    return { ...record, writableDirectory: directory };
  }
}

function bootstrapMissing(
  root: string,
  { bootstrapDigest, mountpoint }: Pick<MountRecord, 'bootstrapDigest' | 'mountpoint'>,
): StateDamagedError {
  return new StateDamagedError(
    root,
    `the bootstrap ${bootstrapDigest} of ${mountpoint} is missing or was changed`,
    { remedy: `shoal unmount ${shellWord(mountpoint)}, then mount it again` },
  );
}

/** The bootstrap may go when the plan has gone. */
function holding(plan: MountPlan, drop: () => void): MountPlan {
  const release = async () => {
    await plan.release();
    drop();
  };
  return { ...plan, release };
}

/** EROFS takes no device file from tmpfs or overlayfs (statfs types of linux/magic.h). */
function canBeDevices(directory: string): boolean {
  return ![0x01021994, 0x794c7630].includes(statfsSync(directory).type);
}

function driverRequest(
  record: MountRecord,
  stored: StoredBootstrap,
  blobs: readonly ServedBlob[],
): DriverMountRequest {
  const request: DriverMountRequest = {
    mountId: record.id,
    // What lies under an overlay must not instruct it.
    metadataFile: record.isLower === true ? stored.overlayFile : stored.file,
    blobs,
    mountpoint: record.mountpoint,
    flags: { nosuid: !record.allowSuid, nodev: !record.allowDevices },
  };
  if (record.writableDirectory === undefined) return request;
  const { upper, work } = writableDirectories(record.writableDirectory);
  return { ...request, metadataFile: stored.overlayFile, writable: { upper, work } };
}
