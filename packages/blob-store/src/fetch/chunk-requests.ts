/**
 * Starts the requests of an open blob: for what readers miss, together with what lies close behind,
 * and for what is read ahead of them. What is on its way already is joined.
 */

import type { BlobDescription } from '../description/blob-description.ts';
import { blockEnd } from '../description/chunk-lookup.ts';
import { isDigestKnown } from '../description/description-match.ts';
import { ChunkUnknownError } from '../errors.ts';
import { READAHEAD_REQUEST_BYTES_MAX, READAHEAD_WAITING_MAX } from '../limits.ts';
import type { BlobSource } from '../source/blob-source.ts';
import type { Priority } from '../source/priority.ts';
import type { ReadGate } from '../source/read-gate.ts';
import type { FetchCall, FetchOutcome } from './chunk-fetcher.ts';
import type { ChunkFlights, Flight } from './chunk-flights.ts';
import { isAhead } from './chunk-flights.ts';
import { type FetchRequest, planFetch } from './fetch-plan.ts';

/** Who asks. */
export type RequestCall = {
  readonly source: BlobSource;
  readonly priority: Priority;
  readonly owner: unknown;
  /** Signalled once what it asks for may be read: see `EnsureOptions`. */
  readonly readyEventFd?: number | undefined;
};

export type RequestComponents = {
  readonly description: BlobDescription;
  readonly flights: ChunkFlights;
  readonly gate: ReadGate;
  /** Neither present nor about to be found present. */
  readonly isAbsent: (chunk: number) => boolean;
  readonly fetch: (request: FetchRequest, call: FetchCall) => Promise<FetchOutcome>;
};

const NOBODY_ASKED: ReadonlySet<number> = new Set();

export class ChunkRequests {
  readonly #components: RequestComponents;

  constructor(components: RequestComponents) {
    this.#components = components;
  }

  /**
   * The requests that bring `missing`; `near` comes along with what is not on its way.
   *
   * @throws ChunkUnknownError
   */
  fetchOrJoin(missing: readonly number[], near: readonly number[], call: RequestCall): Set<Flight> {
    const { description, flights } = this.#components;
    const joined = new Set<Flight>();
    const asked = new Set<number>();
    for (const chunk of missing) {
      if (!isDigestKnown(description.chunks, chunk)) {
        throw new ChunkUnknownError(description.blobId, chunk);
      }
      const flight = flights.find(chunk);
      if (flight === undefined) asked.add(chunk);
      else joined.add(flight);
    }
    if (asked.size === 0) return joined;
    for (const request of this.#plan([...asked, ...near])) {
      const flight = this.#start(request, call, asked);
      if (!isAhead(flight)) joined.add(flight);
    }
    return joined;
  }

  /** Chunks from `first` on that end up to `end` and may be fetched now. */
  chunksAhead(first: number, end: number): number[] {
    const { chunks } = this.#components.description;
    // Where reads must wait, nothing that nobody asked for stands in the queue.
    if (this.#components.gate.waiting > READAHEAD_WAITING_MAX) return [];
    const ahead: number[] = [];
    for (let chunk = first; chunk < chunks.count; chunk++) {
      if (blockEnd(chunks, chunk) > end) break;
      if (this.#isFetchable(chunk)) ahead.push(chunk);
    }
    return ahead;
  }

  /** Starts what nobody asked for: chunks from `first` on, up to the byte `end`. */
  readAhead(first: number, end: number, call: RequestCall): void {
    for (const request of this.#plan(this.chunksAhead(first, end), READAHEAD_REQUEST_BYTES_MAX)) {
      if (this.#components.gate.waiting > READAHEAD_WAITING_MAX) return;
      this.#start(request, call, NOBODY_ASKED);
    }
  }

  #plan(wanted: readonly number[], storedBytesMax?: number): FetchRequest[] {
    const limits = storedBytesMax === undefined ? {} : { storedBytesMax };
    const isMissing = (chunk: number) => this.#isFetchable(chunk);
    return planFetch(this.#components.description.chunks, wanted, isMissing, limits);
  }

  /** `asked`: the chunks somebody wants; whatever else is in the request is readahead. */
  #start(request: FetchRequest, call: RequestCall, asked: ReadonlySet<number>): Flight {
    const { source, owner, priority: cause, readyEventFd } = call;
    const own = new Set(request.chunks.filter((chunk) => asked.has(chunk)));
    const priority = isAhead({ asked: own }) ? 'prefetch' : cause;
    return this.#components.flights.start({
      ...{ request, owner, asked: own, priority },
      run: (flight) =>
        this.#components.fetch(request, { source, cause, asked: own, readyEventFd, ...flight }),
    });
  }

  /** Absent, not on its way, and verifiable. */
  #isFetchable(chunk: number): boolean {
    const { description, flights, isAbsent } = this.#components;
    return (
      isAbsent(chunk) &&
      flights.find(chunk) === undefined &&
      isDigestKnown(description.chunks, chunk)
    );
  }
}
