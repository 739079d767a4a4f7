/**
 * One read that several may wait for: what it brings is put into memory of its own, and whoever waits for
 * some of it goes on as soon as that is there, however much is still on its way.
 */
import { mostUrgent, type Priority } from '@shoal/blob-store';
import { readMemory } from '../kept-memory.ts';
import { type ByteRange, rangeBytes } from '../ranges/byte-range.ts';
import { RangeSet } from '../ranges/range-set.ts';

export type FlightCall = {
  readonly signal: AbortSignal;
  /** Of the most urgent who wait. */
  readonly priority: () => Priority;
  /** The most urgent that it was asked for, also when nobody waits any more. */
  readonly cause: () => Priority;
  /** The listener hears when it may have become more urgent. */
  readonly onRaised: (listener: () => void) => void;
  /** As long as the range: what is read is put here. Made when it is first looked at: the read may wait for its turn. */
  readonly memory: Buffer;
  /** These bytes are in the memory and stay as they are; names of where they came from, for who asks. */
  readonly onHere: (part: ByteRange, sources?: Iterable<string>) => void;
};

export type FlightEnd = {
  /** Resolves when the bytes are kept where they are looked for first; until then they are given from here. */
  readonly kept?: Promise<unknown>;
};

/** Reads the range itself; all of it is in the memory when it resolves. */
export type FlightRead = (range: ByteRange, call: FlightCall) => Promise<FlightEnd>;

/** Who waits, for what of it and perhaps of others. */
export type Waiter = { readonly range: ByteRange; readonly priority: Priority };

export class Flight {
  readonly range: ByteRange;
  /** Nothing more comes of it: it has failed, or its bytes are kept elsewhere. Never rejects. */
  readonly ended: Promise<void>;
  /** Of what has come. */
  readonly sources = new Set<string>();
  #memory: Buffer | undefined;
  readonly #here = new RangeSet();
  readonly #controller = new AbortController();
  readonly #waiters = new Map<Waiter, PromiseWithResolvers<void>>();
  /** Who may still look at the memory, be it that all is there. */
  readonly #users = new Set<Waiter>();
  #isOver = false;
  readonly #raised: (() => void)[] = [];
  #cause: Priority = 'background';
  #failure: { readonly error: unknown } | undefined;

  constructor(range: ByteRange, read: FlightRead, endsWith?: AbortSignal) {
    this.range = range;
    const own = this.#controller.signal;
    const makeMemory = () => this.#makeMemory();
    const reading = read(range, {
      signal: endsWith === undefined ? own : AbortSignal.any([own, endsWith]),
      priority: () => mostUrgent(this.#waiters.keys().map(({ priority }) => priority)),
      cause: () => this.#cause,
      onRaised: (listener) => this.#raised.push(listener),
      get memory() {
        return makeMemory();
      },
      onHere: (part, sources) => this.#arrived(part, sources),
    });
    this.ended = reading
      .then(({ kept }) => {
        this.#arrived(range);
        return kept;
      })
      .then(
        () => this.#over(),
        (error: unknown) => this.#fail(error),
      );
  }

  /** Every byte has come. */
  get isHere(): boolean {
    return this.#here.covers(this.range);
  }

  /** Resolves when all is here that this one wants of it; rejects when the read fails before. He leaves later. */
  async join(waiter: Waiter): Promise<void> {
    this.#users.add(waiter);
    this.#cause = mostUrgent([this.#cause, waiter.priority]);
    if (this.#has(waiter)) return;
    if (this.#failure !== undefined) throw this.#failure.error;
    const waiting = Promise.withResolvers<void>();
    this.#waiters.set(waiter, waiting);
    for (const raised of this.#raised) raised();
    await waiting.promise;
  }

  /** True when nobody waits any more for what is still to come. */
  leave(waiter: Waiter): boolean {
    this.#waiters.delete(waiter);
    this.#users.delete(waiter);
    this.#letGo();
    return this.#waiters.size === 0 && !this.isHere;
  }

  abort(): void {
    this.#controller.abort();
  }

  /** What it has of these bytes, to where they are from `start` on. Only what has come. */
  copyTo(bytes: Buffer, start: number): void {
    const from = Math.max(0, start - this.range.start);
    this.#memory?.copy(bytes, Math.max(0, this.range.start - start), from);
  }

  #makeMemory(): Buffer {
    this.#memory ??= readMemory.take(rangeBytes(this.range));
    return this.#memory;
  }

  #over(): void {
    this.#isOver = true;
    this.#letGo();
  }

  /** Of a read that has failed something may still come into the memory: that is nobody else's then. */
  #letGo(): void {
    if (!this.#isOver || this.#users.size > 0 || this.#memory === undefined) return;
    readMemory.give(this.#memory);
    this.#memory = undefined;
  }

  #arrived(part: ByteRange, sources: Iterable<string> = []): void {
    this.#here.add(part);
    for (const name of sources) this.sources.add(name);
    for (const [waiter, { resolve }] of this.#waiters) {
      if (!this.#has(waiter)) continue;
      this.#waiters.delete(waiter);
      resolve();
    }
  }

  #fail(error: unknown): void {
    this.#failure = { error };
    for (const { reject } of this.#waiters.values()) reject(error);
    this.#waiters.clear();
  }

  #has({ range }: Waiter): boolean {
    const start = Math.max(range.start, this.range.start);
    return this.#here.covers({ start, end: Math.min(range.end, this.range.end) });
  }
}
