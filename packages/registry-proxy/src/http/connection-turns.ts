/**
 * How many requests of a connection are under way, and when nothing more is read from it: one client that
 * sends without reading the answers must not have much held for it.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { PIPELINED_MAX } from '../limits.ts';

export class ConnectionTurns {
  readonly #hungUp = new WeakSet<Duplex>();
  /** Answers that have not ended. */
  readonly #waiting = new WeakMap<Duplex, number>();

  /** Its last answer is on its way: what else it has sent may be a body that looks like a request. */
  isHungUp(socket: Duplex): boolean {
    return this.#hungUp.has(socket);
  }

  hangUp(socket: Duplex): void {
    this.#hungUp.add(socket);
  }

  /** One more, until its answer has ended. False: it has as many as it may, and is hung up. */
  take(socket: Duplex, response: ServerResponse): boolean {
    const before = this.#waiting.get(socket) ?? 0;
    if (before >= PIPELINED_MAX) {
      this.hangUp(socket);
      // What else it sends stays where it is, until the last answer closes the connection.
      socket.pause();
      return false;
    }
    this.#waiting.set(socket, before + 1);
    response.once('close', () => this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1));
    return true;
  }
}
