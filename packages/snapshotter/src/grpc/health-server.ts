/** The standard gRPC health service (`grpc.health.v1`): what is served, until the server closes. */
import { type ServerWritableStream, status } from '@grpc/grpc-js';
import {
  type HealthCheckRequest,
  type HealthCheckResponse,
  type HealthServer,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from './gen/health.ts';

type Watcher = ServerWritableStream<HealthCheckRequest, HealthCheckResponse>;

export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<Watcher>();
  #isServing = true;

  /** The empty name stands for the server as a whole. */
  constructor(services: readonly string[]) {
    this.#services = new Set(['', ...services]);
  }

  server(): HealthServer {
    return {
      check: ({ request }, answer) => {
        if (this.#services.has(request.service)) answer(null, { status: this.#status() });
        else answer({ code: status.NOT_FOUND, details: 'unknown service' });
      },
      watch: (call) => {
        const isKnown = this.#services.has(call.request.service);
        call.write({ status: isKnown ? this.#status() : ServingStatus.SERVICE_UNKNOWN });
        this.#watchers.add(call);
        call.once('cancelled', () => this.#watchers.delete(call));
      },
    };
  }

  #status(): ServingStatus {
    return this.#isServing ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
  }

  /** Whoever watches hears of it, and that nothing more will come. */
  stop(): void {
    this.#isServing = false;
    for (const call of this.#watchers) {
      if (this.#services.has(call.request.service)) call.write({ status: this.#status() });
      call.end();
    }
    this.#watchers.clear();
  }
}
