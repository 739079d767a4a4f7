/**
 * Where the lines of the log go. Written synchronously; what a full disk refuses waits, bounded,
 * until there is room again: a log is no reason to leave the readers alone. (Pino's own destination
 * throws then, and waits for ever after a fatal line.)
 */
import { writeSync } from 'node:fs';
import { errorCode } from '@shoal/errors';
import { LOG_PENDING_BYTES_MAX } from './limits.ts';

/** A pipe whose reader is slow is waited for, but not for long. */
const BUSY_WAITS_MAX = 20;
const BUSY_WAIT_MS = 5;

export class LogFile {
  readonly #fd: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Never throws. The line is lost when too many wait already. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#pendingBytes + bytes.length > LOG_PENDING_BYTES_MAX) {
      this.#flush();
      if (this.#pendingBytes > 0) return;
    }
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#flush();
  }

  #flush(): void {
    for (let first = this.#pending[0]; first !== undefined; first = this.#pending[0]) {
      const count = tryWrite(this.#fd, first);
      this.#pendingBytes -= count;
      if (count < first.length) {
        this.#pending[0] = first.subarray(count);
        return;
      }
      this.#pending.shift();
    }
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
