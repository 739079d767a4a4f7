/**
 * The `complete` driver: every blob is local already, so EROFS lies on the plain device files.
 * No daemon is in the data path, and nothing has to survive a restart.
 */
import { listMounts, type MountEntry } from '@shoal/linux';
import { DriverRequestError } from '../errors.ts';
import { checkRequest, isImageMounted, mountImage, removeLeftovers } from './image-mount.ts';
import type {
  DriverMount,
  DriverMountFailure,
  DriverMountRequest,
  DriverStats,
  MountDriver,
} from './mount-driver.ts';
import { unmountApart } from './unmount-apart.ts';

export type CompleteDriverOptions = {
  /** Directories of lower mounts are made here; only root may enter. */
  readonly stateDirectory: string;
};

class CompleteDriver implements MountDriver {
  readonly name = 'complete';
  readonly #stateDirectory: string;
  readonly #mountpoints = new Map<string, string>();

  constructor(options: CompleteDriverOptions) {
    this.#stateDirectory = options.stateDirectory;
  }

  async mount(request: DriverMountRequest): Promise<DriverMount> {
    checkRequest(request);
    const absent = request.blobs.find((blob) => !blob.isComplete);
    if (absent !== undefined) {
      throw new DriverRequestError(
        `the complete driver needs every byte on this host, and blob ${absent.blobId} lacks some`,
        { remedy: 'mount with the blobfs driver' },
      );
    }
    return this.#mount(request, 'mounted');
  }

  async unmount(mountId: string, options: { readonly lazy?: boolean } = {}): Promise<void> {
    const mountpoint = this.#mountpoints.get(mountId);
    if (mountpoint === undefined) return;
    await unmountApart(mountpoint, options);
    this.#mountpoints.delete(mountId);
  }

  /** The kernel has the device files open itself. */
  whenUnread(): Promise<void> {
    return Promise.resolve();
  }

  async restore(requests: readonly DriverMountRequest[]): Promise<{
    readonly mounts: readonly DriverMount[];
    readonly failures: readonly DriverMountFailure[];
  }> {
    removeLeftovers(this.#stateDirectory);
    const mounts: DriverMount[] = [];
    const failures: DriverMountFailure[] = [];
    const table = listMounts();
    for (const request of requests) {
      try {
        mounts.push(this.#restoreOne(request, table));
      } catch (error) {
        failures.push({ mountId: request.mountId, error });
      }
    }
    return { mounts, failures };
  }

  stats(): DriverStats | undefined {
    return undefined;
  }

  async close(): Promise<void> {
    this.#mountpoints.clear();
  }

  shutDown(): Promise<void> {
    return this.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #restoreOne(request: DriverMountRequest, table: readonly MountEntry[]): DriverMount {
    checkRequest(request);
    if (!isImageMounted(request, table)) return this.#mount(request, 'remounted');
    const { mountId, mountpoint } = request;
    this.#mountpoints.set(mountId, mountpoint);
    return { mountId, driver: this.name, mountpoint, directIo: true, origin: 'adopted' };
  }

  #mount(request: DriverMountRequest, origin: DriverMount['origin']): DriverMount {
    const { mountId, mountpoint } = request;
    const devices = request.blobs.map((blob) => blob.path);
    const { directIo } = mountImage(request, devices, this.#stateDirectory);
    this.#mountpoints.set(mountId, mountpoint);
    return { mountId, driver: this.name, mountpoint, directIo, origin };
  }
}

export async function openCompleteDriver(options: CompleteDriverOptions): Promise<MountDriver> {
  return new CompleteDriver(options);
}
