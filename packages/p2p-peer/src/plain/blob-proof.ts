/**
 * Where anybody reads one blob, and which of its bytes: those among which its registry gave what was
 * asked for (see `PublicOrigin`). A question stays the same until somebody has answered it rightly, so
 * that who has a part of the blob cannot ask for easier ones by being silent.
 */

import type { ByteRange } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';
import type { BlobPlace } from '../store/shared-images.ts';
import type { StoredBlob } from '../store/stored-blob.ts';
import { PUBLIC_PROOF_MS } from './limits.ts';
import { drawWindows, type Proof } from './public-origin.ts';

type Question = {
  /** Of everything that is held, or of what has come since. */
  readonly about: 'all' | 'more';
  readonly windows: readonly ByteRange[];
  /** What is shown by a right answer. */
  readonly ranges: readonly ByteRange[];
};

export type BlobProofInput = {
  /** Rejects when it cannot be said now. */
  readonly prove: (
    repository: string,
    stored: StoredBlob,
    windows: readonly ByteRange[],
  ) => Promise<Proof>;
  readonly nowMs: () => number;
};

export class BlobProof {
  /** Bytes that anybody reads. */
  readonly proven = new RangeSet();
  readonly #input: BlobProofInput;
  #place: BlobPlace | undefined;
  #untilMs = 0;
  #question: Question | undefined;
  #isRefused = false;

  constructor(input: BlobProofInput) {
    this.#input = input;
  }

  /** It counts that anybody reads it. */
  get isValid(): boolean {
    return this.#untilMs > this.#input.nowMs();
  }

  /** All of its registries have said no. */
  get isRefused(): boolean {
    return this.#isRefused;
  }

  /** When everything is asked for again. */
  get renewAtMs(): number {
    return this.#untilMs - PUBLIC_PROOF_MS / 2;
  }

  /**
   * Where anybody reads it: undefined when nobody gives it, or nothing is held of it. Rejects when none of
   * the registries gives it, and one says nothing.
   */
  async ask(stored: StoredBlob, places: readonly BlobPlace[]): Promise<BlobPlace | undefined> {
    const place = this.#place;
    if (stored.held.bytes === 0) return this.#answer(undefined, false);
    if (place === undefined || this.renewAtMs <= this.#input.nowMs()) {
      return await this.#askAll(stored, places);
    }
    const more = [...stored.held].flatMap((range) => this.proven.missing(range));
    if (more.length === 0) return place;
    const question = this.#questionOf('more', more);
    const proof = await this.#input.prove(place.repository, stored, question.windows);
    if (proof === 'refused') return await this.#askAll(stored, places);
    this.#question = undefined;
    if (proof === 'right') this.add(question.ranges);
    return place;
  }

  /** These have come from where anybody reads it. */
  add(ranges: readonly ByteRange[]): void {
    for (const range of ranges) this.proven.add(range);
  }

  /** It does not count any more. */
  withdraw(): void {
    this.#place = undefined;
    this.#untilMs = 0;
    this.proven.clear();
  }

  async #askAll(stored: StoredBlob, places: readonly BlobPlace[]): Promise<BlobPlace | undefined> {
    const askedMs = this.#input.nowMs();
    const question = this.#questionOf('all', [...stored.held]);
    const failures: unknown[] = [];
    for (const place of places) {
      try {
        const proof = await this.#input.prove(place.repository, stored, question.windows);
        if (proof !== 'refused') this.#question = undefined;
        if (proof === 'lost') return this.#answer(undefined, false);
        if (proof !== 'right') continue;
        this.proven.clear();
        this.add(question.ranges);
        this.#untilMs = askedMs + PUBLIC_PROOF_MS;
        return this.#answer(place, false);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return this.#answer(undefined, true);
  }

  #answer(place: BlobPlace | undefined, isRefused: boolean): BlobPlace | undefined {
    if (place === undefined) this.withdraw();
    this.#place = place;
    this.#isRefused = isRefused;
    return place;
  }

  #questionOf(about: Question['about'], ranges: readonly ByteRange[]): Question {
    const before = this.#question;
    if (before !== undefined && (before.about === about || before.about === 'all')) return before;
    const windows = [...(before?.windows ?? []), ...drawWindows(ranges)];
    this.#question = { about, windows, ranges };
    return this.#question;
  }
}
