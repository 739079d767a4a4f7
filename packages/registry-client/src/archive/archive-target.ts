/**
 * Writes an image archive: the image is put together in a layout directory beside the file, and the
 * file appears, whole, when the tag is set. An existing file is replaced only when it is an image
 * archive itself.
 */
import { lstat, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '@shoal/errors';
import type { Descriptor } from '@shoal/oci';
import { ArchiveError, TargetRefusedError } from '../errors.ts';
import type { BlobWriter, BlobWriterOptions, WriteManifestOptions } from '../image-store.ts';
import { replaceFile } from '../layout/ingest.ts';
import { INDEX_FILE, LAYOUT_FILE } from '../layout/layout-index.ts';
import { LayoutTarget, type LayoutTargetOptions } from '../layout/layout-target.ts';
import { fileError } from '../local/regular-file.ts';
import { removeStaleStaging, stagingName } from '../local/staging-directory.ts';
import { writablePlace } from '../local/write-guard.ts';
import { packArchive } from './archive-packer.ts';
import { ArchiveTree } from './archive-tree.ts';
import { DOCKER_MANIFEST_FILE, encodeDockerManifest, manifestsBelow } from './docker-manifest.ts';

export type ArchiveTargetOptions = LayoutTargetOptions & {
  /** Also write the `manifest.json` that `docker load` reads. */
  readonly isDocker: boolean;
};

export class ArchiveTarget extends LayoutTarget {
  readonly #path: string;
  readonly #options: ArchiveTargetOptions;
  readonly #stagingPath: string;
  #preparing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  private constructor(path: string, stagingPath: string, options: ArchiveTargetOptions) {
    super({ ...options, path: stagingPath, shownPath: path }, 'ingest');
    this.#path = path;
    this.#options = options;
    this.#stagingPath = stagingPath;
  }

  /** Checks the place; writes nothing yet. */
  static override async open(options: ArchiveTargetOptions): Promise<ArchiveTarget> {
    const path = await writablePlace(options.path);
    await refuseMissingParent(path);
    await refuseForeignFile(path, options.description);
    const stagingPath = join(dirname(path), await stagingName(stagingPrefixOf(path)));
    return new ArchiveTarget(path, stagingPath, options);
  }

  override async openBlobWriter(options?: BlobWriterOptions): Promise<BlobWriter> {
    this.#preparing ??= this.#prepare();
    await this.#preparing;
    return super.openBlobWriter(options);
  }

  async #prepare(): Promise<void> {
    await removeStaleStaging(dirname(this.#path), stagingPrefixOf(this.#path));
  }

  /** With a tag: the archive is complete and takes its place. */
  override async writeManifest(
    bytes: Buffer,
    mediaType: string,
    options: WriteManifestOptions = {},
  ): Promise<Descriptor> {
    const descriptor = await super.writeManifest(bytes, mediaType, options);
    if (options.tag !== false) await this.#publish(bytes, options);
    return descriptor;
  }

  async #publish(bytes: Buffer, options: WriteManifestOptions): Promise<void> {
    const names = [LAYOUT_FILE, INDEX_FILE];
    if (this.#options.isDocker) {
      const images = await manifestsBelow(bytes, (child) => this.readManifest(child));
      const tag = options.tag === false ? undefined : (options.tag ?? this.#options.tag);
      const path = join(this.#stagingPath, DOCKER_MANIFEST_FILE);
      await replaceFile(path, encodeDockerManifest(images, tag), `${path}.new`);
      names.push(DOCKER_MANIFEST_FILE);
    }
    await refuseForeignFile(this.#path, this.description);
    const temporaryPath = join(this.#stagingPath, 'archive.new');
    await packArchive(this.#stagingPath, names, this.#path, temporaryPath, options.signal);
  }

  override close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await super.close();
    await rm(this.#stagingPath, { recursive: true, force: true });
  }
}

/** A directory nobody made is more often a mistyped path than a wish. */
async function refuseMissingParent(path: string): Promise<void> {
  const parent = dirname(path);
  const found = await stat(parent).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw fileError(error, `${parent} cannot be read`);
  });
  if (found?.isDirectory() === true) return;
  throw new TargetRefusedError(`there is no directory ${parent} for ${basename(path)}`, {
    remedy: 'make it first, or choose another path',
  });
}

/** Short enough for the longest file name. */
function stagingPrefixOf(path: string): string {
  return `.${basename(path).slice(0, 40)}.shoal-`;
}

/** What is there must be absent, empty or an image archive. */
async function refuseForeignFile(path: string, description: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw fileError(error, `${path} cannot be read`);
  });
  if (found === undefined || (found.isFile() && found.size === 0)) return;
  if (!found.isFile()) {
    throw new TargetRefusedError(`${path} exists and is not a regular file`, {
      remedy: 'choose another path; for a directory write oci:DIR',
    });
  }
  if (await isImageArchive(path, description)) return;
  throw new TargetRefusedError(`${path} exists and is not an image archive`, {
    remedy: 'it is left as it is: choose another path or remove it yourself',
  });
}

async function isImageArchive(path: string, description: string): Promise<boolean> {
  try {
    const tree = await ArchiveTree.open(path, description);
    const names = [LAYOUT_FILE, DOCKER_MANIFEST_FILE];
    const sizes = await Promise.all(names.map((name) => tree.sizeOf(name)));
    await tree.close();
    return sizes.some((size) => size !== undefined);
  } catch (error) {
    if (error instanceof ArchiveError) return false;
    throw error;
  }
}
