/**
 * The images that are mounted for containers to lie on: one mount per image, below a directory of
 * the daemon, shared by all snapshots that stand for the image. Its name follows from the image, so
 * that a restart finds it again.
 *
 * An image goes when no snapshot stands for it any more; between its mount and the first of them it
 * is only claimed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { rmdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeyedLock } from '@shoal/concurrency';
import { errorCode } from '@shoal/errors';
import type { Digest } from '@shoal/oci';
import type { MountService } from '../mounts/mount-service.ts';
import { errorFields, type ServiceLog } from '../service-log.ts';
import { makePrivateDirectory } from '../state/private-directory.ts';
import type { ImageMark } from './lazy-mark.ts';
import { CLAIM_MS_MAX, CLAIMS_CHECK_MS } from './limits.ts';

/** What is needed of the mount service. */
export type LowerMounts = Pick<
  MountService,
  'mountLower' | 'unmount' | 'isMounted' | 'isKnown' | 'usageOf' | 'bootstrapOf'
>;

export type ImageMountParts = {
  readonly service: LowerMounts;
  readonly log: ServiceLog;
  /** Whether a file system is mounted at a path of ours. @default asks the kernel */
  readonly isThere?: ((path: string) => Promise<boolean>) | undefined;
};

const ID = /^[0-9a-f]{32}$/;

