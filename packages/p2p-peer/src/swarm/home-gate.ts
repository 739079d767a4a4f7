/**
 * What a home reads for others at once, of all blobs together: each read costs its bytes in memory, more than
 * once while they are copied, written and sent. The others wait, the most urgent first and nobody for ever, and
 * hear that the home is at it. A read that hears nothing of its origin makes room for another one, so that a
 * dead registry stops only its own readers.
 */
import { type Priority, ReadGate } from '@shoal/blob-store';
import {
  HOME_BYTES_TOGETHER_MAX,
  HOME_OVERTAKEN_MS_MAX,
  HOME_READS_TOGETHER_MAX,
} from './limits.ts';

export type GatedRead = {
  readonly bytes: number;
  readonly priority: () => Priority;
  /** The listener hears when it may have become more urgent. */
  readonly onRaised?: (listener: () => void) => void;
  readonly signal: AbortSignal;
};

export class HomeGate {
  readonly #gate = new ReadGate({
    readsMax: HOME_READS_TOGETHER_MAX,
    bytesMax: HOME_BYTES_TOGETHER_MAX,
  });

  /**
   * Waits for its turn, then reads; its place is free when what `usesOf` gives has resolved, too. The read is
   * told how urgent it is now, in whichever queues it waits further on: one that was overtaken for long is no more.
   */
  async run<T>(
    { bytes, priority, onRaised, signal }: GatedRead,
    read: (priority: () => Priority) => Promise<T>,
    usesOf: (result: T) => Promise<unknown>,
  ): Promise<T> {
    signal.throwIfAborted();
    const { promise: turn, resolve: admit, reject } = Promise.withResolvers<void>();
    let [isOvertaken, isWaiting] = [false, true];
    const urgency = () => (isOvertaken ? 'demand' : priority());
    const ticket = { priority: priority(), bytes, admit };
    onRaised?.(() => this.#gate.raise(ticket, urgency()));
    const overtaken = setTimeout(() => {
      isOvertaken = true;
      if (isWaiting) this.#gate.raise(ticket, urgency());
    }, HOME_OVERTAKEN_MS_MAX);
    const giveUp = () => {
      if (this.#gate.cancel(ticket)) reject(signal.reason);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      this.#gate.enter(ticket);
      await turn;
      isWaiting = false;
      return await this.#read(ticket, () => read(urgency), usesOf);
    } finally {
      clearTimeout(overtaken);
      signal.removeEventListener('abort', giveUp);
    }
  }

  async #read<T>(
    ticket: Parameters<ReadGate['leave']>[0],
    read: () => Promise<T>,
    usesOf: (result: T) => Promise<unknown>,
  ): Promise<T> {
    const leave = () => this.#gate.leave(ticket);
    try {
      const result = await this.#gate.reading(ticket, read());
      void usesOf(result).then(leave, leave);
      return result;
    } catch (error) {
      leave();
      throw error;
    }
  }
}
