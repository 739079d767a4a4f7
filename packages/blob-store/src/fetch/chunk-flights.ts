/**
 * Requests on their way, by chunk: whoever wants a chunk that is being fetched joins. A joiner with
 * a higher priority raises the whole request. Who wants what it was started for goes on as soon as that
 * is here. When the last one who waits gives up, the request is given up too; one that was started ahead
 * of any reader, or has brought what was asked for, goes on until a reader gave up on it.
 */
import { orAbort } from '@shoal/concurrency';
import type { Priority } from '../source/priority.ts';
import type { ReadGate, ReadTicket } from '../source/read-gate.ts';
import type { FetchOutcome, FlightCall } from './chunk-fetcher.ts';
import type { FetchRequest } from './fetch-plan.ts';

export type Flight = {
  readonly request: FetchRequest;
  readonly ticket: ReadTicket;
  readonly controller: AbortController;
  /** Never rejects. */
  readonly landed: Promise<FetchOutcome>;
  /** The same of what was asked for: it may be here before the rest. */
  readonly askedLanded: Promise<FetchOutcome>;
  /** Who started it; only to tell own flights from joined ones. */
  readonly owner: unknown;
  /** Chunks that its owner asked for; it tries harder for them than for the others. */
  readonly asked: ReadonlySet<number>;
  waiters: number;
  /** Whatever is still to come, nobody has asked for. */
  isAskedHere: boolean;
};

export type FlightPlan = {
  readonly request: FetchRequest;
  readonly priority: Priority;
  readonly owner: unknown;
  readonly asked: ReadonlySet<number>;
  readonly run: (call: FlightCall) => Promise<FetchOutcome>;
};

/** What a request has brought to somebody who waited. */
export type Landing = { readonly flight: Flight; readonly outcome: FetchOutcome };

type FlyCall = Omit<FlightCall, 'reading'> & { readonly ticket: ReadTicket };

/** True: nobody has asked for it yet, and it goes on when nobody waits. */
export function isAhead({ asked }: Pick<Flight, 'asked'>): boolean {
  return asked.size === 0;
}

/** Whatever of it is wanted is what it was started for. */
function isAsked({ request, asked }: Flight, wanted: ReadonlySet<number>): boolean {
  return request.chunks.every((chunk) => asked.has(chunk) || !wanted.has(chunk));
}

export class ChunkFlights {
  readonly #gate: ReadGate;
  readonly #byChunk = new Map<number, Flight>();
  readonly #all = new Set<Flight>();

  constructor(gate: ReadGate) {
    this.#gate = gate;
  }

  /**
   * The request that brings a chunk, if one is under way and not given up. One that has brought it already
   * does not bring it again: who misses it now has lost it since.
   */
  find(chunk: number): Flight | undefined {
    const flight = this.#byChunk.get(chunk);
    const isOver = flight?.controller.signal.aborted === true;
    const wasHere = flight?.isAskedHere === true && flight.asked.has(chunk);
    return isOver || wasHere ? undefined : flight;
  }

  start(plan: FlightPlan): Flight {
    const admission = Promise.withResolvers<void>();
    let isAdmitted = false;
    const admit = () => {
      isAdmitted = true;
      admission.resolve();
    };
    const { request, priority, owner, asked } = plan;
    const bytes = request.storedBytes + request.rawBytes;
    const ticket: ReadTicket = { priority, bytes, admit };
    const controller = new AbortController();
    this.#gate.enter(ticket);
    // Most are admitted at once, and are on their way before anything else happens.
    const admitted = isAdmitted ? undefined : admission.promise;
    const early = Promise.withResolvers<FetchOutcome>();
    const end = Promise.withResolvers<FetchOutcome>();
    const flight: Flight = {
      ...{ request, ticket, controller, owner, asked, waiters: 0, isAskedHere: false },
      landed: end.promise,
      askedLanded: Promise.race([early.promise, end.promise]),
    };
    for (const chunk of request.chunks) this.#byChunk.set(chunk, flight);
    this.#all.add(flight);
    const call: FlyCall = {
      ...{ ticket, signal: controller.signal },
      // Nobody waits for what only came along.
      priority: () => (flight.isAskedHere && flight.waiters === 0 ? 'prefetch' : ticket.priority),
      onAskedPresent: (sources) => {
        flight.isAskedHere = true;
        early.resolve({ failures: new Map(), passedThrough: new Map(), sources });
      },
    };
    void this.#fly(plan, call, admitted).then((outcome) => {
      end.resolve(outcome);
      this.#forget(flight);
    });
    return flight;
  }

  /**
   * Waits until requests have brought what is wanted of them, or have ended without; a caller that gives up
   * leaves them.
   */
  async wait(
    flights: Iterable<Flight>,
    wanted: ReadonlySet<number>,
    priority: Priority,
    signal: AbortSignal,
  ): Promise<Landing[]> {
    const waited = [...flights];
    for (const flight of waited) {
      flight.waiters++;
      this.#gate.raise(flight.ticket, priority);
    }
    try {
      const landings = waited.map(async (flight) => {
        const outcome = await (isAsked(flight, wanted) ? flight.askedLanded : flight.landed);
        return { flight, outcome };
      });
      return await orAbort(Promise.all(landings), signal);
    } finally {
      for (const flight of waited) {
        flight.waiters--;
        const isOver = !this.#all.has(flight);
        if (isOver || flight.waiters > 0 || isAhead(flight) || flight.isAskedHere) continue;
        flight.controller.abort(signal.reason);
      }
      if (signal.aborted) this.#endUnwaited(signal.reason);
    }
  }

  /**
   * A reader who gave up has found the source wanting: what goes ahead of readers and hangs with it
   * must not be joined by the next one.
   */
  #endUnwaited(reason: unknown): void {
    for (const flight of this.#all) {
      if (flight.waiters === 0) flight.controller.abort(reason);
    }
  }

  /**
   * Gives up the owner's requests; resolves when all of them are over. Others who wait for one ask
   * again for themselves: a source that hangs must not keep its owner from closing.
   */
  async release(owner: unknown, reason: Error): Promise<void> {
    const own = [...this.#all].filter((flight) => flight.owner === owner);
    for (const flight of own) flight.controller.abort(reason);
    await Promise.all(own.map((flight) => flight.landed));
  }

  async #fly(
    plan: FlightPlan,
    { ticket, signal, priority, onAskedPresent }: FlyCall,
    admitted: Promise<void> | undefined,
  ): Promise<FetchOutcome> {
    try {
      if (admitted !== undefined) await orAbort(admitted, signal);
    } catch (error) {
      // Admitted and given up in the same turn: the place must be given back.
      if (!this.#gate.cancel(ticket)) this.#gate.leave(ticket);
      return failedOutcome(plan.request, error);
    }
    try {
      return await plan.run({
        signal,
        priority,
        reading: (answer) => this.#gate.reading(ticket, answer),
        onAskedPresent,
      });
    } catch (error) {
      return failedOutcome(plan.request, error);
    } finally {
      this.#gate.leave(ticket);
    }
  }

  #forget(flight: Flight): void {
    this.#all.delete(flight);
    for (const chunk of flight.request.chunks) {
      if (this.#byChunk.get(chunk) === flight) this.#byChunk.delete(chunk);
    }
  }
}

function failedOutcome(request: FetchRequest, error: unknown): FetchOutcome {
  const failures = new Map(request.chunks.map((chunk) => [chunk, error]));
  return { failures, passedThrough: new Map(), sources: new Set() };
}
