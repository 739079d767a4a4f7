/** The bytes of one blob, from where each of them lies: its file, or the file of somebody who lends them. */
import { setImmediate as turn } from 'node:timers/promises';
import type { SizedBlob } from '@shoal/blob-store';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import type { BlobFile } from './blob-file.ts';
import { diskBytesOf } from './blob-files.ts';
import type { BlobState } from './blob-state.ts';
import type { StoreParts } from './store-parts.ts';

export type BlobBytesInit = {
  readonly blob: SizedBlob;
  readonly parts: StoreParts;
  readonly state: BlobState;
  readonly file: BlobFile;
  /** These were lent, and cannot be read. */
  readonly onMissed: (range: ByteRange) => void;
};

export class BlobBytes {
  readonly #init: BlobBytesInit;
  #isMakingHoles = false;

  constructor(init: BlobBytesInit) {
    this.#init = init;
  }

  /** In `memory` where it is given; undefined when they cannot be read. Never rejects. */
  async read(range: ByteRange, memory?: Buffer): Promise<Buffer | undefined> {
    const { state, file } = this.#init;
    const lent = state.lent.intersect(range);
    if (lent.length === 0) return await file.read(range, memory);
    const own = state.lent.missing(range);
    const pieces = await Promise.all([
      ...lent.map(async (part) => ({ part, bytes: await this.#readLent(part) })),
      ...own.map(async (part) => ({ part, bytes: await file.read(part) })),
    ]);
    const [first] = pieces;
    if (pieces.length === 1 && memory === undefined) return first?.bytes;
    // Not from Node's pool: its reader may move it to a thread.
    const all = memory ?? Buffer.allocUnsafeSlow(rangeBytes(range));
    for (const { part, bytes } of pieces) {
      if (bytes === undefined) return undefined;
      bytes.copy(all, part.start - range.start);
    }
    return all;
  }

  /** What the file has in vain takes no room any more, where its file system can do that. */
  async makeHoles(): Promise<void> {
    const { file, state, blob, parts } = this.#init;
    if (this.#isMakingHoles || state.spare.nextHole() === undefined) return;
    this.#isMakingHoles = true;
    const { resets } = state;
    await file.use(async (handle) => {
      for (;;) {
        const hole = resets === state.resets ? state.spare.nextHole() : undefined;
        if (hole === undefined) break;
        parts.holes.make(handle, hole);
        state.spare.end(hole);
        await turn();
      }
      this.#isMakingHoles = false;
      const diskBytes = await diskBytesOf(handle);
      if (resets === state.resets) parts.onDiskBytes(blob.blobId, diskBytes);
    });
    this.#isMakingHoles = false;
  }

  async #readLent(part: ByteRange): Promise<Buffer | undefined> {
    const { blob, parts, onMissed } = this.#init;
    const bytes = await parts.lender.read(blob, part);
    if (bytes === undefined) onMissed(part);
    return bytes;
  }
}
