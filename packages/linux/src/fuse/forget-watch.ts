/**
 * When nobody has a file open any more, as the kernel tells it: it sends FORGET when it lets go of
 * the inode. OPEN and RELEASE cannot be counted for this: a successor does not know what was open
 * before it, and requests that are sent again would count twice.
 *
 * The kernel keeps the inode of a closed file while its name is cached. So the name is looked up
 * once (that it is there for sure) and then made invalid; FORGET follows at once, or at the end of
 * the last user.
 */
import { stat, write } from 'node:fs';
import { promisify } from 'node:util';
import { encodeInvalidateEntry } from './reply.ts';

// In a thread of the pool: both wait for a directory that a lookup may hold.
const statAsync = promisify(stat);
const writeAsync = promisify(write);

export type ForgetWatchOptions = {
  readonly fuseFd: number;
  /** The path that opens a file in this process. */
  readonly pathOf: (fileId: number) => string;
  /** Resolves when every worker has told what it had read of the device. */
  readonly settle: () => Promise<void>;
};

type Watched = { readonly name: string; readonly resolvers: (() => void)[] };

export class ForgetWatch {
  readonly #options: ForgetWatchOptions;
  readonly #watched = new Map<number, Watched>();

  constructor(options: ForgetWatchOptions) {
    this.#options = options;
  }

  /** Resolves when the kernel has forgotten the file, or the session ends. */
  async untilForgotten(fileId: number, name: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const settled = await this.#lookUp(fileId);
    const watched = this.#watched.get(fileId) ?? { name, resolvers: [] };
    watched.resolvers.push(resolve);
    this.#watched.set(fileId, watched);
    if (settled) await this.#invalidate(name);
    await promise;
  }

  forgotten(fileId: number): void {
    const watched = this.#watched.get(fileId);
    this.#watched.delete(fileId);
    for (const resolve of watched?.resolvers ?? []) resolve();
  }

  /** A worker failed, perhaps with a FORGET in hand: the kernel does not send that again. */
  async askAgain(): Promise<void> {
    for (const [fileId, { name }] of this.#watched) {
      if (await this.#lookUp(fileId)) await this.#invalidate(name);
    }
  }

  close(): void {
    for (const fileId of [...this.#watched.keys()]) this.forgotten(fileId);
  }

  /** False when the file cannot be reached: then it is said to be open, which harms no reader. */
  async #lookUp(fileId: number): Promise<boolean> {
    try {
      await statAsync(this.#options.pathOf(fileId));
      // A FORGET of an earlier time is not taken for the one that is asked for.
      await this.#options.settle();
      return true;
    } catch {
      return false;
    }
  }

  async #invalidate(name: string): Promise<void> {
    // ENOENT: the kernel has dropped the name by itself meanwhile, so that FORGET comes anyway.
    await writeAsync(this.#options.fuseFd, encodeInvalidateEntry(name)).catch(() => undefined);
  }
}
