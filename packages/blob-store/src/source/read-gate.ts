/**
 * Lets reads through: a bounded number at once, a bounded number of bytes, in order of priority.
 * Some places are kept for demand reads, so prefetching never makes a program wait. A demand read
 * that hears nothing lends its place to another one, so a dead registry stops only its own readers.
 */
import { SourceBusyError } from '../errors.ts';
import {
  SOURCE_BYTES_IN_FLIGHT_MAX,
  SOURCE_BYTES_LENT_MAX,
  SOURCE_READS_DEMAND_RESERVED,
  SOURCE_READS_MAX,
  SOURCE_READS_WAITING_MAX,
  SOURCE_SILENT_MS,
} from '../limits.ts';
import type { Priority } from './priority.ts';
import { PriorityQueue } from './priority-queue.ts';

export type ReadGateOptions = {
  /** @default SOURCE_READS_MAX */
  readonly readsMax?: number;
  /** @default SOURCE_READS_DEMAND_RESERVED, at most readsMax - 1 */
  readonly demandReserved?: number;
  /** @default SOURCE_BYTES_IN_FLIGHT_MAX */
  readonly bytesMax?: number;
  /** @default SOURCE_SILENT_MS */
  readonly silentMs?: number;
};

/** A place in the queue, then in the gate. */
export type ReadTicket = {
  priority: Priority;
  readonly bytes: number;
  readonly admit: () => void;
};

export class ReadGate {
  readonly #readsMax: number;
  readonly #othersMax: number;
  readonly #bytesMax: number;
  readonly #silentMs: number;
  readonly #queue = new PriorityQueue<ReadTicket>();
  readonly #lent = new Set<ReadTicket>();
  #lentBytes = 0;
  #reads = 0;
  #bytes = 0;

  constructor(options: ReadGateOptions = {}) {
    this.#readsMax = Math.max(1, options.readsMax ?? SOURCE_READS_MAX);
    const reserved = options.demandReserved ?? SOURCE_READS_DEMAND_RESERVED;
    this.#othersMax = Math.max(1, this.#readsMax - reserved);
    this.#bytesMax = options.bytesMax ?? SOURCE_BYTES_IN_FLIGHT_MAX;
    this.#silentMs = options.silentMs ?? SOURCE_SILENT_MS;
  }

  get waiting(): number {
    return this.#queue.size;
  }

  /** `admit` is called, perhaps at once, when the read may start; then `leave` must follow. */
  enter(ticket: ReadTicket): void {
    if (this.#queue.size >= SOURCE_READS_WAITING_MAX) throw new SourceBusyError();
    this.#queue.push(ticket);
    this.#admit();
  }

  leave(ticket: ReadTicket): void {
    this.#giveUp(ticket);
  }

  /** Waits for an admitted read to be answered. */
  async reading<T>(ticket: ReadTicket, answer: Promise<T>): Promise<T> {
    const timer = setInterval(() => this.#lend(ticket), this.#silentMs);
    try {
      return await answer;
    } finally {
      clearInterval(timer);
      this.#takeBack(ticket);
    }
  }

  /** Only so many lend their places; the others keep them. */
  #lend(ticket: ReadTicket): void {
    const isTooMuch = this.#lentBytes + ticket.bytes > SOURCE_BYTES_LENT_MAX;
    if (ticket.priority !== 'demand' || isTooMuch || this.#lent.has(ticket)) return;
    this.#lent.add(ticket);
    this.#lentBytes += ticket.bytes;
    this.#giveUp(ticket);
  }

  /** It goes on at once, beyond the bounds if need be. */
  #takeBack(ticket: ReadTicket): void {
    if (!this.#lent.delete(ticket)) return;
    this.#lentBytes -= ticket.bytes;
    this.#reads++;
    this.#bytes += ticket.bytes;
  }

  /** Takes back a ticket that was not admitted; false when it was. */
  cancel(ticket: ReadTicket): boolean {
    const isCancelled = this.#queue.remove(ticket);
    this.#admit();
    return isCancelled;
  }

  raise(ticket: ReadTicket, priority: Priority): void {
    this.#queue.raise(ticket, priority);
    this.#admit();
  }

  #giveUp(ticket: ReadTicket): void {
    this.#reads--;
    this.#bytes -= ticket.bytes;
    this.#admit();
  }

  #admit(): void {
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      const readsMax = next.priority === 'demand' ? this.#readsMax : this.#othersMax;
      // One read larger than the whole bound still goes through, alone.
      const hasRoom = this.#reads === 0 || this.#bytes + next.bytes <= this.#bytesMax;
      if (this.#reads >= readsMax || !hasRoom) return;
      this.#queue.shift();
      this.#reads++;
      this.#bytes += next.bytes;
      next.admit();
    }
  }
}
