/**
 * Where the lines of the log go. Written synchronously; what a full disk refuses waits, bounded,
 * until there is room again: a log is no reason to leave the readers alone. (Pino's own destination
 * throws then, and waits for ever after a fatal line.)
 *
 * A file that is ours is kept bounded: when it is full it is copied to `.old` and emptied. Not moved,
 * because the supervisor writes to it, too, and the descriptor is the daemon's standard error.
 */
import { copyFileSync, fstatSync, ftruncateSync, statSync, writeSync } from 'node:fs';
import { errorCode } from '@shoal/errors';
import { LOG_BYTES_MAX, LOG_PENDING_BYTES_MAX } from '../limits.ts';

/** A pipe whose reader is slow is waited for, but not for long. */
const BUSY_WAITS_MAX = 20;
const BUSY_WAIT_MS = 5;

export type LogFileOptions = {
  /** The file behind the descriptor, opened for appending; absent: it is somebody else's, a pipe say. */
  readonly path?: string | undefined;
  /** @default LOG_BYTES_MAX */
  readonly bytesMax?: number;
};

export class LogFile {
  readonly #fd: number;
  readonly #path: string | undefined;
  readonly #bytesMax: number;
  /** Of the file, as far as is known: others write to it, too. */
  #sizeBytes = 0;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(fd: number, options: LogFileOptions = {}) {
    this.#fd = fd;
    this.#path = options.path;
    this.#bytesMax = options.bytesMax ?? LOG_BYTES_MAX;
    if (this.#path !== undefined) this.#sizeBytes = ownSize(fd, this.#path);
  }

  /** Never throws. The line is lost when too many wait already. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#sizeBytes + bytes.length > this.#bytesMax) this.#makeRoom();
    if (this.#pendingBytes + bytes.length > LOG_PENDING_BYTES_MAX) {
      this.#flush();
      if (this.#pendingBytes > 0) return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#flush();
  }

  /** Between two lines. Without room for the copy what was there is lost: a bound is a bound. */
  #makeRoom(): void {
    if (this.#path === undefined || this.#pendingBytes > 0) return;
    this.#sizeBytes = ownSize(this.#fd, this.#path);
    if (this.#sizeBytes === 0) return;
    try {
      copyFileSync(this.#path, `${this.#path}.old`);
    } catch {
      // A disk that is full: the next copy replaces what came of this one.
    }
    try {
      ftruncateSync(this.#fd, 0);
      this.#sizeBytes = 0;
    } catch {
      // Tried again with the next line.
    }
  }

  #flush(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      const count = tryWrite(this.#fd, first);
      this.#pendingBytes -= count;
      if (this.#path !== undefined) this.#sizeBytes += count;
      if (count < first.length) {
        this.#pending[0] = first.subarray(count);
        return;
      }
      this.#pending.shift();
    }
  }
}

/** 0 when the path leads to another file than the descriptor: that one is not ours to empty. */
function ownSize(fd: number, path: string): number {
  try {
    const [own, there] = [fstatSync(fd), statSync(path)];
    return own.isFile() && own.ino === there.ino && own.dev === there.dev ? own.size : 0;
  } catch {
    return 0;
  }
}

/** Bytes that were taken. */
function tryWrite(fd: number, bytes: Buffer): number {
  let count = 0;
  for (let waits = 0; count < bytes.length; ) {
    try {
      count += writeSync(fd, bytes, count);
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN' || waits === BUSY_WAITS_MAX) return count;
      waits += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BUSY_WAIT_MS);
    }
  }
  return count;
}
