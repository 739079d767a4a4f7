/**
 * Lets many readers share one source: equal reads that overlap in time become one, reads start in
 * order of priority, their number and bytes are bounded. A reader that gives up leaves the others
 * alone; the read itself is given up when nobody is left.
 */
import { ClosedError } from '../errors.ts';
import type { BlobKey, BlobReadOptions, BlobSource, Priority } from './blob-source.ts';
import { ReadGate, type ReadGateOptions, type ReadTicket } from './read-gate.ts';

type Flight = {
  readonly ticket: ReadTicket;
  readonly controller: AbortController;
  readonly promise: Promise<Buffer>;
  waiters: number;
  /** Readers it had, those who gave up included. */
  readers: number;
};

/** Source with single flight, priorities and bounds over `source`. */
export function sharedSource(source: BlobSource, options: ReadGateOptions = {}): BlobSource {
  return new SharedSource(source, new ReadGate(options));
}

class SharedSource implements BlobSource {
  readonly name: string;
  readonly #source: BlobSource;
  readonly #gate: ReadGate;
  readonly #flights = new Map<string, Flight>();
  #closing: Promise<void> | undefined;

  constructor(source: BlobSource, gate: ReadGate) {
    this.name = source.name;
    this.#source = source;
    this.#gate = gate;
  }

  async read(
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions = {},
  ): Promise<Buffer> {
    if (this.#closing !== undefined) throw new ClosedError(`source ${this.name}`);
    const { signal, priority = 'demand' } = options;
    signal?.throwIfAborted();
    const key = `${blob.blobId} ${offset} ${length}`;
    const flight = this.#flights.get(key) ?? this.#start(key, blob, offset, length, options);
    this.#gate.raise(flight.ticket, priority);
    return this.#wait(key, flight, signal);
  }

  /** Drops what is queued or running and closes the source below. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    for (const { controller } of this.#flights.values()) {
      controller.abort(new ClosedError(`source ${this.name}`));
    }
    await this.#source.close();
  }

  #start(
    key: string,
    blob: BlobKey,
    offset: number,
    length: number,
    options: BlobReadOptions,
  ): Flight {
    const { promise: admitted, resolve: admit } = Promise.withResolvers<void>();
    const controller = new AbortController();
    const ticket: ReadTicket = { priority: options.priority ?? 'demand', bytes: length, admit };
    this.#gate.enter(ticket);
    const promise = this.#fly(ticket, controller.signal, admitted, (priority, signal) =>
      this.#source.read(blob, offset, length, { ...options, priority, signal }),
    ).finally(() => this.#forget(key, flight));
    promise.catch(() => {});
    const flight: Flight = { ticket, controller, promise, waiters: 0, readers: 0 };
    this.#flights.set(key, flight);
    return flight;
  }

  async #fly(
    ticket: ReadTicket,
    signal: AbortSignal,
    admitted: Promise<void>,
    read: (priority: Priority, signal: AbortSignal) => Promise<Buffer>,
  ): Promise<Buffer> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    aborted.catch(() => {});
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    try {
      await Promise.race([admitted, aborted]);
    } catch (error) {
      // Admitted in the same turn as it was given up: the place is free again.
      if (!this.#gate.cancel(ticket)) this.#gate.leave(ticket);
      throw error;
    }
    try {
      return await Promise.race([read(ticket.priority, signal), aborted]);
    } finally {
      this.#gate.leave(ticket);
    }
  }

  async #wait(key: string, flight: Flight, signal: AbortSignal | undefined): Promise<Buffer> {
    flight.waiters++;
    flight.readers++;
    const { promise: cancelled, reject } = Promise.withResolvers<never>();
    cancelled.catch(() => {});
    const onAbort = () => reject(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const bytes = await Promise.race([flight.promise, cancelled]);
      // A buffer is its reader's alone (he may move it to a thread): several get copies.
      return flight.readers === 1 ? bytes : Buffer.from(bytes);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      flight.waiters--;
      if (flight.waiters === 0) {
        this.#forget(key, flight);
        flight.controller.abort(signal?.reason);
      }
    }
  }

  #forget(key: string, flight: Flight): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}
