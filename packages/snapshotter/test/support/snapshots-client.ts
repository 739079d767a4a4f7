/** A client of the gRPC socket, as containerd is one; answers as promises. */
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { HealthClient } from '../../src/grpc/gen/health.ts';
import {
  CommitSnapshotRequest,
  type Info,
  ListSnapshotsRequest,
  type MountsResponse,
  PrepareSnapshotRequest,
  type PrepareSnapshotResponse,
  SnapshotsClient,
  type StatSnapshotResponse,
  UpdateSnapshotRequest,
  type UpdateSnapshotResponse,
  type UsageResponse,
  type ViewSnapshotResponse,
} from '../../src/grpc/gen/snapshots.ts';
import type { Mount } from '../../src/grpc/gen/types/mount.ts';

type Callback<T> = (error: ServiceError | null, answer: T) => void;
type CreateFields = Partial<PrepareSnapshotRequest>;

const BYTES_MAX = { 'grpc.max_receive_message_length': 16 << 20 };

export class TestClient {
  readonly raw: SnapshotsClient;
  readonly health: HealthClient;

  constructor(socket: string) {
    this.raw = new SnapshotsClient(`unix:${socket}`, credentials.createInsecure(), BYTES_MAX);
    this.health = new HealthClient(`unix:${socket}`, credentials.createInsecure());
  }

  async prepare(fields: CreateFields): Promise<Mount[]> {
    const request = PrepareSnapshotRequest.fromPartial(fields);
    return (await answer<PrepareSnapshotResponse>((done) => this.raw.prepare(request, done)))
      .mounts;
  }

  async view(fields: CreateFields): Promise<Mount[]> {
    const request = PrepareSnapshotRequest.fromPartial(fields);
    return (await answer<ViewSnapshotResponse>((done) => this.raw.view(request, done))).mounts;
  }

  async mounts(key: string): Promise<Mount[]> {
    return (await answer<MountsResponse>((done) => this.raw.mounts({ snapshotter: '', key }, done)))
      .mounts;
  }

  async commit(fields: Partial<CommitSnapshotRequest>): Promise<void> {
    const request = CommitSnapshotRequest.fromPartial(fields);
    await answer((done) => this.raw.commit(request, done));
  }

  async remove(key: string): Promise<void> {
    await answer((done) => this.raw.remove({ snapshotter: '', key }, done));
  }

  async stat(key: string): Promise<Info | undefined> {
    return (
      await answer<StatSnapshotResponse>((done) => this.raw.stat({ snapshotter: '', key }, done))
    ).info;
  }

  async update(
    fields: Parameters<typeof UpdateSnapshotRequest.fromPartial>[0],
  ): Promise<Info | undefined> {
    const request = UpdateSnapshotRequest.fromPartial(fields);
    return (await answer<UpdateSnapshotResponse>((done) => this.raw.update(request, done))).info;
  }

  async usage(key: string): Promise<{ size: number; inodes: number }> {
    const { size, inodes } = await answer<UsageResponse>((done) =>
      this.raw.usage({ snapshotter: '', key }, done),
    );
    return { size, inodes };
  }

  async cleanup(): Promise<void> {
    await answer((done) => this.raw.cleanup({ snapshotter: '' }, done));
  }

  /** The messages of a listing. */
  async batches(...filters: string[]): Promise<Info[][]> {
    const batches: Info[][] = [];
    const request = ListSnapshotsRequest.fromPartial({ filters });
    for await (const message of this.raw.list(request)) batches.push(message.info);
    return batches;
  }

  async list(...filters: string[]): Promise<Info[]> {
    return (await this.batches(...filters)).flat();
  }

  close(): void {
    this.raw.close();
    this.health.close();
  }
}

export function answer<T>(call: (done: Callback<T>) => void): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  call((error, value) => (error === null ? resolve(value) : reject(error)));
  return promise;
}
