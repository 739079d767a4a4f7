/**
 * The open files of one blob: device file, chunk map, digest record. What counts as durable is
 * decided here, when they are opened: a chunk whose bit is set and whose recorded digest is the
 * one the image expects. A set bit without such a record (nydusd's) is only a claim.
 */
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { DIGEST_BYTES } from '../codec/codec-jobs.ts';
import type { ChunkColumns } from '../description/blob-description.ts';
import { type DiskIo, REAL_DISK_IO, STAT_BLOCK_BYTES } from '../disk/disk-io.ts';
import type { ChunkMapError } from '../errors.ts';
import {
  CHUNK_MAP_HEADER_BYTES,
  chunkMapBytes,
  clearBit,
  encodeChunkMapHeader,
  hasBit,
  setBit,
} from './chunk-map.ts';
import {
  DIGEST_RECORD_HEADER_BYTES,
  digestRecordBytes,
  encodeDigestRecordHeader,
  type RecordSubject,
} from './digest-record.ts';
import type { BlobPaths } from './file-names.ts';
import { emptyState, readState, type StoredState } from './stored-state.ts';

const OPEN_FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
const PRIVATE = 0o600;

export type BlobFilesInit = {
  readonly paths: BlobPaths;
  readonly sizeBytes: number;
  readonly chunks: ChunkColumns;
  /** SHA-256 of where the chunks lie. */
  readonly layoutDigest: Uint8Array;
  readonly io: DiskIo;
  /** Told of files that do not decode; their blob starts empty. */
  readonly onDamage: (error: ChunkMapError) => void;
};

