/** Mounts of lazily loaded images: the service, its records, and the drivers under it. */
export { type BlobCache, BlobPool } from './blob-pool.ts';
export { BootstrapCollector } from './bootstrap-collector.ts';
export { BootstrapStore } from './bootstrap-store.ts';
export { ContainerdEndpoint } from './containerd-endpoint.ts';
export * from './driver/index.ts';
export * from './errors.ts';
export type { FinishedRequest, RequestObserver } from './grpc/request-observer.ts';
export { freeSocketPath } from './grpc/unix-socket.ts';
export { ImageAccess } from './image-access.ts';
export { ImageBlobs } from './image-blobs.ts';
export { containerdContent } from './images/containerd-content.ts';
export type { ContentStore } from './images/content-store.ts';
export type { LazyImages } from './images/lazy-images.ts';
export type {
  LazyImageStatus,
  LazyStatus,
  OrdinaryImageStatus,
} from './images/lazy-report.ts';
export { openLazyImages } from './images/open-lazy-images.ts';
export { KeptListener } from './kept-listener.ts';
export { MISS_DEADLINE_MS_MAX } from './limits.ts';
export type { Miss, ReadObserver } from './miss-trace.ts';
export { MountPlanner } from './mount-plan.ts';
export { missPolicySchema, sourceOptionsSchema } from './mount-record.ts';
export { MountService } from './mount-service.ts';
export type { MountTrace } from './mount-trace.ts';
export type * from './mount-types.ts';
export { DRIVER_CHOICES } from './mount-types.ts';
export { mountsOfRoot } from './orphan-mounts.ts';
export { makePrivateDirectory } from './private-directory.ts';
export { currentRequest, newRequest, runInRequest } from './request-context.ts';
export { errorFields, type ServiceLog } from './service-log.ts';
export { type LazyLayers, noLazyImages } from './snapshots/lazy-layers.ts';
export { type RepairReport, repairSnapshots } from './snapshots/snapshot-recovery.ts';
export type { SnapshotService } from './snapshots/snapshot-service.ts';
export { StateStore } from './state-store.ts';
