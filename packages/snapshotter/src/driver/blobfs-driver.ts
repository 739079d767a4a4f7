/**
 * The `blobfs` driver: EROFS over device files that one flat FUSE session serves for all images of
 * a daemon. Readers of absent bytes wait; a daemon that dies is succeeded without their noticing.
 */
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { isMountpoint, listMounts, type MissCall } from '@shoal/linux';
import { DriverClosedError, DriverRequestError, SessionKeptError } from '../errors.ts';
import type { BlobfsSessionOptions } from './blobfs-session.ts';
import { hostShortageOf } from './host-shortage.ts';
import {
  checkRequest,
  isImageMounted,
  mountImage,
  removeLeftovers,
  servedKey,
} from './image-mount.ts';
import type {
  DriverBlob,
  DriverMount,
  DriverMountFailure,
  DriverMountRequest,
  DriverStats,
  LostMount,
  MountDriver,
} from './mount-driver.ts';
import { type ServedFile, ServedFiles } from './served-files.ts';
import type { FdStore } from './session-fds.ts';
import { type DriverEvent, describeEvent } from './session-log.ts';
import { type SessionEnd, SessionOwner } from './session-owner.ts';
import { unmountApart, unmountDead } from './unmount-apart.ts';

export type BlobfsDriverOptions = {
  /** Keeps `session.json` (holder, INIT agreement) and the directories of lower mounts. */
  readonly stateDirectory: string;
  /** FUSE worker threads. @default 2 */
  readonly threads?: number;
  /** How a successor gets the session; `auto` tries what this host allows. @default 'auto' */
  readonly holderKind?: BlobfsSessionOptions['holderKind'];
  /** Keeps the session beside the holder: the service manager, where there is one. */
  readonly fdStore?: FdStore | undefined;
  /** One sentence per event worth a log line. */
  readonly onEvent?: (event: DriverEvent) => void;
  /** This process cannot serve its readers, who wait for another: it should end, mounts in place. */
  readonly onUnableToServe?: (error: unknown) => void;
};

type Mounted = { readonly mountpoint: string; readonly files: readonly ServedFile[] };

class BlobfsDriver implements MountDriver {
  readonly name = 'blobfs';
  readonly #stateDirectory: string;
  readonly #owner: SessionOwner;
  readonly #report: (event: DriverEvent) => void;
  readonly #files = new ServedFiles();
  readonly #mounts = new Map<string, Mounted>();

