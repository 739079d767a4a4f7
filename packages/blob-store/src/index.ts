/**
 * Blobs: where their bytes come from, how they are decoded and verified, and where they are kept.
 */
export * from './cache/cached-blob.ts';
export * from './codec/codec-jobs.ts';
export * from './codec/codec-pool.ts';
export * from './errors.ts';
export * from './limits.ts';
export * from './source/blob-source.ts';