async function openPrivate(path: string): Promise<FileHandle> {
  const handle = await open(path, OPEN_FLAGS, PRIVATE);
  try {
    await handle.chmod(PRIVATE);
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

export class BlobFiles {
  readonly #data: FileHandle;
  readonly #map: FileHandle;
  readonly #digests: FileHandle;
  readonly #io: DiskIo;
  readonly #count: number;
  /** The bits on disk. */
  readonly #bitmap: Uint8Array;
  #durableCount = 0;
  /** Chunks to be trusted at once, most significant bit first. */
  readonly trusted: Uint8Array;
  /** Chunks to be verified before they are trusted. */
  readonly claimed: Uint8Array;

  static async open(init: BlobFilesInit): Promise<BlobFiles> {
    const { paths, chunks } = init;
    const handles: FileHandle[] = [];
    try {
      const opening = [paths.data, paths.map, paths.digests].map(openPrivate);
      for (const opened of await Promise.allSettled(opening)) {
        if (opened.status === 'fulfilled') handles.push(opened.value);
      }
      await Promise.all(opening);
      const [data, map, digests] = handles;
      if (data === undefined || map === undefined || digests === undefined) {
        throw new TypeError('three files were opened');
      }
      const facts = await Promise.all(handles.map((file) => file.stat({ bigint: true })));
      const { size: dataSize = 0n, ino: inode = 0n, blocks = 0n } = facts[0] ?? {};
      const isSized = Number(dataSize) === init.sizeBytes;
      // Nothing old can come back after a power cut where there was nothing.
      const sync = facts.some(({ size }) => size > 0n) ? init.io.sync : async () => {};
      const subject = { count: chunks.count, layoutDigest: init.layoutDigest, inode };
      const state = isSized
        ? await readState(init, { subject, storedBytes: Number(blocks) * STAT_BLOCK_BYTES })
        : emptyState(chunks.count);
      const files = new BlobFiles(init, { data, map, digests }, state);
      if (!state.isMapSound) await files.#resetMap();
      if (!state.isRecordSound) await files.#resetRecord(subject);
      if (!state.isMapSound) await sync(map);
      if (!state.isRecordSound) await sync(digests);
      // After the records: a cut in between must not leave records of bytes that are gone.
      if (!isSized) {
        await data.truncate(0);
        await data.truncate(init.sizeBytes);
        await sync(data);
      }
      return files;
    } catch (error) {
      await Promise.all(handles.map((handle) => handle.close()));
      throw error;
    }
  }

  private constructor(
    init: BlobFilesInit,
    handles: { data: FileHandle; map: FileHandle; digests: FileHandle },
    state: StoredState,
  ) {
    this.#data = handles.data;
    this.#map = handles.map;
    this.#digests = handles.digests;
    this.#io = init.io;
    this.#count = init.chunks.count;
    this.trusted = state.trusted;
    this.claimed = state.claimed;
    this.#bitmap = Uint8Array.from(state.trusted);
    for (let index = 0; index < this.#count; index++) {
      if (hasBit(this.#bitmap, index)) this.#durableCount++;
    }
  }

  get durableCount(): number {
    return this.#durableCount;
  }

  isDurable(index: number): boolean {
    return hasBit(this.#bitmap, index);
  }

  /** For threads that write by themselves; undefined where a disk is tried out. */
  get dataFd(): number | undefined {
    return this.#io.write === REAL_DISK_IO.write ? this.#data.fd : undefined;
  }

  writeData(bytes: Uint8Array, position: number): Promise<void> {
    return this.#io.write(this.#data, bytes, position);
  }

  async readData(length: number, position: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#data.read(bytes, done, length - done, position + done);
      if (bytesRead === 0) throw new RangeError('the device file is shorter than its blob');
      done += bytesRead;
    }
    return bytes;
  }

  /** First of two steps that make chunks durable: what was written is on the disk. */
  syncData(): Promise<void> {
    return this.#io.sync(this.#data);
  }

  /** Second step: the records that vouch for chunks (ascending) whose bytes are on the disk. */
  async record(chunks: readonly number[], digests: Uint8Array): Promise<void> {
    for (const [first, end] of runsOf(chunks)) {
      const bytes = digests.subarray(first * DIGEST_BYTES, end * DIGEST_BYTES);
      const position = DIGEST_RECORD_HEADER_BYTES + first * DIGEST_BYTES;
      await this.#io.write(this.#digests, bytes, position);
    }
    const bitmap = this.#bitmap.slice();
    for (const index of chunks) setBit(bitmap, index);
    await this.#writeBits(bitmap, (chunks[0] ?? 0) >> 3, ((chunks.at(-1) ?? 0) >> 3) + 1);
    await Promise.all([this.#io.sync(this.#digests), this.#io.sync(this.#map)]);
    for (const index of chunks) {
      if (!hasBit(this.#bitmap, index)) this.#durableCount++;
      setBit(this.#bitmap, index);
    }
    if (this.#durableCount === this.#count) {
      await this.#io.write(this.#map, encodeChunkMapHeader(true), 0);
    }
  }

  /** Chunks that claimed to be there and are not. */
  async dropClaims(chunks: readonly number[]): Promise<void> {
    for (const index of chunks) clearBit(this.claimed, index);
    await this.#io.write(this.#map, encodeChunkMapHeader(false), 0);
    await this.#writeBits(this.#bitmap, 0, this.#bitmap.length);
  }

  /** Chunks whose bytes were found damaged: they count no more, also after a restart. */
  async forget(chunks: readonly number[]): Promise<void> {
    for (const index of chunks) {
      if (!hasBit(this.#bitmap, index)) continue;
      clearBit(this.#bitmap, index);
      this.#durableCount--;
    }
    await this.dropClaims(chunks);
  }

  /** What is only claimed stays so on disk until somebody looks at it. */
  async #writeBits(bitmap: Uint8Array, low: number, high: number): Promise<void> {
    const bits = bitmap.slice(low, high).map((byte, at) => byte | (this.claimed[low + at] ?? 0));
    await this.#io.write(this.#map, bits, CHUNK_MAP_HEADER_BYTES + low);
  }

  async close(): Promise<void> {
    await Promise.all([this.#data.close(), this.#map.close(), this.#digests.close()]);
  }

  /** Written out, not sparse: a disk that fills up later cannot refuse these bytes. */
  async #resetMap(): Promise<void> {
    await this.#map.truncate(0);
    await this.#io.write(this.#map, encodeChunkMapHeader(false), 0);
    await this.#writeBits(this.#bitmap, 0, this.#bitmap.length);
    await this.#map.truncate(chunkMapBytes(this.#count));
  }

  async #resetRecord(subject: RecordSubject): Promise<void> {
    await this.#digests.truncate(0);
    await this.#io.write(this.#digests, encodeDigestRecordHeader(subject), 0);
    const zeros = Buffer.alloc(this.#count * DIGEST_BYTES);
    await this.#io.write(this.#digests, zeros, DIGEST_RECORD_HEADER_BYTES);
    await this.#digests.truncate(digestRecordBytes(this.#count));
  }
}

function* runsOf(chunks: readonly number[]): Generator<[number, number]> {
  let first = chunks[0];
  let end = first;
  for (const index of chunks) {
    if (first === undefined || end === undefined) return;
    if (index > end) {
      yield [first, end];
      first = index;
    }
    end = index + 1;
  }
  if (first !== undefined && end !== undefined && end > first) yield [first, end];
}