  constructor(options: BlobfsDriverOptions) {
    this.#stateDirectory = options.stateDirectory;
    this.#report = options.onEvent ?? (() => undefined);
    this.#owner = new SessionOwner({
      stateDirectory: options.stateDirectory,
      report: this.#report,
      holderKind: options.holderKind,
      fdStore: options.fdStore,
      session: {
        onMiss: (fileId, offset, length, call) => this.#fetch(fileId, offset, length, call),
        errnoOf: () => constants.errno.EIO,
        ...(options.threads === undefined ? {} : { threads: options.threads }),
        onEvent: (event) => {
          this.#report(describeEvent(event, (fileId) => this.#nameOf(fileId)));
          if (event.kind === 'disconnected') this.#dropSession();
          if (event.kind === 'workers-keep-failing') options.onUnableToServe?.(event.error);
        },
      },
    });
  }

  mount(request: DriverMountRequest): Promise<DriverMount> {
    return this.#owner.inTurn(() => this.#mount(request, 'mounted'));
  }

  async unmount(mountId: string, options: { readonly lazy?: boolean } = {}): Promise<void> {
    const mounted = await this.#owner.inTurn(async () => this.#mounts.get(mountId));
    if (mounted === undefined) return;
    // Not in turn: it may wait for reads, and other mounts must not wait for that.
    await unmountApart(mounted.mountpoint, {
      ...options,
      onStall: () => this.#giveUpReads(mounted.files),
    });
    await this.#owner.inTurn(async () => {
      this.#mounts.delete(mountId);
      this.#release(mounted.files);
    });
  }

  async whenUnread(blobs: readonly DriverBlob[]): Promise<void> {
    await Promise.all(blobs.map((blob) => this.#files.untilUnused(servedKey(blob))));
  }

  restore(
    requests: readonly DriverMountRequest[],
    lost: readonly LostMount[] = [],
  ): Promise<{
    readonly mounts: readonly DriverMount[];
    readonly failures: readonly DriverMountFailure[];
  }> {
    return this.#owner.inTurn(() => this.#restore(requests, lost));
  }

  stats(): DriverStats | undefined {
    return this.#owner.fuse?.stats();
  }

  /** Leaves the session to a successor, unless nothing is mounted any more. */
  close(): Promise<void> {
    return this.#end(() => (this.#isInUse() ? 'detached' : 'ended'));
  }

  shutDown(): Promise<void> {
    return this.#end(() => 'ended');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #end(how: () => SessionEnd): Promise<void> {
    await this.#owner.end(how);
    this.#files.clear();
    this.#mounts.clear();
  }

  /** Somebody may have unmounted by hand what is on our books. */
  #isInUse(): boolean {
    return [...this.#mounts.values()].some(({ mountpoint }) => isMountpoint(mountpoint));
  }

  async #restore(requests: readonly DriverMountRequest[], lost: readonly LostMount[]) {
    removeLeftovers(this.#stateDirectory, (mountpoint, error) => {
      this.#report({ level: 'warn', message: `what was left at ${mountpoint} stays`, error });
    });
    const mounts: DriverMount[] = [];
    const failures: DriverMountFailure[] = [];
    const table = listMounts();
    const survivors = requests.filter((request) => isImageMounted(request, table));
    const isAdopted = await this.#adopt(survivors, lost, failures);
    for (const request of requests) {
      const { mountId, mountpoint } = request;
      if (failures.some((failure) => failure.mountId === mountId)) continue;
      if (this.#mounts.has(mountId)) {
        const mount = { mountId, driver: this.name, mountpoint, directIo: true } as const;
        mounts.push({ ...mount, origin: 'adopted' });
        continue;
      }
      try {
        // Its server is dead for good: whoever is still in there gets errors.
        if (!isAdopted && survivors.includes(request)) unmountDead(mountpoint);
        mounts.push(await this.#mount(request, 'remounted'));
      } catch (error) {
        failures.push({ mountId, error });
      }
    }
    return { mounts, failures };
  }

  /** Takes the predecessor's session over with the files of every mount that survived it. */
  async #adopt(
    survivors: readonly DriverMountRequest[],
    lost: readonly LostMount[],
    failures: DriverMountFailure[],
  ): Promise<boolean> {
    const mounted = new Map<string, Mounted>();
    const unusable = [...lost];
    for (const request of survivors) {
      try {
        checkRequest(request);
        const files = request.blobs.map((blob) => this.#files.use(blob).file);
        mounted.set(request.mountId, { mountpoint: request.mountpoint, files });
      } catch (error) {
        const { mountId, mountpoint } = request;
        failures.push({ mountId, error });
        // What the host refuses now it may allow the next start; a blob that is too short stays so.
        if (!(error instanceof DriverRequestError)) unusable.push({ mountpoint, error });
      }
    }
    const isAdopted = mounted.size > 0 && (await this.#adoptSession([...mounted.values()]));
    if (!isAdopted) {
      this.#files.clear();
      await this.#owner.endPredecessor(mounted.size > 0 ? [] : unusable);
      return false;
    }
    for (const [mountId, value] of mounted) this.#mounts.set(mountId, value);
    return true;
  }

  /** @throws SessionKeptError when the next start may be able to take it over */
  async #adoptSession(mounted: readonly Mounted[]): Promise<boolean> {
    try {
      return await this.#owner.adopt(this.#files.all().map((file) => file.flat));
    } catch (error) {
      const shortage = hostShortageOf(error);
      if (shortage === undefined) throw error;
      const mountpoints = mounted.map(({ mountpoint }) => mountpoint);
      throw new SessionKeptError(mountpoints, shortage);
    }
  }

  async #mount(request: DriverMountRequest, origin: DriverMount['origin']): Promise<DriverMount> {
    checkRequest(request);
    const fuse = await this.#owner.open();
    const files: ServedFile[] = [];
    try {
      for (const blob of request.blobs) {
        const { file, change } = this.#files.use(blob);
        files.push(file);
        if (change === 'add') await fuse.addFile(file.flat);
        if (change === 'replace') await fuse.replaceFile(file.flat);
      }
      const devices = files.map((file) => fuse.pathOf(file.flat.fileId));
      const { directIo } = mountImage(request, devices, this.#stateDirectory);
      const { mountId, mountpoint } = request;
      this.#mounts.set(mountId, { mountpoint, files });
      return { mountId, driver: this.name, mountpoint, directIo, origin };
    } catch (error) {
      this.#release(files);
      throw error;
    }
  }

  #release(files: readonly ServedFile[]): void {
    for (const file of files) {
      file.mounts -= 1;
      // Rejects when the driver closes meanwhile, which leaves the file to a successor.
      if (file.mounts === 0) this.#forgetWhenClosed(file).catch(() => undefined);
    }
  }

  async #forgetWhenClosed(file: ServedFile): Promise<void> {
    const { uses, flat } = file;
    await this.#owner.fuse?.untilClosed(flat.fileId);
    await this.#owner.inTurn(async () => {
      if (this.#files.forgetIfUnused(file, uses)) await this.#owner.fuse?.removeFile(flat.fileId);
    });
  }

  async #fetch(
    fileId: number,
    offset: number,
    length: number,
    call: MissCall,
  ): Promise<Uint8Array | undefined> {
    const blob = this.#files.byId(fileId)?.blob;
    if (blob === undefined) throw new DriverClosedError(`file ${fileId} is not served any more`);
    const result = await blob.ensure(offset, length, { priority: 'demand', ...call });
    return result instanceof Uint8Array ? result : undefined;
  }

  /** Ends waiting reads of files that only a mount which has gone used: nobody waits for them. */
  #giveUpReads(files: readonly ServedFile[]): void {
    for (const file of files) {
      // Rejects when the driver closes meanwhile, which leaves the reads to a successor.
      if (file.mounts <= 1) this.#owner.fuse?.failWaiting(file.flat.fileId).catch(() => undefined);
    }
  }

  /** The next mount gets a new session; what is mounted fails its readers until it is unmounted. */
  #dropSession(): void {
    // The one who closes ends it.
    if (!this.#owner.drop()) return;
    this.#files.clear();
    for (const [id, { mountpoint }] of this.#mounts)
      this.#mounts.set(id, { mountpoint, files: [] });
  }

  #nameOf(fileId: number): string {
    return this.#files.byId(fileId)?.flat.name ?? `(file ${fileId})`;
  }
}

export async function openBlobfsDriver(options: BlobfsDriverOptions): Promise<MountDriver> {
  mkdirSync(options.stateDirectory, { recursive: true, mode: 0o700 });
  return new BlobfsDriver(options);
}
