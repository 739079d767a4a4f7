/**
 * READ in a worker: what is ready is answered at once from the device file, what is not waits for
 * the main thread. A reader gets the right bytes or an error; a short or absent range is never
 * filled with zeros here (the kernel would do so with a short reply inside the file).
 */
import { constants } from 'node:os';
import { FUSE_READ_BYTES_MAX, MISS_ATTEMPTS_MAX } from '../limits.ts';
import { preadRaw, writeRaw } from '../syscalls.ts';
import type { FileTable, ServedFile } from './file-table.ts';
import { outHeader } from './kernel-structs.ts';
import { isRangeReady } from './ready-map.ts';
import { encodeErrorReply, encodeReply, writeReplyHeader } from './reply.ts';
import type { FuseRequest } from './request.ts';
import { Counter, type FromWorker } from './worker-messages.ts';

const { EINTR, EIO, ESTALE, ENOENT, ENODEV } = constants.errno;

type WaitingRead = {
  readonly unique: bigint;
  readonly fileId: number;
  readonly offset: number;
  readonly length: number;
  readonly attempts: number;
};

export class ReadServer {
  readonly #fuseFd: number;
  readonly #files: FileTable;
  readonly #counters: Float64Array;
  readonly #post: (message: FromWorker) => void;
  readonly #waiting = new Map<number, WaitingRead>();
  readonly #reply = Buffer.allocUnsafeSlow(outHeader.size + FUSE_READ_BYTES_MAX);
  #nextMissId = 1;

  constructor(
    fuseFd: number,
    files: FileTable,
    counters: Float64Array,
    post: (message: FromWorker) => void,
  ) {
    this.#fuseFd = fuseFd;
    this.#files = files;
    this.#counters = counters;
    this.#post = post;
  }

  read(request: FuseRequest & { readonly kind: 'read' }): void {
    this.#count(Counter.reads, 1);
    const file = this.#files.get(request.nodeId);
    if (file === undefined) {
      this.#fail(request.unique, ESTALE);
      return;
    }
    const { unique, offset } = request;
    const length = Math.max(0, Math.min(request.size, file.sizeBytes - offset));
    if (isRangeReady(file.map, offset, length)) {
      this.#count(Counter.readyReads, 1);
      this.#answer(file, unique, offset, length);
      return;
    }
    this.#count(Counter.missReads, 1);
    const read = { unique, fileId: file.fileId, offset, length };
    this.#startMiss({ ...read, attempts: 0 });
  }

  /** Of those that wait, what has become ready meanwhile; the main thread is not done with it yet. */
  answerReady(): void {
    for (const [missId, { unique, fileId, offset, length }] of this.#waiting) {
      const file = this.#files.get(fileId);
      if (file === undefined || !isRangeReady(file.map, offset, length)) continue;
      this.#take(missId);
      this.#answer(file, unique, offset, length);
    }
  }

  /** The main thread is done with a miss, whose reader may have been answered already. */
  missDone(missId: number, errno: number, bytes: Uint8Array | undefined): void {
    const read = this.#take(missId);
    if (read === undefined) return;
    const file = this.#files.get(read.fileId);
    if (errno !== 0 || file === undefined) {
      this.#fail(read.unique, errno === 0 ? ESTALE : errno);
    } else if (bytes?.length === read.length) {
      this.#count(Counter.bytesRead, read.length);
      this.#send(
        encodeReply(read.unique, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
      );
    } else if (isRangeReady(file.map, read.offset, read.length)) {
      this.#answer(file, read.unique, read.offset, read.length);
    } else {
      const { fileId, offset, length } = read;
      this.#post({
        kind: 'event',
        event: { kind: 'not-ready-after-miss', fileId, offset, length },
      });
      if (read.attempts + 1 >= MISS_ATTEMPTS_MAX) this.#fail(read.unique, EIO);
      else this.#startMiss({ ...read, attempts: read.attempts + 1 });
    }
  }

  /** Answers everybody who waits for this file (or for any) with an error. */
  failWaiting(errno: number, fileId?: number): void {
    for (const [missId, read] of this.#waiting) {
      if (fileId !== undefined && read.fileId !== fileId) continue;
      this.#take(missId);
      this.#post({ kind: 'miss-abandoned', missId });
      this.#fail(read.unique, errno);
    }
  }

  #startMiss(read: WaitingRead): void {
    const missId = this.#nextMissId;
    this.#nextMissId += 1;
    this.#waiting.set(missId, read);
    this.#count(Counter.waiting, 1);
    const { fileId, offset, length } = read;
    this.#post({ kind: 'miss', missId, fileId, offset, length });
  }

  #take(missId: number): WaitingRead | undefined {
    const read = this.#waiting.get(missId);
    if (read === undefined) return undefined;
    this.#waiting.delete(missId);
    this.#count(Counter.waiting, -1);
    return read;
  }

  #answer(file: ServedFile, unique: bigint, offset: number, length: number): void {
    const end = outHeader.size + length;
    if (end > this.#reply.length) {
      this.#fail(unique, EIO);
      return;
    }
    for (let at = outHeader.size; at < end; ) {
      const from = offset + at - outHeader.size;
      const count = preadRaw(file.fd, this.#reply.subarray(at, end), from);
      if (count === -EINTR) continue;
      if (count <= 0) {
        const { fileId } = file;
        const event = {
          kind: 'device-read-failed',
          fileId,
          offset,
          length,
          errno: -count,
        } as const;
        this.#post({ kind: 'event', event });
        this.#fail(unique, EIO);
        return;
      }
      at += count;
    }
    writeReplyHeader(this.#reply, unique, length);
    this.#count(Counter.bytesRead, length);
    this.#send(this.#reply.subarray(0, end));
  }

  #fail(unique: bigint, errno: number): void {
    this.#count(Counter.failedReads, 1);
    this.#send(encodeErrorReply(unique, errno));
  }

  /** ENOENT: the request is gone (killed reader, sent again elsewhere). ENODEV: the mount is. */
  #send(reply: Buffer): void {
    const result = writeRaw(this.#fuseFd, reply);
    if (result >= 0 || result === -ENOENT || result === -ENODEV) return;
    const unique = reply.readBigUInt64LE(outHeader.offsets.unique);
    const error = new Error(`a reply of ${reply.length} bytes was refused with errno ${-result}`);
    this.#post({ kind: 'event', event: { kind: 'reply-refused', error } });
    if (reply.length > outHeader.size) writeRaw(this.#fuseFd, encodeErrorReply(unique, EIO));
  }

  #count(index: number, by: number): void {
    this.#counters[index] = (this.#counters[index] ?? 0) + by;
  }
}
