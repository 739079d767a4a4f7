/**
 * Reads that share their bytes: each byte of a blob is asked for once, however many wait for it.
 * What is asked for in one turn of the event loop becomes one read where it touches, so that the
 * blocks of a chunk, which come as many requests, cost one request further on; each of them is answered
 * as soon as its own bytes are there. A home reads its origin through this, and a host reads its peers.
 */
import type { Priority } from '@shoal/blob-store';
import { orAbort } from '@shoal/concurrency';
import { blockMemory } from '../kept-memory.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { Flight, type FlightRead, type Waiter } from './flight.ts';

export type SharedReadOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly priority: Priority;
  /** Told where the bytes came from, whoever had asked for them first. */
  readonly onSources?: ((sources: ReadonlySet<string>) => void) | undefined;
};

export type SharedReadsInput = {
  readonly read: FlightRead;
  /** Longest range of one read, in bytes. */
  readonly bytesMax: number;
  /**
   * Reads that nobody waits for any more go on until this is aborted: somebody else will want what they
   * bring. @default they end
   */
  readonly goOnUntil?: AbortSignal;
};

type Joined = {
  readonly flights: readonly Flight[];
  /** All bytes are. */
  readonly here: Promise<unknown>;
};

type Asked = { readonly waiter: Waiter; readonly start: (joined: Joined) => void };

export class SharedReads {
  readonly #input: SharedReadsInput;
  /** Ascending, disjoint. */
  #flights: Flight[] = [];
  #asked: Asked[] = [];
  #isScheduled = false;

  constructor(input: SharedReadsInput) {
    this.#input = input;
  }

  /** Reads that run. */
  get count(): number {
    return this.#flights.length;
  }

  /**
   * The bytes of a range, in memory of the caller's own, who may give it back to `blockMemory`. Rejects as
   * soon as one of its reads fails that has not brought them yet, or with the signal's reason.
   */
  async read(range: ByteRange, options: SharedReadOptions): Promise<Buffer> {
    const { signal, priority } = options;
    signal?.throwIfAborted();
    const waiter: Waiter = { range, priority };
    const { flights, here } = await this.#ask(waiter);
    try {
      await orAbort(here, signal);
      options.onSources?.(new Set(flights.flatMap(({ sources }) => [...sources])));
      return collect(flights, range);
    } finally {
      this.#leave(flights, waiter);
    }
  }

  #ask(waiter: Waiter): Promise<Joined> {
    const { promise, resolve } = Promise.withResolvers<Joined>();
    this.#asked.push({ waiter, start: resolve });
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#startAsked());
    }
    return promise;
  }

  #startAsked(): void {
    this.#isScheduled = false;
    const asked = this.#asked;
    this.#asked = [];
    const sorted = asked.map(({ waiter }) => waiter.range).sort((a, b) => a.start - b.start);
    for (const range of mergeTouching(sorted)) {
      for (const gap of this.#gapsOf(range)) this.#startFlights(gap);
    }
    this.#flights.sort((a, b) => a.range.start - b.range.start);
    for (const { waiter, start } of asked) {
      const flights = this.#flights.filter((flight) => overlaps(flight.range, waiter.range));
      const here = Promise.all(flights.map((flight) => flight.join(waiter)));
      start({ flights, here });
    }
  }

  /** The parts of a range that no flight brings. */
  #gapsOf(range: ByteRange): ByteRange[] {
    const gaps: ByteRange[] = [];
    let at = range.start;
    for (const { range: known } of this.#flights) {
      if (known.end <= at || known.start >= range.end) continue;
      if (known.start > at) gaps.push({ start: at, end: known.start });
      at = Math.max(at, known.end);
    }
    if (at < range.end) gaps.push({ start: at, end: range.end });
    return gaps;
  }

  #startFlights(gap: ByteRange): void {
    const { bytesMax, read, goOnUntil } = this.#input;
    for (let start = gap.start; start < gap.end; start += bytesMax) {
      const end = Math.min(gap.end, start + bytesMax);
      const flight = new Flight({ start, end }, read, goOnUntil);
      this.#flights.push(flight);
      void flight.ended.then(() => this.#forget(flight));
    }
  }

  #forget(flight: Flight): void {
    this.#flights = this.#flights.filter((each) => each !== flight);
  }

  /** A flight that nobody waits for any more ends, unless it goes on for others. */
  #leave(flights: readonly Flight[], waiter: Waiter): void {
    for (const flight of flights) {
      if (!flight.leave(waiter) || this.#input.goOnUntil !== undefined) continue;
      flight.abort();
      // Whoever asks from now on starts another one.
      this.#forget(flight);
    }
  }
}

function overlaps(a: ByteRange, b: ByteRange): boolean {
  return a.start < b.end && b.start < a.end;
}

/** Of ranges in ascending order. */
function mergeTouching(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: ByteRange[] = [];
  for (const range of ranges) {
    const last = merged.at(-1);
    if (last === undefined || last.end < range.start) merged.push(range);
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, range.end) };
  }
  return merged;
}

/** A copy of the range out of the flights that cover it. */
function collect(flights: readonly Flight[], range: ByteRange): Buffer {
  const bytes = blockMemory.take(rangeBytes(range));
  for (const flight of flights) flight.copyTo(bytes, range.start);
  return bytes;
}
