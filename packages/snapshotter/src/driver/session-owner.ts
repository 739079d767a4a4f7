/**
 * Has the one session of a `blobfs` driver: opened for the first mount or taken over at a start, given
 * up when the kernel ends it, and ended once. What changes its files has its turn here.
 */
import type { FlatFile, FlatFuseSession } from '@shoal/linux';
import { DriverClosedError } from '../errors.ts';
import { BlobfsSession, type BlobfsSessionOptions, endPredecessor } from './blobfs-session.ts';
import type { LostMount } from './mount-driver.ts';

/** `detached`: a successor takes it over; `ended`: its readers get errors. */
export type SessionEnd = 'detached' | 'ended';

export class SessionOwner {
  readonly #options: BlobfsSessionOptions;
  #session: BlobfsSession | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #ending: Promise<void> | undefined;

  constructor(options: BlobfsSessionOptions) {
    this.#options = options;
  }

  /** Undefined before the first mount, and when the kernel has ended it. */
  get fuse(): FlatFuseSession | undefined {
    return this.#session?.fuse;
  }

  /** Mounts and unmounts change the session's files one after the other. @throws DriverClosedError */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    if (this.#ending !== undefined)
      return Promise.reject(new DriverClosedError('the blobfs driver is closed'));
    const result = this.#queue.then(task);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  /** The session; a new one where there is none. In turn. */
  async open(): Promise<FlatFuseSession> {
    this.#session ??= await BlobfsSession.open(this.#options);
    return this.#session.fuse;
  }

  /** Whether there was one that could be taken over. In turn. @throws as `BlobfsSession.adopt` */
  async adopt(files: readonly FlatFile[]): Promise<boolean> {
    this.#session = await BlobfsSession.adopt(files, this.#options);
    return this.#session !== undefined;
  }

  /** Ends what a predecessor left. @throws SessionKeptError */
  endPredecessor(lost: readonly LostMount[]): Promise<void> {
    return endPredecessor(this.#options, lost);
  }

  /** The kernel has ended it: the next mount gets a new one. False while the owner ends it itself. */
  drop(): boolean {
    if (this.#ending !== undefined) return false;
    const dead = this.#session;
    this.#session = undefined;
    void this.inTurn(async () => dead?.end()).catch(() => undefined);
    return true;
  }

  /** Once, whoever asks; `how` is asked when nothing has its turn any more. */
  end(how: () => SessionEnd): Promise<void> {
    this.#ending ??= this.#end(how);
    return this.#ending;
  }

  async #end(how: () => SessionEnd): Promise<void> {
    await this.#queue;
    const session = this.#session;
    if (session !== undefined) await (how() === 'detached' ? session.detach() : session.end());
    this.#session = undefined;
  }
}
