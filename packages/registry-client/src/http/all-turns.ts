/**
 * The turns of all servers that this process asks for blobs. Clients with other credentials, options or
 * connections share them: to the server they are one host.
 */
import { SERVERS_REMEMBERED_MAX } from '../limits.ts';
import type { Turn } from './messages.ts';
import { type Leave, ServerTurns, type TurnClock } from './server-turns.ts';

const REAL: TurnClock = {
  nowMs: () => performance.now(),
  schedule: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
};

export class AllTurns {
  readonly #clock: TurnClock;
  readonly #servers = new Map<string, ServerTurns>();

  constructor(clock: TurnClock = REAL) {
    this.#clock = clock;
  }

  /** Servers that are remembered. */
  get size(): number {
    return this.#servers.size;
  }

  /** `origin` as URLs have it. See `ServerTurns.enter`. */
  async enter(origin: string, turn: Turn, signal: AbortSignal | undefined): Promise<Leave> {
    const found = this.#servers.get(origin);
    const known = found?.isForgettable === true ? undefined : found;
    const server = known ?? new ServerTurns(origin, this.#clock);
    if (known === undefined) {
      this.#servers.set(origin, server);
      if (this.#servers.size > SERVERS_REMEMBERED_MAX) this.#forgetOldest();
    }
    const leave = await server.enter(turn, signal);
    return (answer) => {
      leave(answer);
      if (server.isForgettable && this.#servers.get(origin) === server) {
        this.#servers.delete(origin);
      }
    };
  }

  /** Whoever is in its turn there goes on; those who come start anew. */
  #forgetOldest(): void {
    const [oldest] = this.#servers.keys();
    const idle = this.#servers.entries().find(([, server]) => server.isForgettable);
    const forgotten = idle?.[0] ?? oldest;
    if (forgotten !== undefined) this.#servers.delete(forgotten);
  }
}

export const allTurns = new AllTurns();
