/** What is known of the disk of a store: tells once that it refuses writes, and once that it takes them. */
import { errorCode } from '@shoal/errors';
import type { StoreEventSink } from './store-event.ts';

/** True for the errors that mean "no space", for anybody or for this user. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export class DiskState {
  readonly #directory: string;
  readonly #onEvent: StoreEventSink;
  #told: 'disk-full' | 'write-failed' | undefined;

  constructor(directory: string, onEvent: StoreEventSink) {
    this.#directory = directory;
    this.#onEvent = onEvent;
  }

  onWriteFailed(error: unknown): void {
    const kind = isDiskFull(error) ? 'disk-full' : 'write-failed';
    if (this.#told === kind) return;
    this.#told = kind;
    const what = kind === 'disk-full' ? 'the disk is full' : 'the disk refuses writes';
    const message = `store ${this.#directory}: ${what}; reads go on, nothing new is kept`;
    this.#onEvent({ kind, message, error });
  }

  onWritten(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    const message = `store ${this.#directory}: the disk takes writes again`;
    this.#onEvent({ kind: 'disk-writable', message });
  }
}
