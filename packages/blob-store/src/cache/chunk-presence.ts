/**
 * The two bits of each chunk of an open blob. *Present*: in the ready map, set after verify and write, by the
 * codec thread itself where a reader waits; readers are answered from the device file. *Durable*: in the
 * files, set in batches after the device file is on the disk; only these count after a restart.
 */
import { ReadyMap } from '@shoal/linux/ready-map';
import type { BlobDescription } from '../description/blob-description.ts';
import { alignToBlock, blockEnd } from '../description/chunk-lookup.ts';
import { bitmapBytes, clearBit, hasBit, setBit } from '../files/chunk-map.ts';
import { DurableQueue } from './durable-queue.ts';
import type { EntryComponents } from './entry-components.ts';

export class ChunkPresence {
  readonly ready: ReadyMap;
  readonly #description: BlobDescription;
  readonly #components: EntryComponents;
  readonly #durable: DurableQueue;
  /** On the disk, but the record that says so could not be written. */
  #unrecorded: readonly number[] = [];
  /** Present and counted: a chunk is ready before that where the codec thread that wrote it has said so. */
  readonly #confirmed: Uint8Array;
  #presentCount = 0;
  #presentBytes = 0;
  #syncFailures = 0;

  constructor(description: BlobDescription, components: EntryComponents) {
    this.#description = description;
    this.#components = components;
    this.ready = new ReadyMap(description.sizeBytes);
    this.#confirmed = new Uint8Array(bitmapBytes(description.chunks.count));
    this.#durable = new DurableQueue({
      persist: (chunks) => this.#persist(chunks),
      onFailed: (chunks, error) => this.#onSyncFailed(chunks, error),
      delayMs: components.durableDelayMs,
    });
    this.#markGaps();
    for (let chunk = 0; chunk < description.chunks.count; chunk++) {
      if (hasBit(components.files.trusted, chunk)) this.#mark(chunk);
    }
  }

  get presentCount(): number {
    return this.#presentCount;
  }

  /** Bytes of the present chunks, without padding. */
  get presentBytes(): number {
    return this.#presentBytes;
  }

  /** How often written bytes did not reach the disk. */
  get syncFailures(): number {
    return this.#syncFailures;
  }

  get isComplete(): boolean {
    return this.#presentCount === this.#description.chunks.count;
  }

  /** All of it: another thread may have made its first blocks ready, and be about to make the others. */
  isPresent(chunk: number): boolean {
    const { offset, size } = this.#description.chunks;
    return this.ready.isReady(offset[chunk] ?? 0, size[chunk] ?? 0);
  }

  /** The chunks' verified bytes are in the device file. */
  confirm(chunks: readonly number[]): void {
    for (const chunk of chunks) {
      if (hasBit(this.#confirmed, chunk)) continue;
      this.#mark(chunk);
      this.#durable.add(chunk, this.#description.chunks.size[chunk] ?? 0);
    }
  }

  /** Perhaps a codec thread has made them ready, and what it wrote may be lost: they are absent again. */
  doubt(chunks: readonly number[]): void {
    for (const chunk of chunks) if (!hasBit(this.#confirmed, chunk)) this.#clearReady(chunk);
  }

  /** The chunks only seemed to be in the device file. */
  async refute(chunks: readonly number[]): Promise<void> {
    try {
      await this.#components.files.dropClaims(chunks);
    } catch (error) {
      this.#tell('record-failed', 'the chunk map cannot be written', error);
    }
  }

  /** What is in the device file is not what belongs there: it is absent from now on. */
  async forget(chunks: readonly number[]): Promise<void> {
    const present = chunks.filter((chunk) => this.isPresent(chunk));
    for (const chunk of present) this.#unmark(chunk);
    this.#components.onGone?.();
    try {
      await this.#components.files.forget(present);
    } catch (error) {
      this.#tell('record-failed', 'the chunk map cannot be written', error);
    }
  }

  /** Resolves when everything present is durable, as far as the disk allows. */
  flush(): Promise<void> {
    return this.#durable.flush();
  }

  #mark(chunk: number): void {
    const { offset, size } = this.#description.chunks;
    const bytes = size[chunk] ?? 0;
    this.ready.set(offset[chunk] ?? 0, alignToBlock(bytes));
    setBit(this.#confirmed, chunk);
    this.#presentCount++;
    this.#presentBytes += bytes;
  }

  #unmark(chunk: number): void {
    this.#clearReady(chunk);
    if (!hasBit(this.#confirmed, chunk)) return;
    clearBit(this.#confirmed, chunk);
    this.#presentCount--;
    this.#presentBytes -= this.#description.chunks.size[chunk] ?? 0;
  }

  #clearReady(chunk: number): void {
    const { offset, size } = this.#description.chunks;
    this.ready.clear(offset[chunk] ?? 0, alignToBlock(size[chunk] ?? 0));
  }

  /** Blocks that belong to no chunk are zeros and always were. */
  #markGaps(): void {
    const { chunks, sizeBytes } = this.#description;
    let at = 0;
    for (let chunk = 0; chunk < chunks.count; chunk++) {
      const offset = chunks.offset[chunk] ?? 0;
      if (offset > at) this.ready.set(at, offset - at);
      at = blockEnd(chunks, chunk);
    }
    if (sizeBytes > at) this.ready.set(at, sizeBytes - at);
  }

  async #persist(chunks: readonly number[]): Promise<void> {
    const { files } = this.#components;
    await files.syncData();
    const all = [...new Set([...this.#unrecorded, ...chunks])].sort((a, b) => a - b);
    try {
      await files.record(all, this.#description.chunks.digests);
      this.#unrecorded = [];
    } catch (error) {
      this.#unrecorded = all;
      this.#tell('record-failed', 'the record of its chunks cannot be written yet', error);
      return;
    }
    this.#components.onDurable?.(all);
  }

  /** The kernel may have dropped the written pages: what they held must be fetched again. */
  #onSyncFailed(chunks: readonly number[], error: unknown): void {
    this.#syncFailures++;
    for (const chunk of chunks) this.#unmark(chunk);
    this.#tell('sync-failed', `${chunks.length} chunks did not reach the disk`, error);
  }

  #tell(kind: 'record-failed' | 'sync-failed', what: string, error: unknown): void {
    const { onEvent, paths } = this.#components;
    onEvent({ kind, message: `${paths.data}: ${what}`, error });
  }
}
