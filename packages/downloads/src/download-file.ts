/**
 * One file, from wherever it comes to its name: continued where an earlier download stopped, hashed
 * while it is written, compared as a whole, and only then given its name.
 */
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { type Digest, digestAlgorithm } from '@shoal/oci';
import { claimPath } from '@shoal/registry-client/stores';
import { BusyTargetError, FileThereError, WrongDigestError, WrongLengthError } from './errors.ts';
import { addBytes, type FileSource, NO_BYTES, type SourceBytes } from './file-source.ts';
import { FileHash, type OpenHash } from './partial/file-hash.ts';
import { PartialFile, removeUnfinished } from './partial/partial-file.ts';
import type { HeldDirectory } from './target/held-directory.ts';

export type FileTarget = { readonly directory: HeldDirectory; readonly name: string };

export type DownloadOptions = {
  /** Whatever is there under the name is replaced. @default false */
  readonly replaces?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** So many more of it are here; those of an earlier download come first, in one. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
  /** Who hashes. @default this thread */
  readonly openHash?: OpenHash | undefined;
  /** So many more came, from whom. */
  readonly onSource?: ((bytes: SourceBytes) => void) | undefined;
};

export type DownloadedFile = {
  readonly file: string;
  readonly digest: Digest;
  readonly size: number;
  /** `present`: it was there already, and is right. */
  readonly outcome: 'fetched' | 'present';
  /** Of an earlier download that was interrupted. */
  readonly resumedBytes: number;
  readonly sources: SourceBytes;
};

/** Throws `ERR_DOWNLOADS_*` and what the source does. */
export async function downloadFile(
  source: FileSource,
  target: FileTarget,
  options: DownloadOptions = {},
): Promise<DownloadedFile> {
  const shown = join(target.directory.shown, target.name);
  const claimName = `${target.name}.shoal-claim`;
  const shownClaim = join(target.directory.shown, claimName);
  const claim = await claimPath(target.directory.path(claimName), shownClaim);
  if (claim === undefined) throw new BusyTargetError(shown, shownClaim);
  try {
    const there =
      options.replaces === true ? undefined : await whatIsThere(source, target, options);
    if (there === undefined) return await new Download(source, target, options).run();
    await removeUnfinished(target);
    return there;
  } finally {
    await claim.release();
  }
}

/** Undefined: nothing. Throws for anything but the file that is wanted. */
async function whatIsThere(
  { digest, size }: FileSource,
  { directory, name }: FileTarget,
  { signal, onBytes, openHash }: DownloadOptions,
): Promise<DownloadedFile | undefined> {
  const path = directory.path(name);
  const file = join(directory.shown, name);
  const stats = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw new FileThereError(file, 'is there and is no regular file');
  if (digest === undefined) {
    throw new FileThereError(file, 'is there, and nobody says what its digest should be');
  }
  if (size !== undefined && size !== stats.size) {
    throw new FileThereError(file, `is there with ${stats.size} bytes instead of ${size}`);
  }
  await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  using hash = new FileHash(digestAlgorithm(digest), openHash);
  await hash.addFile(handle, stats.size, signal);
  if ((await hash.finish()) !== digest)
    throw new FileThereError(file, 'is there with another digest');
  onBytes?.(stats.size);
  const outcome = 'present';
  return { file, digest, size: stats.size, outcome, resumedBytes: 0, sources: NO_BYTES };
}

class Download {
  readonly #source: FileSource;
  readonly #target: FileTarget;
  readonly #options: DownloadOptions;
  #sources = NO_BYTES;

  constructor(source: FileSource, target: FileTarget, options: DownloadOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
  }

  async run(): Promise<DownloadedFile> {
    const { directory, name } = this.#target;
    const { identity, digest, size } = this.#source;
    await using partial = await PartialFile.open(this.#target, { identity, digest, size });
    if (!this.#source.isResumable) await partial.startAgain();
    let resumedBytes = partial.bytes;
    let found = await this.#fetch(partial);
    if (this.#isWrong(found) && (resumedBytes > 0 || this.#source.isShared)) {
      // A disk or another program may have changed what was left, and those who share may be wrong.
      this.#source.judged('wrong');
      this.#options.onBytes?.(-partial.bytes);
      await partial.startAgain();
      resumedBytes = 0;
      found = await this.#fetch(partial);
    }
    if (digest !== undefined && this.#isWrong(found)) {
      await partial.discard();
      this.#source.judged('wrong');
      throw new WrongDigestError(this.#source.description, digest, found);
    }
    this.#source.judged('right');
    const { bytes } = partial;
    await partial.publish(this.#options.replaces === true);
    const file = join(directory.shown, name);
    const sources = this.#sources;
    return { file, digest: found, size: bytes, outcome: 'fetched', resumedBytes, sources };
  }

  #isWrong(found: Digest): boolean {
    return this.#source.digest !== undefined && found !== this.#source.digest;
  }

  /** What is missing; the digest of the whole. Whatever ends it, what was had is kept. */
  async #fetch(partial: PartialFile): Promise<Digest> {
    const { digest, size } = this.#source;
    const { signal, onBytes, openHash } = this.#options;
    const algorithm = digest === undefined ? 'sha256' : digestAlgorithm(digest);
    using hash = new FileHash(algorithm, openHash);
    await hash.addFile(partial.handle, partial.bytes, signal);
    onBytes?.(partial.bytes);
    try {
      if (size === undefined || partial.bytes < size) await this.#append(partial, hash);
    } catch (error) {
      await partial.keep().catch(() => undefined);
      throw error;
    }
    if (size !== undefined && partial.bytes !== size) {
      throw new WrongLengthError(this.#source.description, size, partial.bytes);
    }
    return await hash.finish();
  }

  async #append(partial: PartialFile, hash: FileHash): Promise<void> {
    const { size, description } = this.#source;
    const { signal, onBytes } = this.#options;
    const onSource = (bytes: SourceBytes) => {
      this.#sources = addBytes(this.#sources, bytes);
      this.#options.onSource?.(bytes);
    };
    for await (const piece of this.#source.pieces(partial.bytes, { signal, onSource })) {
      signal?.throwIfAborted();
      const after = partial.bytes + piece.byteLength;
      if (size !== undefined && after > size) throw new WrongLengthError(description, size, after);
      await Promise.all([hash.add(piece), partial.append(piece)]);
      onBytes?.(piece.byteLength);
    }
  }
}
