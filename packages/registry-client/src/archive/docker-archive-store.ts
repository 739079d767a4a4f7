/**
 * Reads an archive of `docker save`. One that also is an OCI layout (Docker 25 and later, Shoal) is
 * read as such; in older ones an OCI manifest is made from the configuration and the layers.
 */
import { Readable } from 'node:stream';
import type { Descriptor, Digest } from '@shoal/oci';
import { ClosedError, NotFoundError } from '../errors.ts';
import type { CallOptions, ImageStore } from '../image-store.ts';
import { checkRange } from '../layout/blob-place.ts';
import { checkSize, type FileTree } from '../local/file-tree.ts';
import { verifiedPieces, verifyBytes } from '../verify.ts';
import { type DockerArchiveImage, readDockerImage } from './docker-manifest.ts';

export class DockerArchiveStore implements ImageStore {
  readonly description: string;
  readonly #tree: FileTree;
  readonly #tag: string | undefined;
  #image: Promise<DockerArchiveImage> | undefined;
  #isClosed = false;

  constructor(tree: FileTree, description: string, tag: string | undefined) {
    this.#tree = tree;
    this.description = description;
    this.#tag = tag;
  }

  #load(options: CallOptions): Promise<DockerArchiveImage> {
    options.signal?.throwIfAborted();
    if (this.#isClosed) throw new ClosedError(this.description);
    this.#image ??= readDockerImage(this.#tree, this.#tag);
    return this.#image;
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor> {
    return (await this.#load(options)).descriptor;
  }

  async readManifest(descriptor: Descriptor, options: CallOptions = {}): Promise<Buffer> {
    const { manifest, descriptor: own } = await this.#load(options);
    if (descriptor.digest !== own.digest) throw this.#missing(descriptor.digest);
    verifyBytes(manifest, descriptor, this.description);
    return manifest;
  }

  async readBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<Readable> {
    const name = await this.#nameOf(descriptor, options);
    const pieces = this.#tree.pieces(name, options.signal);
    return Readable.from(verifiedPieces(pieces, descriptor, this.description), {
      objectMode: false,
    });
  }

  async readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options: CallOptions = {},
  ): Promise<Buffer> {
    checkRange(descriptor, offset, length);
    return this.#tree.readRange(await this.#nameOf(descriptor, options), offset, length);
  }

  async #nameOf(descriptor: Descriptor, options: CallOptions): Promise<string> {
    const { names } = await this.#load(options);
    const name = names.get(descriptor.digest);
    const size = name === undefined ? undefined : await this.#tree.sizeOf(name);
    if (name === undefined || size === undefined) throw this.#missing(descriptor.digest);
    checkSize(this.description, descriptor.digest, descriptor.size, size);
    return name;
  }

  async listReferrers(_digest: Digest, options: CallOptions = {}): Promise<readonly Descriptor[]> {
    await this.#load(options);
    return [];
  }

  #missing(digest: Digest): NotFoundError {
    return new NotFoundError(`${this.description} holds no blob ${digest}`, {
      remedy: 'the archive is incomplete: write it again',
    });
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#tree.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
