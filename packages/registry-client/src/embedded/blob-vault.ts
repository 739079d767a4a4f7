/**
 * Where the embedded registry keeps bytes: in memory or in a directory, by digest.
 */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type Digest, digestAlgorithm, digestHex, finishDigest } from '@shoal/oci';
import { EMBEDDED_MEMORY_BLOB_BYTES_MAX } from '../limits.ts';
import { hashFile } from '../local/hash-file.ts';

export interface BlobVault {
  sizeOf(digest: Digest): Promise<number | undefined>;
  /** Bytes `start` up to and not including `end`. */
  read(digest: Digest, start: number, end: number): Readable;
  openUpload(): Promise<VaultUpload>;
}

export interface VaultUpload {
  readonly sizeBytes: number;
  write(bytes: Buffer): Promise<void>;
  /** False when the bytes are not the ones `digest` names. */
  finish(digest: Digest): Promise<boolean>;
  abort(): Promise<void>;
}

export class MemoryVault implements BlobVault {
  readonly #blobs = new Map<Digest, Buffer>();

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return this.#blobs.get(digest)?.byteLength;
  }

  read(digest: Digest, start: number, end: number): Readable {
    const bytes = this.#blobs.get(digest)?.subarray(start, end) ?? Buffer.alloc(0);
    return Readable.from(slices(bytes), { objectMode: false });
  }

  async openUpload(): Promise<VaultUpload> {
    return new MemoryUpload(this.#blobs);
  }
}

function* slices(bytes: Buffer): Generator<Buffer> {
  for (let start = 0; start < bytes.byteLength; start += SLICE_BYTES) {
    yield bytes.subarray(start, start + SLICE_BYTES);
  }
}

const SLICE_BYTES = 64 << 10;

class MemoryUpload implements VaultUpload {
  readonly #blobs: Map<Digest, Buffer>;
  #pieces: Buffer[] = [];
  sizeBytes = 0;

  constructor(blobs: Map<Digest, Buffer>) {
    this.#blobs = blobs;
  }

  async write(bytes: Buffer): Promise<void> {
    this.sizeBytes += bytes.byteLength;
    if (this.sizeBytes > EMBEDDED_MEMORY_BLOB_BYTES_MAX) throw new RangeError('blob too large');
    this.#pieces.push(bytes);
  }

  async finish(digest: Digest): Promise<boolean> {
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    const algorithm = digestAlgorithm(digest);
    if (finishDigest(algorithm, createHash(algorithm).update(bytes)) !== digest) return false;
    this.#blobs.set(digest, bytes);
    return true;
  }

  async abort(): Promise<void> {
    this.#pieces = [];
  }
}

export class DirectoryVault implements BlobVault {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<DirectoryVault> {
    for (const name of ['blobs/sha256', 'blobs/sha512', 'uploads']) {
      await mkdir(join(directory, name), { recursive: true });
    }
    return new DirectoryVault(directory);
  }

  async sizeOf(digest: Digest): Promise<number | undefined> {
    return stat(this.#pathOf(digest)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  read(digest: Digest, start: number, end: number): Readable {
    if (start >= end) return Readable.from([], { objectMode: false });
    return createReadStream(this.#pathOf(digest), {
      start,
      end: end - 1,
      highWaterMark: 256 << 10,
    });
  }

  async openUpload(): Promise<VaultUpload> {
    const path = join(this.#directory, 'uploads', randomUUID());
    return new FileUpload(path, await open(path, 'wx'), (digest) => this.#pathOf(digest));
  }

  #pathOf(digest: Digest): string {
    return join(this.#directory, 'blobs', digestAlgorithm(digest), digestHex(digest));
  }
}

class FileUpload implements VaultUpload {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #pathOf: (digest: Digest) => string;
  readonly #hash = createHash('sha256');
  #isOpen = true;
  sizeBytes = 0;

  constructor(path: string, handle: FileHandle, pathOf: (digest: Digest) => string) {
    this.#path = path;
    this.#handle = handle;
    this.#pathOf = pathOf;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    await this.#handle.writeFile(bytes);
    this.sizeBytes += bytes.byteLength;
  }

  async finish(digest: Digest): Promise<boolean> {
    this.#isOpen = false;
    await this.#handle.close();
    const algorithm = digestAlgorithm(digest);
    const actual =
      algorithm === 'sha256'
        ? finishDigest(algorithm, this.#hash)
        : await hashFile(this.#path, algorithm);
    const isRight = actual === digest;
    if (isRight) await rename(this.#path, this.#pathOf(digest));
    else await rm(this.#path, { force: true });
    return isRight;
  }

  async abort(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#handle.close();
    await rm(this.#path, { force: true });
  }
}
