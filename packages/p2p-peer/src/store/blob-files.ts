/**
 * The files of a store: one for each blob, as long as the blob, with holes where nothing was written.
 * Names come from blob ids alone; no link is followed; what is not the file that was made is refused.
 */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type DiskIo, punchFile, REAL_DISK_IO, STAT_BLOCK_BYTES } from '@shoal/blob-store/disk-io';
import { errorCode } from '@shoal/errors';
import type { BlobId } from '@shoal/oci';
import { StoreDirectoryError, StoreFileError } from '../errors.ts';
import { STORED_BLOBS_MAX } from './limits.ts';
import { sizeOf, sliceOf } from './scattered-bytes.ts';
import { makePrivate } from './store-directory.ts';

const PRIVATE_FILE = 0o600;
const OPEN_FLAGS = constants.O_RDWR | constants.O_NOFOLLOW;
const MAKE_FLAGS = OPEN_FLAGS | constants.O_CREAT | constants.O_EXCL;
const SHARD_NAME = /^[0-9a-f]{2}$/;
const FILE_NAME = /^[0-9a-f]{64}$/;

/** How bytes and records get to the disk. */
export type StoreIo = Pick<DiskIo, 'sync'> & {
  /** All of them, one behind the other. */
  readonly write: (
    file: FileHandle,
    buffers: readonly Uint8Array[],
    position: number,
  ) => Promise<void>;
  /** Around each change of records. */
  readonly record: (write: () => Promise<void>) => Promise<void>;
  /** At once: these bytes read as zeros, and take no room. Throws what the file system says. */
  readonly punch: (file: FileHandle, position: number, length: number) => void;
};

export const REAL_STORE_IO: StoreIo = {
  sync: REAL_DISK_IO.sync,
  async write(file, buffers, position) {
    const end = position + sizeOf(buffers);
    for (let at = position; at < end; ) {
      const left = sliceOf(buffers, at - position, end - position);
      at += (await file.writev(left, at)).bytesWritten;
    }
  },
  record: (write) => write(),
  punch: punchFile,
};

/** Which file it must be. */
export type FileIdentity = { readonly sizeBytes: number; readonly inode: bigint };

export class BlobFiles {
  readonly #directory: string;

  /** `directory` is there and private. */
  constructor(directory: string) {
    this.#directory = directory;
  }

  pathOf(blobId: BlobId): string {
    return join(this.#shardOf(blobId), blobId);
  }

  /** A new file in place of whatever has its name; a hole as long as the blob. */
  async make(blobId: BlobId, sizeBytes: number): Promise<{ file: FileHandle; inode: bigint }> {
    await makePrivate(this.#shardOf(blobId));
    await this.remove(blobId);
    const file = await open(this.pathOf(blobId), MAKE_FLAGS, PRIVATE_FILE);
    try {
      await file.truncate(sizeBytes);
      return { file, inode: (await file.stat({ bigint: true })).ino };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Throws `ERR_P2P_STORE_FILE` when it is another one now. */
  async open(blobId: BlobId, identity: FileIdentity): Promise<FileHandle> {
    const file = await open(this.pathOf(blobId), OPEN_FLAGS);
    try {
      this.#require(blobId, identity, await file.stat({ bigint: true }));
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes that the file takes on the disk. Throws `ERR_P2P_STORE_FILE` when it is another one now. */
  async check(blobId: BlobId, identity: FileIdentity): Promise<number> {
    const facts = await lstat(this.pathOf(blobId), { bigint: true });
    this.#require(blobId, identity, facts);
    return diskBytes(facts);
  }

  async remove(blobId: BlobId): Promise<void> {
    await unlink(this.pathOf(blobId)).catch(ignoreAbsent);
  }

  /** The file's name, too, survives a power cut. */
  async syncDirectory(blobId: BlobId): Promise<void> {
    for (const path of [this.#shardOf(blobId), this.#directory]) {
      const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      await directory.sync().finally(() => directory.close());
    }
  }

  /** Names that can only be of blobs. Throws `ERR_P2P_STORE_DIRECTORY` where there are too many. */
  async list(): Promise<string[]> {
    const found: string[] = [];
    for (const shard of await readdir(this.#directory)) {
      if (!SHARD_NAME.test(shard)) continue;
      const path = join(this.#directory, shard);
      if (!(await lstat(path)).isDirectory()) {
        throw new StoreDirectoryError(path, 'it is not a directory');
      }
      const names = await readdir(path);
      found.push(...names.filter((name) => FILE_NAME.test(name) && name.startsWith(shard)));
      if (found.length > 2 * STORED_BLOBS_MAX) {
        throw new StoreDirectoryError(this.#directory, 'it has too many files');
      }
    }
    return found;
  }

  #shardOf(blobId: BlobId): string {
    return join(this.#directory, blobId.slice(0, 2));
  }

  #require(blobId: BlobId, { sizeBytes, inode }: FileIdentity, facts: BigIntStats): void {
    const path = this.pathOf(blobId);
    if (!facts.isFile()) throw new StoreFileError(path, 'it is not a file');
    if (facts.ino !== inode) throw new StoreFileError(path, 'it was replaced');
    if (facts.size !== BigInt(sizeBytes)) {
      throw new StoreFileError(path, `it has ${facts.size} bytes of ${sizeBytes}`);
    }
    if (facts.nlink > 1n) throw new StoreFileError(path, 'it has other names');
    if (facts.uid !== BigInt(process.getuid?.() ?? 0)) {
      throw new StoreFileError(path, `it belongs to user ${facts.uid}`);
    }
    if ((facts.mode & 0o077n) !== 0n) throw new StoreFileError(path, 'others may open it');
  }
}

/** Bytes that an open file takes on the disk. */
export async function diskBytesOf(file: FileHandle): Promise<number> {
  return diskBytes(await file.stat({ bigint: true }));
}

function diskBytes({ blocks }: BigIntStats): number {
  return Number(blocks) * STAT_BLOCK_BYTES;
}

function ignoreAbsent(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}
