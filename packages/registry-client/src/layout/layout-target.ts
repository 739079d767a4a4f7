/**
 * Writes an OCI image layout directory. Nothing is made before the first byte is written; blobs
 * appear under their digest only when they are complete; a target that is closed before a tag was
 * set removes everything it made.
 */
import { readdir, rm, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { type Descriptor, sha256Digest } from '@shoal/oci';
import { ClosedError, LayoutError, NotFoundError } from '../errors.ts';
import type {
  BlobIdentity,
  BlobWriter,
  BlobWriterOptions,
  CallOptions,
  ImageTarget,
  WriteManifestOptions,
} from '../image-store.ts';
import { DirectoryTree } from '../local/file-tree.ts';
import { fileError } from '../local/regular-file.ts';
import { removeStaleStaging, stagingName } from '../local/staging-directory.ts';
import { makeDirectories, writablePlace } from '../local/write-guard.ts';
import { blobName } from './blob-place.ts';
import { Ingest, replaceFile } from './ingest.ts';
import { LayoutBlobWriter } from './layout-blob-writer.ts';
import { INDEX_FILE, LAYOUT_CONTENT, LAYOUT_FILE } from './layout-index.ts';
import { LayoutStore } from './layout-store.ts';
import { setTag } from './tag-writer.ts';

const INGEST_PREFIX = '.shoal-ingest-';

export type LayoutTargetOptions = {
  readonly path: string;
  readonly description: string;
  readonly tag: string | undefined;
  /** What errors of the file system name instead of a file that only this program knows. @default path */
  readonly shownPath?: string | undefined;
};

export class LayoutTarget extends LayoutStore implements ImageTarget {
  readonly #path: string;
  readonly #shownPath: string;
  readonly #tag: string | undefined;
  readonly #ingestPath: string;
  readonly #madeDirectories: string[] = [];
  readonly #madeFiles = new Set<string>();
  readonly #writers = new Set<LayoutBlobWriter>();
  #preparing: Promise<void> | undefined;
  #ingestCount = 0;
  #isPublished = false;
  #closing: Promise<void> | undefined;

  protected constructor(options: LayoutTargetOptions, ingestName: string) {
    const { path, description, tag, shownPath = path } = options;
    const tree = new DirectoryTree(path, description);
    super(tree, description, tag ?? 'latest');
    this.#path = path;
    this.#shownPath = shownPath;
    this.#tag = tag;
    this.#ingestPath = join(path, ingestName);
  }

  /** Checks the place; writes nothing yet. */
  static async open(options: LayoutTargetOptions): Promise<LayoutTarget> {
    const path = await writablePlace(options.path);
    await refuseForeignDirectory(path, options.description);
    return new LayoutTarget({ ...options, path }, await stagingName(INGEST_PREFIX));
  }

  /** A place where no layout is yet holds no image. */
  override async resolve(options: CallOptions = {}): Promise<Descriptor> {
    options.signal?.throwIfAborted();
    const isOpen = this.#closing === undefined;
    if (isOpen && (await this.tree.sizeOf(LAYOUT_FILE)) === undefined) {
      throw new NotFoundError(`${this.description} holds no image yet`, {
        remedy: 'write one there first',
      });
    }
    return super.resolve(options);
  }

  async hasBlob(descriptor: Descriptor, options: CallOptions = {}): Promise<boolean> {
    options.signal?.throwIfAborted();
    return (await this.tree.sizeOf(blobName(descriptor.digest))) === descriptor.size;
  }

  async mountBlob(): Promise<boolean> {
    return false;
  }

  async openBlobWriter(options: BlobWriterOptions = {}): Promise<BlobWriter> {
    options.signal?.throwIfAborted();
    await this.#prepare();
    const writer = new LayoutBlobWriter(
      await Ingest.open(
        join(this.#ingestPath, `${this.#ingestCount++}`),
        this.#shownPath,
        options.isHashed,
      ),
      this.description,
      (ingest, identity) => this.#publishBlob(ingest, identity),
      () => this.#writers.delete(writer),
      options.signal,
    );
    this.#writers.add(writer);
    return writer;
  }

  async #publishBlob(ingest: Ingest, { digest }: BlobIdentity): Promise<void> {
    const name = blobName(digest);
    const path = join(this.#path, name);
    this.#madeDirectories.push(...(await makeDirectories(dirname(path))));
    if ((await this.tree.sizeOf(name)) === undefined) this.#madeFiles.add(path);
    await ingest.publish(path);
  }

  async writeManifest(
    bytes: Buffer,
    mediaType: string,
    options: WriteManifestOptions = {},
  ): Promise<Descriptor> {
    const { digest = sha256Digest(bytes) } = options;
    const descriptor = { mediaType, digest, size: bytes.byteLength };
    const writer = await this.openBlobWriter(options);
    try {
      await writer.write(bytes);
      await writer.commit(descriptor);
    } finally {
      await writer.abort();
    }
    const tag = options.tag === false ? undefined : (options.tag ?? this.#tag ?? 'latest');
    const temporaryPath = join(this.#ingestPath, `${this.#ingestCount++}`);
    const isListed = await setTag(this.#path, this.tree, {
      descriptor,
      bytes,
      tag,
      temporaryPath,
    });
    if (isListed) this.#isPublished = true;
    return descriptor;
  }

  /** Makes the directories and `oci-layout`, once. */
  #prepare(): Promise<void> {
    if (this.#closing !== undefined) throw new ClosedError(this.description);
    this.#preparing ??= this.#makeLayout();
    return this.#preparing;
  }

  async #makeLayout(): Promise<void> {
    await refuseForeignDirectory(this.#path, this.description);
    await removeStaleStaging(this.#path, INGEST_PREFIX);
    this.#madeDirectories.push(...(await makeDirectories(this.#ingestPath, this.#shownPath)));
    if ((await this.tree.sizeOf(LAYOUT_FILE)) !== undefined) return;
    const layoutPath = join(this.#path, LAYOUT_FILE);
    this.#madeFiles.add(layoutPath);
    const temporaryPath = join(this.#ingestPath, LAYOUT_FILE);
    await replaceFile(layoutPath, Buffer.from(LAYOUT_CONTENT), temporaryPath);
  }

  override close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#preparing?.catch(() => undefined);
    for (const writer of this.#writers) await writer.abort();
    await rm(this.#ingestPath, { recursive: true, force: true });
    if (!this.#isPublished) await this.#removeWhatWasMade();
    await super.close();
  }

  async #removeWhatWasMade(): Promise<void> {
    for (const path of this.#madeFiles) await unlink(path).catch(ignoreLeftover);
    for (const path of this.#madeDirectories.toReversed()) await rmdir(path).catch(ignoreLeftover);
  }
}

/** What another writer uses meanwhile, or has removed already, stays as it is. */
function ignoreLeftover(): void {}

/** Only a layout, an empty directory or nothing at all may be written into. */
async function refuseForeignDirectory(path: string, description: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    if (errorCode(error) === 'ENOTDIR') {
      throw new LayoutError(`${description}: ${path} is a file, not a directory`, {
        remedy: 'choose another path, or write oci-archive:FILE for an archive',
      });
    }
    throw fileError(error, `${path} cannot be read`);
  }
  const others = names.filter((name) => !name.startsWith(INGEST_PREFIX));
  if (others.length === 0 || others.includes(LAYOUT_FILE)) return;
  const hint = others.includes(INDEX_FILE) ? ' (it has index.json but no oci-layout)' : '';
  throw new LayoutError(`${path} is neither empty nor an OCI image layout${hint}`, {
    remedy: 'choose an empty directory, a new path or an existing layout',
  });
}
