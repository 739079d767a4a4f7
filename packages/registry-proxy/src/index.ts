/** The pull side of a registry in front of others, over any source of blobs. */
export * from './errors.ts';
