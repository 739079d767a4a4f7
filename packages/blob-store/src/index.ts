/**
 * Blobs: where their bytes come from, how they are decoded and verified, and where they are kept.
 */

export type { CacheEvent, CacheEventKind, CacheEventSink } from './cache/cache-event.ts';
export type { UnusedBlob } from './cache/cache-space.ts';
export * from './cache/cached-blob.ts';
export * from './cache/chunk-cache.ts';
export type { VerbatimListener } from './cache/verbatim-bytes.ts';
export type { BlobVerification } from './cache/verify-entry.ts';
export { type ChunkCrc, openChunkCrc } from './codec/chunk-hash.ts';
export type {
  CompressResult,
  PartFailure,
  PieceHashResult,
  StoredUnit,
  UnitPart,
} from './codec/codec-jobs.ts';
export * from './codec/codec-pool.ts';
export type { HashStream } from './codec/hash-stream.ts';
export * from './description/blob-description.ts';
export * from './description/describe-blob.ts';
export type { StoredRange } from './description/verbatim-chunks.ts';
export * from './errors.ts';
export * from './source/blob-source.ts';
export { readBootstrapLayer } from './source/bootstrap-layer.ts';
export { exactSource } from './source/exact-source.ts';
export * from './source/priority.ts';
export { PriorityQueue } from './source/priority-queue.ts';
export { RateLimit, type RateLimitOptions } from './source/rate-limit.ts';
export * from './source/read-gate.ts';
export * from './source/registry-source.ts';
export * from './source/web-source.ts';
