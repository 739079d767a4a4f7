/**
 * What is known of the cache's disk: tells once that it is full, and once that it is not any more.
 */
import { errorCode } from '@shoal/errors';
import type { CacheEventSink } from './cache-event.ts';

/** True for the errors that mean "no space", for anybody or for this user. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export class DiskState {
  readonly #directory: string;
  readonly #onEvent: CacheEventSink;
  #told: 'disk-full' | 'write-failed' | undefined;

  constructor(directory: string, onEvent: CacheEventSink) {
    this.#directory = directory;
    this.#onEvent = onEvent;
  }

  onWriteFailed(error: unknown): void {
    const kind = isDiskFull(error) ? 'disk-full' : 'write-failed';
    if (this.#told === kind) return;
    this.#told = kind;
    const what = kind === 'disk-full' ? 'the disk is full' : 'the disk refuses writes';
    const message = `cache ${this.#directory}: ${what}; reads go on from the network and memory, nothing is kept`;
    this.#onEvent({ kind, message, error });
  }

  onWritten(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    const message = `cache ${this.#directory}: the disk takes writes again`;
    this.#onEvent({ kind: 'disk-writable', message });
  }
}
