/** Holes in the files of a store, as long as their file system is not found to have none. */
import type { FileHandle } from 'node:fs/promises';
import type { ByteRange } from '../ranges/byte-range.ts';
import type { StoreIo } from './blob-files.ts';
import type { StoreEventSink } from './store-event.ts';

export class HoleMaker {
  readonly #io: StoreIo;
  readonly #onEvent: StoreEventSink;
  #canMake = true;

  constructor(io: StoreIo, onEvent: StoreEventSink) {
    this.#io = io;
    this.#onEvent = onEvent;
  }

  get canMake(): boolean {
    return this.#canMake;
  }

  /** At once. What cannot be a hole stays as it is. */
  make(file: FileHandle, { start, end }: ByteRange): void {
    if (!this.#canMake) return;
    try {
      this.#io.punch(file, start, end - start);
    } catch (error) {
      this.#canMake = false;
      const message =
        'the file system of the store makes no holes: what the mount cache has as well is kept twice';
      this.#onEvent({ kind: 'no-holes', message, error });
    }
  }
}
