/** Mounts of lazily loaded images: the service, its records, and the drivers under it. */
export { type BlobCache, BlobPool } from './blobs/blob-pool.ts';
export type * from './blobs/blob-types.ts';
export { ImageAccess } from './blobs/image-access.ts';
export { ImageBlobs } from './blobs/image-blobs.ts';
export type { Miss, ReadObserver } from './blobs/miss-trace.ts';
export { BootstrapCollector } from './bootstraps/bootstrap-collector.ts';
export { BootstrapStore } from './bootstraps/bootstrap-store.ts';
export * from './client.ts';
export * from './driver/index.ts';
export * from './errors.ts';
export { ContainerdEndpoint } from './grpc/containerd-endpoint.ts';
export { KeptListener } from './grpc/kept-listener.ts';
export type { FinishedRequest, RequestObserver } from './grpc/request-observer.ts';
export { freeSocketPath } from './grpc/unix-socket.ts';
export { containerdContent } from './images/containerd-content.ts';
export type { ContentStore } from './images/content-store.ts';
export type { LazyImages } from './images/lazy-images.ts';
export type {
  LazyImageStatus,
  LazyStatus,
  OrdinaryImageStatus,
} from './images/lazy-report.ts';
export { openLazyImages } from './images/open-lazy-images.ts';
export { MountPlanner } from './mounts/mount-plan.ts';
export { MountService } from './mounts/mount-service.ts';
export type { MountTrace } from './mounts/mount-trace.ts';
export type * from './mounts/mount-types.ts';
export { currentRequest, newRequest, runInRequest } from './request-context.ts';
export { errorFields, type ServiceLog, silentLog } from './service-log.ts';
export type { LazyLayers } from './snapshots/lazy-layers.ts';
export { type RepairReport, repairSnapshots } from './snapshots/snapshot-recovery.ts';
export type { SnapshotService } from './snapshots/snapshot-service.ts';
export { StateStore } from './state/state-store.ts';
