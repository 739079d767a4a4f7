/**
 * The gRPC server on its unix socket, mode 0600: snapshots and health. Only root may ask, because
 * what a snapshot service answers is mounted by root.
 */
import { chmodSync } from 'node:fs';
import { createServer, type Server as NetServer } from 'node:net';
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
  /** Accepts at a socket that outlives this process. */
  readonly #acceptor: NetServer | undefined;
  #closing: Promise<void> | undefined;

  private constructor(server: Server, health: Health, acceptor: NetServer | undefined) {
    this.#server = server;
    this.#health = health;
    this.#acceptor = acceptor;
  }

  /**
   * Answers when it resolves.
   *
   * @param listeningFd a socket that listens at the path already; closed with this
   * @throws SnapshotSocketError
   */
  static async listen(
    path: string,
    parts: SnapshotSocketParts,
    listeningFd?: number,
  ): Promise<SnapshotSocket> {
    if (listeningFd === undefined) await freeSocketPath(path);
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
    if (listeningFd !== undefined) {
      return new SnapshotSocket(server, health, await accept(server, path, listeningFd));
    }
    await bind(server, path);
    chmodSync(path, 0o600);
    return new SnapshotSocket(server, health, undefined);
  }

  /** Takes no new requests, waits for those under way, and removes the socket. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Who comes now waits for the next daemon, or is refused.
    this.#acceptor?.close();
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

async function accept(server: Server, path: string, fd: number): Promise<NetServer> {
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const acceptor = createServer((connection) => injector.injectConnection(connection));
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  acceptor.once('error', (error) => {
    reject(new SnapshotSocketError(path, errorFields(error).reason, { cause: error }));
  });
  acceptor.listen({ fd }, resolve);
  await promise;
  return acceptor;
}
