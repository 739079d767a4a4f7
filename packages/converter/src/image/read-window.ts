/**
 * Groups chunks of one blob into ranged reads, each decoded by one job of the codec pool. Chunks
 * of a batch share one stored unit; a chunk named twice in a window is read once.
 */
import type { BlobDescription, ChunkColumns, StoredUnit, UnitPart } from '@shoal/blob-store';
import { CHUNK_FLAG, ChunkUnknownError } from '@shoal/blob-store';
import { DIGEST_SIZE } from '../chunk/chunk-index.ts';
import {
  READ_WINDOW_CHUNKS_MAX,
  READ_WINDOW_RAW_BYTES_MAX,
  READ_WINDOW_STORED_BYTES,
} from '../limits.ts';

/** A chunk in a window's answer. */
export type WindowChunk = {
  /** Number of the chunk in its blob. */
  readonly chunk: number;
  readonly rawOffset: number;
  readonly size: number;
};

export type ReadWindow = {
  readonly blobIndex: number;
  /** Byte range of the stored blob. */
  readonly offset: number;
  readonly length: number;
  readonly units: readonly StoredUnit[];
  readonly rawBytes: number;
  /** In the order they were added; a repeated chunk is listed again. */
  readonly chunks: readonly WindowChunk[];
};

type OpenUnit = { readonly unit: StoredUnit; readonly parts: UnitPart[] };

/** Collects chunks until they no longer fit into one read. */
export class WindowBuilder {
  readonly blobIndex: number;
  readonly #blob: BlobDescription;
  readonly #gapMax: number;
  readonly #units = new Map<number, OpenUnit>();
  readonly #placed = new Map<number, WindowChunk>();
  readonly #chunks: WindowChunk[] = [];
  #start = -1;
  #end = -1;
  #rawBytes = 0;

  /** `gapMax`: bytes between two chunks that may be read although nobody asked for them. */
  constructor(blobIndex: number, blob: BlobDescription, gapMax: number) {
    this.blobIndex = blobIndex;
    this.#blob = blob;
    this.#gapMax = gapMax;
  }

  /** Adds a chunk; false when it needs a window of its own. The first one always fits. */
  add(chunk: number): boolean {
    const placed = this.#placed.get(chunk);
    if (placed !== undefined) {
      this.#chunks.push(placed);
      return true;
    }
    if (this.#chunks.length >= READ_WINDOW_CHUNKS_MAX) return false;
    const { chunks } = this.#blob;
    const offset = chunks.storedOffset[chunk] ?? 0;
    const size = chunks.size[chunk] ?? 0;
    if (!this.#units.has(offset) && !this.#takesUnit(offset, chunks.storedSize[chunk] ?? 0, size)) {
      return false;
    }
    const entry = { chunk, rawOffset: this.#rawBytes, size };
    this.#placed.set(chunk, entry);
    this.#chunks.push(entry);
    this.#rawBytes += size;
    this.#unitAt(offset, chunk).parts.push({
      offset: chunks.unitOffset[chunk] ?? 0,
      size,
      rawOffset: entry.rawOffset,
      digest: digestOf(this.#blob, chunk),
    });
    return true;
  }

  build(): ReadWindow {
    return {
      blobIndex: this.blobIndex,
      offset: this.#start,
      length: this.#end - this.#start,
      units: this.#packUnits(),
      rawBytes: this.#rawBytes,
      chunks: this.#chunks,
    };
  }

  /**
   * A window goes to a thread, and a view takes all the memory under it along: the digests of this
   * window are put together, away from those of the whole blob.
   */
  #packUnits(): StoredUnit[] {
    const digests = new Uint8Array(this.#placed.size * DIGEST_SIZE);
    let at = 0;
    const pack = (part: UnitPart): UnitPart => {
      const digest = digests.subarray(at, at + DIGEST_SIZE);
      digest.set(part.digest);
      at += DIGEST_SIZE;
      return { ...part, digest };
    };
    return Array.from(this.#units.values(), ({ unit, parts }) => ({
      ...unit,
      offset: unit.offset - this.#start,
      parts: parts.map(pack),
    }));
  }

  #takesUnit(offset: number, storedSize: number, size: number): boolean {
    if (this.#start === -1) {
      this.#start = offset;
      this.#end = offset + storedSize;
      return true;
    }
    const isNear = offset >= this.#end && offset - this.#end <= this.#gapMax;
    const isSmall = offset + storedSize - this.#start <= READ_WINDOW_STORED_BYTES;
    if (!isNear || !isSmall || this.#rawBytes + size > READ_WINDOW_RAW_BYTES_MAX) return false;
    this.#end = offset + storedSize;
    return true;
  }

  #unitAt(offset: number, chunk: number): OpenUnit {
    const known = this.#units.get(offset);
    if (known !== undefined) return known;
    const parts: UnitPart[] = [];
    const opened = { unit: unitOf(this.#blob, chunk, offset, parts), parts };
    this.#units.set(offset, opened);
    return opened;
  }
}

function unitOf(
  blob: BlobDescription,
  chunk: number,
  offset: number,
  parts: readonly UnitPart[],
): StoredUnit {
  const { chunks, cipherKey } = blob;
  const flags = chunks.flags[chunk] ?? 0;
  const isEncrypted = (flags & CHUNK_FLAG.encrypted) !== 0;
  return {
    offset,
    storedSize: chunks.storedSize[chunk] ?? 0,
    rawSize: chunks.unitSize[chunk] ?? 0,
    compressor: (flags & CHUNK_FLAG.compressed) === 0 ? 'none' : blob.compressor,
    ...(isEncrypted && cipherKey !== undefined ? { cipherKey } : {}),
    parts,
  };
}

/** Throws `ERR_BLOB_STORE_CHUNK_UNKNOWN` when the image does not tell the digest. */
function digestOf(blob: BlobDescription, chunk: number): Uint8Array {
  const digest = chunkDigest(blob.chunks, chunk);
  if (digest.every((byte) => byte === 0)) throw new ChunkUnknownError(blob.blobId, chunk);
  return digest;
}

/** View of a chunk's digest. */
export function chunkDigest({ digests }: ChunkColumns, chunk: number): Uint8Array {
  return digests.subarray(chunk * DIGEST_SIZE, (chunk + 1) * DIGEST_SIZE);
}
