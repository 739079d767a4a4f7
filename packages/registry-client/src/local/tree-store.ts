/**
 * What the stores of local files have in common: blobs are files of a tree, and closing lets the calls
 * that run end before the tree is closed.
 */
import { Readable } from 'node:stream';
import { RunningTasks } from '@shoal/concurrency';
import type { Descriptor, Digest } from '@shoal/oci';
import { ClosedError, NotFoundError } from '../errors.ts';
import type { CallOptions } from '../image-store.ts';
import { CLOSE_GRACE_MS } from '../limits.ts';
import { verifiedPieces } from '../verify.ts';
import type { FileTree } from './file-tree.ts';

export abstract class TreeStore implements AsyncDisposable {
  readonly description: string;
  protected readonly tree: FileTree;
  /** What to do about a blob that is not there. */
  protected abstract readonly missingRemedy: string;
  readonly #calls = new RunningTasks();
  #ended: Promise<void> | undefined;

  constructor(tree: FileTree, description: string) {
    this.tree = tree;
    this.description = description;
  }

  /** Throws the signal's reason, or ERR_REGISTRY_CLIENT_CLOSED. */
  protected run<Value>(options: CallOptions, call: () => Promise<Value>): Promise<Value> {
    return this.#calls.run(async () => {
      options.signal?.throwIfAborted();
      if (this.#ended !== undefined) throw new ClosedError(this.description);
      return await call();
    });
  }

  /** The file of a blob that has the size it should have. Throws ERR_REGISTRY_CLIENT_NOT_FOUND. */
  protected abstract nameOf(descriptor: Descriptor): Promise<string>;

  /** A stream whose digest is verified at its end. */
  readBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<Readable> {
    return this.run(options, async () => {
      const pieces = this.tree.pieces(await this.nameOf(descriptor), options.signal);
      const verified = verifiedPieces(pieces, descriptor, this.description);
      return Readable.from(verified, { objectMode: false });
    });
  }

  /** The same in pieces, each valid until the next is asked for. */
  readBlobPieces(
    descriptor: Descriptor,
    options: CallOptions = {},
  ): Promise<AsyncIterable<Buffer>> {
    return this.run(options, async () => {
      const pieces = this.tree.borrowedPieces(await this.nameOf(descriptor), options.signal);
      return verifiedPieces(pieces, descriptor, this.description);
    });
  }

  protected missing(digest: Digest): NotFoundError {
    return new NotFoundError(`${this.description} holds no blob ${digest}`, {
      remedy: this.missingRemedy,
    });
  }

  close(): Promise<void> {
    this.#ended ??= this.#calls.endedWithin(CLOSE_GRACE_MS).then(() => this.tree.close());
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
