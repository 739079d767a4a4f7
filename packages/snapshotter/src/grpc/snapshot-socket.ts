/**
 * The gRPC server on its unix socket, mode 0600: snapshots and health. Only root may ask, because
 * what a snapshot service answers is mounted by root.
 */
import { chmodSync } from 'node:fs';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { errorFields } from '../service-log.ts';
import { SnapshotSocketError } from './errors.ts';
import { HealthService } from './gen/health.ts';
import { SnapshotsService } from './gen/snapshots.ts';
import { Health } from './health-server.ts';
import { DRAIN_TIMEOUT_MS, MESSAGE_BYTES_MAX, STREAMS_MAX } from './limits.ts';
import { type RequestObserver, requestInterceptor } from './request-observer.ts';
import { type SnapshotsServerParts, snapshotsServer } from './snapshots-server.ts';
import { freeSocketPath } from './unix-socket.ts';

const SERVICE = 'containerd.services.snapshots.v1.Snapshots';

export type SnapshotSocketParts = SnapshotsServerParts & {
  readonly onRequest?: RequestObserver | undefined;
};

export class SnapshotSocket implements AsyncDisposable {
  readonly #server: Server;
  readonly #health: Health;
  #closing: Promise<void> | undefined;

  private constructor(server: Server, health: Health) {
    this.#server = server;
    this.#health = health;
  }

  /** Answers when it resolves. @throws SnapshotSocketError */
  static async listen(path: string, parts: SnapshotSocketParts): Promise<SnapshotSocket> {
    await freeSocketPath(path);
    const server = new Server({
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': -1,
      'grpc.max_concurrent_streams': STREAMS_MAX,
      'grpc.enable_channelz': 0,
      interceptors: [requestInterceptor(parts.onRequest)],
    });
    const health = new Health([SERVICE]);
    server.addService(SnapshotsService, snapshotsServer(parts));
    server.addService(HealthService, health.server());
    await bind(server, path);
    chmodSync(path, 0o600);
    return new SnapshotSocket(server, health);
  }

  /** Takes no new requests, waits for those under way, and removes the socket. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#health.stop();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.tryShutdown(() => resolve());
    const timer = setTimeout(() => this.#server.forceShutdown(), DRAIN_TIMEOUT_MS);
    await promise;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function bind(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
    if (error === null) resolve();
    else reject(new SnapshotSocketError(path, errorFields(error).reason, { cause: error }));
  });
  return promise;
}