export class ImageMounts implements AsyncDisposable {
  readonly #directory: string;
  readonly #parts: ImageMountParts;
  readonly #locks = new KeyedLock();
  /** By image: the snapshots that stand for it. */
  readonly #users = new Map<string, Set<number>>();
  /** By image without users: until when (`performance.now`) a pull may need it. */
  readonly #claims = new Map<string, number>();
  readonly #ending = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  private constructor(directory: string, parts: ImageMountParts) {
    this.#directory = directory;
    this.#parts = parts;
  }

  /** Looks through the claims from now on. @throws DirectoryError */
  static open(directory: string, parts: ImageMountParts): ImageMounts {
    makePrivateDirectory(directory);
    const mounts = new ImageMounts(directory, parts);
    mounts.#timer = setInterval(() => void mounts.#unmountUnclaimed(), CLAIMS_CHECK_MS).unref();
    return mounts;
  }

  pathOf(mark: ImageMark): string {
    return join(this.#directory, idOf(mark));
  }

  /** What is here of the image; undefined while it is not mounted. */
  usageOf(mark: ImageMark): { size: number; inodes: number } | undefined {
    return this.#parts.service.usageOf(this.pathOf(mark));
  }

  /** Digest of the bootstrap layer that is mounted; undefined while the image is not. */
  bootstrapOf(mark: ImageMark): Digest | undefined {
    return this.#parts.service.bootstrapOf(this.pathOf(mark));
  }

  isMounted(mark: ImageMark): Promise<boolean> {
    return this.#isMounted(this.pathOf(mark));
  }

  /** As `ensure`, for a pull: the image stays until its snapshots are there, or the pull is given up. */
  claim(mark: ImageMark, signal: AbortSignal): Promise<string> {
    this.#claims.set(idOf(mark), performance.now() + CLAIM_MS_MAX);
    return this.ensure(mark, signal);
  }

  /** The directory where the image is mounted; mounts it when it is not. */
  async ensure(mark: ImageMark, signal: AbortSignal): Promise<string> {
    const id = idOf(mark);
    const path = this.pathOf(mark);
    if (await this.#isMounted(path)) return path;
    return this.#locks.run(id, async () => {
      if (await this.#isMounted(path)) return path;
      // Its snapshots may never come, or be gone by now: nobody would unmount it then.
      if (!this.#users.has(id)) this.#claims.set(id, performance.now() + CLAIM_MS_MAX);
      await this.#mount(mark, path, AbortSignal.any([signal, this.#ending.signal]));
      return path;
    });
  }

  use(mark: ImageMark, snapshotId: number): void {
    const id = idOf(mark);
    const users = this.#users.get(id) ?? new Set();
    users.add(snapshotId);
    this.#users.set(id, users);
    this.#claims.delete(id);
    if (mark.bootstrapDigest === undefined) return;
    // Its look-up took longer than the pull waited; what came of it is not needed any more.
    const late = idOf({ ...mark, bootstrapDigest: undefined });
    if (this.#claims.delete(late)) void this.#unmountUnused(late);
  }

  /** Unmounts the image when this was the last snapshot. */
  async release(mark: ImageMark, snapshotId: number): Promise<void> {
    const id = idOf(mark);
    const users = this.#users.get(id);
    users?.delete(snapshotId);
    if (users?.size === 0) this.#users.delete(id);
    await this.#unmountUnused(id);
  }

  /** Unmounts what no snapshot stands for; `use` was called for all of them before. */
  async removeUnused(): Promise<void> {
    const known = readdirSync(this.#directory).filter((name) => ID.test(name));
    for (const id of known) await this.#unmountUnused(id);
  }

  /** Gives up mounts that are under way: they may wait for a registry. Idempotent. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#ending.abort();
    await this.#locks.drain();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Also when somebody unmounted it by hand: the empty directory must not pass for the image. */
  async #isMounted(path: string): Promise<boolean> {
    if (!this.#parts.service.isMounted(path)) return false;
    return (this.#parts.isThere ?? isOtherDevice)(path);
  }

  async #mount(mark: ImageMark, path: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { service, log } = this.#parts;
    if (service.isKnown(path)) {
      log.warn({ mountpoint: path }, 'an image was unmounted by somebody else: mounted again');
      await service.unmount({ mountpoint: path, isLazy: true });
    }
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const reference = `${mark.repository}@${mark.manifestDigest}`;
    const request = { reference, mountpoint: path, bootstrapDigest: mark.bootstrapDigest };
    try {
      await service.mountLower(request, { signal });
    } catch (error) {
      // What containerd unpacked is not kept for ever; the registry has the same metadata.
      const isGone = errorCode(error) === 'ERR_SNAPSHOTTER_STATE_DAMAGED';
      if (mark.bootstrapDigest === undefined || !isGone) throw error;
      await service.mountLower({ ...request, bootstrapDigest: undefined }, { signal });
    }
  }

  async #unmountUnclaimed(): Promise<void> {
    const now = performance.now();
    for (const [id, until] of this.#claims) {
      if (until > now) continue;
      this.#claims.delete(id);
      await this.#unmountUnused(id);
    }
  }

  async #unmountUnused(id: string): Promise<void> {
    const mountpoint = join(this.#directory, id);
    await this.#locks.run(id, async () => {
      if (this.#users.has(id) || this.#claims.has(id)) return;
      try {
        await this.#unmount(mountpoint);
      } catch (error) {
        this.#parts.log.warn(
          { mountpoint, ...errorFields(error) },
          'an unused image stays mounted',
        );
      }
    });
  }

  async #unmount(mountpoint: string): Promise<void> {
    const { service } = this.#parts;
    if (service.isKnown(mountpoint)) {
      await service.unmount({ mountpoint, isLazy: true });
    }
    try {
      await rmdir(mountpoint);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
  }
}

/** Two images of one content at two registries are two mounts: each knows where its bytes are. */
function idOf({ repository, manifestDigest, bootstrapDigest }: ImageMark): string {
  const facts = `${repository} ${manifestDigest} ${bootstrapDigest ?? ''}`;
  return createHash('sha256').update(facts).digest('hex').slice(0, 32);
}

/** The root of a mounted image answers from memory, whatever has become of its registry. */
async function isOtherDevice(path: string): Promise<boolean> {
  try {
    const [there, above] = await Promise.all([stat(path), stat(dirname(path))]);
    return there.dev !== above.dev;
  } catch (error) {
    // Who unmounted it may have removed the directory, too.
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
