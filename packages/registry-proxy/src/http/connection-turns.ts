/**
 * How many requests of a connection are under way, and when nothing more is read from it: one client that
 * sends without reading the answers must not have much held for it.
 */
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { LATE_REQUESTS_MAX, PIPELINED_MAX } from '../limits.ts';

export class ConnectionTurns {
  readonly #hungUp = new WeakSet<Duplex>();
  /** Answers that have not ended. */
  readonly #waiting = new WeakMap<Duplex, number>();

  /** Requests that came when nothing more was to be answered. */
  readonly #late = new WeakMap<Duplex, number>();

  /** Its last answer is on its way: what else it has sent may be a body that looks like a request. */
  isHungUp(socket: Duplex): boolean {
    return this.#hungUp.has(socket);
  }

  /** One more of somebody hung up. Node keeps something of each until the connection ends: few are borne. */
  bear(socket: Duplex): void {
    const late = (this.#late.get(socket) ?? 0) + 1;
    this.#late.set(socket, late);
    if (late > LATE_REQUESTS_MAX) socket.destroy();
  }

  hangUp(socket: Duplex): void {
    this.#hungUp.add(socket);
  }

  /** One more, until its answer has ended. False: it has as many as it may, and is hung up. */
  take(socket: Duplex, response: ServerResponse): boolean {
    const before = this.#waiting.get(socket) ?? 0;
    if (before >= PIPELINED_MAX) {
      this.hangUp(socket);
      // What else it sends stays where it is, until the last answer closes the connection. Once more when
      // its request was thrown away: that has the socket read on.
      socket.pause();
      setImmediate(() => socket.pause());
      return false;
    }
    this.#waiting.set(socket, before + 1);
    response.once('close', () => this.#waiting.set(socket, (this.#waiting.get(socket) ?? 1) - 1));
    return true;
  }
}
