/**
 * Reads an archive of `docker save`. One that also is an OCI layout (Docker 25 and later, Shoal) is
 * read as such; in older ones an OCI manifest is made from the configuration and the layers.
 */
import type { Descriptor, Digest } from '@shoal/oci';
import type { CallOptions, ImageStore } from '../image-store.ts';
import { checkRange } from '../layout/blob-place.ts';
import { checkSize, type FileTree } from '../local/file-tree.ts';
import { TreeStore } from '../local/tree-store.ts';
import { verifyBytes } from '../verify.ts';
import { type DockerArchiveImage, readDockerImage } from './docker-manifest.ts';

export class DockerArchiveStore extends TreeStore implements ImageStore {
  protected readonly missingRemedy = 'the archive is incomplete: write it again';
  readonly #tag: string | undefined;
  #image: Promise<DockerArchiveImage> | undefined;

  constructor(tree: FileTree, description: string, tag: string | undefined) {
    super(tree, description);
    this.#tag = tag;
  }

  #load(): Promise<DockerArchiveImage> {
    this.#image ??= readDockerImage(this.tree, this.#tag);
    return this.#image;
  }

  resolve(options: CallOptions = {}): Promise<Descriptor> {
    return this.run(options, async () => (await this.#load()).descriptor);
  }

  readManifest(descriptor: Descriptor, options: CallOptions = {}): Promise<Buffer> {
    return this.run(options, async () => {
      const { manifest, descriptor: own } = await this.#load();
      if (descriptor.digest !== own.digest) throw this.missing(descriptor.digest);
      verifyBytes(manifest, descriptor, this.description);
      return manifest;
    });
  }

  async readBlobRange(
    descriptor: Descriptor,
    offset: number,
    length: number,
    options: CallOptions = {},
  ): Promise<Buffer> {
    checkRange(descriptor, offset, length);
    return this.run(options, async () =>
      this.tree.readRange(await this.nameOf(descriptor), offset, length),
    );
  }

  protected async nameOf(descriptor: Descriptor): Promise<string> {
    const { names } = await this.#load();
    const name = names.get(descriptor.digest);
    const size = name === undefined ? undefined : await this.tree.sizeOf(name);
    if (name === undefined || size === undefined) throw this.missing(descriptor.digest);
    checkSize(this.description, descriptor.digest, descriptor.size, size);
    return name;
  }

  listReferrers(_digest: Digest, options: CallOptions = {}): Promise<readonly Descriptor[]> {
    return this.run(options, async () => {
      await this.#load();
      return [];
    });
  }
}
