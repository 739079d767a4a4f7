/** Somebody who has bytes of samples in files of his own, as the mount cache of a host has. */
import { setImmediate as turn } from 'node:timers/promises';
import type { SizedBlob } from '@shoal/blob-store';
import type { BlobId } from '@shoal/oci';
import type { ByteRange } from '../../src/index.ts';
import { RangeSet } from '../../src/ranges/range-set.ts';
import type { Lender, LentListener } from '../../src/store/lender.ts';
import type { SampleBytes } from './sample-bytes.ts';

export class SampleLender implements Lender {
  readonly #samples: ReadonlyMap<BlobId, SampleBytes>;
  readonly #has = new Map<BlobId, RangeSet>();
  readonly #listeners = new Set<LentListener>();
  reads = 0;

  constructor(samples: readonly SampleBytes[]) {
    this.#samples = new Map(samples.map((sample) => [sample.blobId, sample]));
  }

  /** He has these from now on. */
  take({ blobId, bytes }: SampleBytes, range: ByteRange): void {
    this.#rangesOf(blobId).add(range);
    for (const tell of this.#listeners) tell({ blobId, sizeBytes: bytes.length }, [range]);
  }

  /** He has these no more; without `isTold` nobody hears of it. */
  lose({ blobId, bytes }: SampleBytes, range: ByteRange, isTold = true): void {
    this.#rangesOf(blobId).remove(range);
    if (!isTold) return;
    for (const tell of this.#listeners) tell({ blobId, sizeBytes: bytes.length }, undefined);
  }

  rangesOf({ blobId, sizeBytes }: SizedBlob): readonly ByteRange[] {
    const isSame = this.#samples.get(blobId)?.bytes.length === sizeBytes;
    return isSame ? [...this.#rangesOf(blobId)] : [];
  }

  async read({ blobId }: SizedBlob, range: ByteRange): Promise<Buffer | undefined> {
    await turn();
    this.reads++;
    if (!this.#rangesOf(blobId).covers(range)) return undefined;
    const bytes = this.#samples.get(blobId)?.bytes.subarray(range.start, range.end);
    return bytes === undefined ? undefined : Buffer.from(bytes);
  }

  watch(listener: LentListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #rangesOf(blobId: BlobId): RangeSet {
    const ranges = this.#has.get(blobId) ?? new RangeSet();
    this.#has.set(blobId, ranges);
    return ranges;
  }
}
