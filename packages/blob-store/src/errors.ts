/**
 * Every condition the blob store reports, one class each. Codes are stable; callers test `code`.
 */
import type { ShoalErrorOptions } from '@shoal/errors';
import { ShoalError } from '@shoal/errors';

/** A codec thread died, or the pool was closed while work was asked of it. */
export class CodecPoolError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CODEC_POOL';
}

/** A job that cannot be: lengths that do not fit the buffer, sizes out of range. */
export class CodecJobError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CODEC_JOB';
}

/** A chunk's bytes do not decompress to their size, or their digest is another. */
export class ChunkCorruptError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CHUNK_CORRUPT';

  constructor(blobId: string, chunkIndex: number, detail: string) {
    super(`blob ${blobId}, chunk ${chunkIndex}: ${detail}`, {
      remedy: 'the registry or a proxy before it delivers damaged bytes: push the image again',
      retryable: true,
    });
  }
}

/** The disk has not taken a chunk that was written to it, time and again: nobody is told that it is there. */
export class ChunkLostError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CHUNK_LOST';

  constructor(blobId: string, chunkIndex: number) {
    super(`blob ${blobId}, chunk ${chunkIndex}: it was written and did not reach the disk`, {
      remedy: 'the disk of the cache fails: see the log of the kernel',
      retryable: true,
    });
  }
}

/** A chunk whose digest no bootstrap and no digest section tells: it is never trusted. */
export class ChunkUnknownError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CHUNK_UNKNOWN';

  constructor(blobId: string, chunkIndex: number) {
    super(`blob ${blobId}, chunk ${chunkIndex}: the image does not tell its digest`, {
      remedy: 'convert the image again',
    });
  }
}

/** A blob's own tables (chunk information, digests) contradict the bootstrap or themselves. */
export class BlobLayoutError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_BLOB_LAYOUT';

  constructor(blobId: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`blob ${blobId}: ${detail}`, { remedy: 'convert the image again', ...options });
  }
}

/** The layer with the bootstrap does not unpack, or is larger than any sound image makes it. */
export class BootstrapLayerError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_BOOTSTRAP_LAYER';

  constructor(where: string, detail: string, options: ShoalErrorOptions = {}) {
    super(`${where}: ${detail}`, { remedy: 'convert the image again', ...options });
  }
}

/** A kind of blob this version cannot read (ZRAN, tarfs, an unknown cipher). */
export class BlobKindError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_BLOB_KIND';

  constructor(blobId: string, detail: string) {
    super(`blob ${blobId}: ${detail}`, { remedy: 'convert the image with shoal convert' });
  }
}

/** A source answered with another number of bytes than it was asked for. */
export class SourceLengthError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_SOURCE_LENGTH';

  constructor(blobId: string, offset: number, length: number, got: number) {
    super(`blob ${blobId}: ${length} bytes at ${offset} were asked for, ${got} came`, {
      retryable: true,
    });
  }
}

/** So many reads wait already that one more is refused. */
export class SourceBusyError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_SOURCE_BUSY';

  constructor() {
    super('too many reads wait for their turn', { retryable: true });
  }
}

/** A source, cache or blob was used after its close. */
export class ClosedError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CLOSED';

  constructor(what: string) {
    super(`${what} is closed`);
  }
}

/** A range outside the blob. */
export class BlobRangeError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_RANGE';

  constructor(blobId: string, offset: number, length: number, sizeBytes: number) {
    super(`blob ${blobId}: range ${offset}+${length} is outside its ${sizeBytes} bytes`);
  }
}

/** Another process holds the cache directory. */
export class CacheLockedError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CACHE_LOCKED';

  constructor(directory: string) {
    super(`cache directory ${directory} is in use by another process`, {
      remedy: 'stop the other daemon, or give this one its own cache directory',
    });
  }
}

/** The cache directory cannot be used: not a directory, not ours, wrong file system. */
export class CacheDirectoryError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CACHE_DIRECTORY';
}

/** The disk of the cache is full and nothing in it can be evicted. */
export class CacheFullError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CACHE_FULL';

  constructor(directory: string, options: ShoalErrorOptions = {}) {
    super(`no space is left for the cache in ${directory}`, {
      remedy: 'free space on that file system or unmount images that are not needed',
      retryable: true,
      ...options,
    });
  }
}

/** A chunk map or digest file that does not decode; its blob counts as empty. */
export class ChunkMapError extends ShoalError {
  override readonly code = 'ERR_BLOB_STORE_CHUNK_MAP';
}
