/**
 * Reads an OCI image layout, from a directory or from inside an archive.
 */
import {
  type Descriptor,
  type Digest,
  isIndexMediaType,
  isManifestMediaType,
  MANIFEST_BYTES_MAX,
  parseManifest,
} from '@shoal/oci';
import type { CallOptions, ImageStore } from '../image-store.ts';
import { checkSize, type FileTree } from '../local/file-tree.ts';
import { TreeStore } from '../local/tree-store.ts';
import { referrerDescriptor } from '../referrer-descriptor.ts';
import { verifyBytes } from '../verify.ts';
import { blobName, checkRange } from './blob-place.ts';
import { findTagged, type LayoutIndex, readLayoutIndex } from './layout-index.ts';

export class LayoutStore extends TreeStore implements ImageStore {
  protected readonly missingRemedy = 'the copy is incomplete: copy the image again';
  readonly #tag: string | undefined;
  #rootIndex: LayoutIndex | undefined;

  constructor(tree: FileTree, description: string, tag: string | undefined) {
    super(tree, description);
    this.#tag = tag;
  }

  resolve(options: CallOptions = {}): Promise<Descriptor> {
    return this.run(options, async () => {
      this.#rootIndex = await readLayoutIndex(this.tree);
      const { mediaType, digest, size } = findTagged(this.#rootIndex, this.#tag, this.description);
      return { mediaType, digest, size };
    });
  }

  readManifest(descriptor: Descriptor, options: CallOptions = {}): Promise<Buffer> {
    return this.run(options, () => this.#readManifest(descriptor));
  }

  async #readManifest(descriptor: Descriptor): Promise<Buffer> {
    const bytes = await this.#readDocument(descriptor);
    verifyBytes(bytes, descriptor, this.description);
    return bytes;
  }

  async #readDocument(descriptor: Descriptor): Promise<Buffer> {
    const name = blobName(descriptor.digest);
    if ((await this.tree.sizeOf(name)) !== undefined) {
      return this.tree.readBounded(name, MANIFEST_BYTES_MAX);
    }
    const root = this.#rootIndex?.bytes;
    if (root?.byteLength === descriptor.size) return root;
    throw this.missing(descriptor.digest);
  }

  protected async nameOf(descriptor: Descriptor): Promise<string> {
    const size = await this.#sizeOf(descriptor);
    checkSize(this.description, descriptor.digest, descriptor.size, size);
    return blobName(descriptor.digest);
  }

  async readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options: CallOptions = {},
  ): Promise<Buffer> {
    checkRange(descriptor, offset, length);
    return this.run(options, async () => {
      await this.#sizeOf(descriptor);
      return this.tree.readRange(blobName(descriptor.digest), offset, length);
    });
  }

  async #sizeOf({ digest }: Descriptor): Promise<number> {
    const size = await this.tree.sizeOf(blobName(digest));
    if (size === undefined) throw this.missing(digest);
    return size;
  }

  listReferrers(
    digest: Digest,
    options: CallOptions & { readonly artifactType?: string | undefined } = {},
  ): Promise<readonly Descriptor[]> {
    return this.run(options, async () => {
      const { index } = await readLayoutIndex(this.tree);
      const found: Descriptor[] = [];
      for (const entry of index.manifests) {
        options.signal?.throwIfAborted();
        const referrer = await this.#asReferrer(entry, digest);
        const isWanted = [undefined, referrer?.artifactType].includes(options.artifactType);
        if (referrer !== undefined && isWanted) found.push(referrer);
      }
      return found;
    });
  }

  /** The entry with what its manifest says of itself, if that refers to `digest`. */
  async #asReferrer(entry: Descriptor, digest: Digest): Promise<Descriptor | undefined> {
    if (!isManifestMediaType(entry.mediaType) && !isIndexMediaType(entry.mediaType))
      return undefined;
    const bytes = await this.#readManifest(entry);
    const document = parseManifest(bytes, `${this.description}: manifest ${entry.digest}`);
    if (document.subject?.digest !== digest) return undefined;
    return referrerDescriptor(entry, document);
  }
}
