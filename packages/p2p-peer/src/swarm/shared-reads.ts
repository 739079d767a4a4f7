/**
 * Reads that share their bytes: each byte of a blob is asked for once, however many wait for it.
 * What is asked for in one turn of the event loop becomes one read where it touches, so that the
 * blocks of a chunk, which come as many requests, cost one request further on. A home reads its
 * origin through this, and a host reads its peers.
 */
import { PRIORITIES, type Priority } from '@shoal/blob-store';
import type { ByteRange } from '../ranges/byte-range.ts';

export type SharedReadOptions = {
  readonly signal?: AbortSignal | undefined;
  readonly priority: Priority;
  /** Told where the bytes came from, whoever had asked for them first. */
  readonly onSources?: ((sources: ReadonlySet<string>) => void) | undefined;
};

export type ReadBytes = {
  /** Not changed afterwards. */
  readonly bytes: Buffer;
  /** Names of where they came from; none where nobody asks. */
  readonly sources?: ReadonlySet<string>;
  /** Resolves when they are kept where they are looked for first; until then they are given from here. */
  readonly kept?: Promise<unknown>;
};

export type SharedReadsInput = {
  /** Reads the range itself. */
  readonly read: (
    range: ByteRange,
    options: { readonly signal: AbortSignal; readonly priority: () => Priority },
  ) => Promise<ReadBytes>;
  /** Longest range of one read, in bytes. */
  readonly bytesMax: number;
  /**
   * Reads that nobody waits for any more go on until this is aborted: somebody else will want what they
   * bring. @default they end
   */
  readonly goOnUntil?: AbortSignal;
};

type Waiter = { readonly priority: Priority };

type Flight = {
  readonly range: ByteRange;
  readonly reading: Promise<ReadBytes>;
  readonly controller: AbortController;
  readonly waiters: Set<Waiter>;
  /** The bytes have come. */
  isHere: boolean;
};

type Asked = {
  readonly range: ByteRange;
  readonly waiter: Waiter;
  readonly start: (flights: readonly Flight[]) => void;
};

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

  /** The bytes of a range. Rejects as soon as one of its reads fails, or with the signal's reason. */
  async read(range: ByteRange, options: SharedReadOptions): Promise<Buffer> {
    const { signal, priority } = options;
    signal?.throwIfAborted();
    const waiter: Waiter = { priority };
    const flights = await this.#ask(range, waiter);
    const { promise: given, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(signal?.reason);
    signal?.addEventListener('abort', giveUp, { once: true });
    if (signal?.aborted === true) giveUp();
    try {
      const { bytes, sources } = await Promise.race([collect(flights, range), given]);
      options.onSources?.(sources);
      return bytes;
    } finally {
      signal?.removeEventListener('abort', giveUp);
      this.#leave(flights, waiter);
    }
  }

  #ask(range: ByteRange, waiter: Waiter): Promise<readonly Flight[]> {
    const { promise, resolve } = Promise.withResolvers<readonly Flight[]>();
    this.#asked.push({ range, waiter, start: resolve });
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
    const sorted = asked.map(({ range }) => range).sort((a, b) => a.start - b.start);
    for (const range of mergeTouching(sorted)) {
      for (const gap of this.#gapsOf(range)) this.#startFlights(gap);
    }
    this.#flights.sort((a, b) => a.range.start - b.range.start);
    for (const { range, waiter, start } of asked) {
      const own = this.#flights.filter((flight) => overlaps(flight.range, range));
      for (const flight of own) flight.waiters.add(waiter);
      start(own);
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
    const { bytesMax } = this.#input;
    for (let start = gap.start; start < gap.end; start += bytesMax) {
      this.#flights.push(this.#startFlight({ start, end: Math.min(gap.end, start + bytesMax) }));
    }
  }

  #startFlight(range: ByteRange): Flight {
    const controller = new AbortController();
    const { goOnUntil } = this.#input;
    const signal =
      goOnUntil === undefined ? controller.signal : AbortSignal.any([controller.signal, goOnUntil]);
    const waiters = new Set<Waiter>();
    const priority = () => PRIORITIES.find((each) => hasPriority(waiters, each)) ?? 'background';
    const reading = this.#input.read(range, { signal, priority });
    const flight: Flight = { range, reading, controller, waiters, isHere: false };
    const end = () => {
      this.#flights = this.#flights.filter((each) => each !== flight);
    };
    const arrive = ({ kept }: ReadBytes) => {
      flight.isHere = true;
      return kept;
    };
    reading.then(arrive).then(end, end);
    return flight;
  }

  /** A flight that nobody waits for any more ends, unless it goes on for others. */
  #leave(flights: readonly Flight[], waiter: Waiter): void {
    for (const { waiters, controller, isHere } of flights) {
      waiters.delete(waiter);
      if (waiters.size > 0 || isHere || this.#input.goOnUntil !== undefined) continue;
      controller.abort();
      // Whoever asks from now on starts another one.
      this.#flights = this.#flights.filter((flight) => flight.controller !== controller);
    }
  }
}

function hasPriority(waiters: ReadonlySet<Waiter>, priority: Priority): boolean {
  for (const waiter of waiters) if (waiter.priority === priority) return true;
  return false;
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
async function collect(
  flights: readonly Flight[],
  range: ByteRange,
): Promise<Required<Omit<ReadBytes, 'kept'>>> {
  const parts = await Promise.all(flights.map(({ reading }) => reading));
  const bytes = Buffer.allocUnsafe(range.end - range.start);
  for (const [index, { range: own }] of flights.entries()) {
    const start = Math.max(own.start, range.start);
    const end = Math.min(own.end, range.end);
    parts[index]?.bytes.copy(bytes, start - range.start, start - own.start, end - own.start);
  }
  const sources = new Set(parts.flatMap((part) => [...(part.sources ?? [])]));
  return { bytes, sources };
}
