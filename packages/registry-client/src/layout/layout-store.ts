/**
 * Reads an OCI image layout, from a directory or from inside an archive.
 */
import { Readable } from 'node:stream';
import {
  type Descriptor,
  type Digest,
  isIndexMediaType,
  isManifestMediaType,
  MANIFEST_BYTES_MAX,
  parseManifest,
} from '@shoal/oci';
import { ClosedError, NotFoundError } from '../errors.ts';
import type { CallOptions, ImageStore } from '../image-store.ts';
import { checkSize, type FileTree } from '../local/file-tree.ts';
import { referrerDescriptor } from '../referrer-descriptor.ts';
import { verifiedPieces, verifyBytes } from '../verify.ts';
import { blobName, checkRange } from './blob-place.ts';
import { findTagged, type LayoutIndex, readLayoutIndex } from './layout-index.ts';

export class LayoutStore implements ImageStore {
  readonly description: string;
  readonly #tree: FileTree;
  readonly #tag: string | undefined;
  #rootIndex: LayoutIndex | undefined;
  #isClosed = false;

  constructor(tree: FileTree, description: string, tag: string | undefined) {
    this.#tree = tree;
    this.description = description;
    this.#tag = tag;
  }

  async resolve(options: CallOptions = {}): Promise<Descriptor> {
    this.#check(options);
    this.#rootIndex = await readLayoutIndex(this.#tree);
    const { mediaType, digest, size } = findTagged(this.#rootIndex, this.#tag, this.description);
    return { mediaType, digest, size };
  }

  async readManifest(descriptor: Descriptor, options: CallOptions = {}): Promise<Buffer> {
    this.#check(options);
    const bytes = await this.#readDocument(descriptor);
    verifyBytes(bytes, descriptor, this.description);
    return bytes;
  }

  async #readDocument(descriptor: Descriptor): Promise<Buffer> {
    const name = blobName(descriptor.digest);
    if ((await this.#tree.sizeOf(name)) !== undefined) {
      return this.#tree.readBounded(name, MANIFEST_BYTES_MAX);
    }
    const root = this.#rootIndex?.bytes;
    if (root?.byteLength === descriptor.size) return root;
    throw this.#missing(descriptor.digest);
  }

  async readBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<Readable> {
    await this.#checkBlob(descriptor, options);
    const pieces = this.#tree.pieces(blobName(descriptor.digest), options.signal);
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
    await this.#sizeOf(descriptor, options);
    return this.#tree.readRange(blobName(descriptor.digest), offset, length);
  }

  async #checkBlob(descriptor: Descriptor, options: CallOptions): Promise<void> {
    const size = await this.#sizeOf(descriptor, options);
    checkSize(this.description, descriptor.digest, descriptor.size, size);
  }

  async #sizeOf({ digest }: Descriptor, options: CallOptions): Promise<number> {
    this.#check(options);
    const size = await this.#tree.sizeOf(blobName(digest));
    if (size === undefined) throw this.#missing(digest);
    return size;
  }

  async listReferrers(
    digest: Digest,
    options: CallOptions & { readonly artifactType?: string | undefined } = {},
  ): Promise<readonly Descriptor[]> {
    this.#check(options);
    const { index } = await readLayoutIndex(this.#tree);
    const found: Descriptor[] = [];
    for (const entry of index.manifests) {
      options.signal?.throwIfAborted();
      const referrer = await this.#asReferrer(entry, digest);
      const isWanted = [undefined, referrer?.artifactType].includes(options.artifactType);
      if (referrer !== undefined && isWanted) found.push(referrer);
    }
    return found;
  }

  /** The entry with what its manifest says of itself, if that refers to `digest`. */
  async #asReferrer(entry: Descriptor, digest: Digest): Promise<Descriptor | undefined> {
    if (!isManifestMediaType(entry.mediaType) && !isIndexMediaType(entry.mediaType))
      return undefined;
    const bytes = await this.readManifest(entry);
    const document = parseManifest(bytes, `${this.description}: manifest ${entry.digest}`);
    if (document.subject?.digest !== digest) return undefined;
    return referrerDescriptor(entry, document);
  }

  #missing(digest: Digest): NotFoundError {
    return new NotFoundError(`${this.description} holds no blob ${digest}`, {
      remedy: 'the copy is incomplete: copy the image again',
    });
  }

  #check(options: CallOptions): void {
    options.signal?.throwIfAborted();
    if (this.#isClosed) throw new ClosedError(this.description);
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
