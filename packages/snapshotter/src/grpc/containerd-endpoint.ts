/**
 * What containerd talks to: the snapshot service and its gRPC socket, opened and closed together.
 * gRPC is loaded only here: commands that do not serve do without.
 */
import type { ServiceLog } from '../service-log.ts';
import type { LazyLayers } from '../snapshots/lazy-layers.ts';
import { SnapshotService } from '../snapshots/snapshot-service.ts';
import type { RequestObserver } from './request-observer.ts';

export type ContainerdEndpointOptions = {
  /** Holds the records and directories of the snapshots. */
  readonly root: string;
  /** Path of the socket. */
  readonly address: string;
  /** A socket that listens there already. @default a new one */
  readonly listeningFd?: number | undefined;
  readonly lazy: LazyLayers;
  readonly log: ServiceLog;
  readonly onRequest?: RequestObserver | undefined;
};

export class ContainerdEndpoint implements AsyncDisposable {
  readonly service: SnapshotService;
  readonly #socket: { close(): Promise<void> };

  private constructor(service: SnapshotService, socket: { close(): Promise<void> }) {
    this.service = service;
    this.#socket = socket;
  }

  /** Ahead of `open`, which then takes no time for it. */
  static async load(): Promise<void> {
    await import('./snapshot-socket.ts');
  }

  /**
   * Answers containerd when it resolves. Needs no network.
   *
   * @throws SnapshotSocketError, StateLockedError, StateDamagedError, DirectoryError
   */
  static async open({
    root,
    address,
    listeningFd,
    lazy,
    log,
    onRequest,
  }: ContainerdEndpointOptions): Promise<ContainerdEndpoint> {
    const service = await SnapshotService.open({ root, lazy, log });
    try {
      const { SnapshotSocket } = await import('./snapshot-socket.ts');
      return new ContainerdEndpoint(
        service,
        await SnapshotSocket.listen(address, { service, log, onRequest }, listeningFd),
      );
    } catch (error) {
      await service.close();
      throw error;
    }
  }

  /** Takes no new requests, waits for those under way. Idempotent. */
  async close(): Promise<void> {
    await this.#socket.close();
    await this.service.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
